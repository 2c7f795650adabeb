"""Names what came together in one command: what no single event, code or reason says by itself.

Each name is counted by `reach` and must be reached.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from lockstep_engine.codes import (
    AmendReason,
    CancelReason,
    CashReason,
    Code,
    InstrumentStatus,
    MarginMode,
)
from lockstep_engine.commands import Command, ExecuteBlock, SettleExpiry, UpdateIndexPrice
from lockstep_engine.events import (
    AutoDeleveraged,
    BlockTraded,
    CashMoved,
    CommandRejected,
    Event,
    FundingPaid,
    InstrumentExpired,
    LiquidationEnded,
    LiquidationStarted,
    MmpTriggered,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    PositionSettled,
    SettlementPriceSet,
    Trade,
)
from lockstep_engine.state import ExchangeCore
from tests.property.answers import Answers
from tests.property.world import WINDOW_NS

LIQUIDATIONS = (
    *(f"liquidation in mode {mode.name}" for mode in MarginMode),
    "liquidation that the books settle alone",
    "liquidation without any trade in the books",
    "liquidation in the books and against others",
    "liquidation in rounds",
    "liquidation that trades at several prices",
    "liquidation that ends above nothing",
    "liquidation against several accounts",
    "liquidation of several positions against others",
    "liquidation at what each of several accounts can bear",
    "liquidation that cuts reduce-only orders of others",
    "liquidation that cancels makers of its group",
    "liquidation that triggers a protection",
    "liquidation that the fund pays",
    "liquidation that empties the fund and leaves debt",
    "liquidation with an expired position left",
)
BLOCKS = (
    "block of several legs",
    "block of two accounts of one key",
    "block that cuts reduce-only orders",
    "block of a party with nothing free",
    "block that turns a position over",
)
DATES = (
    "price of a window",
    "price of too few samples",
    "price without a sample",
    "price without an index",
    "window that begins with its first index",
    "several expiries at once",
    "several fundings at once",
    "funding that longs pay",
    "funding that shorts pay",
    "settlement that costs more than the cash",
    "settlement that would pass the bounds of cash",
)
RESTARTS = (
    "restart inside a window",
    "restart between expiry and settlement",
    "restart with debt",
    "restart with fundings to come",
)
SITUATIONS = (*LIQUIDATIONS, *BLOCKS, *DATES, *RESTARTS)


def situations_of(
    core: ExchangeCore, answers: Answers, command: Command, events: Sequence[Event]
) -> Iterator[str]:
    """Yield the names of what a command came to; `core` is the state after it."""
    for event in events:
        if isinstance(event, LiquidationStarted):
            yield from _liquidation(core, event.account, events)
    if any(isinstance(event, BlockTraded) for event in events):
        yield from _block(core, answers, command, events)
    yield from _dates(core, command, events)


def restart_situations(core: ExchangeCore) -> Iterator[str]:
    """Yield the names of what a restart has to carry over."""
    if core.windows:
        yield "restart inside a window"
    pending = InstrumentStatus.EXPIRED_PENDING_PRICE
    if any(found.status == pending for found in core.instruments.values()):
        yield "restart between expiry and settlement"
    if any(account.debt_e6 for account in core.accounts.values()):
        yield "restart with debt"
    if core.fundings:
        yield "restart with fundings to come"


def _liquidation(core: ExchangeCore, account: int, events: Sequence[Event]) -> Iterator[str]:
    mode = MarginMode(core.accounts[account].mode)
    yield f"liquidation in mode {mode.name}"
    trades = [event for event in events if isinstance(event, Trade)]
    fills = [event for event in events if isinstance(event, AutoDeleveraged)]
    if not fills:
        yield "liquidation that the books settle alone"
    if fills and not trades:
        yield "liquidation without any trade in the books"
    if fills and trades:
        yield "liquidation in the books and against others"
    orders = Counter(event.instrument for event in events if isinstance(event, OrderAccepted))
    if any(count > 1 for count in orders.values()):
        yield "liquidation in rounds"
    takers = Counter(event.taker.order_id for event in trades)
    if any(count > 1 for count in takers.values()):
        yield "liquidation that trades at several prices"
    yield from _deleveraging(events, fills)
    yield from _others(events)
    yield from _deficit(core, account, events)


def _deleveraging(events: Sequence[Event], fills: Sequence[AutoDeleveraged]) -> Iterator[str]:
    places = Counter(event.instrument for event in fills)
    if any(count > 1 for count in places.values()):
        yield "liquidation against several accounts"
    if len(places) > 1:
        yield "liquidation of several positions against others"
    if len({(event.instrument, event.lot_e6) for event in fills}) > len(places):
        yield "liquidation at what each of several accounts can bear"
    if any(isinstance(one, AutoDeleveraged) and _is_cut(other) for one, other in pairwise(events)):
        yield "liquidation that cuts reduce-only orders of others"


def _others(events: Sequence[Event]) -> Iterator[str]:
    reasons = [event.reason for event in events if isinstance(event, OrderCancelled)]
    if CancelReason.SELF_TRADE in reasons:
        yield "liquidation that cancels makers of its group"
    if any(isinstance(event, MmpTriggered) for event in events):
        yield "liquidation that triggers a protection"


def _deficit(core: ExchangeCore, account: int, events: Sequence[Event]) -> Iterator[str]:
    reasons = [event.reason for event in events if isinstance(event, CashMoved)]
    is_insured, is_debt = CashReason.INSURANCE in reasons, CashReason.DEBT in reasons
    if is_insured and not is_debt:
        yield "liquidation that the fund pays"
    if is_insured and is_debt:
        yield "liquidation that empties the fund and leaves debt"
    ended = next(event for event in events if isinstance(event, LiquidationEnded))
    if ended.collateral_e6 > 0:
        yield "liquidation that ends above nothing"
    holdings = core.accounts[account].holdings.values()
    if any(each.qty_lots and each.instrument.is_expired() for each in holdings):
        yield "liquidation with an expired position left"


def _block(
    core: ExchangeCore, answers: Answers, command: Command, events: Sequence[Event]
) -> Iterator[str]:
    traded = [event for event in events if isinstance(event, BlockTraded)]
    action = command.action
    assert isinstance(action, ExecuteBlock)
    if len(traded) > 1:
        yield "block of several legs"
    if action.counter_signer == command.signer:
        yield "block of two accounts of one key"
    if any(_is_cut(event) for event in events[events.index(traded[-1]) :]):
        yield "block that cuts reduce-only orders"
    if any(answers.free_e6(party) < 0 for party in (command.account, action.counter_account)):
        yield "block of a party with nothing free"
    if any(event.first.realised_e6 and _turns(event) for event in traded):
        yield "block that turns a position over"


def _turns(event: BlockTraded) -> bool:
    """Return whether the first party, which closed something, is on the side of the block now."""
    lots = event.first.position_lots
    return lots != 0 and (lots > 0) == (event.side == 0) and abs(lots) < event.qty_lots


def _is_cut(event: Event) -> bool:
    if isinstance(event, OrderCancelled):
        return event.reason == CancelReason.REDUCE_ONLY
    return isinstance(event, OrderAmended) and event.reason == AmendReason.REDUCE_ONLY


def _dates(core: ExchangeCore, command: Command, events: Sequence[Event]) -> Iterator[str]:
    expiring = [event for event in events if isinstance(event, InstrumentExpired)]
    prices = (
        [event for event in events if isinstance(event, SettlementPriceSet)] if expiring else []
    )
    for price in prices:
        yield _price(price)
    if len(prices) > 1:
        yield "several expiries at once"
    paid = [event for event in events if isinstance(event, FundingPaid)]
    if len({event.funding_ns for event in paid}) > 1:
        yield "several fundings at once"
    for event in paid:
        yield "funding that longs pay" if event.lot_e6 > 0 else "funding that shorts pay"
    if isinstance(command.action, UpdateIndexPrice):
        window = core.windows.get(command.action.underlying)
        if window is not None and window.open_ns > window.expiry_ns - WINDOW_NS:
            yield "window that begins with its first index"
    if isinstance(command.action, SettleExpiry) and any(
        isinstance(event, CommandRejected) and event.code == Code.AMOUNT_ABOVE_LIMIT
        for event in events
    ):
        yield "settlement that would pass the bounds of cash"
    if any(isinstance(event, PositionSettled) and event.cash_e6 < 0 for event in events):
        yield "settlement that costs more than the cash"


def _price(event: SettlementPriceSet) -> str:
    if event.price_e6 == 0:
        return "price without an index"
    if event.samples == 0:
        return "price without a sample"
    return "price of a window" if event.is_final else "price of too few samples"

"""The market simulator is reproducible from its seed, and reaches everything that can happen."""

from collections import Counter
from typing import get_args

import pytest

from lockstep_engine.codes import (
    AmendReason,
    CancelReason,
    CashReason,
    Code,
    InstrumentKind,
    InstrumentStatus,
    MmpLimit,
    MmpOption,
    OrderFlag,
    OrderType,
    SelfTradeMode,
    TimeInForce,
)
from lockstep_engine.commands import Action, Batch, CancelAll, OrderAction
from lockstep_engine.events import (
    CashMoved,
    CommandRejected,
    DuplicateRequest,
    Event,
    InstrumentCreated,
    InstrumentExpired,
    InstrumentSettled,
    MmpConfigSet,
    MmpTriggered,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    SettlementPriceSet,
)
from lockstep_engine.exchange import MACHINE
from lockstep_engine.state import ExchangeCore
from lockstep_kernel import initial, verify
from lockstep_runtime.feeds import open_feed
from lockstep_runtime.feeds.market import MarketFeed
from lockstep_runtime.signing import Item
from tests.unit.runtime.driving import Kept, applied_chunks, drive

SEEDS = (1, 2, 3)
COMMANDS = 4_000
UNREACHED_CODES = {
    Code.TIME_REGRESSION: "the sequencer never stamps a time that lies before the last",
}
UNREACHED_EVENTS = {
    "RulesActivated": "there is one rules version, and nothing newer to activate",
    "FundingSkipped": "takes more cash than the deposits allow; tests/simulation reaches it",
}


class Reach(Counter[object]):
    """Counts whatever came up, over all seeds."""

    def __init__(self) -> None:
        super().__init__()
        for seed in SEEDS:
            feed, kept = MarketFeed(seed, COMMANDS), Kept()
            items = recorded(feed)
            verify(drive(feed, kept))
            for _ts_ns, command in items:
                self[type(command.action)] += 1
                if isinstance(command.action, Batch):
                    self.update(("batch", type(action)) for action in command.action.actions)
                if isinstance(command.action, CancelAll):
                    action = command.action
                    self["filter", action.mmp, bool(action.lineage), action.side != -1] += 1
            for event in kept.all():
                self._count(event)

    def _count(self, event: object) -> None:
        self[type(event).__name__] += 1
        match event:
            case CommandRejected(code=code) | OrderRejected(code=code):
                self[Code(code)] += 1
            case DuplicateRequest(code=code):
                self[Code(code)] += 1
            case OrderCancelled(reason=reason):
                self[CancelReason(reason)] += 1
            case OrderAmended(reason=reason):
                self[AmendReason(reason)] += 1
            case CashMoved(reason=reason):
                self[CashReason(reason)] += 1
            case InstrumentCreated(kind=kind):
                self[InstrumentKind(kind)] += 1
            case MmpConfigSet(options=options):
                self["options", options] += 1
            case MmpTriggered(breached=breached):
                self.update(("breached", limit) for limit in MmpLimit(breached))
            case OrderAccepted():
                self["tif", event.tif] += 1
                self["type", event.order_type] += 1
                self["flags", event.flags] += 1
                self["mode", event.self_trade] += 1
            case _:
                pass


def recorded(feed: MarketFeed) -> list[Item]:
    """Return a list that fills with all commands while the feed is driven."""
    items: list[Item] = []
    chunks = feed.chunks

    def recording() -> object:
        for chunk in chunks():
            items.extend(chunk)
            yield chunk

    feed.chunks = recording  # type: ignore[method-assign,assignment]  # a spy for this test
    return items


@pytest.fixture(scope="module")
def reach() -> Reach:
    return Reach()


def test_every_action_is_sent(reach: Reach) -> None:
    assert [] == [action.__name__ for action in get_args(Action) if not reach[action]]
    inner = [action for action in get_args(OrderAction) if action is not CancelAll]
    assert [] == [action.__name__ for action in inner if not reach["batch", action]]


def test_every_code_is_reached(reach: Reach) -> None:
    missing = {code for code in Code if not reach[code]}
    assert UNREACHED_CODES.keys() == missing


def test_every_event_is_reached(reach: Reach) -> None:
    missing = {event.__name__ for event in get_args(Event) if not reach[event.__name__]}
    assert UNREACHED_EVENTS.keys() == missing


@pytest.mark.parametrize("reasons", [CancelReason, AmendReason, CashReason, InstrumentKind])
def test_every_reason_and_kind_is_reached(
    reach: Reach, reasons: type[CancelReason | AmendReason | CashReason | InstrumentKind]
) -> None:
    missing = {reason for reason in reasons if not reach[reason]}
    assert set() == missing


def test_every_kind_of_order_is_accepted(reach: Reach) -> None:
    assert [] == [tif.name for tif in TimeInForce if not reach["tif", tif]]
    assert [] == [kind.name for kind in OrderType if not reach["type", kind]]
    assert [] == [mode.name for mode in SelfTradeMode if not reach["mode", mode]]
    seen = [key[1] for key in reach if isinstance(key, tuple) and key[0] == "flags"]
    for flag in (OrderFlag.POST_ONLY, OrderFlag.REPRICE, OrderFlag.REDUCE_ONLY, OrderFlag.MMP):
        assert any(int(flags) & flag for flags in seen), flag.name


def test_every_kind_of_protection_is_set_and_every_limit_breached(reach: Reach) -> None:
    sums = [MmpOption.NONE, *MmpOption, MmpOption.MAKER_ONLY | MmpOption.EXCEEDING]
    assert [] == [options for options in sums if not reach["options", options]]
    assert [] == [limit.name for limit in MmpLimit if not reach["breached", limit]]


def test_there_is_more_trade_than_mischief(reach: Reach) -> None:
    assert reach["Trade"] > 1_500
    assert reach["OrderAccepted"] > 5 * reach["CommandRejected"]


def test_chains_of_several_expiries_are_listed_and_expire_one_after_the_other() -> None:
    kept = Kept()
    drive(MarketFeed(1, COMMANDS), kept)
    created = {event.instrument: event for event in kept.all() if type(event) is InstrumentCreated}
    expired = {event.instrument for event in kept.all() if type(event) is InstrumentExpired}
    settled = {event.instrument for event in kept.all() if type(event) is InstrumentSettled}
    prices = [event for event in kept.all() if type(event) is SettlementPriceSet]
    assert 3 < len({created[number].expiry_ns for number in expired})
    assert settled <= expired
    assert 3 * 14 < len(settled)
    assert {True, False} == {price.is_final for price in prices}
    strikes = Counter((one.underlying, one.expiry_ns, one.kind) for one in created.values())
    assert 3 == strikes["BTC", prices[0].expiry_ns, InstrumentKind.CALL]
    assert 3 == strikes["ETH", prices[0].expiry_ns, InstrumentKind.PUT]


def test_no_more_contracts_live_at_once_than_a_slow_machine_can_bear() -> None:
    most = 0
    for state, _applied in applied_chunks(MarketFeed(3, COMMANDS)):
        core = state.core
        assert isinstance(core, ExchangeCore)
        live = [one for one in core.instruments.values() if one.status != InstrumentStatus.SETTLED]
        most = max(most, len(live))
    assert 40 < most < 120


def test_what_the_view_folds_from_events_is_what_the_exchange_has() -> None:
    feed = MarketFeed(2, COMMANDS)
    core = drive(feed).core
    assert isinstance(core, ExchangeCore)
    view = feed.view.accounts
    for account in core.accounts.values():
        number = account.account
        held = {
            instrument: (holding.qty_lots, holding.cost_e6)
            for instrument, holding in account.holdings.items()
            if holding.qty_lots
        }
        assert account.cash_e6 == view.cash_e6.get(number, 0)
        assert account.debt_e6 == view.debt_e6.get(number, 0)
        assert account.mode == view.mode.get(number, 0)
        seen = view.held.get(number, {})
        assert held == {key: (one.lots, one.cost_e6) for key, one in seen.items()}
    assert core.treasury.insurance_e6 == view.insurance_e6
    marks = {number: one.mark.price_e6 for number, one in core.instruments.items()}
    assert marks == {number: view.mark_e6.get(number, 0) for number in marks}


def test_it_reacts_at_the_borders_of_its_chunks_only() -> None:
    at_once, late = MarketFeed(4, 2_500), MarketFeed(4, 2_500)
    items = recorded(late)
    drive(late)
    core = initial(MACHINE, at_once.genesis()).core
    assert isinstance(core, ExchangeCore)
    told_at_once = []
    for chunk in at_once.chunks():
        for ts_ns, command in chunk:
            at_once.listen(MACHINE.step(core, ts_ns, command))
            told_at_once.append((ts_ns, command))
    assert items == told_at_once


def test_equal_seeds_give_equal_histories_and_other_seeds_others() -> None:
    first, second, other = (drive(MarketFeed(seed, 1_000)).hash for seed in (5, 5, 6))
    assert first == second
    assert first != other


def test_a_shorter_run_is_the_beginning_of_a_longer_one() -> None:
    hashes = {}
    for _state, applied in applied_chunks(MarketFeed(5, 1_500)):
        hashes.update({done[0]: done[6] for done in applied})
    for count in (1, 90, 777, 1_500):
        assert hashes[count] == drive(MarketFeed(5, count)).hash


def test_the_count_is_exact_and_stands_in_the_name() -> None:
    assert 333 == drive(open_feed("market:4:333")).seq
    assert 100 == drive(open_feed("market:4:333", limit=100)).seq
    assert "market:4" == open_feed("market:4").name


def test_times_never_go_back() -> None:
    feed = MarketFeed(2, 2_000)
    items = recorded(feed)
    drive(feed)
    times = [ts_ns for ts_ns, _command in items]
    assert sorted(times) == times

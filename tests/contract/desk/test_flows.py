"""Flows from end to end on the exchange in the same process: a breach, a hidden exit, an operator.

What happened is read from the journal, and compared with what the exchange itself says.
"""

from collections.abc import Sequence

import msgspec
import pytest

from lockstep_desk.adapters.exchange import ExchangeView
from lockstep_desk.adapters.halts import HaltMonitor
from lockstep_desk.core.codes import Origin, Refusal, Scope, TradingState
from lockstep_desk.core.commands import (
    AdoptBrokerPosition,
    CancelOrders,
    ClearHalt,
    ClosePositions,
    Filter,
    Halt,
    Limits,
    OpenRequest,
    SendOpenRequests,
    SetLimits,
    SetQuarantine,
    SetTradingState,
    SubmitIntents,
)
from lockstep_desk.core.events import (
    AlertRaised,
    BreachFound,
    BrokerDiverged,
    ExitDeferred,
    FillBooked,
)
from lockstep_desk.core.machine import MACHINE
from lockstep_desk.core.recon.exits import ExitKeeper
from lockstep_desk.core.recon.sweeper import Sweeper
from lockstep_desk.core.state import DeskCore
from lockstep_desk.core.view import DeskView
from lockstep_desk.fund import MANUAL
from lockstep_desk.recon import Kind, Status, SweepReason, SweepSchedule
from lockstep_desk.risk import ExitReason, ExitRules
from lockstep_desk.types import AuditTick, Dimension, HaltAction, RejectCode, Severity, Side
from lockstep_engine.codes import TimeInForce
from lockstep_engine.commands import CancelAll, PlaceOrder
from lockstep_engine.exchange import account as exchange_account
from lockstep_kernel import apply, dump, initial, load, unpack_record
from tests.support.desk import ALPHA, GENESIS, of
from tests.support.desk_exchange import (
    ACCOUNT,
    DESK_NUMBER,
    LOT,
    PERP,
    SYMBOL,
    VENUE,
    Market,
    want,
)

MINE = Filter(Scope.DEPLOYMENTS, (ALPHA,))
SECOND_NS = 10**9


def told(market: Market, first: int = 0) -> list[tuple[msgspec.Struct, Sequence[msgspec.Struct]]]:
    """Replay the desk's journal; return the commands after a number with their events."""
    state, found = initial(MACHINE, GENESIS), []
    for seq, raw in enumerate(market.journal.records, 1):
        record = unpack_record(raw, seq)
        command = MACHINE.codec.decode(record.ts_ns, record.body)
        state, events, hash_ = apply(state, command)
        assert record.hash == hash_
        if seq > first:
            found.append((command.command, events))
    return found


def acts(market: Market, first: int = 0) -> list[str]:
    """Return what was done about a deployment after a number, by the journal."""
    kinds = (Halt, CancelOrders, ClosePositions)
    return [type(one).__name__ for one, _ in told(market, first) if isinstance(one, kinds)]


def held(market: Market) -> int:
    """Return what the deployment holds, in lots."""
    position = market.engine.view.holding(ACCOUNT, SYMBOL, ALPHA)
    return position.side.sign * position.qty_e8 // LOT if position else 0


def at_exchange(market: Market) -> tuple[int, int]:
    """Return what the account holds at the exchange in lots, and how many orders rest there."""
    theirs = exchange_account(market.exchange.sequencer.state, DESK_NUMBER)
    return sum(position.qty_lots for position in theirs.positions), theirs.open_orders


def intend(market: Market, *opens: OpenRequest) -> list[AuditTick]:
    """Let the deployment want orders."""
    origin, seen = Origin.ALGO, market.engine.view.seq
    return market.process(SubmitIntents(origin, ALPHA, 0, seen, (), opens))


def refusals(ticks: list[AuditTick]) -> list[Refusal]:
    """Return why orders were refused that a command asked for."""
    outputs = [output for tick in ticks for output in tick.outputs]
    orders = [output.orders for output in outputs if hasattr(output, "orders")]
    return [refused.code for some in orders for refused in some.refused_opens]


# F2: a breach that halts or liquidates


class Limited:
    """A market with a monitor; the deployment holds 5 lots, and a bid of it for 4 rests.

    More than a dollar in one order is a breach. Somebody bids for 2 lots.
    """

    def __init__(self, action: HaltAction) -> None:
        self.monitor = HaltMonitor()
        self.market = market = Market(monitor=self.monitor)
        market.exchange.make(Side.SELL, 100, 5)
        market.exchange.make(Side.BUY, 98, 2)
        market.process(SetLimits(ALPHA, Limits(10**9, 100, 100, action)))
        market.process(SetTradingState(TradingState.ENABLED))
        intend(market, want(Side.BUY, 100, 5), want(Side.BUY, 90, 4))
        assert (5, (5, 1), []) == (held(market), at_exchange(market), acts(market))

    def breach(self) -> list[str]:
        """Let the deployment want too much; return what is done because of it."""
        before = self.market.engine.view.seq
        intend(self.market, want(Side.BUY, 90, 20))
        return acts(self.market, before)

    def bid(self, price: int, lots: int, after_ns: int) -> list[str]:
        """Let somebody bid some time later; return what is done then."""
        before = self.market.engine.view.seq
        self.market.clock.advance_ns(after_ns)
        self.market.exchange.make(Side.BUY, price, lots)
        self.market.settle()
        return acts(self.market, before)


@pytest.mark.desk("F2", "FUND-22")
@pytest.mark.parametrize(
    ("action", "done", "orders"),
    [
        (HaltAction.WARN, [], 2),
        (HaltAction.SOFT_HALT, ["Halt"], 1),
        (HaltAction.HARD_HALT, ["Halt", "CancelOrders"], 0),
    ],
)
def test_a_breach_is_answered_as_hard_as_its_limit_says(
    action: HaltAction, done: list[str], orders: int
) -> None:
    limited = Limited(action)
    assert done == limited.breach()
    assert (5, orders) == at_exchange(limited.market)
    (alert,) = limited.monitor.alerts.values()
    is_warning = action is HaltAction.WARN
    assert (Severity.WARNING if is_warning else Severity.CRITICAL) is alert.severity


@pytest.mark.desk("F2", "RECON-22")
def test_in_a_hard_halt_what_only_closes_rests_and_what_opens_does_not() -> None:
    limited = Limited(HaltAction.HARD_HALT)
    assert ["Halt", "CancelOrders"] == limited.breach()
    before = limited.market.engine.view.seq
    for _ in range(3):
        intend(limited.market, want(Side.SELL, 110, 1), want(Side.BUY, 90, 1))
    assert [] == acts(limited.market, before)
    assert (5, (5, 3)) == (held(limited.market), at_exchange(limited.market))
    limited.market.exchange.make(Side.BUY, 111, 5)
    limited.market.settle()
    assert (2, (2, 0)) == (held(limited.market), at_exchange(limited.market))


@pytest.mark.desk("F2")
def test_a_liquidation_cancels_and_closes_until_all_is_flat() -> None:
    limited = Limited(HaltAction.LIQUIDATE)
    # Two lots are bid for: the close fills in part, and the next one finds nobody.
    assert ["Halt", "CancelOrders", "ClosePositions", "ClosePositions"] == limited.breach()
    assert (3, (3, 0)) == (held(limited.market), at_exchange(limited.market))
    assert [] == limited.bid(97, 1, 0)
    assert ["ClosePositions"] * 2 == limited.bid(97, 1, SECOND_NS)
    assert 1 == held(limited.market)
    assert ["ClosePositions"] == limited.bid(97, 5, SECOND_NS)
    assert (0, (0, 0)) == (held(limited.market), at_exchange(limited.market))
    assert [] == limited.bid(96, 5, SECOND_NS)


@pytest.mark.desk("F2")
def test_a_breach_that_repeats_halts_and_liquidates_nothing_twice() -> None:
    limited = Limited(HaltAction.LIQUIDATE)
    limited.breach()
    limited.bid(97, 5, SECOND_NS)
    assert [[], []] == [limited.breach(), limited.breach()]
    assert (0, 0) == at_exchange(limited.market)


@pytest.mark.desk("F2")
def test_a_liquidation_goes_on_after_a_crash() -> None:
    limited = Limited(HaltAction.LIQUIDATE)
    limited.breach()
    market = limited.market
    market.engine = market.new_engine(monitor=HaltMonitor())
    assert ["ClosePositions"] == limited.bid(97, 5, 0)
    assert 0 == held(market)


def test_what_a_strict_gate_does_not_let_close_is_tried_again_at_its_pace() -> None:
    limited = Limited(HaltAction.LIQUIDATE)
    strict = Limits(10**9, 100, 100, HaltAction.LIQUIDATE, is_strict=True)
    limited.market.process(SetLimits(ALPHA, strict))
    assert ["Halt", "CancelOrders", "ClosePositions"] == limited.breach()
    assert [[], [], ["ClosePositions"]] == [
        limited.bid(99, 1, 0),
        limited.bid(99, 1, 0),
        limited.bid(99, 1, SECOND_NS),
    ]
    assert 5 == held(limited.market)


def test_a_breach_by_hand_halts_orders_by_hand_and_no_deployment() -> None:
    limited = Limited(HaltAction.SOFT_HALT)
    market = limited.market
    market.process(SetLimits(MANUAL, Limits(10**9, 1, 100, HaltAction.HARD_HALT)))
    before = market.engine.view.seq
    market.process(SendOpenRequests((want(Side.BUY, 90, 3),)))
    assert ["Halt"] == acts(market, before)
    assert ((MANUAL, HaltAction.HARD_HALT),) == market.engine.view.halted()
    assert (5, 1) == at_exchange(market)


def test_who_has_no_gate_is_not_halted_and_somebody_is_called() -> None:
    monitor = HaltMonitor()
    found = BreachFound(
        *(Dimension.UNREGISTERED, 0, None, HaltAction.SOFT_HALT, "nobody", RejectCode.RISK),
    )
    assert [] == monitor.due(Market().engine.view, [found])
    assert ["breach.unregistered"] == [alert.code for alert in monitor.alerts.values()]


# F4: an exit that the broker made before us


class Reconciled:
    """A market with a sweeper; the deployment holds 5 lots."""

    def __init__(self) -> None:
        self.market = market = Market()
        self.view = ExchangeView(VENUE, market.session.account)
        self.sweeper = Sweeper(market.engine, self.view, SweepSchedule(interval_ns=60 * SECOND_NS))
        market.exchange.make(Side.SELL, 100, 5)
        market.exchange.make(Side.BUY, 90, 1)
        market.process(SetTradingState(TradingState.ENABLED))
        intend(market, want(Side.BUY, 100, 5))
        assert SweepReason.BOOT is self.sweeper.sweep_if_due(market.clock.now_ns())
        assert 5 == held(market)

    @property
    def core(self) -> DeskCore:
        core = self.market.sequencer.state.core
        assert isinstance(core, DeskCore)
        return core

    def by_hand(self, side: Side, price: int, lots: int) -> None:
        """Trade for the account at the exchange, without the desk."""
        exchange, other = self.market.exchange, Side.SELL if side is Side.BUY else Side.BUY
        exchange.make(other, price, lots)
        order = PlaceOrder(PERP, int(side), price, lots, int(TimeInForce.IOC))
        exchange.send(exchange.desk, order)

    def unseen(self, side: Side, price: int, lots: int) -> None:
        """The same while the desk has no link."""
        self.market.session.disconnect()
        self.by_hand(side, price, lots)
        self.market.settle()

    def sweep(self) -> None:
        self.sweeper.demand()
        assert self.sweeper.sweep_if_due(self.market.clock.now_ns()) is not None

    def agree(self) -> None:
        """Compare positions and cash with the exchange's own."""
        theirs = exchange_account(self.market.exchange.sequencer.state, DESK_NUMBER)
        lots = sum(position.qty_lots for position in theirs.positions)
        assert lots * LOT == self.core.net(ACCOUNT, SYMBOL)
        balance = self.market.engine.view.balance(ACCOUNT, "usd")
        assert balance is not None
        assert theirs.cash_e6 * 1_000 == balance[0]


@pytest.mark.desk("F4", "RECON-25")
def test_an_exit_that_the_broker_made_first_is_booked_at_what_it_really_brought() -> None:
    made = Reconciled()
    market, before = made.market, made.market.engine.view.seq
    cash_e6 = exchange_account(market.exchange.sequencer.state, DESK_NUMBER).cash_e6
    (entry,) = [fill for _, events in told(market) for fill in of(FillBooked, events)]
    made.unseen(Side.SELL, 97, 5)
    (position,) = market.engine.view.holdings(ALPHA)

    assert not made.sweeper.exit(position.position_id, 0, 5 * LOT)
    assert (5, (0, 0)) == (held(market), at_exchange(market))
    made.sweeper.sweep_if_due(market.clock.now_ns())
    assert 0 == held(market)

    events = [event for _, some in told(market, before) for event in some]
    (deferred,), (record,) = of(ExitDeferred, events), of(BrokerDiverged, events)
    (fill,) = of(FillBooked, events)
    assert position.position_id == deferred.position_id
    assert Status.HEALED is record.record.status
    assert (Side.SELL, 5 * LOT, 97 * 10**9, ALPHA) == (
        *(fill.side, fill.qty_e8, fill.price_e9, fill.deployment),
    )
    alerts = [one for one in of(AlertRaised, events) if one.severity is Severity.CRITICAL]
    assert [record.record.divergence_id] == [one.dedup_key for one in alerts]
    theirs = exchange_account(market.exchange.sequencer.state, DESK_NUMBER)
    book = made.core.books[(ACCOUNT, SYMBOL, ALPHA)]
    entry_fee_e9 = entry.fee_e9
    assert (theirs.cash_e6 - cash_e6) * 1_000 == book.total_e17 // 10**8 + entry_fee_e9
    made.agree()


@pytest.mark.desk("RECON-25", "RECON-27")
def test_every_decision_about_a_position_stands_in_the_journal_with_its_time() -> None:
    made = Reconciled()
    made.unseen(Side.SELL, 97, 5)
    (position,) = made.market.engine.view.holdings(ALPHA)
    made.sweeper.exit(position.position_id, 0, 5 * LOT)
    made.sweep()
    times = [
        unpack_record(raw, seq).ts_ns for seq, raw in enumerate(made.market.journal.records, 1)
    ]
    names = [type(command).__name__ for command, _ in told(made.market)]
    assert sorted(times) == times
    wanted = ["SubmitIntents", "RecordFill", "Reconcile", "ExitPosition", "Reconcile"]
    assert wanted == [name for name in names if name in wanted]


# In a trade: a stop that trails, the longest hold


class Watched(Reconciled):
    """The same; the deployment leaves 5 % below the best price, or after a minute."""

    def __init__(self) -> None:
        super().__init__()
        rules = ExitRules(trail_bps=500, hold_ns=60 * SECOND_NS)
        self.keeper = ExitKeeper(self.sweeper, {ALPHA: rules})

    def price(self, middle: int) -> list[ExitReason]:
        """Quote 5 lots a tick around a price; return why a position is left at it."""
        exchange = self.market.exchange
        exchange.send(exchange.maker, CancelAll())
        exchange.make(Side.BUY, middle - 1, 5)
        exchange.make(Side.SELL, middle + 1, 5)
        self.market.settle()
        return self.look()

    def look(self) -> list[ExitReason]:
        found = self.keeper.exit_if_due(self.market.clock.now_ns())
        self.market.settle()
        return [reason for _position_id, reason in found]


@pytest.mark.desk("RECON-24")
def test_a_stop_follows_the_price_up_and_never_down() -> None:
    made = Watched()
    assert [[], [], [], []] == [made.price(middle) for middle in (100, 120, 116, 115)]
    assert 5 == held(made.market)
    assert [ExitReason.TRAIL] == made.price(114)
    assert (0, (0, 0)) == (held(made.market), at_exchange(made.market))
    assert [] == made.price(90)
    made.agree()


@pytest.mark.desk("RECON-24")
def test_a_stop_stands_where_it_stood_after_a_restart() -> None:
    made = Watched()
    made.price(120)
    loaded = load(MACHINE, GENESIS, dump(made.market.sequencer.state))
    (position,) = DeskView(loaded).holdings(ALPHA)
    assert 120 * 10**9 == position.best_e9


@pytest.mark.desk("RECON-24", "RECON-30")
def test_a_position_that_is_held_too_long_is_left_after_a_look_at_the_broker() -> None:
    made = Watched()
    made.price(100)
    made.market.clock.advance_ns(60 * SECOND_NS)
    made.unseen(Side.SELL, 97, 5)
    assert [ExitReason.HELD] == made.look()
    assert [] == made.look()
    assert 5 == held(made.market)
    made.sweep()
    assert (0, []) == (held(made.market), made.look())
    made.agree()


@pytest.mark.desk("RECON-24", "RECON-43")
def test_an_exit_that_finds_nobody_is_tried_again_as_another_one() -> None:
    made = Watched()
    made.price(100)
    exchange = made.market.exchange
    exchange.send(exchange.maker, CancelAll())
    exchange.make(Side.BUY, 99, 2)
    made.market.clock.advance_ns(60 * SECOND_NS)
    assert [ExitReason.HELD] == made.look()
    assert (3, []) == (held(made.market), made.look())
    exchange.make(Side.BUY, 99, 9)
    made.market.clock.advance_ns(SECOND_NS)
    assert [ExitReason.HELD] == made.look()
    assert (0, (0, 0)) == (held(made.market), at_exchange(made.market))


# Drift


@pytest.mark.desk("RECON-03")
def test_fills_that_nobody_saw_leave_no_drift() -> None:
    """A stop that fires in parts, and parts of a resting order, at prices that run away."""
    made = Reconciled()
    market = made.market
    intend(market, want(Side.BUY, 95, 4))
    for price, lots in ((98, 2), (97, 1), (96, 1)):
        made.unseen(Side.SELL, price, lots)
    market.exchange.make(Side.SELL, 95, 3)
    market.settle()
    assert (5, (4, 1)) == (held(market), at_exchange(market))
    made.sweep()
    assert (4, [3 * LOT]) == (held(market), [one.filled_e8 for one in market.engine.view.orders()])
    assert [] == list(made.core.reconciliation.standing)
    made.agree()


# F7: the operator


@pytest.mark.desk("F7", "RECON-23", "RECON-27")
def test_an_operator_pauses_opens_cancels_closes_halts_and_quarantines() -> None:
    made = Reconciled()
    market = made.market
    intend(market, want(Side.BUY, 90, 2))
    opening, closing = want(Side.BUY, 90, 1), want(Side.SELL, 99, 1)

    pauses: list[tuple[Refusal, msgspec.Struct, msgspec.Struct]] = [
        (
            Refusal.TRADING_DISABLED,
            SetTradingState(TradingState.DISABLED),
            SetTradingState(TradingState.ENABLED),
        ),
        (Refusal.GATE, Halt(ALPHA, HaltAction.SOFT_HALT, "look"), ClearHalt(ALPHA)),
        (
            Refusal.QUARANTINED,
            SetQuarantine(Scope.ACCOUNTS, ACCOUNT, True),
            SetQuarantine(Scope.ACCOUNTS, ACCOUNT, False),
        ),
        (
            Refusal.QUARANTINED,
            SetQuarantine(Scope.VENUES, VENUE, True),
            SetQuarantine(Scope.VENUES, VENUE, False),
        ),
    ]
    for code, pause, go_on in pauses:
        market.process(pause)
        assert [code] == refusals(intend(market, opening))
        market.exchange.make(Side.BUY, 99, 1)
        assert [] == refusals(intend(market, closing))
        market.process(go_on)
        assert [] == refusals(intend(market, opening))
    assert (1, (1, 5)) == (held(market), at_exchange(market))

    market.process(CancelOrders(MINE))
    assert (1, 0) == at_exchange(market)
    market.exchange.make(Side.BUY, 99, 1)
    market.process(ClosePositions(MINE))
    assert (0, (0, 0)) == (held(market), at_exchange(market))
    made.agree()


@pytest.mark.desk("F7", "RECON-33")
def test_an_operator_sees_what_stands_and_adopts_it() -> None:
    made = Reconciled()
    market = made.market
    made.unseen(Side.BUY, 101, 3)
    made.sweep()
    (standing,) = made.core.reconciliation.standing.values()
    record = standing.divergence
    assert Kind.BROKER_ONLY is record.kind
    views = MACHINE.views(made.core)
    assert [record.divergence_id] == [row["id"] for row in views["standing"]]
    assert ["DISABLED"] != [row["trading"] for row in views["desk"]]
    market.process(AdoptBrokerPosition(ACCOUNT, record.divergence_id, ALPHA))
    assert (8, (8, 0)) == (held(market), at_exchange(market))
    assert [] == list(made.core.reconciliation.standing)
    made.agree()

"""The desk on the exchange core in the same process: both sides agree to the last unit."""

from typing import Any

import msgspec
import pytest

from lockstep_desk import ids
from lockstep_desk.adapters.exchange import (
    ExchangeSession,
    InProcessFeed,
    Membership,
    Past,
    Units,
    registration,
    session,
    units_of,
)
from lockstep_desk.core.codes import Divergence, OrderKind, SendError, TimeInForce, TradingState
from lockstep_desk.core.commands import (
    CancelOrders,
    ClosePositions,
    RecordAccountDisconnect,
    RecordFill,
    RecordFunding,
    RecordL1,
    RecordOrder,
    RecordTrade,
    RegisterInstrument,
    ReplaceAccount,
    SendOpenRequests,
    SetTradingState,
)
from lockstep_desk.core.events import CancelRequested, OrderRequested
from lockstep_desk.core.hooks import Intents
from lockstep_desk.core.outputs import Commanded, PositionExit, Processed
from lockstep_desk.core.runners import run
from lockstep_desk.core.state import DeskCore
from lockstep_desk.core.view import DeskView
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.oms.states import OrderError, OrderState
from lockstep_desk.types import Side
from lockstep_engine.codes import OrderFlag
from lockstep_engine.commands import (
    CancelAll,
    Liquidate,
    SetMmpConfig,
    TradingLimits,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_engine.events import InstrumentCreated, OrderAccepted, Trade
from lockstep_engine.exchange import account as exchange_account
from lockstep_kernel import CannotRunError, verify
from tests.support.desk import ALPHA
from tests.support.desk_exchange import (
    ACCOUNT,
    DESK_NUMBER,
    LOT,
    PERP,
    SYMBOL,
    VENUE,
    Market,
    flat,
    want,
)


@pytest.fixture
def market() -> Market:
    market = Market()
    market.exchange.make(Side.SELL, 101, 5)
    market.exchange.make(Side.BUY, 99, 5)
    market.settle()
    return market


def agree(market: Market) -> None:
    """Compare positions, orders and cash of both sides; nothing must have been doubted."""
    verify(market.engine.state)
    theirs = exchange_account(market.exchange.sequencer.state, DESK_NUMBER)
    view = market.engine.view
    held = view.position(ACCOUNT, SYMBOL)
    signed = held.side.sign * held.qty_e8 if held else 0
    assert sum(position.qty_lots for position in theirs.positions) * LOT == signed
    assert theirs.open_orders == len(view.orders())
    assert (theirs.cash_e6 * 1_000,) * 2 == view.balance(ACCOUNT, "usd")
    assert [] == codes(market)


def codes(market: Market) -> list[Divergence]:
    core = market.engine.state.core
    assert isinstance(core, DeskCore)
    return [Divergence(note.code) for note in core.divergences.values()]


def said(market: Market, kind: type[Any]) -> list[Any]:
    events = flat(events for _ts_ns, events in market.exchange.said)
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.desk("F1")
def test_an_order_that_crosses_fills_at_once_and_one_that_does_not_rests(market: Market) -> None:
    market.process(SendOpenRequests((want(Side.BUY, 101, 3), want(Side.SELL, 105, 2))))
    held = market.engine.view.position(ACCOUNT, SYMBOL)
    assert held is not None
    assert (Side.BUY, 3 * LOT, 101 * 10**9) == (held.side, held.qty_e8, held.entry_price_e9)
    (resting,) = market.engine.view.orders()
    assert (OrderState.OPEN, 2 * LOT, 105 * 10**9) == (
        *(resting.state, resting.qty_e8, resting.price_e9),
    )
    agree(market)


@pytest.mark.desk("DESK-24")
def test_a_round_trip_realises_what_the_exchange_pays(market: Market) -> None:
    before = exchange_account(market.exchange.sequencer.state, DESK_NUMBER).cash_e6
    market.process(SendOpenRequests((want(Side.BUY, 101, 3),)))
    ticks = market.process(ClosePositions())
    exits = [one for tick in ticks for one in tick.outputs if isinstance(one, PositionExit)]
    after = exchange_account(market.exchange.sequencer.state, DESK_NUMBER).cash_e6
    assert [(after - before) * 1_000] == [one.exited.realised_e9 for one in exits]
    agree(market)


def test_partial_fills_are_followed_to_the_cancel(market: Market) -> None:
    market.process(SendOpenRequests((want(Side.BUY, 101, 8),)))
    (order,) = market.engine.view.orders()
    assert (OrderState.OPEN, 5 * LOT) == (order.state, order.filled_e8)
    agree(market)
    market.process(CancelOrders())
    assert () == market.engine.view.orders()
    agree(market)


def test_a_maker_is_told_of_the_fill_that_comes_to_it(market: Market) -> None:
    market.process(SendOpenRequests((want(Side.BUY, 100, 4),)))
    market.exchange.make(Side.SELL, 100, 1)
    market.settle()
    (order,) = market.engine.view.orders()
    assert LOT == order.filled_e8
    agree(market)


def test_what_the_exchange_refuses_ends_with_its_reason(market: Market) -> None:
    ticks = market.process(SendOpenRequests((want(Side.BUY, 98, 1, is_reduce_only=True),)))
    (commanded,) = [out for tick in ticks for out in tick.outputs if isinstance(out, Commanded)]
    assert 1 == len(commanded.orders.opens)
    replies = [tick.event.event for tick in ticks if isinstance(tick.event, Processed)]
    (reply,) = [one for one in replies if isinstance(one, RecordOrder)]
    assert (OrderState.OPEN_FAILED, OrderError.REJECTED) == (reply.order.state, reply.order.error)
    assert () == market.engine.view.orders()
    agree(market)


def test_a_post_only_order_that_would_take_is_refused_by_the_exchange(market: Market) -> None:
    market.process(SendOpenRequests((want(Side.BUY, 101, 1, is_post_only=True),)))
    assert () == market.engine.view.orders()
    assert [] == said(market, Trade)
    agree(market)


def test_protected_orders_end_when_the_exchange_protects_their_account(market: Market) -> None:
    """Without a protection they are refused; with one of 3 lots a sale of 4 ends all the others."""
    bids = [want(Side.BUY, price, 2, is_mmp=True) for price in (100, 100, 98)]
    market.process(SendOpenRequests((bids[0],)))
    assert () == market.engine.view.orders()
    market.exchange.send(market.exchange.desk, SetMmpConfig("BTC", 1_000, 0, 3 * LOT))
    market.settle()
    market.process(SendOpenRequests((*bids, want(Side.BUY, 97, 2))))
    assert 4 == len(market.engine.view.orders())
    market.exchange.make(Side.SELL, 100, 2)
    market.settle()
    assert 3 == len(market.engine.view.orders())
    market.exchange.make(Side.SELL, 100, 2)
    market.settle()
    (plain,) = market.engine.view.orders()
    assert 97 * 10**9 == plain.price_e9
    agree(market)


def test_flags_times_and_lineage_reach_the_exchange() -> None:
    market = Market()
    market.exchange.make(Side.BUY, 99, 1)
    market.exchange.make(Side.SELL, 101, 1)
    market.settle()
    expires = market.clock.now_ns() + 10**10
    request = want(
        *(Side.SELL, 100, 2),
        tif=TimeInForce.GTD,
        is_post_only=True,
        expires_ns=expires,
    )
    market.engine = market.new_engine(algo=_Once(request))
    market.process(SetTradingState(TradingState.ENABLED))
    accepted = [one for one in said(market, OrderAccepted) if one.account == DESK_NUMBER]
    (order,) = accepted
    assert (1, OrderFlag.POST_ONLY, expires, 1) == (
        *(order.tif, order.flags, order.expires_ns, order.client_id),
    )
    assert bytes.fromhex(ALPHA.replace("-", "")) == order.lineage
    market.exchange.make(Side.BUY, 100, 2)
    market.settle()
    held = market.engine.view.holding(ACCOUNT, SYMBOL, ALPHA)
    assert held is not None
    assert (Side.SELL, 2 * LOT) == (held.side, held.qty_e8)
    agree(market)


class _Once:
    def __init__(self, request: Any) -> None:
        self.wanted = [Intents(ALPHA, 0, (), (request,))]

    def generate(self, view: DeskView) -> list[Intents]:
        wanted, self.wanted = self.wanted, []
        return wanted


def test_an_order_that_expires_ends_as_expired(market: Market) -> None:
    expires = market.clock.now_ns() + 10**9
    request = want(Side.BUY, 98, 1, tif=TimeInForce.GTD, expires_ns=expires)
    market.process(SendOpenRequests((request,)))
    market.clock.advance_ns(2 * 10**9)
    market.exchange.send(market.exchange.root, UpdateIndexPrice("BTC", 100 * 10**6))
    market.settle()
    core = market.engine.state.core
    assert isinstance(core, DeskCore)
    assert [OrderState.EXPIRED] == [order.state for order in core.ended.values()]
    agree(market)


def test_a_market_order_takes_within_its_protection_and_no_further(market: Market) -> None:
    market.exchange.make(Side.SELL, 110, 5)
    request = want(Side.BUY, 101, 8, kind=OrderKind.MARKET, tif=TimeInForce.IOC)
    market.process(SendOpenRequests((request,)))
    held = market.engine.view.position(ACCOUNT, SYMBOL)
    assert held is not None
    assert (5 * LOT, 101 * 10**9) == (held.qty_e8, held.entry_price_e9)
    assert () == market.engine.view.orders()
    agree(market)


def test_a_cancel_by_others_at_the_exchange_is_seen(market: Market) -> None:
    market.process(SendOpenRequests((want(Side.BUY, 98, 1), want(Side.BUY, 97, 1))))
    market.clock.advance_secs(1)
    market.exchange.send(market.exchange.desk, CancelAll())
    market.settle()
    assert () == market.engine.view.orders()
    agree(market)


@pytest.mark.desk("F3", "DESK-71", "DESK-D9", "DESK-D10")
def test_what_happens_while_the_link_is_lost_is_made_up_for(market: Market) -> None:
    market.process(SendOpenRequests((want(Side.BUY, 100, 2), want(Side.BUY, 98, 1))))
    market.session.disconnect()
    market.settle()
    assert not market.engine.view.is_healthy
    market.exchange.make(Side.SELL, 100, 2)
    market.clock.advance_secs(1)
    market.exchange.send(market.exchange.desk, CancelAll())
    failed = market.process(SendOpenRequests((want(Side.BUY, 97, 1),)))[0].outputs[0]
    assert isinstance(failed, Commanded)
    assert [SendError.UNHEALTHY] == [one.error for one in failed.orders.failed]
    market.session.connect()
    market.settle()
    held = market.engine.view.position(ACCOUNT, SYMBOL)
    assert held is not None
    assert 2 * LOT == held.qty_e8
    assert [Divergence.ORDER_VANISHED] == codes(market)
    assert () == market.engine.view.orders()


def test_of_several_sessions_one_tells_of_the_market(market: Market) -> None:
    exchange = market.exchange
    member = Membership(VENUE, "other", DESK_NUMBER, exchange.desk.key, tells_market=False)
    other = ExchangeSession(member, lambda: 0, Past(list(exchange.said)))
    exchange.sinks.append(other)
    other.connect()
    other.take()
    market.process(SendOpenRequests((want(Side.BUY, 101, 1),)))
    exchange.make(Side.SELL, 100, 1)
    market_told = {RecordTrade, RecordL1}
    assert market_told.isdisjoint(type(event) for event in other.take())
    assert [RecordL1] == [type(event) for event in market.session.take()]
    other.disconnect()
    assert [RecordAccountDisconnect("other")] == other.take()


def an_hour_passes(market: Market) -> None:
    """Let the clock reach the next funding time, with prices as they were."""
    for _half in range(2):
        market.clock.advance_secs(1_800)
        market.exchange.send(market.exchange.root, UpdateIndexPrice("BTC", 100 * 10**6))
        market.exchange.send(market.exchange.root, UpdateMarkPrice(PERP, 100 * 10**6))


def test_funding_is_booked_as_the_exchange_moves_the_cash(market: Market) -> None:
    market.process(SendOpenRequests((want(Side.BUY, 101, 3),)))
    before = exchange_account(market.exchange.sequencer.state, DESK_NUMBER).cash_e6
    market.exchange.send(market.exchange.root, UpdateFundingRate(PERP, 10**6, 3_600))
    an_hour_passes(market)
    market.settle()
    # 3 lots of 0.001 at a mark of 100, a tenth of a percent.
    assert -300_000 == market.engine.view.funding_e9(ACCOUNT, SYMBOL, "")
    after = exchange_account(market.exchange.sequencer.state, DESK_NUMBER).cash_e6
    assert -300 == after - before
    agree(market)


@pytest.mark.desk("DESK-71", "DESK-D10")
def test_funding_while_the_link_is_lost_is_made_up_for_in_its_order(market: Market) -> None:
    market.exchange.send(market.exchange.root, UpdateFundingRate(PERP, 10**6, 3_600))
    market.process(SendOpenRequests((want(Side.BUY, 100, 4),)))
    market.session.disconnect()
    market.settle()
    market.exchange.make(Side.SELL, 100, 1)
    an_hour_passes(market)
    market.exchange.make(Side.SELL, 100, 2)
    market.session.connect()
    told = market.session.take()
    expected = [RecordFill, RecordFunding, ReplaceAccount]
    assert expected == [type(event) for event in told]
    for event in told:
        market.engine.process(event)
    assert -100_000 == market.engine.view.funding_e9(ACCOUNT, SYMBOL, "")
    agree(market)
    market.session.connect()
    assert [ReplaceAccount] == [type(event) for event in market.session.take()]


@pytest.mark.desk("F6", "RECON-44", "DESK-D11")
def test_after_a_crash_between_commit_and_sending_nothing_is_sent_twice(market: Market) -> None:
    requests = (want(Side.BUY, 98, 1), want(Side.BUY, 97, 1))
    result = market.sequencer.submit([SendOpenRequests(requests)])[0]
    assert not isinstance(result, Exception)
    first, _second = result[1]
    assert isinstance(first, OrderRequested)
    market.session.send(first)
    restart(market)
    assert [first.client_order_id] == [one.client_order_id for one in market.engine.view.orders()]
    assert 1 == len([one for one in said(market, OrderAccepted) if one.account == DESK_NUMBER])
    agree(market)


@pytest.mark.desk("F6", "I7")
def test_fills_of_before_a_crash_are_booked_once_after_it(market: Market) -> None:
    market.process(SendOpenRequests((want(Side.BUY, 101, 1),)))
    result = market.sequencer.submit([SendOpenRequests((want(Side.BUY, 101, 2),))])[0]
    assert not isinstance(result, Exception)
    (request,) = result[1]
    assert isinstance(request, OrderRequested)
    market.session.send(request)
    restart(market)
    held = market.engine.view.position(ACCOUNT, SYMBOL)
    assert held is not None
    assert 3 * LOT == held.qty_e8
    agree(market)


def test_a_request_that_is_handed_over_twice_has_one_effect(market: Market) -> None:
    result = market.sequencer.submit([SendOpenRequests((want(Side.BUY, 98, 1),))])[0]
    assert not isinstance(result, Exception)
    (request,) = result[1]
    assert isinstance(request, OrderRequested)
    assert SendError.NONE == market.session.send(request)
    assert SendError.NONE == market.session.send(request)
    market.settle()
    assert 1 == len(market.engine.view.orders())
    agree(market)


def restart(market: Market) -> None:
    """Lose the session and the engine, and begin anew on both journals."""
    market.session = market.new_session(market.engine.view.numbers())
    market.engine = market.new_engine()
    market.engine.resume()
    market.session.connect()
    market.settle()


def test_a_liquidation_that_the_desk_did_not_ask_for_is_booked_and_written_down() -> None:
    market = Market()
    exchange = market.exchange
    exchange.make(Side.SELL, 100, 2_000)
    market.settle()
    market.process(SendOpenRequests((want(Side.BUY, 100, 2_000),)))
    for lots in (900, 600):
        exchange.make(Side.BUY, 60, lots)
    exchange.send(exchange.root, UpdateMarkPrice(PERP, 1 * 10**6))
    exchange.send(exchange.root, UpdateIndexPrice("BTC", 1 * 10**6))
    exchange.send(exchange.root, Liquidate(DESK_NUMBER))
    market.settle()
    theirs = exchange_account(exchange.sequencer.state, DESK_NUMBER)
    held = market.engine.view.position(ACCOUNT, SYMBOL)
    signed = held.side.sign * held.qty_e8 if held else 0
    assert sum(position.qty_lots for position in theirs.positions) * LOT == signed


def test_a_session_that_was_shut_down_takes_nothing(market: Market) -> None:
    result = market.sequencer.submit([SendOpenRequests((want(Side.BUY, 98, 1),))])[0]
    assert not isinstance(result, Exception)
    (request,) = result[1]
    assert isinstance(request, OrderRequested)
    market.session.shutdown()
    assert SendError.TERMINATED == market.session.send(request)
    other = msgspec.structs.replace(request, account="other")
    again = market.new_session()
    assert SendError.UNHEALTHY == again.send(request)
    again.connect()
    assert SendError.NO_CHANNEL == again.send(other)
    unlisted = msgspec.structs.replace(request, instrument="other")
    assert SendError.NO_CHANNEL == again.send(unlisted)


def test_of_very_many_missed_fills_the_older_ones_come_before_the_snapshot(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FILLS_IN_SNAPSHOT", 1)
    market.process(SendOpenRequests((want(Side.BUY, 100, 3),)))
    market.session.disconnect()
    market.settle()
    for _ in range(3):
        market.exchange.make(Side.SELL, 100, 1)
    market.session.connect()
    told = market.session.take()
    assert [RecordFill, RecordFill, ReplaceAccount] == [type(event) for event in told]
    for event in told:
        market.engine.process(event)
    held = market.engine.view.position(ACCOUNT, SYMBOL)
    assert held is not None
    assert 3 * LOT == held.qty_e8
    assert 1 == len(told[-1].fills)
    market.session.connect()
    assert [()] == [event.fills for event in market.session.take()]
    agree(market)


def test_a_cancel_of_what_the_exchange_does_not_know_is_answered(market: Market) -> None:
    result = market.sequencer.submit([SendOpenRequests((want(Side.BUY, 98, 1),))])[0]
    assert not isinstance(result, Exception)
    ticks = market.process(CancelOrders())
    (out,) = [one for tick in ticks for one in tick.outputs if isinstance(one, Commanded)]
    assert [CancelRequested] == [type(one) for one in out.orders.cancels]
    assert () == market.engine.view.orders()


@pytest.mark.desk("DESK-D15")
def test_a_sale_of_what_is_held_brings_cash_and_takes_the_position(market: Market) -> None:
    market.process(SendOpenRequests((want(Side.BUY, 101, 2),)))
    market.process(SendOpenRequests((want(Side.SELL, 99, 2),)))
    assert market.engine.view.position(ACCOUNT, SYMBOL) is None
    agree(market)


# Units


LISTED = InstrumentCreated(
    *(3, "X-PERP", "X", 1, 0, 0, 500_000, 10**6, 10**7),
    TradingLimits(price_step_ticks=2, qty_step_lots=5, max_order_lots=500, min_notional_e6=7),
    False,
)


def test_units_convert_exactly_or_not_at_all() -> None:
    units = units_of(LISTED)
    assert Units("X-PERP", 3, 500_000_000, 10**5) == units
    assert (3 * 10**9 // 2, 7 * 10**5) == (units.price_e9(3), units.qty_e8(7))
    assert (3, 7) == (units.ticks(3 * 10**9 // 2), units.lots(7 * 10**5))
    with pytest.raises(InvalidValueError, match="price_e9 in X-PERP: expected a multiple"):
        units.ticks(1)
    with pytest.raises(InvalidValueError, match="qty_e8 in X-PERP: expected a multiple"):
        units.lots(1)


def test_an_instrument_whose_lot_is_no_whole_number_is_refused() -> None:
    crumbs = msgspec.structs.replace(LISTED, lot_e8=1, contract_size_e8=10**7)
    with pytest.raises(InvalidValueError, match="lot of X-PERP: expected a multiple"):
        units_of(crumbs)


def test_a_listed_instrument_is_registered_with_its_limits() -> None:
    expected = RegisterInstrument(
        *("X-PERP", VENUE, "X", "usd", 10**9, 5 * 10**5, 10**5, 500 * 10**5, 7_000)
    )
    assert expected == registration(LISTED, VENUE)


def test_the_price_of_a_lot_between_two_ticks_is_the_nearest() -> None:
    assert 1_000_000 == units_of(LISTED).price_of_lot_e9(1)
    assert 333 == Units("x", 1, 1, 3 * 10**8).price_of_lot_e9(1)


def test_fills_of_a_match_have_an_id_for_each_leg(market: Market) -> None:
    market.process(SendOpenRequests((want(Side.BUY, 101, 1),)))
    (trade,) = said(market, Trade)
    core = market.engine.state.core
    assert isinstance(core, DeskCore)
    assert [ids.fill_id(trade.trade_id, 1)] == list(core.fills[ACCOUNT])


class Restless:
    """A strategy that puts an order off and rests another one, whatever it is asked about."""

    def generate(self, view: DeskView) -> list[Intents]:
        resting = tuple(
            one.client_order_id for one in view.orders() if one.state is OrderState.OPEN
        )
        return [Intents(ALPHA, 0, resting, (want(Side.BUY, 90, 1),))]


def test_a_strategy_that_answers_its_own_orders_without_end_is_an_error() -> None:
    market = Market(algo=Restless())
    market.exchange.make(Side.SELL, 101, 5)
    market.exchange.make(Side.BUY, 99, 5)
    market.settle()
    feed = InProcessFeed([market.session], answers_max=100)
    market.engine.process(SetTradingState(TradingState.ENABLED))
    with pytest.raises(CannotRunError, match="expected less than 100 reports of what the desk"):
        run(market.engine, feed)
    verify(market.engine.state)

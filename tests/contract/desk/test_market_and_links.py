"""Prices and links: what is newer counts, every tick revalues, anything heals its link."""

from typing import Any

import msgspec
import pytest

from lockstep_desk.core.codes import Health, Link, Refusal, TradingState
from lockstep_desk.core.commands import (
    RecordAccountDisconnect,
    RecordCandle,
    RecordL1,
    RecordMarketDisconnect,
    RecordTrade,
    RegisterAccount,
    RegisterVenue,
    ReplaceAccount,
    SetTradingState,
)
from lockstep_desk.core.events import CommandRefused, HealthChanged, ReportIgnored
from lockstep_desk.types import Side
from tests.contract.desk.conftest import Trading
from tests.support.desk import ACCOUNT, BTC, E8, E9, ETH, VENUE, Desk, of, trade

TRADE = RecordTrade(BTC, 100 * E9, E8, Side.BUY, 10**9)
L1 = RecordL1(BTC, 99 * E9, E8, 101 * E9, 3 * E8, 10**9)
CANDLE = RecordCandle(ETH, 5, 9, 3, 7, 0, 0, 10)


@pytest.mark.desk("DESK-2B", "DESK-96")
def test_the_price_is_the_weighted_middle_then_the_last_trade_then_the_last_close() -> None:
    desk = Desk()
    desk.open_market()
    assert desk.view.price_e9(BTC) is None
    desk.send(RecordCandle(BTC, 5, 9, 3, 7, 0, 0, 10))
    assert 7 == desk.view.price_e9(BTC)
    desk.send(TRADE)
    assert 100 * E9 == desk.view.price_e9(BTC)
    desk.send(L1)
    assert (99 * 3 + 101) * E9 // 4 == desk.view.price_e9(BTC)
    desk.send(msgspec.structs.replace(L1, ask_price_e9=0, ask_qty_e8=0, time_ns=10**9 + 1))
    assert 100 * E9 == desk.view.price_e9(BTC)


@pytest.mark.desk("DESK-2B")
def test_a_book_with_no_quantity_at_all_has_no_middle() -> None:
    desk = Desk()
    desk.open_market()
    desk.send(RecordL1(BTC, 0, 0, 0, 0, 1))
    assert desk.view.price_e9(BTC) is None


@pytest.mark.desk("DESK-2B")
@pytest.mark.parametrize("command", [TRADE, L1, msgspec.structs.replace(CANDLE, close_ns=10**9)])
def test_a_market_report_counts_only_if_it_is_strictly_newer(
    trading: Trading, command: msgspec.Struct
) -> None:
    trading.desk.send(command)
    assert isinstance(trading.desk.one(command), ReportIgnored)


@pytest.mark.desk("DESK-D7", "DESK-34")
@pytest.mark.parametrize(
    ("command", "price"),
    [
        (RecordTrade(BTC, 10_500 * E9, E8, Side.SELL, 10**12), 10_500),
        (RecordL1(BTC, 10_599 * E9, E8, 10_601 * E9, E8, 10**12), 10_600),
    ],
    ids=str,
)
def test_every_tick_revalues_open_positions(
    trading: Trading, command: msgspec.Struct, price: int
) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha), E8, 10_000)
    desk.send(command)
    for position in (desk.view.position(ACCOUNT, BTC), desk.view.holding(ACCOUNT, BTC, alpha)):
        assert position is not None
        assert (price - 10_000) * 10**17 == position.unrealised_mark_e17


@pytest.mark.desk("DESK-D7")
def test_a_closed_candle_revalues_where_there_is_nothing_better() -> None:
    desk = Desk()
    alpha = desk.open_market()
    desk.send(RecordCandle(BTC, 100 * E9, 100 * E9, 100 * E9, 100 * E9, 0, 0, 10))
    desk.send(ReplaceAccount(ACCOUNT, 0, (), (), None))
    desk.enable()
    desk.fill(desk.opened(alpha), E8, 100)
    desk.send(RecordCandle(BTC, 100 * E9, 120 * E9, 100 * E9, 120 * E9, 0, 10, 20))
    position = desk.view.position(ACCOUNT, BTC)
    assert position is not None
    assert 20 * 10**17 == position.unrealised_mark_e17


@pytest.mark.desk("DESK-D17")
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (msgspec.structs.replace(TRADE, instrument="x"), Refusal.UNKNOWN_INSTRUMENT),
        (msgspec.structs.replace(L1, instrument="x"), Refusal.UNKNOWN_INSTRUMENT),
        (msgspec.structs.replace(CANDLE, instrument="x"), Refusal.UNKNOWN_INSTRUMENT),
        (msgspec.structs.replace(TRADE, price_e9=0), Refusal.BAD_VALUE),
        (msgspec.structs.replace(TRADE, qty_e8=-1), Refusal.BAD_VALUE),
        (msgspec.structs.replace(TRADE, time_ns=-1), Refusal.BAD_VALUE),
        (msgspec.structs.replace(L1, bid_qty_e8=-1), Refusal.BAD_VALUE),
        (msgspec.structs.replace(L1, ask_price_e9=0), Refusal.BAD_VALUE),
        (msgspec.structs.replace(CANDLE, low_e9=6), Refusal.BAD_VALUE),
        (msgspec.structs.replace(CANDLE, high_e9=6), Refusal.BAD_VALUE),
        (msgspec.structs.replace(CANDLE, volume_e8=-1), Refusal.BAD_VALUE),
        (msgspec.structs.replace(CANDLE, open_ns=10), Refusal.BAD_VALUE),
        (RecordMarketDisconnect("x"), Refusal.UNKNOWN_VENUE),
        (RecordAccountDisconnect("x"), Refusal.UNKNOWN_ACCOUNT),
    ],
    ids=str,
)
def test_a_bad_market_report_is_refused_and_heals_nothing(
    command: msgspec.Struct, expected: Refusal
) -> None:
    desk = Desk()
    desk.open_market()
    before = desk.state.digest
    event = desk.one(command)
    assert isinstance(event, CommandRefused)
    assert expected == event.code
    assert before == desk.state.digest


@pytest.mark.desk("DESK-22")
def test_the_whole_is_healthy_when_every_link_is() -> None:
    desk = Desk()
    desk.open_market()
    assert HealthChanged(Link.MARKET, VENUE, Health.HEALTHY, False) == desk.price(BTC, 1)[0]
    healed = desk.send(ReplaceAccount(ACCOUNT, 0, (), (), None))[0]
    assert HealthChanged(Link.ACCOUNT, ACCOUNT, Health.HEALTHY, True) == healed
    assert [] == of(HealthChanged, desk.price(BTC, 2))
    lost = desk.one(RecordAccountDisconnect(ACCOUNT))
    assert HealthChanged(Link.ACCOUNT, ACCOUNT, Health.RECONNECTING, False) == lost
    assert [] == desk.send(RecordAccountDisconnect(ACCOUNT))


@pytest.mark.desk("DESK-22")
def test_each_link_is_healed_by_its_own_items_only() -> None:
    desk = Desk()
    desk.open_market()
    desk.send(RegisterVenue("other"))
    desk.send(RegisterAccount("second", "other"))
    desk.heal()
    assert not desk.view.is_healthy
    assert Health.HEALTHY == desk.view.health(Link.MARKET, VENUE)
    assert Health.RECONNECTING == desk.view.health(Link.MARKET, "other")
    assert Health.RECONNECTING == desk.view.health(Link.ACCOUNT, "second")
    assert desk.view.health(Link.ACCOUNT, "nobody") is None


def test_a_report_that_is_too_old_heals_its_link_nevertheless(trading: Trading) -> None:
    desk = trading.desk
    desk.send(RecordMarketDisconnect(VENUE))
    events = desk.send(trade(BTC, 1, 0))
    assert [HealthChanged, ReportIgnored] == [type(event) for event in events]


@pytest.mark.desk("DESK-20")
def test_every_change_of_the_trading_state_is_told_with_the_one_before() -> None:
    desk = Desk()
    told = [desk.one(SetTradingState(state)) for state in (1, 1, 0, 0)]  # type: ignore[arg-type]  # as an operator types it
    off, on = TradingState.DISABLED, TradingState.ENABLED
    assert [(off, on), (on, on), (on, off), (off, off)] == [
        (change.previous, change.current) for change in told
    ]


def test_a_desk_without_venues_is_not_healthy() -> None:
    fields: Any = Desk().view
    assert not fields.is_healthy

"""The read-only views: best, depth, order, account, and the tables for tools."""

import msgspec
import pytest

from lockstep_engine.codes import MarginMode, OrderFlag
from lockstep_engine.exchange import MACHINE, MmpView, PositionView, account, best, depth, order
from lockstep_kernel import CannotRunError, State, initial
from tests.machines.counter import COUNTER, counter_genesis
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    CASH,
    ETH_PERP,
    LOT_E8,
    PERP,
    START_NS,
    Exchange,
    standard_market,
)


@pytest.fixture
def market() -> Exchange:
    """The standard market on the engine."""
    return standard_market(MACHINE)


@pytest.fixture
def traded(market: Exchange) -> Exchange:
    """Alice long 10 from 100 at a mark of 120, two bids and an ask at two prices."""
    market.trade(ALICE, BOB, 100, 10)
    market.bid(ALICE, 110, 5, client_id=7)
    market.bid(CAROL, 110, 2)
    market.bid(CAROL, 109, 1)
    market.ask(BOB, 130, 4)
    market.mark(120)
    return market


def test_best_gives_both_sides_and_0_for_an_empty_one(market: Exchange) -> None:
    assert (0, 0) == best(market.state, PERP)
    market.bid(ALICE, 95, 1)
    assert (95, 0) == best(market.state, PERP)
    market.bid(ALICE, 96, 1)
    market.ask(ALICE, 101, 1)
    market.ask(ALICE, 100, 1)
    assert (96, 100) == best(market.state, PERP)
    assert (0, 0) == best(market.state, ETH_PERP)


def test_depth_gives_levels_best_first_with_total_and_orders(traded: Exchange) -> None:
    bids, asks = depth(traded.state, PERP)
    assert [
        {"price_ticks": 110, "total_lots": 7, "orders": 2},
        {"price_ticks": 109, "total_lots": 1, "orders": 1},
    ] == bids
    assert [{"price_ticks": 130, "total_lots": 4, "orders": 1}] == asks


@pytest.mark.parametrize(("levels", "expected"), [(0, 0), (1, 1), (2, 2), (3, 3), (99, 12)])
def test_depth_gives_at_most_so_many_levels(market: Exchange, levels: int, expected: int) -> None:
    for price in range(80, 92):
        market.bid(ALICE, price, 1)
    bids, asks = depth(market.state, PERP, levels)
    assert [91 - number for number in range(expected)] == [row["price_ticks"] for row in bids]
    assert [] == asks
    assert 10 == len(depth(market.state, PERP)[0])


def test_order_gives_a_live_order_as_it_is_now(traded: Exchange) -> None:
    traded.sell(BOB, 110, 2)
    found = order(traded.state, 3)
    assert found is not None
    assert (3, ALICE, PERP, 0, 110, 5, 3, 0, 0, 7, 0, 0) == msgspec.structs.astuple(found)[:-1]
    row = traded.row(3)
    assert row.reserve_e6 == found.reserve_e6


def test_order_gives_none_for_what_is_not_live(traded: Exchange) -> None:
    assert [None, None, None] == [order(traded.state, order_id) for order_id in (1, 0, 99)]


def test_account_gives_money_and_margin(traded: Exchange) -> None:
    """Long 10 at 120: 200,000 of profit, margin 2,400 a lot; 5 lots open with a fee of 275.

    The bid was 10 ticks above the mark of its time, so it also reserves 50,000.
    """
    found = account(traded.state, ALICE)
    assert (ALICE, CASH - 500, 200_000, 24_000, 12_000, 50_275) == (
        *(found.account, found.cash_e6, found.unrealised_e6),
        *(found.initial_margin_e6, found.open_margin_e6, found.reserve_e6),
    )
    assert CASH - 500 + 200_000 - 24_000 - 12_000 - 50_275 == found.free_e6
    assert 1 == found.open_orders
    assert (PositionView(PERP, 10, 1_000_000, 120_000_000, 200_000),) == found.positions


def test_an_account_that_did_nothing_has_only_cash(market: Exchange) -> None:
    found = account(market.state, CAROL)
    assert (
        *(CAROL, CASH, 0, 0, 0, 0, CASH, 0, (), ()),
        *(MarginMode.STANDARD, CASH, 0, 0, 0),
    ) == msgspec.structs.astuple(found)


def test_a_closed_position_is_not_shown(market: Exchange) -> None:
    market.trade(ALICE, BOB, 100, 10)
    market.trade(BOB, ALICE, 100, 10)
    assert () == account(market.state, ALICE).positions


def test_an_option_position_has_no_unrealised_profit(market: Exchange) -> None:
    market.trade(ALICE, BOB, 5, 10, CALL)
    (position,) = account(market.state, ALICE).positions
    assert PositionView(CALL, 10, 50_000, 5_000_000, 0) == position


def test_views_see_a_mark_that_moved_since_the_last_command_of_the_account(
    traded: Exchange,
) -> None:
    traded.mark(90)
    assert -100_000 == account(traded.state, ALICE).unrealised_e6


def test_what_does_not_exist_is_said_clearly(market: Exchange) -> None:
    with pytest.raises(CannotRunError, match="expected a listed instrument, found 99"):
        best(market.state, 99)
    with pytest.raises(CannotRunError, match="expected a listed instrument, found 99"):
        depth(market.state, 99)
    with pytest.raises(CannotRunError, match="expected an open account, found 99"):
        account(market.state, 99)


def test_a_state_of_another_machine_is_refused() -> None:
    state: State = initial(COUNTER, counter_genesis(rules_version=1))
    with pytest.raises(CannotRunError, match="expected a state of the exchange"):
        best(state, PERP)


def test_views_change_nothing(traded: Exchange) -> None:
    before = (traded.records(), traded.state.digest, traded.state.hash, traded.state.core.clocks())
    for _ in range(2):
        best(traded.state, PERP)
        depth(traded.state, PERP)
        order(traded.state, 3)
        account(traded.state, ALICE)
        MACHINE.views(traded.state.core)
    after = (traded.records(), traded.state.digest, traded.state.hash, traded.state.core.clocks())
    assert before == after


def test_account_gives_protections_with_what_stands_in_their_windows(market: Exchange) -> None:
    """Ten lots bought and four sold under MMP: 14 lots of quantity, 6 of delta."""
    market.bid(ALICE, 100, 10, flags=OrderFlag.MMP)
    market.ask(ALICE, 101, 4, flags=OrderFlag.MMP)
    market.sell(BOB, 100, 10)
    market.buy(BOB, 101, 4)
    assert (
        MmpView("BTC", 0, 2, 14 * LOT_E8, 6 * LOT_E8, 0),
        MmpView("ETH", 0, 0, 0, 0, 0),
    ) == account(market.state, ALICE).mmps
    market.protect(ALICE, frozen_ms=0, qty_limit_e8=1)
    market.ask(ALICE, 101, 1, flags=OrderFlag.MMP)
    market.buy(BOB, 101, 1)
    assert MmpView("BTC", -1, 0, 0, 0, 0) == account(market.state, ALICE).mmps[0]


def test_the_tables_hold_all_that_stands(traded: Exchange) -> None:
    tables = MACHINE.views(traded.state.core)
    assert [
        *("accounts", "book", "fundings", "instruments", "marks", "orders", "positions"),
        *("protections", "settlements", "treasury", "underlyings"),
    ] == sorted(tables)
    assert [("BTC", 100_000_000), ("ETH", 100_000_000)] == [
        (row["underlying"], row["index_price_e6"]) for row in tables["underlyings"]
    ]
    assert (20_000_000, 500, 0) == tuple(
        tables["underlyings"][0][name]
        for name in ("future_initial_e9", "penalty_bps", "portfolio_scenarios")
    )
    assert [(1, "PERPETUAL", "ACTIVE"), (2, "FUTURE", "ACTIVE")] == [
        (row["instrument"], row["kind"], row["status"]) for row in tables["instruments"][:2]
    ]
    assert [1, 2, 3, 4, 5] == [row["instrument"] for row in tables["marks"]]
    assert [(ALICE, "BTC"), (ALICE, "ETH")] == [
        (row["account"], row["underlying"]) for row in tables["protections"]
    ]
    assert [("BUY", 110, 7), ("BUY", 109, 1), ("SELL", 130, 4)] == [
        (row["side"], row["price_ticks"], row["total_lots"]) for row in tables["book"]
    ]
    assert [1, 2, 3, 4, 5, 6, 7] == [row["account"] for row in tables["accounts"]]
    assert [(ALICE, 10), (BOB, -10)] == [
        (row["account"], row["qty_lots"]) for row in tables["positions"]
    ]
    assert [3, 6, 4, 5] == [row["order_id"] for row in tables["orders"]]
    assert START_NS == traded.now_ns

"""Closing positions: opposite market orders in the name of who holds them, and none too many."""

import msgspec
import pytest

from lockstep_desk.core import closing
from lockstep_desk.core.codes import OrderKind, Origin, Scope, TimeInForce
from lockstep_desk.core.commands import ClosePositions, Filter, Limits, RecordL1
from lockstep_desk.core.events import OrderRequested
from lockstep_desk.fund import MANUAL
from lockstep_desk.oms.states import OrderState
from lockstep_desk.types import Side
from tests.contract.desk.conftest import Trading
from tests.support.desk import (
    ACCOUNT,
    BTC,
    E8,
    E9,
    ETH,
    VENUE,
    WIDE,
    limit_buy,
    limit_sell,
    of,
    report,
)


def closes(trading: Trading, wanted: Filter | None = None) -> list[OrderRequested]:
    return of(OrderRequested, trading.desk.send(ClosePositions(wanted or Filter())))


def hold(trading: Trading, owner: str, qty: int, instrument: str = BTC) -> None:
    """Let a deployment hold a signed quantity more."""
    desk = trading.desk
    wanted = limit_buy if qty > 0 else limit_sell
    order = desk.opened(owner, wanted(abs(qty), 10_000, instrument))
    desk.fill(order, abs(qty), 10_000)


@pytest.mark.desk("DESK-24", "DESK-16")
def test_a_position_is_closed_by_an_opposite_market_order_at_the_price_now(
    trading: Trading,
) -> None:
    hold(trading, trading.alpha, E8)
    trading.desk.price(BTC, 11_000)
    (order,) = closes(trading)
    assert (Side.SELL, E8, 11_000 * E9) == (order.side, order.qty_e8, order.price_e9)
    assert (OrderKind.MARKET, TimeInForce.IOC) == (order.kind, order.tif)
    assert (Origin.CLOSE, trading.alpha, True) == (
        *(order.origin, order.deployment, order.is_reduce_only),
    )


@pytest.mark.desk("DESK-24")
def test_an_instrument_without_a_price_is_skipped(trading: Trading) -> None:
    desk = trading.desk
    hold(trading, trading.alpha, E8)
    desk.core.markets[BTC].trade_ns = -1
    assert [] == closes_of(trading)


def closes_of(trading: Trading) -> list[object]:
    """Return what would be sent, without a command."""
    return list(closing.closes(trading.desk.core, Filter()))


@pytest.mark.desk("DESK-11")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), [BTC, ETH]),
        (Filter(Scope.VENUES, (VENUE,)), [BTC, ETH]),
        (Filter(Scope.INSTRUMENTS, (ETH,)), [ETH]),
        (Filter(Scope.UNDERLYINGS, ("btc",)), [BTC]),
        (Filter(Scope.ACCOUNTS, (ACCOUNT,)), [BTC, ETH]),
        (Filter(Scope.DEPLOYMENTS, (MANUAL,)), []),
    ],
    ids=str,
)
def test_a_filter_closes_what_matches(
    trading: Trading, wanted: Filter, expected: list[str]
) -> None:
    trading.desk.price(ETH, 10_000)
    hold(trading, trading.alpha, E8, ETH)
    hold(trading, trading.alpha, E8)
    assert expected == [order.instrument for order in closes(trading, wanted)]


@pytest.mark.desk("DESK-24")
def test_a_repeated_command_closes_nothing_twice(trading: Trading) -> None:
    desk = trading.desk
    hold(trading, trading.alpha, E8)
    (order,) = closes(trading)
    assert [] == closes(trading)
    desk.fill(order, E8 // 4, 10_000)
    desk.send(report(order, OrderState.CANCELLED, None, desk.now_ns))
    assert [3 * E8 // 4] == [again.qty_e8 for again in closes(trading)]


def test_an_accounts_position_is_closed_from_the_holdings_on_its_side(trading: Trading) -> None:
    beta, gamma = trading.desk.deploy("beta"), trading.desk.deploy("gamma")
    hold(trading, trading.alpha, 3 * E8)
    hold(trading, beta, -2 * E8)
    hold(trading, gamma, E8)
    orders = closes(trading)
    assert 2 * E8 == sum(order.qty_e8 for order in orders)
    assert [Side.SELL] * len(orders) == [order.side for order in orders]
    assert beta not in [order.deployment for order in orders]


def test_a_deployments_filter_closes_all_that_it_holds(trading: Trading) -> None:
    beta = trading.desk.deploy("beta")
    hold(trading, trading.alpha, 3 * E8)
    hold(trading, beta, -2 * E8)
    (order,) = closes(trading, Filter(Scope.DEPLOYMENTS, (beta,)))
    assert (Side.BUY, 2 * E8, beta, False) == (
        *(order.side, order.qty_e8, order.deployment, order.is_reduce_only),
    )
    (whole,) = closes(trading, Filter(Scope.DEPLOYMENTS, (trading.alpha,)))
    assert (Side.SELL, 3 * E8) == (whole.side, whole.qty_e8)


def test_a_close_is_sliced_by_the_size_cap_of_its_deployment(trading: Trading) -> None:
    desk = trading.desk
    tight = msgspec.structs.replace(WIDE, max_order_cents=1_000_000)
    beta = desk.deploy("beta", tight)
    for _ in range(3):
        hold(trading, beta, E8)
    desk.price(BTC, 12_000)
    orders = closes(trading)
    assert 3 * E8 == sum(order.qty_e8 for order in orders)
    assert all(order.qty_e8 * order.price_e9 <= 10_000 * E9 * E8 for order in orders)
    assert 4 == len(orders)


def test_slices_are_never_more_than_a_command_should_make(trading: Trading) -> None:
    desk = trading.desk
    beta = desk.deploy("beta", Limits(10**14, 10**14, 10**6))
    hold(trading, beta, E8)
    crumbs = Limits(10**14, 1, 10**6)
    desk.core.deployments[beta].limits = crumbs
    assert closing.SLICES_MAX == len(closing.closes(desk.core, Filter()))


def test_what_nobody_holds_needs_the_manual_limits_to_be_closed(trading: Trading) -> None:
    desk = trading.desk
    order = desk.opened(trading.alpha)
    stray = msgspec.structs.replace(order, client_order_id="stranger")
    desk.fill(stray, E8, 10_000)
    assert [] == closes(trading)
    desk.allow_manual()
    assert [""] == [order.deployment for order in closes(trading)]


def test_what_is_less_than_a_lot_stays(trading: Trading) -> None:
    desk = trading.desk
    order = desk.opened(trading.alpha)
    desk.fill(order, E8 // 2 + 7, 10_000)
    assert [E8 // 2] == [close.qty_e8 for close in closes(trading)]


def test_the_price_of_a_close_may_stand_between_two_ticks(trading: Trading) -> None:
    hold(trading, trading.alpha, E8)
    trading.desk.send(RecordL1(BTC, 9_999 * E9, E8, 10_000 * E9, 2 * E8, 10**12))
    (order,) = closes(trading)
    assert 9_999_333_333_333 == order.price_e9

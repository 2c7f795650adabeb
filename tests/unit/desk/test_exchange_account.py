"""The projection of an exchange's account: every event that moves it, in the desk's words."""

from typing import Any

import msgspec
import pytest

from lockstep_desk.adapters.exchange import ExchangeAccount
from lockstep_desk.adapters.exchange.account import deployment_of, error_of, lineage_of
from lockstep_desk.core.commands import (
    BalanceReport,
    FundingReport,
    PositionReport,
    RecordBalance,
    RecordCancelResponse,
    RecordFill,
    RecordFunding,
    RecordL1,
    RecordOrder,
)
from lockstep_desk.oms.states import OrderError, OrderState
from lockstep_desk.types import Liquidity, Side
from lockstep_engine import events as told
from lockstep_engine.codes import AmendReason, CancelReason, CashReason, Code
from lockstep_engine.commands import TradingLimits

OURS, THEIRS, PERP = 7, 8, 1
TICK_E6, LOT = 10**6, 10**5
NOW = 1_000
ALPHA = "6c9704f1-6245-53e5-b491-995e313d7742"
LISTED = told.InstrumentCreated(
    *(PERP, "BTC-PERP", "BTC", 1, 0, 0, TICK_E6, LOT, 10**8),
    TradingLimits(),
    False,
)


@pytest.fixture
def account() -> ExchangeAccount:
    account = ExchangeAccount("main", OURS)
    account.know(5, "ours")
    account.take(NOW, [LISTED])
    return account


def accepted(order_id: int = 11, client_id: int = 5, owner: int = OURS) -> told.OrderAccepted:
    return told.OrderAccepted(
        *(order_id, owner, PERP, 0, 100, 4, 0, 0, 0, 0, client_id, b"", 0, 0, 0)
    )


def side(owner: int, order_id: int, remaining: int, position: int) -> told.TradeSide:
    lineage = lineage_of(ALPHA) if owner == OURS else b""
    client = 5 if owner == OURS else 0
    return told.TradeSide(
        *(order_id, owner, client, remaining, 30, 0, -7, position, 0, 900, lineage)
    )


def trade(lots: int, remaining: int) -> told.Trade:
    maker, taker = side(OURS, 11, remaining, lots), side(THEIRS, 12, 0, -lots)
    return told.Trade(3, PERP, 100, lots, int(Side.SELL), 0, maker, taker)


def of(kind: type[Any], events: list[msgspec.Struct]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_a_maker_is_told_of_its_fill_with_fee_lineage_and_what_it_closed(
    account: ExchangeAccount,
) -> None:
    account.take(NOW, [accepted()])
    events = account.take(NOW + 1, [trade(3, 1)])
    (fill,) = of(RecordFill, events)
    assert ("3-0", "11", "ours", Side.BUY, 3 * LOT) == (
        *(fill.fill.fill_id, fill.fill.order_id, fill.fill.client_order_id),
        *(fill.fill.side, fill.fill.qty_e8),
    )
    assert (100 * 10**9, 30_000, Liquidity.MAKER, NOW + 1, ALPHA, -7_000) == (
        *(fill.fill.price_e9, fill.fill.fee_e9, fill.fill.liquidity, fill.fill.ts_ns),
        *(fill.fill.deployment, fill.fill.broker_closed_pnl_e9),
    )
    (report,) = of(RecordOrder, events)
    assert (OrderState.OPEN, 3 * LOT) == (report.order.state, report.order.live.filled_e8)
    assert [RecordBalance("main", BalanceReport("usd", 900_000, 900_000, NOW + 1))] == of(
        RecordBalance, events
    )
    assert (PositionReport("BTC-PERP", 3 * LOT),) == account.position_reports()


def test_the_last_fill_ends_an_order(account: ExchangeAccount) -> None:
    account.take(NOW, [accepted()])
    (report,) = of(RecordOrder, account.take(NOW, [trade(4, 0)]))
    assert OrderState.FULLY_FILLED == report.order.state
    assert {} == account.live


def test_orders_and_cash_of_others_are_nothing_to_the_desk(account: ExchangeAccount) -> None:
    others = [
        accepted(owner=THEIRS),
        told.OrderRejected(THEIRS, 40, PERP, 0, 5, int(Code.FOK_UNFILLABLE)),
        told.OrderCancelled(99, THEIRS, PERP, 0, 100, 0, 1, 1),
        told.CashMoved(THEIRS, 1, 5, 5),
        told.FundingPaid(PERP, THEIRS, 0, 1, 1, 1, 1),
        told.PositionSettled(THEIRS, PERP, 1, 1, 1, 1, 1, 1, 1),
    ]
    assert [] == account.take(NOW, others)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (CancelReason.ORDER_EXPIRED, OrderState.EXPIRED),
        (CancelReason.IMMEDIATE, OrderState.CANCELLED),
        (CancelReason.LIQUIDATION, OrderState.CANCELLED),
    ],
)
def test_an_order_that_the_exchange_ends_is_told_with_its_end(
    account: ExchangeAccount, reason: CancelReason, expected: OrderState
) -> None:
    account.take(NOW, [accepted()])
    ended = told.OrderCancelled(11, OURS, PERP, 0, 100, 5, int(reason), 4)
    (report,) = account.take(NOW, [ended])
    assert isinstance(report, RecordOrder)
    assert ("ours", expected) == (report.order.client_order_id, report.order.state)


def test_an_order_that_its_account_cancelled_is_an_answer(account: ExchangeAccount) -> None:
    account.take(NOW, [accepted()])
    ended = told.OrderCancelled(11, OURS, PERP, 0, 100, 5, int(CancelReason.USER), 4)
    assert [RecordCancelResponse("main", "ours", OrderError.NONE, NOW)] == account.take(
        NOW, [ended]
    )


def test_a_refusal_is_told_for_what_it_refuses(account: ExchangeAccount) -> None:
    code = int(Code.INSUFFICIENT_MARGIN)
    (placed,) = account.take(NOW, [told.OrderRejected(OURS, 40, PERP, 0, 5, code)])
    assert isinstance(placed, RecordOrder)
    assert (OrderState.OPEN_FAILED, OrderError.BALANCE_INSUFFICIENT) == (
        *(placed.order.state, placed.order.error),
    )
    unknown = told.OrderRejected(OURS, 42, 0, 0, 5, int(Code.UNKNOWN_ORDER))
    assert [RecordCancelResponse("main", "ours", OrderError.NOT_FOUND, NOW)] == account.take(
        NOW, [unknown]
    )
    assert OrderError.INSTRUMENT_INVALID == error_of(Code.UNKNOWN_INSTRUMENT)


def test_an_order_that_shrinks_has_less_left(account: ExchangeAccount) -> None:
    account.take(NOW, [accepted()])
    shrunk = told.OrderAmended(11, OURS, PERP, int(AmendReason.REDUCE_ONLY), 100, 3, 3)
    (report,) = account.take(NOW, [shrunk])
    assert isinstance(report, RecordOrder)
    assert report.order.live is not None
    assert LOT == report.order.live.filled_e8


def test_an_order_without_a_name_of_ours_is_called_by_the_venues(account: ExchangeAccount) -> None:
    (report,) = account.take(NOW, [accepted(client_id=0)])
    assert isinstance(report, RecordOrder)
    assert "venue-11" == report.order.client_order_id


@pytest.mark.parametrize(("qty", "cost", "realised"), [(4, 400, 80), (-4, -480, 20)])
def test_a_settlement_closes_at_what_the_position_became(
    account: ExchangeAccount, qty: int, cost: int, realised: int
) -> None:
    event = told.PositionSettled(OURS, PERP, qty, cost, 10**9, 80, realised, 2, 990)
    fill, balance = account.take(NOW, [event])
    assert isinstance(fill, RecordFill)
    lot_e6 = (cost + realised) // qty
    assert (abs(qty) * LOT, lot_e6 * 10**6, 2_000) == (
        *(fill.fill.qty_e8, fill.fill.price_e9, fill.fill.fee_e9),
    )
    assert (Side.SELL if qty > 0 else Side.BUY) is fill.fill.side
    assert isinstance(balance, RecordBalance)
    assert () == account.position_reports()


def test_both_parties_of_a_block_are_told_their_side(account: ExchangeAccount) -> None:
    ours = told.BlockSide(OURS, 5, 0, 2, 0, 950, b"")
    theirs = told.BlockSide(THEIRS, 5, 0, -2, 0, 1, b"")
    for pair, direction, expected in (
        ((ours, theirs), Side.BUY, Side.BUY),
        ((theirs, ours), Side.BUY, Side.SELL),
        ((theirs, ours), Side.SELL, Side.BUY),
    ):
        event = told.BlockTraded(9, PERP, 100, 2, int(direction), 0, *pair)
        (fill,) = of(RecordFill, account.take(NOW, [event]))
        assert (expected, 2 * LOT, 5_000) == (fill.fill.side, fill.fill.qty_e8, fill.fill.fee_e9)


@pytest.mark.parametrize(("leg", "expected"), [(0, Side.SELL), (1, Side.BUY)])
def test_auto_deleveraging_is_a_fill_that_nobody_asked_for(
    account: ExchangeAccount, leg: int, expected: Side
) -> None:
    sides = [told.DeleveragedSide(THEIRS, 0, 0, 0, 1), told.DeleveragedSide(THEIRS, 0, 0, 0, 1)]
    sides[leg] = told.DeleveragedSide(OURS, 0, 1, 0, 940)
    event = told.AutoDeleveraged(PERP, 2, int(Side.SELL), 33, *sides)
    (fill,) = of(RecordFill, account.take(NOW, [event]))
    assert (expected, 2 * LOT, 33 * 10**6) == (
        *(fill.fill.side, fill.fill.qty_e8, fill.fill.price_e9),
    )


def test_funding_and_cash_move_the_balance(account: ExchangeAccount) -> None:
    events = account.take(
        NOW,
        [
            told.CashMoved(OURS, int(CashReason.DEPOSIT), 10, 10),
            told.FundingPaid(PERP, OURS, 5, 2, 1, -3, 7),
        ],
    )
    totals = [event.balance.total_e9 for event in of(RecordBalance, events)]
    assert [10_000, 7_000] == totals
    paid = FundingReport("1-5", "BTC-PERP", 2 * LOT, -3_000, 5)
    assert [RecordFunding("main", paid)] == of(RecordFunding, events)


def test_only_a_change_of_the_best_prices_is_told_each_at_a_time_of_its_own(
    account: ExchangeAccount,
) -> None:
    changes = [
        told.BookChanged(PERP, 1, ((99, 4),), ()),
        told.BookChanged(PERP, 2, ((98, 9),), ((101, 2),)),
        told.BookChanged(PERP, 3, ((98, 1),), ()),
        told.BookChanged(PERP, 4, ((99, 0),), ()),
    ]
    shown = of(RecordL1, account.take(NOW, changes))
    assert [(99, 4, 0, 0), (99, 4, 101, 2), (98, 1, 101, 2)] == [
        (
            *(one.bid_price_e9 // 10**9, one.bid_qty_e8 // LOT),
            *(one.ask_price_e9 // 10**9, one.ask_qty_e8 // LOT),
        )
        for one in shown
    ]
    assert [NOW, NOW + 1, NOW + 2] == [one.time_ns for one in shown]


def test_a_lineage_of_sixteen_bytes_is_a_deployment_and_nothing_else_is() -> None:
    assert ALPHA == deployment_of(lineage_of(ALPHA))
    assert b"" == lineage_of("")
    assert deployment_of(b"") is None
    assert deployment_of(b"short") is None

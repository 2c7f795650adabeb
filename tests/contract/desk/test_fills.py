"""Fills: each is booked once, to its owner, and one that cannot be is written down."""

from typing import Any

import msgspec
import pytest

from lockstep_desk.core.codes import Divergence
from lockstep_desk.core.commands import FillReport, RecordFill
from lockstep_desk.core.events import (
    AlertRaised,
    DivergenceRecorded,
    FillBooked,
    FillIgnored,
    HoldingExited,
    OrderEnded,
    OrderRequested,
    PositionExited,
)
from lockstep_desk.core.params import DeskParams
from lockstep_desk.oms.states import OrderState
from lockstep_desk.types import Liquidity, Severity, Side
from tests.contract.desk.conftest import Trading
from tests.support.desk import (
    ACCOUNT,
    BTC,
    E8,
    E9,
    ETH,
    Desk,
    fill_of,
    limit_buy,
    limit_sell,
    of,
    report,
)


def told(trading: Trading, fill: FillReport) -> list[Any]:
    return trading.desk.send(RecordFill(ACCOUNT, fill))


def divergence(trading: Trading, fill: FillReport) -> Divergence:
    """Tell a fill that must be written down and book nothing; return why."""
    position = trading.desk.view.position(ACCOUNT, BTC)
    events = told(trading, fill)
    found = of(DivergenceRecorded, events)[0]
    (alert,) = of(AlertRaised, events)
    assert (Severity.CRITICAL, found.divergence_id) == (alert.severity, alert.dedup_key)
    assert [] == of(FillBooked, events)
    assert position == trading.desk.view.position(ACCOUNT, BTC)
    return found.code


def order(trading: Trading) -> OrderRequested:
    return trading.desk.resting(trading.alpha)


@pytest.mark.desk("DESK-29", "DESK-30", "DESK-38", "FUND-38", "I3")
def test_a_fill_moves_position_holding_and_gate_alike(trading: Trading) -> None:
    desk, alpha = trading
    (booked,) = desk.fill(desk.opened(alpha), E8 // 2, 10_000, 5)
    assert isinstance(booked, FillBooked)
    assert (alpha, E8 // 2, E8 // 2) == (booked.deployment, booked.qty_e8, booked.position_qty_e8)
    for position in (desk.view.position(ACCOUNT, BTC), desk.view.holding(ACCOUNT, BTC, alpha)):
        assert position is not None
        assert (Side.BUY, E8 // 2) == (position.side, position.qty_e8)
        assert -5 * 10**17 == position.realised_e17
    gate = desk.view.gate(alpha)
    assert gate is not None
    assert ((BTC, E8 // 2),) == gate.quantities
    assert E8 // 2 * 10_000 * E9 == gate.position_e17


@pytest.mark.desk("DESK-D10", "RECON-42", "I7")
def test_a_fill_that_is_told_twice_counts_once(trading: Trading) -> None:
    fill = fill_of(order(trading), "one", E8 // 2, 10_000 * E9)
    told(trading, fill)
    before = trading.desk.state.digest
    (ignored,) = told(trading, fill)
    assert FillIgnored("one", ACCOUNT) == ignored
    assert before == trading.desk.state.digest


@pytest.mark.desk("RECON-45")
def test_another_fill_under_a_known_id_is_written_down(trading: Trading) -> None:
    fill = fill_of(order(trading), "one", E8 // 2, 10_000 * E9)
    told(trading, fill)
    other = msgspec.structs.replace(fill, price_e9=9_999 * E9)
    assert Divergence.FILL_OTHER_CONTENT == divergence(trading, other)


def test_fills_in_any_order_give_one_quantity(trading: Trading) -> None:
    desk = trading.desk
    first = order(trading)
    late = msgspec.structs.replace(fill_of(first, "late", E8 // 4, 10_000 * E9), ts_ns=9)
    told(trading, fill_of(first, "early", E8 // 4, 10_100 * E9))
    told(trading, late)
    position = desk.view.position(ACCOUNT, BTC)
    assert position is not None
    assert (E8 // 2, 10_050 * E9) == (position.qty_e8, position.entry_price_e9)
    assert 1_001 == position.time_update_ns


@pytest.mark.desk("DESK-41")
def test_a_fill_before_the_answer_to_its_order_finds_its_owner(trading: Trading) -> None:
    desk, alpha = trading
    flying = desk.opened(alpha)
    booked = desk.fill(flying, E8 // 2, 10_000)[0]
    assert alpha == booked.deployment
    desk.send(report(flying, OrderState.OPEN, E8 // 2, 5))
    (standing,) = desk.view.orders()
    assert (OrderState.OPEN, E8 // 2) == (standing.state, standing.filled_e8)


@pytest.mark.desk("DESK-D8")
def test_an_order_whose_fills_are_complete_is_done_without_another_word(trading: Trading) -> None:
    desk = trading.desk
    events = desk.fill(order(trading), E8, 10_000)
    assert [OrderState.FULLY_FILLED] == [end.state for end in of(OrderEnded, events)]
    assert () == desk.view.orders()


@pytest.mark.desk("DESK-41")
def test_a_late_fill_of_an_order_that_ended_finds_its_owner(trading: Trading) -> None:
    desk, alpha = trading
    done = order(trading)
    desk.send(report(done, OrderState.FULLY_FILLED, None, desk.now_ns))
    booked = desk.fill(done, E8, 10_000)[0]
    assert alpha == booked.deployment


def test_a_fill_of_an_unknown_order_is_booked_to_nobody_and_written_down(trading: Trading) -> None:
    desk = trading.desk
    stray = msgspec.structs.replace(order(trading), client_order_id="stranger")
    events = desk.fill(stray, E8, 10_000)
    (found,) = of(DivergenceRecorded, events)
    assert Divergence.FILL_OF_UNKNOWN_ORDER == found.code
    assert [""] == [booked.deployment for booked in of(FillBooked, events)]
    assert desk.view.holding(ACCOUNT, BTC, "") is not None


def test_a_fill_of_an_unknown_order_goes_to_the_deployment_that_its_venue_names(
    trading: Trading,
) -> None:
    fill = fill_of(order(trading), "one", E8, 10_000 * E9)
    stray = msgspec.structs.replace(fill, client_order_id="x", deployment=trading.alpha)
    (booked,) = of(FillBooked, told(trading, stray))
    assert trading.alpha == booked.deployment
    unknown = msgspec.structs.replace(stray, fill_id="two", deployment="nobody")
    (booked,) = of(FillBooked, told(trading, unknown))
    assert "" == booked.deployment


@pytest.mark.desk("DESK-35")
def test_a_fill_in_another_instrument_leaves_its_orders_position_alone(trading: Trading) -> None:
    desk = trading.desk
    fill = msgspec.structs.replace(fill_of(order(trading), "one", E8, E9), instrument=ETH)
    events = told(trading, fill)
    assert Divergence.FILL_OF_OTHER_ORDER == of(DivergenceRecorded, events)[0].code
    assert desk.view.position(ACCOUNT, BTC) is None
    held = desk.view.holding(ACCOUNT, ETH, "")
    assert held is not None
    assert E8 == held.qty_e8


@pytest.mark.desk("DESK-D17")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"qty_e8": -E8}, Divergence.FILL_MALFORMED),
        ({"qty_e8": 0}, Divergence.FILL_MALFORMED),
        ({"price_e9": -1}, Divergence.FILL_MALFORMED),
        ({"ts_ns": -1}, Divergence.FILL_MALFORMED),
        ({"fill_id": ""}, Divergence.FILL_MALFORMED),
        ({"qty_e8": 2**57, "price_e9": 2**59}, Divergence.FILL_OUT_OF_RANGE),
        ({"fee_e9": 2**62 - 1}, Divergence.FILL_OUT_OF_RANGE),
        ({"instrument": "nothing"}, Divergence.UNKNOWN_NAME),
    ],
    ids=str,
)
def test_a_fill_that_nobody_can_book_is_written_down(
    trading: Trading, changes: dict[str, Any], expected: Divergence
) -> None:
    fill = fill_of(order(trading), "one", E8, 10_000 * E9)
    assert expected == divergence(trading, msgspec.structs.replace(fill, **changes))


def test_a_divergence_is_told_once_and_counted(trading: Trading) -> None:
    fill = msgspec.structs.replace(fill_of(order(trading), "one", E8, 1), qty_e8=-1)
    told(trading, fill)
    assert [] == told(trading, fill)
    (note,) = trading.desk.core.divergences.values()
    assert 2 == note.count


def test_more_fills_than_the_order_had_are_booked_and_written_down(trading: Trading) -> None:
    desk = trading.desk
    greedy = order(trading)
    desk.fill(greedy, E8, 10_000)
    events = desk.fill(greedy, E8, 10_000)
    assert [Divergence.FILL_OVER_QUANTITY] == [d.code for d in of(DivergenceRecorded, events)]
    position = desk.view.position(ACCOUNT, BTC)
    assert position is not None
    assert 2 * E8 == position.qty_e8


@pytest.mark.desk("DESK-32", "DESK-33", "DESK-37")
def test_an_exit_is_told_for_the_account_and_for_its_holder(trading: Trading) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha), E8, 10_000, 1_000)
    events = desk.fill(desk.opened(alpha, limit_sell(2 * E8, 20_000)), 2 * E8, 20_000, 4_000)
    (exited,), (released,) = of(PositionExited, events), of(HoldingExited, events)
    assert (7_000 * E9, 0) == (exited.realised_e9, exited.realised_rest)
    assert (alpha, 7_000 * E9) == (released.deployment, released.realised_e9)
    assert (10_000 * E9, 20_000 * E9) == (exited.entry_price_e9, exited.exit_price_e9)
    position = desk.view.position(ACCOUNT, BTC)
    assert position is not None
    assert (Side.SELL, E8, ("fill 2",)) == (position.side, position.qty_e8, position.fill_ids)


@pytest.mark.desk("DESK-38")
def test_two_deployments_share_a_position_and_hold_their_own(trading: Trading) -> None:
    desk, alpha = trading
    beta = desk.deploy("beta")
    desk.fill(desk.opened(alpha), E8, 10_000)
    desk.fill(desk.opened(beta, limit_sell()), E8, 11_000)
    assert desk.view.position(ACCOUNT, BTC) is None
    long, short = desk.view.holding(ACCOUNT, BTC, alpha), desk.view.holding(ACCOUNT, BTC, beta)
    assert long is not None
    assert short is not None
    assert (Side.BUY, Side.SELL) == (long.side, short.side)
    assert (alpha, beta) == (long.deployment_id, short.deployment_id)


@pytest.mark.desk("RECON-46")
def test_of_forgotten_fills_the_time_is_kept_and_older_ones_are_not_booked() -> None:
    desk = Desk(DeskParams("small", fill_capacity=2))
    alpha = desk.open_market()
    desk.heal()
    desk.enable()
    flowing = desk.resting(alpha, limit_buy(10 * E8))
    fill = fill_of(flowing, "0", E8, 10_000 * E9)
    fills = [
        msgspec.structs.replace(fill, fill_id=f"{number}", ts_ns=100 + number)
        for number in range(4)
    ]
    for one in fills:
        desk.send(RecordFill(ACCOUNT, one))
    assert 101 == desk.core.accounts[ACCOUNT].fill_floor_ns
    assert ["2", "3"] == list(desk.core.fills[ACCOUNT])
    trading = Trading(desk, alpha)
    assert Divergence.FILL_TOO_OLD == divergence(trading, fills[1])
    assert FillIgnored("3", ACCOUNT) == desk.one(RecordFill(ACCOUNT, fills[3]))


def test_liquidity_and_fees_of_a_rebate_are_taken_as_they_are(trading: Trading) -> None:
    fill = fill_of(order(trading), "one", E8, 10_000 * E9, -7)
    maker = msgspec.structs.replace(fill, liquidity=Liquidity.MAKER)
    told(trading, maker)
    position = trading.desk.view.position(ACCOUNT, BTC)
    assert position is not None
    assert (7 * E8, -7) == (position.realised_e17, position.fees_enter_e9)

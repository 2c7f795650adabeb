"""Fees in another asset than the quote: counted by themselves, once, and never in a profit."""

from typing import Any

import msgspec
import pytest

from lockstep_desk.core.codes import Divergence, Refusal
from lockstep_desk.core.commands import FeeReport, RecordFee
from lockstep_desk.core.events import DivergenceRecorded, FeeBooked, FillIgnored, OrderRequested
from lockstep_desk.core.params import DeskParams
from tests.contract.desk.conftest import Trading
from tests.support.desk import ACCOUNT, BTC, E8, E9, Desk, of


def fee_of(order: OrderRequested, fill_id: str = "f", **changes: Any) -> FeeReport:
    fee = FeeReport(fill_id, order.client_order_id, "bnb", 3 * E9, 1_000)
    return msgspec.structs.replace(fee, **changes)


@pytest.mark.desk("DESK-D18")
def test_a_fee_in_another_asset_is_its_deployments_and_in_no_profit(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    desk.fill(order, E8, 10_000)
    assert FeeBooked("f", ACCOUNT, "bnb", alpha, 3 * E9) == desk.one(
        RecordFee(ACCOUNT, fee_of(order))
    )
    desk.send(RecordFee(ACCOUNT, fee_of(order, "g", fee_e9=-E9)))
    assert (("bnb", alpha, 2 * E9),) == desk.view.fees(ACCOUNT)
    position = desk.view.position(ACCOUNT, BTC)
    assert position is not None
    assert (0, 0) == (position.realised_e17, position.fees_enter_e9)
    assert () == desk.view.fees("other")


@pytest.mark.desk("DESK-D18", "DESK-38")
def test_deployments_hold_positions_of_their_own_in_one_instrument(trading: Trading) -> None:
    desk, alpha = trading
    beta = desk.deploy("beta")
    desk.fill(desk.opened(alpha), E8, 10_000)
    desk.fill(desk.opened(beta), E8, 11_000)
    entries = [
        held.entry_price_e9
        for owner in (alpha, beta)
        if (held := desk.view.holding(ACCOUNT, BTC, owner)) is not None
    ]
    assert [10_000 * E9, 11_000 * E9] == entries


@pytest.mark.desk("DESK-D10")
def test_a_fee_that_is_told_twice_counts_once(trading: Trading) -> None:
    desk, alpha = trading
    fee = fee_of(desk.resting(alpha))
    desk.send(RecordFee(ACCOUNT, fee))
    assert FillIgnored("f fee bnb", ACCOUNT) == desk.one(RecordFee(ACCOUNT, fee))
    other = msgspec.structs.replace(fee, fee_e9=1)
    events = desk.send(RecordFee(ACCOUNT, other))
    assert [Divergence.FILL_OTHER_CONTENT] == [d.code for d in of(DivergenceRecorded, events)]
    assert (("bnb", alpha, 3 * E9),) == desk.view.fees(ACCOUNT)


@pytest.mark.parametrize("changes", [{"fill_id": ""}, {"asset": ""}, {"ts_ns": -1}], ids=str)
def test_a_fee_that_makes_no_sense_is_written_down(
    trading: Trading, changes: dict[str, Any]
) -> None:
    desk, alpha = trading
    events = desk.send(RecordFee(ACCOUNT, fee_of(desk.resting(alpha), **changes)))
    assert [Divergence.FILL_MALFORMED] == [d.code for d in of(DivergenceRecorded, events)]
    assert () == desk.view.fees(ACCOUNT)


def test_the_fee_of_an_unknown_order_is_nobodys(trading: Trading) -> None:
    desk, alpha = trading
    stray = fee_of(desk.resting(alpha), client_order_id="stranger")
    assert "" == desk.one(RecordFee(ACCOUNT, stray)).deployment
    assert Refusal.UNKNOWN_ACCOUNT == desk.one(RecordFee("x", stray)).code


def test_a_fee_behind_the_floor_is_not_booked() -> None:
    desk = Desk(DeskParams("small", fill_capacity=1))
    alpha = desk.open_market()
    desk.heal()
    desk.enable()
    order = desk.resting(alpha)
    for name, ts_ns in (("a", 10), ("b", 20)):
        desk.send(RecordFee(ACCOUNT, fee_of(order, name, ts_ns=ts_ns)))
    events = desk.send(RecordFee(ACCOUNT, fee_of(order, "a", ts_ns=10)))
    assert [Divergence.FILL_TOO_OLD] == [d.code for d in of(DivergenceRecorded, events)]
    assert (("bnb", alpha, 6 * E9),) == desk.view.fees(ACCOUNT)

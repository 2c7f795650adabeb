"""Funding: each owner's part of what the account was paid, once, and to the last unit."""

from typing import Any

import msgspec
import pytest

from lockstep_desk.core.codes import Divergence, Refusal
from lockstep_desk.core.commands import (
    AccountLimits,
    FundingReport,
    Limits,
    OpenRequest,
    RecordFunding,
    RegisterInstrument,
    RegisterVenue,
    SetAccountLimits,
)
from lockstep_desk.core.events import (
    AlertRaised,
    DivergenceRecorded,
    EquityChanged,
    FillIgnored,
    FundingBooked,
    OrderRefused,
    OrderRequested,
)
from lockstep_desk.core.params import DeskParams
from lockstep_desk.types import Dimension, Side
from tests.contract.desk.conftest import Trading
from tests.support.desk import ACCOUNT, BTC, E8, E9, WIDE, Desk, limit_buy, of


def paid(amount: int, qty: int = 2 * E8, **changes: Any) -> RecordFunding:
    funding = FundingReport("f", BTC, qty, amount * E9, 1_000)
    return RecordFunding(ACCOUNT, msgspec.structs.replace(funding, **changes))


def sell(qty: int) -> OpenRequest:
    return msgspec.structs.replace(limit_buy(qty), side=Side.SELL)


def codes(events: list[Any]) -> list[Divergence]:
    return [one.code for one in of(DivergenceRecorded, events)]


def test_an_owner_is_paid_for_what_it_holds(trading: Trading) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha, limit_buy(2 * E8)), 2 * E8, 10_000)
    (told,) = desk.send(paid(-3))
    assert FundingBooked("f", ACCOUNT, BTC, alpha, 2 * E8, -3 * E9, 1_000) == told
    desk.send(paid(5, funding_id="g"))
    assert 2 * E9 == desk.view.funding_e9(ACCOUNT, BTC, alpha)
    assert (0, 0) == (
        desk.view.funding_e9(ACCOUNT, BTC, ""),
        desk.view.funding_e9("other", BTC, alpha),
    )
    position = desk.view.position(ACCOUNT, BTC)
    assert position is not None
    assert 0 == position.realised_e17


@pytest.mark.desk("I2")
def test_who_is_long_pays_who_is_short_is_paid_and_together_they_have_what_the_account_has(
    trading: Trading,
) -> None:
    desk, alpha = trading
    beta = desk.deploy("beta")
    desk.fill(desk.opened(alpha, limit_buy(5 * E8)), 5 * E8, 10_000)
    desk.fill(desk.opened(beta, sell(3 * E8)), 3 * E8, 10_000)
    told = of(FundingBooked, desk.send(paid(-4)))
    expected = {alpha: (5 * E8, -10 * E9), beta: (-3 * E8, 6 * E9)}
    assert expected == {one.deployment: (one.qty_e8, one.amount_e9) for one in told}


@pytest.mark.parametrize(("qty", "amount"), [(3 * E8, -1), (7, 10**9 // 3), (-E8, 1)])
def test_parts_sum_to_the_payment_whatever_does_not_divide(
    trading: Trading, qty: int, amount: int
) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha, limit_buy(E8)), E8, 10_000)
    desk.fill(desk.opened(desk.deploy("beta"), limit_buy(2 * E8)), 2 * E8, 10_000)
    told = of(FundingBooked, desk.send(paid(0, qty, amount_e9=amount)))
    assert amount == sum(one.amount_e9 for one in told)


def test_funding_for_another_position_than_the_desk_holds_is_nobodys_and_told(
    trading: Trading,
) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha, limit_buy(E8)), E8, 10_000)
    events = desk.send(paid(-4, 2 * E8))
    assert [Divergence.POSITION_DIFFERS] == codes(events)
    assert 1 == len(of(AlertRaised, events))
    told = {one.deployment: one.amount_e9 for one in of(FundingBooked, events)}
    assert {alpha: -2 * E9, "": -2 * E9} == told


def test_funding_that_nobody_holds_a_position_for_is_nobodys(trading: Trading) -> None:
    desk, _alpha = trading
    events = desk.send(paid(-4))
    assert [Divergence.POSITION_DIFFERS] == codes(events)
    (told,) = of(FundingBooked, events)
    assert ("", 0, -4 * E9) == (told.deployment, told.qty_e8, told.amount_e9)


def test_parts_too_large_for_a_number_are_not_made(trading: Trading) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha, limit_buy(2 * E8)), 2 * E8, 10_000)
    events = desk.send(paid(0, 1, amount_e9=2**61))
    assert [Divergence.POSITION_DIFFERS, Divergence.FILL_OUT_OF_RANGE] == codes(events)
    (told,) = of(FundingBooked, events)
    assert ("", 2**61) == (told.deployment, told.amount_e9)


@pytest.mark.desk("DESK-D10", "RECON-42")
def test_funding_that_is_told_twice_is_paid_once(trading: Trading) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha, limit_buy(2 * E8)), 2 * E8, 10_000)
    desk.send(paid(-3))
    assert FillIgnored("funding f", ACCOUNT) == desk.one(paid(-3))
    assert [Divergence.FILL_OTHER_CONTENT] == codes(desk.send(paid(-4)))
    assert -3 * E9 == desk.view.funding_e9(ACCOUNT, BTC, alpha)


@pytest.mark.parametrize("changes", [{"funding_id": ""}, {"qty_e8": 0}, {"ts_ns": -1}], ids=str)
def test_funding_that_makes_no_sense_is_written_down(
    trading: Trading, changes: dict[str, Any]
) -> None:
    desk, _alpha = trading
    assert [Divergence.FILL_MALFORMED] == codes(desk.send(paid(-3, **changes)))
    assert 0 == desk.view.funding_e9(ACCOUNT, BTC, "")


def test_funding_of_an_unknown_name_is_refused_or_written_down(trading: Trading) -> None:
    desk, _alpha = trading
    stranger = RecordFunding("x", paid(-3).funding)
    assert Refusal.UNKNOWN_ACCOUNT == desk.one(stranger).code
    assert [Divergence.UNKNOWN_NAME] == codes(desk.send(paid(-3, instrument="doge")))
    desk.send(RegisterVenue("far"))
    desk.send(RegisterInstrument("far_btc", "far", "btc", "usd", 1, 1))
    assert [Divergence.UNKNOWN_NAME] == codes(desk.send(paid(-3, instrument="far_btc")))


def test_funding_behind_the_floor_is_not_booked() -> None:
    desk = Desk(DeskParams("small", fill_capacity=1))
    desk.open_market()
    desk.heal()
    for name, ts_ns in (("a", 10), ("b", 20)):
        desk.send(paid(-1, funding_id=name, ts_ns=ts_ns))
    assert [Divergence.FILL_TOO_OLD] == codes(desk.send(paid(-1, funding_id="a", ts_ns=10)))
    assert -2 * E9 == desk.view.funding_e9(ACCOUNT, BTC, "")


def test_funding_is_in_the_daily_loss_that_a_gate_limits(trading: Trading) -> None:
    desk, _alpha = trading
    tight: Limits = msgspec.structs.replace(WIDE, max_daily_loss_cents=500)
    beta = desk.deploy("beta", tight)
    desk.fill(desk.opened(beta, limit_buy(2 * E8)), 2 * E8, 10_000)
    desk.send(paid(-5))
    (let_go,) = desk.want(beta, limit_buy(E8))
    assert isinstance(let_go, OrderRequested)
    desk.send(paid(-1, funding_id="g"))
    (refused,) = desk.want(beta, limit_buy(E8))
    assert isinstance(refused, OrderRefused)
    assert refused.breach is not None
    assert Dimension.DAILY_LOSS_LIMIT == refused.breach.dimension


@pytest.mark.desk("RECON-21")
def test_funding_is_in_the_equity_that_an_account_is_held_to(trading: Trading) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha, limit_buy(2 * E8)), 2 * E8, 10_000)
    desk.send(paid(-5))
    desk.send(SetAccountLimits(ACCOUNT, AccountLimits("usdt", 1_000 * E9, max_drawdown_bps=100)))
    (told,) = of(EquityChanged, desk.send(paid(-10, funding_id="g")))
    assert EquityChanged(ACCOUNT, 990 * E9, 1_000 * E9, 100, False) == told
    (told,) = of(EquityChanged, desk.send(paid(-1, funding_id="h")))
    assert told.is_blocked

"""The day's loss of a deployment, from the first command of the UTC day on."""

import msgspec
import pytest

from lockstep_desk.core.commands import SendOpenRequests, SetLimits
from lockstep_desk.core.events import OrderRefused, OrderRequested
from lockstep_desk.fund import MANUAL
from tests.contract.desk.conftest import Trading
from tests.support.desk import BTC, E8, WIDE, Desk, limit_buy, limit_sell, trade

DAY = 86_400 * 10**9
LIMITED = msgspec.structs.replace(WIDE, max_daily_loss_cents=10_000)


def opens(desk: Desk, owner: str) -> bool:
    """Return whether an order that opens may go; its breach is no other than the daily loss."""
    (event,) = desk.want(owner, limit_buy(10**4))
    if isinstance(event, OrderRefused):
        assert "DAILY_LOSS_LIMIT" == event.reason
    return isinstance(event, OrderRequested)


def holder(desk: Desk) -> str:
    """Return a deployment that holds one bitcoin, bought at 10,000."""
    beta = desk.deploy("beta", LIMITED)
    desk.fill(desk.opened(beta), E8, 10_000)
    return beta


@pytest.mark.desk("FUND-73")
def test_what_was_lost_since_midnight_counts_before_the_first_order(trading: Trading) -> None:
    desk = trading.desk
    beta = holder(desk)
    desk.send(trade(BTC, 9_899, 3 * DAY), 3 * DAY)
    assert not opens(desk, beta)
    desk.price(BTC, 9_900)
    assert opens(desk, beta)


@pytest.mark.desk("FUND-73")
def test_what_was_lost_before_midnight_is_yesterdays(trading: Trading) -> None:
    desk = trading.desk
    beta = holder(desk)
    desk.send(trade(BTC, 5_000, DAY - 10**9), DAY - 10**9)
    assert not opens(desk, beta)
    desk.now_ns = DAY
    assert opens(desk, beta)
    desk.price(BTC, 4_900)
    assert opens(desk, beta)
    desk.price(BTC, 4_899)
    assert not opens(desk, beta)


@pytest.mark.desk("FUND-73")
def test_every_day_begins_anew_whatever_was_asked_on_it(trading: Trading) -> None:
    desk = trading.desk
    beta = holder(desk)
    for day in range(1, 4):
        desk.send(trade(BTC, 10_000 - 101 * day, day * DAY), day * DAY)
        assert not opens(desk, beta)


@pytest.mark.desk("FUND-73")
def test_a_limit_that_is_set_later_counts_the_whole_day(trading: Trading) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha), E8, 10_000)
    desk.send(trade(BTC, 9_899, DAY), DAY)
    assert opens(desk, alpha)
    desk.send(SetLimits(alpha, LIMITED))
    assert not opens(desk, alpha)


@pytest.mark.desk("FUND-73", "DESK-D19")
def test_the_daily_loss_of_manual_orders_is_that_of_what_nobody_holds(trading: Trading) -> None:
    desk = trading.desk
    desk.allow_manual(LIMITED)
    (bought,) = desk.send(SendOpenRequests((limit_buy(),)))
    desk.fill(bought, E8, 10_000)
    desk.price(BTC, 9_899)
    (refused,) = desk.send(SendOpenRequests((limit_buy(10**4),)))
    assert (MANUAL, "DAILY_LOSS_LIMIT") == (refused.breach.deployment, refused.reason)
    assert isinstance(desk.one(SendOpenRequests((limit_sell(),))), OrderRequested)

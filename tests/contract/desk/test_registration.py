"""What there is to trade: each thing once, and only under a name that ids can hold."""

import msgspec
import pytest

from lockstep_desk.core.codes import Refusal
from lockstep_desk.core.commands import (
    Limits,
    RegisterAccount,
    RegisterDeployment,
    RegisterInstrument,
    RegisterVenue,
)
from lockstep_desk.core.events import CommandRefused, DeploymentRegistered
from lockstep_desk.fund import LifecycleState
from lockstep_desk.ids import deployment_id
from tests.support.desk import ACCOUNT, BTC, VENUE, WIDE, Desk

LISTED = RegisterInstrument(BTC, VENUE, "btc", "usdt", 10**7, 10**4)


def refused(desk: Desk, command: msgspec.Struct) -> Refusal:
    """Send what must be refused and change nothing but the count of commands."""
    before = desk.state.digest
    event = desk.one(command)
    assert isinstance(event, CommandRefused)
    assert before == desk.state.digest
    return event.code


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.open_market()
    return desk


@pytest.mark.desk("DESK-D17")
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (RegisterVenue(VENUE), Refusal.ALREADY_REGISTERED),
        (RegisterVenue(""), Refusal.BAD_VALUE),
        (RegisterVenue("a|b"), Refusal.BAD_VALUE),
        (RegisterAccount(ACCOUNT, VENUE), Refusal.ALREADY_REGISTERED),
        (RegisterAccount("other", "nowhere"), Refusal.UNKNOWN_VENUE),
        (LISTED, Refusal.ALREADY_REGISTERED),
        (RegisterInstrument("x", "nowhere", "b", "q", 1, 1), Refusal.UNKNOWN_VENUE),
        (RegisterInstrument("x", VENUE, "b", "q", 0, 1), Refusal.BAD_VALUE),
        (RegisterDeployment("alpha", "s", "v1", 0, WIDE), Refusal.ALREADY_REGISTERED),
        (RegisterDeployment("", "s", "v1", 0, WIDE), Refusal.BAD_VALUE),
        (RegisterDeployment("beta", "s", "v1", -1, WIDE), Refusal.BAD_VALUE),
        (RegisterDeployment("beta", "s", "v1", 0, Limits(0, 1, 1)), Refusal.BAD_VALUE),
        (RegisterDeployment("beta", "s", "v1", 0, Limits(1, 1, -1)), Refusal.BAD_VALUE),
    ],
    ids=str,
)
def test_a_bad_or_second_registration_is_refused_and_changes_nothing(
    desk: Desk, command: msgspec.Struct, expected: Refusal
) -> None:
    assert expected == refused(desk, command)


def test_a_deployment_begins_in_paper_under_its_derived_id(desk: Desk) -> None:
    event = desk.one(RegisterDeployment("beta", "strategy", "v2", 3, WIDE))
    assert DeploymentRegistered(deployment_id("beta", "v2", 3), "beta", "strategy", "v2") == event
    assert LifecycleState.PAPER == desk.view.lifecycle(event.deployment)


def test_two_ordinals_of_one_name_and_version_are_two_deployments(desk: Desk) -> None:
    first = desk.one(RegisterDeployment("beta", "s", "v", 0, WIDE)).deployment
    assert first != desk.one(RegisterDeployment("beta", "s", "v", 1, WIDE)).deployment


def test_time_that_goes_back_is_refused_and_counted(desk: Desk) -> None:
    seq = desk.state.seq
    event = desk.send(RegisterVenue("late"), ts_ns=desk.now_ns - 1)[0]
    assert Refusal.TIME_REGRESSION == event.code
    assert (seq + 1, seq + 1) == (desk.state.seq, desk.core.sequence)
    assert "late" not in desk.core.venues

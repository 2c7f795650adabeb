"""Every test of this folder runs over both machines: the engine and the naive one."""

import pytest

from lockstep_engine.commands import SetFeeSchedule
from lockstep_engine.exchange import MACHINE as ENGINE
from lockstep_kernel import Machine
from lockstep_naive import MACHINE as NAIVE
from tests.support.exchange import (
    ALICE,
    BOB,
    Exchange,
    bare_exchange,
    staffed_exchange,
    standard_market,
)
from tests.support.margins import leave


@pytest.fixture(params=[ENGINE, NAIVE], ids=["engine", "naive"])
def machine(request: pytest.FixtureRequest) -> Machine:
    """One of the two machines of the exchange."""
    found: Machine = request.param
    return found


@pytest.fixture
def bare(machine: Machine) -> Exchange:
    """An exchange on which nothing happened yet."""
    return bare_exchange(machine)


@pytest.fixture
def staffed(machine: Machine) -> Exchange:
    """An exchange with one key that holds all roles, and nothing listed."""
    return staffed_exchange(machine)


@pytest.fixture
def market(machine: Machine) -> Exchange:
    """The standard market of tests.support.exchange."""
    return standard_market(machine)


@pytest.fixture
def free(market: Exchange) -> Exchange:
    """The standard market without fees: reserves are of prices only."""
    market.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    return market


@pytest.fixture
def sinking(free: Exchange) -> Exchange:
    """Alice is 100 lots long at 100 with 250,000; at 98 she has 50,000, IM 196,000, MM 98,000."""
    free.trade(ALICE, BOB, 100, 100)
    leave(free, ALICE, 250_000)
    free.mark(98)
    return free

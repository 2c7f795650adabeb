"""Every test of this folder runs over both machines: the engine and the naive one."""

import pytest

from lockstep_engine.commands import SetFeeSchedule
from lockstep_engine.exchange import MACHINE as ENGINE
from lockstep_kernel import Machine
from lockstep_naive import MACHINE as NAIVE
from tests.support.exchange import Exchange, bare_exchange, staffed_exchange, standard_market


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

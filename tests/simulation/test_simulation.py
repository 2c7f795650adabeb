"""A short run of the simulated market, checked after every command, reaches nearly everything.

`python -m tests.simulation` is the long form. Here one world of a few thousand commands and the one
beyond reason; what such a short run may miss stands in RARE.
"""

import pytest

from tests.simulation.run import run_extreme, run_market
from tests.simulation.steps import STEPS, Reached

SEED, COMMANDS = 55, 2_000
RARE = {
    "CancelReason REDUCE_ONLY": "most orders that a fill cuts keep something",
    "CancelReason AMENDED": "an amend to less than what was filled is one draw in some thousand",
}
"""Name -> why so short a run misses it."""


class Run:
    """Both worlds, at their ends."""

    def __init__(self) -> None:
        self.reached = Reached()
        self.extreme = run_extreme(self.reached)
        self.market = run_market(SEED, COMMANDS, self.reached)


@pytest.fixture(scope="module")
def run() -> Run:
    return Run()


def test_every_command_code_event_and_reason_is_reached(run: Run) -> None:
    assert RARE.keys() == {name for name in run.reached.missing() if name not in STEPS}


def test_every_step_of_liquidation_settlement_and_protection_is_reached(run: Run) -> None:
    assert [] == [name for name in STEPS if not run.reached.reach.counts[name]]


def test_all_commands_were_applied_and_checked(run: Run) -> None:
    assert COMMANDS == run.market.state.seq
    assert COMMANDS + run.extreme.state.seq == run.reached.reach.steps


@pytest.mark.rule("NUM-4", "SET-2", "SET-3")
def test_what_would_leave_the_bounds_of_cash_is_not_carried_out(run: Run) -> None:
    assert 1 == run.reached.reach.counts["event FundingSkipped"]
    assert 1 == run.reached.reach.counts["settlement: amount above the limit"]


@pytest.mark.rule("POS-3")
def test_the_ledger_and_the_state_agree_at_the_end(run: Run) -> None:
    assert sum(run.market.ledger.debt_e6.values()) == sum(
        account.debt_e6 for account in run.market.core.accounts.values()
    )
    assert run.market.ledger.positions() == {
        (account.account, number): (holding.qty_lots, holding.cost_e6)
        for account in run.market.core.accounts.values()
        for number, holding in account.holdings.items()
        if holding.qty_lots
    }

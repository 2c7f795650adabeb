"""The simulator: runs that repeat, faults that fire, a referee that sees, a command that speaks."""

from collections import Counter

import pytest
from click.testing import CliRunner

from lockstep_runtime.cli_simulate import simulate as command
from lockstep_runtime.simulate.campaign import Campaign, run_seeds, seeds_for
from lockstep_runtime.simulate.faults import Board, Fault, Plan, Reached, draw_plan
from lockstep_runtime.simulate.world import Outcome, simulate

SEEDS = range(1, 101)
"""What continuous checks run; `make sim` runs 2,000."""


def quiet(_campaign: Campaign) -> None:
    """Say nothing."""


@pytest.mark.slow
def test_one_hundred_seeds_hold_every_check() -> None:
    campaign = run_seeds(SEEDS, quiet, is_first_only=False)
    assert [] == [(one.seed, one.violation) for one in campaign.failures]
    assert 100 == campaign.seeds
    assert 100 == campaign.reached[Reached.ALL_ANSWERED]
    assert campaign.commands > 3_000


def told(outcome: Outcome) -> tuple[object, ...]:
    board = outcome.board
    return outcome[:4], outcome.violation, board.plan, board.fired, board.reached


@pytest.mark.parametrize("seed", [3, 11])
def test_a_seed_repeats_a_run_to_the_last_hash(seed: int) -> None:
    assert told(simulate(seed)) == told(simulate(seed))


def test_another_seed_is_another_run() -> None:
    assert told(simulate(3)) != told(simulate(4))


def test_the_exchange_is_simulated_too() -> None:
    outcome = simulate(2, is_exchange=True)
    assert ("", 1) == (outcome.violation, outcome.board.reached[Reached.EXCHANGE])


def test_plans_arm_every_kind_and_leave_every_kind_out() -> None:
    from random import Random

    plans = [draw_plan(Random(seed)) for seed in range(300)]
    armed = Counter(kind for plan in plans for kind in plan.armed)
    assert set(Fault) == set(armed)
    assert 300 > max(armed.values())
    assert any(not plan.armed for plan in plans)


def test_a_fault_that_is_not_armed_never_fires() -> None:
    from random import Random

    board = Board(Plan({Fault.KILL: 1000}), Random(1))
    assert [True, False] == [board.fires(Fault.KILL), board.fires(Fault.FLIP)]
    board.calm()
    assert not board.fires(Fault.KILL)
    assert Counter({Fault.KILL: 1}) == board.fired


def test_a_campaign_names_what_it_never_reached() -> None:
    missing = Campaign().missing()
    assert len(Fault) + len(Reached) == len(missing)
    assert str(Fault.FLIP) in missing


def test_a_campaign_stops_at_the_first_seed_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from lockstep_runtime.simulate import campaign

    good = simulate(3)

    def failing(seed: int) -> Outcome:
        return good._replace(seed=seed, violation="INV-1: lost" if seed > 4 else "")

    monkeypatch.setattr(campaign, "simulate", failing)
    assert [5] == [one.seed for one in run_seeds(range(3, 9), quiet, is_first_only=True).failures]
    assert 4 == len(run_seeds(range(3, 9), quiet, is_first_only=False).failures)


def test_seeds_for_a_time_rise_from_the_first() -> None:
    seeds = seeds_for(7, 60)
    assert [7, 8, 9] == [next(seeds) for _ in range(3)]
    assert [] == list(seeds_for(7, 0))
    assert [2**63 - 1] == list(seeds_for(2**63 - 1, 1))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seed", "1", "--from", "3"], "--from is for --seeds and --seconds"),
        (["--seed", "1", "--from", "1"], "--from is for --seeds and --seconds"),
        (["--seeds", "2", "--from", str(2**63 - 1)], f"expected seeds up to {2**63 - 1}"),
    ],
)
def test_seeds_that_cannot_be_run_are_refused(arguments: list[str], sentence: str) -> None:
    run = CliRunner().invoke(command, arguments)
    assert 2 == run.exit_code
    assert sentence in run.output

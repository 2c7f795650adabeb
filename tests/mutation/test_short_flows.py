"""Short flows of commands through engine and naive machine: quick judges of a mutant."""

import pytest

from tests.property.flow import Run, run_seeded

FLOWS, STEPS = 16, 60


@pytest.mark.parametrize("seed", range(FLOWS))
def test_engine_and_naive_machine_agree_on_a_short_flow(seed: int) -> None:
    run = Run()
    error = run_seeded(1, STEPS, 1_000 * (seed + 1), run)
    assert error is None, run.failure
    assert run.steps > STEPS

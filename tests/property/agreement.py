"""Runs the twins over many flows: drawn from seeds, drawn by hypothesis, and the written tour.

Seeded flows differ more from each other than what hypothesis makes of its own earlier ones, and
find more in the same time. The plan of CI depends on the sources alone.
"""

import os
import random
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from lockstep_engine.state import ExchangeCore
from tests.property.flow import Run, run_seeded, shortest
from tests.property.machine import Agreement
from tests.property.reach import Reach
from tests.property.scene import Scene
from tests.property.tour import TOUR_WORLD, tour
from tests.property.twins import Twins

CI_FLOWS, CI_STEPS, CI_SEED = 200, 100, 20_240_601
EXPLORE_FLOWS = 2_000


class Plan(NamedTuple):
    """How many flows of each origin, of how many steps; whether a failure is shrunk."""

    drawn: int = CI_FLOWS
    seeded: int = CI_FLOWS
    steps: int = CI_STEPS
    seed: int = CI_SEED
    is_shrunk: bool = True


class Outcome(NamedTuple):
    """The counters by origin, all steps until the first failure, and that failure."""

    reached: dict[str, Reach]
    run: Run
    error: Exception | None


def plan_of_environment() -> Plan:
    """Return the plan of CI, or a long one with a new seed if LOCKSTEP_HYPOTHESIS is explore."""
    if os.environ.get("LOCKSTEP_HYPOTHESIS") != "explore":
        return Plan()
    return Plan(EXPLORE_FLOWS, EXPLORE_FLOWS, seed=random.SystemRandom().randrange(2**32))


def run_agreement(plan: Plan) -> Outcome:
    """Run the plan until something fails; the failure says how to repeat it."""
    run = Run()
    error = run_seeded(plan.seeded, plan.steps, plan.seed, run)
    reached = {"seeded": run.reach}
    if error is None:
        run, error = run_drawn(plan, Run(run.reach.steps, run.started))
        reached["drawn"] = run.reach
    if error is not None and run.failed is not None and plan.is_shrunk:
        # Hypothesis notes every number that it drew; the commands say it better.
        error.__notes__ = [str(plan), shortest(run.failed)]
    return Outcome(reached, run, error)


def run_drawn(plan: Plan, counted: Run) -> tuple[Run, Exception | None]:
    """Run the state machine of hypothesis."""

    class Planned(Agreement):
        """The state machine with the counters of this run."""

        run = counted

    try:
        run_state_machine_as_test(
            seed(plan.seed)(Planned),
            settings=settings(
                max_examples=plan.drawn,
                stateful_step_count=plan.steps,
                phases=(Phase.generate,),  # `shortest` shrinks more, in less time
                derandomize=False,
                database=None,
                deadline=None,
                print_blob=False,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Exception as error:  # noqa: BLE001  # whatever failed is handed to the caller
        return counted, error
    return counted, None


def run_tour() -> Reach:
    """Run the tour through the twins, with every check after every command."""
    reach = Reach()
    twins = Twins(TOUR_WORLD.genesis())
    scene = Scene(TOUR_WORLD, lambda account: 0)
    for ts_ns, command in scene.setup():
        reach.count(command, twins.apply(ts_ns, command))
    core = twins.engine.core
    assert isinstance(core, ExchangeCore)
    scene.core = core
    for ts_ns, command in tour(scene):
        reach.count(command, twins.apply(ts_ns, command))
        twins.verify()
        twins.compare()
    twins.finish()
    return reach

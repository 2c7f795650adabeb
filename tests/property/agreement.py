"""Runs the twins over many flows: drawn from seeds, drawn by hypothesis, and the written tour.

Seeded flows differ more from each other than what hypothesis makes of its own earlier ones, and
find more in the same time. The plan of CI depends on the sources alone.
"""

import os
import random
from itertools import chain
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.property.answers import NaiveAnswers
from tests.property.flow import Run, run_seeded, shortest
from tests.property.machine import Agreement
from tests.property.reach import Reach
from tests.property.scene import Scene
from tests.property.situations import restart_situations, situations_of
from tests.property.tours import TOURS, Tour
from tests.property.twins import RESTARTS, Twins, engine_core
from tests.property.world import World

CI_FLOWS, CI_STEPS, CI_SEED = 200, 100, 20_240_601
EXPLORE_FLOWS = 2_000
_RESTART_EVERY = 3


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
    """Run the tours through the twins, restarting them, with every check after every command."""
    reach = Reach()
    for world, author in TOURS:
        _run_tour(world, author, reach)
    return reach


def _run_tour(world: World, author: Tour, reach: Reach) -> None:
    twins = Twins(world.genesis())
    answers = NaiveAnswers(twins)
    scene = Scene(world, answers)
    for number, (ts_ns, command) in enumerate(chain(scene.setup(), author(scene))):
        events = twins.apply(ts_ns, command)
        core = scene.core = engine_core(twins)
        reach.count(command, events)
        for name in situations_of(core, answers, command, events):
            reach.note(name)
        if number % _RESTART_EVERY == 0:
            for name in restart_situations(core):
                reach.note(name)
            twins.restart(number // _RESTART_EVERY % len(RESTARTS))
            scene.core = engine_core(twins)
        twins.verify()
        twins.compare()
    twins.finish()

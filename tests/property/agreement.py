"""Runs the state machine over many flows, and the tour, and hands back what they did.

The plan of CI has a fixed seed, so it depends on the sources alone.
"""

import os
import random
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from lockstep_engine.state import ExchangeCore
from tests.property.machine import Agreement, Run
from tests.property.scene import Scene
from tests.property.tour import TOUR_WORLD, tour
from tests.property.twins import Twins

CI_FLOWS, CI_STEPS, CI_SEED = 200, 100, 20_240_601
EXPLORE_FLOWS = 2_000


class Plan(NamedTuple):
    """How many flows of how many steps; whether a failure is shrunk."""

    flows: int = CI_FLOWS
    steps: int = CI_STEPS
    seed: int = CI_SEED
    is_shrunk: bool = True


def plan_of_environment() -> Plan:
    """Return the plan of CI, or a long one with a new seed if LOCKSTEP_HYPOTHESIS is explore."""
    if os.environ.get("LOCKSTEP_HYPOTHESIS") != "explore":
        return Plan()
    return Plan(EXPLORE_FLOWS, seed=random.SystemRandom().randrange(2**32))


def run_agreement(plan: Plan) -> tuple[Run, Exception | None]:
    """Run the state machine; return what it did, and the failure (shrunk, if the plan says so)."""

    class Planned(Agreement):
        """The state machine with the counters of this run."""

        run = Run()

    phases = (Phase.generate, Phase.shrink) if plan.is_shrunk else (Phase.generate,)
    try:
        run_state_machine_as_test(
            seed(plan.seed)(Planned),
            settings=settings(
                max_examples=plan.flows,
                stateful_step_count=plan.steps,
                phases=phases,
                derandomize=False,
                database=None,
                deadline=None,
                print_blob=False,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Exception as error:  # noqa: BLE001  # whatever failed is handed to the caller
        error.add_note(f"seed {plan.seed}, flows {plan.flows}, steps {plan.steps}")
        return Planned.run, error
    return Planned.run, None


def run_tour() -> Run:
    """Run the tour through the twins, with every check after every command."""
    run = Run()
    twins = Twins(TOUR_WORLD.genesis())
    scene = Scene(TOUR_WORLD, lambda account: 0)
    for ts_ns, command in scene.setup():
        run.reach.count(command, twins.apply(ts_ns, command))
    core = twins.engine.core
    assert isinstance(core, ExchangeCore)
    scene.core = core
    for ts_ns, command in tour(scene):
        run.reach.count(command, twins.apply(ts_ns, command))
        twins.verify()
        twins.compare()
    twins.finish()
    return run

"""Runs the agreement of engine and naive machine and prints what was reached.

    python -m tests.property [--flows N] [--steps N] [--seed N | --random]

Prints the counters of the flows that hypothesis draws, of the seeded ones, and of the tour. Exit 1
at the first disagreement, which is printed with a shortest list of commands, or if anything was
never reached.
"""

import argparse
import json
import random
import sys

import lockstep_engine
from tests.property.agreement import (
    CI_FLOWS,
    CI_SEED,
    CI_STEPS,
    Outcome,
    Plan,
    run_agreement,
    run_tour,
)
from tests.property.reach import never_reached, table


def main(arguments: list[str]) -> int:
    """Run what the command line asks for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.property")
    parser.add_argument("--flows", type=int, default=CI_FLOWS, help="of hypothesis")
    parser.add_argument("--seeded", type=int, default=CI_FLOWS, help="from seeds")
    parser.add_argument("--steps", type=int, default=CI_STEPS)
    parser.add_argument("--seed", type=int, default=CI_SEED)
    parser.add_argument("--random", action="store_true", help="draw the seed, and print it")
    parser.add_argument("--first", action="store_true", help="stop at the first failure, as it is")
    parser.add_argument("--json", action="store_true", help="print one line for a program")
    asked = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if asked.random else asked.seed
    plan = Plan(asked.flows, asked.seeded, asked.steps, seed, not asked.first)
    outcome = run_agreement(plan)
    return report_for_program(outcome) if asked.json else report(plan, outcome)


def report(plan: Plan, outcome: Outcome) -> int:
    """Print the counters, or raise what failed; return the exit code."""
    if outcome.error is not None:
        raise outcome.error
    reached = {**outcome.reached, "tour": run_tour()}
    never = never_reached(list(reached.values()))
    print(f"engine and naive machine agree: {plan}")
    print(table(reached))
    print("never reached: " + (", ".join(never) or "nothing"))
    return 1 if never else 0


def report_for_program(outcome: Outcome) -> int:
    """Print one line of JSON and return the exit code."""
    run = outcome.run
    facts = {
        "engine": lockstep_engine.__file__,
        "origin": list(outcome.reached)[-1],
        "steps": run.steps,
        "failure": run.failure,
        "failure_steps": run.failure_steps,
        "failure_seconds": run.failure_seconds,
    }
    print(json.dumps(facts))
    return 0 if outcome.error is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

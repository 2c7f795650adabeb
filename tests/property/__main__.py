"""Runs the agreement of engine and naive machine and prints what was reached.

    python -m tests.property [--flows N] [--steps N] [--seed N | --random]

Prints the counters of the tour and of the random flows. Exit 1 at the first disagreement, which is
shrunk and printed with its commands, or if something was never reached.
"""

import argparse
import json
import random
import sys

import lockstep_engine
from tests.property.agreement import CI_FLOWS, CI_SEED, CI_STEPS, Plan, run_agreement, run_tour


def main(arguments: list[str]) -> int:
    """Run what the command line asks for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.property")
    parser.add_argument("--flows", type=int, default=CI_FLOWS)
    parser.add_argument("--steps", type=int, default=CI_STEPS)
    parser.add_argument("--seed", type=int, default=CI_SEED)
    parser.add_argument("--random", action="store_true", help="draw the seed, and print it")
    parser.add_argument("--first", action="store_true", help="stop unshrunk at the first failure")
    parser.add_argument("--json", action="store_true", help="print one line for a program")
    asked = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if asked.random else asked.seed
    plan = Plan(asked.flows, asked.steps, seed, not asked.first)
    run, error = run_agreement(plan)
    if asked.json:
        facts = {
            "engine": lockstep_engine.__file__,
            "steps": run.reach.steps,
            "failure": run.failure,
            "failure_steps": run.failure_steps,
            "failure_seconds": run.failure_seconds,
        }
        print(json.dumps(facts))
        return 0 if run.failure is None else 1
    if error is not None:
        raise error
    walked = run_tour()
    print(f"{plan.flows} flows of {plan.steps} steps, seed {plan.seed}: engine and naive agree")
    print(run.reach.table(walked.reach))
    never = [name for name in run.reach.missing() if name in walked.reach.missing()]
    print("never reached: " + (", ".join(never) or "nothing"))
    return 1 if never else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

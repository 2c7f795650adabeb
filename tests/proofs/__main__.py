"""Prove every contract on the engine, and show that each finds the bugs planted for it.

    python -m tests.proofs [--only WORDS] [--jobs N] [--json]

One line per contract on the real sources, and under it one per planted bug. `confirmed`: every path
was explored and Z3 decided all of them, so no argument in the domains breaks the contract.
`searched N s`: nothing was found before the time was over, and more is not said. A bug counts as
found when calling the contract with what CrossHair found fails with the bug and holds without it.
Exit 1 if a contract fails or a bug is not found. Needs CrossHair: `make proofs`.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.proofs.catalogue import CONTRACTS
from tests.proofs.contract import Contract
from tests.proofs.runs import Verdict, verdicts_of

_HEADER = f"{'s':>6}  {'paths':>5}  verdict"


def main(words: list[str]) -> int:
    """Run what was asked for, print it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs", description="Prove contracts.")
    parser.add_argument("--only", default="", help="contracts whose name holds this")
    parser.add_argument("--jobs", type=int, default=2, help="how many to run at once")
    parser.add_argument("--json", action="store_true", help="one object per line")
    asked = parser.parse_args(words)
    chosen = [contract for contract in CONTRACTS if asked.only in contract.name]
    if not chosen:
        parser.error(f"no contract is called like '{asked.only}'")
    verdicts: list[Verdict] = []
    if not asked.json:
        print(_HEADER, flush=True)
    for verdict in _verdicts(chosen, asked.jobs):
        verdicts.append(verdict)
        print(json.dumps(verdict._asdict()) if asked.json else verdict, flush=True)
    if not asked.json:
        print(_summary(verdicts))
    return 0 if all(verdict.is_good for verdict in verdicts) else 1


def _verdicts(contracts: list[Contract], jobs: int) -> Iterator[Verdict]:
    """Yield verdicts in the order of the catalogue, whichever process ends first."""
    with ThreadPoolExecutor(jobs) as pool:
        for verdicts in pool.map(verdicts_of, contracts):
            yield from verdicts


def _summary(verdicts: list[Verdict]) -> str:
    contracts = [verdict for verdict in verdicts if not verdict.bug]
    bugs = [verdict for verdict in verdicts if verdict.bug]
    confirmed = sum(verdict.is_confirmed for verdict in contracts)
    searched = sum(verdict.is_good and not verdict.is_confirmed for verdict in contracts)
    failed = len(contracts) - confirmed - searched
    found = sum(verdict.is_good for verdict in bugs)
    return (
        f"\n{len(contracts)} contracts: {confirmed} confirmed over all paths, {searched} searched "
        f"without a counterexample, {failed} failed\n{found} of {len(bugs)} planted bugs found"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

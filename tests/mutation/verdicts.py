"""What became of each mutant, as a line of JSON in a file for each module."""

import json
from typing import NamedTuple

from tests.mutation.subjects import ROOT

BUILD = ROOT / "build" / "mutation"


class Verdict(NamedTuple):
    """`function: line before -> line after`, and what killed it.

    That is a test, `time` or a signal; "" if it survived.
    """

    change: str
    killer: str


def read(name: str) -> list[Verdict]:
    """Return the verdicts on the mutants of a module."""
    with (BUILD / f"{name}.jsonl").open(encoding="utf-8") as file:
        return [Verdict(*line) for line in map(json.loads, file)]


def clear(name: str) -> None:
    """Forget the verdicts on a module."""
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / f"{name}.jsonl").write_text("", encoding="utf-8")


def add(name: str, verdict: Verdict) -> None:
    """Add a verdict to those on a module."""
    with (BUILD / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(verdict) + "\n")

"""Runs of one contract in a child process: on the engine's sources, and with each of its bugs.

A child tells where it loaded the engine from, so a run on a compiled engine, in which no bug can be
planted, counts for nothing.
"""

import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

from tests.planted.bug import CannotPlantError
from tests.planted.hunt import ROOT
from tests.proofs.contract import Arguments, Contract

_SECONDS_MAX = 1_200


class Verdict(NamedTuple):
    """What became of a contract; `bug` is "" on the real sources."""

    contract: str
    rules: tuple[str, ...]
    bug: str
    is_good: bool
    is_confirmed: bool
    what: str
    counterexample: Arguments | None
    paths: int
    seconds: float

    def __str__(self) -> str:
        name = f"    bug: {self.bug}" if self.bug else f"{self.contract}  {' '.join(self.rules)}"
        line = f"{self.seconds:>6.1f}  {self.paths:>5}  {self.what:<12}  {name}"
        if self.counterexample is None:
            return line
        arguments = ", ".join(f"{name}={value}" for name, value in self.counterexample.items())
        return f"{line}\n{'':>29}{'    ' if self.bug else ''}{arguments}"


def verdicts_of(contract: Contract) -> list[Verdict]:
    """Explore the contract on the engine as it is, then with each of its bugs."""
    first, *others = _child([contract.name])["runs"]
    if first["counterexample"] is not None:
        what = "FAILS"
    elif first["is_exhausted"]:
        what = "confirmed"
    else:
        what = f"searched {first['seconds']:.0f} s"
    verdicts = [_verdict(contract, what, what != "FAILS", first)]
    for run in others:
        is_found = run["is_shown"]
        verdicts.append(_verdict(contract, "found" if is_found else "NOT FOUND", is_found, run))
    return verdicts


def planted_failures() -> dict[str, str]:
    """Call every contract on each of its bugs, in one process; return the errors by both names."""
    failures: dict[str, str] = _child([])["failures"]
    return failures


def _child(words: list[str]) -> dict[str, Any]:
    """Run tests.proofs.child on the sources of the engine and return what it says."""
    path = os.pathsep.join(str(ROOT / part) for part in ("engine", "validator"))
    done = subprocess.run(
        [sys.executable, "-m", "tests.proofs.child", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        error = done.stderr.strip().rsplit("\n", 1)[-1]
        raise CannotPlantError(f"contracts {words} do not run: {error}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if not said["engine"].startswith(str(ROOT)):
        raise CannotPlantError(f"contracts {words}: loaded {said['engine']}, not {ROOT}")
    return said


def _verdict(contract: Contract, what: str, is_good: bool, run: dict[str, Any]) -> Verdict:
    return Verdict(
        contract.name,
        contract.rules,
        run["bug"],
        is_good,
        what == "confirmed",
        what,
        run["counterexample"],
        run["paths"],
        run["seconds"],
    )

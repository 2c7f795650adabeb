"""Has the real validator program re-execute both journals, each in a process of its own.

Owns those processes: whoever is interrupted meanwhile leaves none behind.
"""

import json
import subprocess
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from lockstep_desk.demo.director import environment, python
from lockstep_desk.demo.messages import Mark

_MACHINES: Final = (("desk", "desk"), ("exchange", "exchange"), ("exchange", "exchange.naive"))
"""Which journal is validated with which machine."""


class Judgement(msgspec.Struct, frozen=True):
    """The verdict of the validator with one machine on one journal."""

    journal: str
    machine: str
    exit_code: int
    commands: int
    sentence: str

    @property
    def is_good(self) -> bool:
        """Return whether every hash was equal."""
        return self.exit_code == 0


class Validation:
    """A validator at work; leaving it ends it."""

    def __init__(self, journal: Path, machine: str, expected: Sequence[Mark]) -> None:
        self._journal = journal.name
        self._machine = machine
        arguments = [str(journal), "--machine", machine, "--json"]
        for mark in expected:
            arguments += ["--expect", f"{mark.seq}:{mark.hash}"]
        self._process = subprocess.Popen(
            python("lockstep_validator", *arguments),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Validation":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        # Its pipes are read to their end, and it is waited for.
        self._process.communicate()

    def judgement(self) -> Judgement:
        """Wait for the verdict."""
        said, complained = self._process.communicate()
        verdict = _parsed(said)
        return Judgement(
            self._journal,
            self._machine,
            self._process.returncode,
            int(str(verdict.get("commands") or 0)),
            str(verdict.get("message") or complained.strip()),
        )


@contextmanager
def validating(
    directory: Path, expected: dict[str, list[Mark]]
) -> Generator[tuple[Validation, ...]]:
    """Yield a validation for each machine; `expected` are marks that must be in each journal."""
    with ExitStack() as stack:
        yield tuple(
            stack.enter_context(Validation(directory / journal, machine, expected[journal]))
            for journal, machine in _MACHINES
        )


def _parsed(text: str) -> dict[str, object]:
    try:
        verdict: dict[str, object] = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return verdict

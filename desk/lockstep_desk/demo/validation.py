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

from lockstep_desk.demo.director import ending, environment, python
from lockstep_desk.demo.messages import Mark
from lockstep_kernel.errors import EXIT_DAMAGED, EXIT_DIVERGED, EXIT_OK, EXIT_TORN

_MACHINES: Final = (("desk", "desk"), ("exchange", "exchange"), ("exchange", "exchange.naive"))
"""Which journal is validated with which machine."""

_VERDICTS: Final = frozenset({EXIT_OK, EXIT_DIVERGED, EXIT_DAMAGED, EXIT_TORN})
"""How a validator ends that looked at the journal."""


class Judgement(msgspec.Struct, frozen=True):
    """The verdict of the validator with one machine on one journal.

    A validator that died, or that could not run, has none: it speaks neither for nor against.
    """

    journal: str
    machine: str
    exit_code: int
    commands: int
    sentence: str
    is_verdict: bool = True

    @property
    def is_good(self) -> bool:
        """Return whether every hash was equal."""
        return self.is_verdict and self.exit_code == EXIT_OK


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

    @property
    def process_id(self) -> int:
        """The validator's process."""
        return self._process.pid

    def judgement(self) -> Judgement:
        """Wait for the verdict."""
        said, complained = self._process.communicate()
        code, verdict = self._process.returncode, _parsed(said)
        is_verdict = code in _VERDICTS and bool(verdict)
        sentence = str(verdict.get("message") or complained.strip())
        if not is_verdict:
            sentence = f"no verdict: {_last_words(code, verdict, complained)}"
        return Judgement(
            *(self._journal, self._machine, code),
            *(int(str(verdict.get("commands") or 0)), sentence, is_verdict),
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


def _last_words(code: int, said: dict[str, object], complained: str) -> str:
    """Return why a validator came to no verdict, in one line."""
    lines = str(said.get("error") or complained).strip().splitlines()
    words = f": {lines[-1]}" if lines else ""
    return f"the validator {ending(code)}{words}"


def _parsed(text: str) -> dict[str, object]:
    try:
        verdict: dict[str, object] = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return verdict

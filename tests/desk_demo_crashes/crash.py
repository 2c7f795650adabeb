"""One crash: a demo whose hosts die at given points, and which is then gone on with to its end.

What must hold is checked here and not by the demo's own word: what a host that died left is what
the next one finds, hash for hash; no order of the desk was placed twice; the books equal the
broker; both journals replay to their hashes; and the demo ends GOOD.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lockstep_desk.adapters.exchange.durable import is_begun
from lockstep_desk.adapters.exchange.evidence import read_evidence
from lockstep_desk.demo.director import Director, python
from lockstep_desk.demo.folder import Note, opened
from lockstep_desk.demo.history import read_history
from lockstep_desk.demo.judge import judge
from lockstep_desk.demo.messages import Mark, Marks, Message, Opened
from lockstep_desk.demo.plan import Plan
from lockstep_kernel import CannotRunError, LockstepError, find_machine
from lockstep_replay import recover

SMALL = Plan(seed=7, candles=16, move_us=2_500)
"""A demo of two seconds beside the starts of its processes: 192 moves of the market."""


class Crash(NamedTuple):
    """What came of one crash; `died_in` says how far each host came, `wrong` what did not hold."""

    points: tuple[str, ...]
    died_in: tuple[str, ...]
    desk_seq: int
    exchange_seq: int
    wrong: tuple[str, ...]


def crash(points: Sequence[str], plan: Plan = SMALL) -> Crash:
    """Let hosts die at points, one after the other, then go on to the end and check everything."""
    with tempfile.TemporaryDirectory(prefix="lockstep-desk-crash-") as name:
        try:
            return _Story(Path(name) / "demo", plan).tell(points)
        except LockstepError as error:
            return Crash(tuple(points), ("",) * len(points), 0, 0, (f"did not go on: {error}",))


class _Story:
    """One demo and its deaths."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        self.directory = directory
        self.plan = plan
        self.left: Marks | None = None
        self.wrong: list[str] = []
        self.parts: list[str] = []

    def tell(self, points: Sequence[str]) -> Crash:
        died_in = [self._die(point) for point in points]
        folder = opened(self.directory, is_quick=False, seed=None)
        Director(folder, self._watch).play()
        verdict = judge(folder)
        self.wrong += [*verdict.desk_faults, *verdict.exchange_faults]
        history, evidence = read_history(folder.desk).history, read_evidence(folder.exchange)
        if history.held != dict(evidence.held):
            self.wrong.append(f"books {history.held}, broker {dict(evidence.held)}")
        placed = [number for number, one in evidence.placed if one.accepted != 1]
        if placed:
            self.wrong.append(f"placed more than once: {placed}")
        return Crash(
            *(tuple(points), tuple(died_in)),
            *(history.last_seq, evidence.last_seq, tuple(self.wrong)),
        )

    def _die(self, point: str) -> str:
        """Run a host that dies at a point; return in which part of the script that was."""
        folder = opened(self.directory, is_quick=False, seed=None, plan=self.plan)
        command = python("tests.desk_demo_crashes.dying", point)
        self.parts = []
        try:
            Director(folder, self._watch, command).play()
        except CannotRunError as error:
            if "killed by signal 9" not in str(error):
                self.wrong.append(f"{point}: {error}")
        else:
            self.parts.append("the end, alive")
        self.left = Marks(
            _end_of(self.directory / "desk", "desk"),
            _end_of(self.directory / "exchange", "exchange"),
        )
        return self.parts[-1] if self.parts else "start"

    def _watch(self, news: Message | Note) -> None:
        if isinstance(news, Note):
            self.parts.append(news.part)
        elif isinstance(news, Opened) and self.left is not None:
            pairs = ((self.left.desk, news.marks.desk), (self.left.exchange, news.marks.exchange))
            self.wrong += [f"left {left}, found {now}" for left, now in pairs if differs(left, now)]
            self.left = None


def differs(left: Mark, found: Mark) -> bool:
    """Return whether a journal was left elsewhere; of one that had no command nothing was left."""
    return left.seq != found.seq or (left.seq > 0 and left.hash != found.hash)


def _end_of(directory: Path, machine: str) -> Mark:
    """Recover a journal, every hash of it, and return where it ends: at 0 if it was not begun."""
    if not is_begun(directory):
        return Mark(0, "")
    recovery = recover(directory, find_machine(machine))[1]
    return Mark(recovery.last_seq, recovery.last_hash.hex())

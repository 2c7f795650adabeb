"""Where a demo is kept: its plan, both journals, and what was noted of the script.

Owns the directory. The plan is written first and never changes; notes are added, each durable
before the script goes on. Whoever gives a directory that holds a demo goes on with that demo.
"""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from lockstep_desk.clock import WallClock
from lockstep_desk.demo.messages import Marks
from lockstep_desk.demo.plan import Plan, full, quick
from lockstep_desk.demo.script import KILLED, PARTS
from lockstep_journal import OwnerLock, owner_pid
from lockstep_journal.owner import LOCK_NAME
from lockstep_kernel import CannotRunError, DamagedError

DEFAULT_SEED: Final = 7
_PLAN, _NOTES = "demo.json", "notes.jsonl"
_FORMAT: Final = 1


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file of the plan holds."""

    lockstep_desk_demo: int
    plan: Plan


class Death(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A host that was killed: what it had acknowledged, what was recovered, what the next found."""

    acknowledged: Marks
    recovered: Marks
    at_acknowledged: Marks
    found: Marks | None = None

    def faults(self) -> list[str]:
        """Return what does not hold."""
        checks = (
            (self.acknowledged == self.at_acknowledged, "what was acknowledged is not recovered"),
            (
                self.found is None or self.found == self.recovered,
                "the next host recovered another history",
            ),
        )
        return [sentence for holds, sentence in checks if not holds]


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the script that happened, in one line, `second` seconds after its director began.

    `death` says what a killed host left, `found` what a host recovered as it began.
    """

    part: str
    text: str
    second: float = 0.0
    death: Death | None = None
    found: Marks | None = None


def deaths_in(notes: Sequence[Note]) -> list[Death]:
    """Return the deaths that were noted, each with what the next host found."""
    deaths: list[Death] = []
    for note in notes:
        if note.death is not None:
            deaths.append(note.death)
        elif note.found is not None and deaths and deaths[-1].found is None:
            deaths[-1] = msgspec.structs.replace(deaths[-1], found=note.found)
    return deaths


class Folder:
    """The directory of one demo; `is_resumed` says whether it was begun before."""

    def __init__(self, directory: Path, plan: Plan, is_resumed: bool) -> None:
        self.directory = directory
        self.plan = plan
        self.is_resumed = is_resumed

    @property
    def desk(self) -> Path:
        """Where the desk's journal is."""
        return self.directory / "desk"

    @property
    def exchange(self) -> Path:
        """Where the exchange's journal is."""
        return self.directory / "exchange"

    def note(self, note: Note) -> None:
        """Add a note, durably."""
        path = self.directory / _NOTES
        try:
            with path.open("ab+") as file:
                file.seek(0)
                # A note that a crash cut short was not made.
                file.truncate(file.read().rfind(b"\n") + 1)
                file.write(msgspec.json.encode(note) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(path, error) from None

    def notes(self) -> list[Note]:
        """Return all notes; one that a crash cut short was not made.

        Raises `DamagedError` for any other line that is no note.
        """
        path = self.directory / _NOTES
        try:
            lines = path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise CannotRunError(f"{path}: {_said(error)}") from None
        return [_note_in(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]


def _note_in(line: bytes, where: str) -> Note:
    """Return the note in a line."""
    try:
        note = msgspec.json.decode(line, type=Note)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedError(f"{where}: expected a note of the demo: {error}", None) from None
    if note.part not in PARTS:
        raise DamagedError(
            f"{where}: expected a note of the demo, found one of the unknown part {note.part!a}",
            None,
        )
    if (note.part == KILLED) != (note.death is not None):
        raise DamagedError(
            f"{where}: expected what a killed host left in the note of its death alone", None
        )
    return note


def opened(directory: Path, is_quick: bool, seed: int | None, plan: Plan | None = None) -> Folder:
    """Begin a demo in a directory that is new or empty, or go on with the one that it holds.

    `plan` None is the plan that `is_quick` and `seed` ask for. Raises `CannotRunError` for any
    other directory, and for a demo with another plan.
    """
    if _is_begun(directory):
        return _resumed(directory, is_quick, seed)
    made = plan or (quick if is_quick else full)(DEFAULT_SEED if seed is None else seed)
    made = msgspec.structs.replace(made, begun_ns=WallClock().now_ns())
    _write(directory / _PLAN, msgspec.json.encode(_File(_FORMAT, made)))
    return Folder(directory, made, is_resumed=False)


@contextmanager
def alone(directory: Path) -> Generator[None]:
    """Hold the directory of a demo for this process; `CannotRunError` while another one does.

    A directory of something else is refused before anything is written there.
    """
    if _is_begun(directory):
        _plan_in(directory)
    lock = _lock(directory)
    try:
        yield
    finally:
        lock.release()


def _lock(directory: Path) -> OwnerLock:
    try:
        return OwnerLock(directory)
    except CannotRunError:
        process_id = owner_pid(directory)
        if process_id is None:
            raise
        raise CannotRunError(
            f"{directory}: expected no other demo at work in it, found one (process {process_id})"
        ) from None


def _is_begun(directory: Path) -> bool:
    """Return whether a directory, made if it is not there, holds a demo; refuse all others."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        found = sorted(path.name for path in directory.iterdir())
    except FileExistsError:
        raise CannotRunError(f"{directory}: expected a directory, found another file") from None
    except OSError as error:
        raise CannotRunError(f"{directory}: {_said(error)}") from None
    if _PLAN in found:
        return True
    # What a crash before the plan had its name left behind is no reason to refuse.
    foreign = [name for name in found if name not in (f"{_PLAN}.partial", LOCK_NAME)]
    if foreign:
        raise CannotRunError(
            f"{directory}: expected a new or empty directory, or that of a demo to go on with, "
            f"found '{foreign[0]}' and no {_PLAN}"
        )
    return False


def _plan_in(directory: Path) -> Plan:
    """Return the plan of the demo in a directory."""
    path = directory / _PLAN
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise CannotRunError(f"{path}: {_said(error)}") from None
    except msgspec.DecodeError as error:
        raise CannotRunError(f"{path}: expected the plan of a desk demo: {error}") from None
    if file.lockstep_desk_demo != _FORMAT:
        raise CannotRunError(
            f"{path}: expected a demo of format {_FORMAT}, found {file.lockstep_desk_demo}"
        )
    return file.plan


def _resumed(directory: Path, is_quick: bool, seed: int | None) -> Folder:
    plan = _plan_in(directory)
    if seed is not None and seed != plan.seed:
        raise CannotRunError(
            f"{directory}: holds a demo with --seed {plan.seed}, which cannot go on with "
            f"--seed {seed}: leave --seed away, or give another directory"
        )
    if is_quick and plan.candles > quick(0).candles:
        raise CannotRunError(
            f"{directory}: holds a demo that was begun without --quick, which cannot go on with "
            f"it: leave --quick away, or give another directory"
        )
    return Folder(directory, plan, is_resumed=True)


def _write(path: Path, data: bytes) -> None:
    """Write a file that has its name only when it is whole."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> CannotRunError:
    return CannotRunError(f"{path}: cannot be written: {error.strerror or error}")


def _said(error: OSError) -> str:
    return f"cannot be opened: {error.strerror or error}"

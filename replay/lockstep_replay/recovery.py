"""From a journal to the state after its last durable command, every hash on the way compared.

The newest good snapshot is loaded and the records after it are applied. A snapshot that is not good
is passed over, and the report says why; the final hash is the same.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from lockstep_journal import Journal, SkippedSnapshot, newest_state, open_reader
from lockstep_kernel import CannotRunError, DamagedError, Machine, State, UnsupportedError, initial
from lockstep_replay.execution import Execution

Progress = Callable[[int, int], None]
"""Is told (sequence reached, last sequence) now and then."""


class Recovery(msgspec.Struct, frozen=True):
    """What a recovery did. `snapshot_seq` is 0 when it began at genesis."""

    last_seq: int
    last_ts_ns: int
    last_hash: bytes
    digest: int
    snapshot_seq: int
    replayed: int
    skipped: Sequence[SkippedSnapshot]


def recover(
    directory: str | Path,
    machine: Machine,
    last_seq: int | None = None,
    progress: Progress = lambda seq, last: None,
) -> tuple[State, Recovery]:
    """Return the state after the last durable command, or after `last_seq`, and the report.

    Raises `DamagedError`, `DivergedError` or `UnsupportedError` at the first record that is wrong,
    and what `open_reader` raises.
    """
    with open_reader(directory) as journal:
        return recover_from(journal, machine, last_seq, progress)


def recover_from(
    journal: Journal,
    machine: Machine,
    last_seq: int | None = None,
    progress: Progress = lambda seq, last: None,
) -> tuple[State, Recovery]:
    """Do what `recover` does with an open journal, which may be its owner's."""
    end = journal.end()
    last = end.last_seq if last_seq is None else last_seq
    if not end.first_seq - 1 <= last <= end.last_seq:
        raise CannotRunError(
            f"{journal.directory}: expected a sequence number from {end.first_seq - 1} "
            f"to {end.last_seq}, found {last}"
        )
    state, skipped = newest_state(journal, machine, last)
    if state is None:
        state = _genesis(journal, machine, skipped)
    start = state.seq
    execution = Execution(state)
    for _raws, records in journal.pages(start + 1, last):
        execution.page(records)
        progress(execution.state.seq, last)
    # Only now: what is wrong with an earlier record was to be named first.
    journal.check_end()
    state = execution.state
    return state, Recovery(
        state.seq, state.ts_ns, state.hash, state.digest, start, state.seq - start, skipped
    )


def seek(directory: str | Path, machine: Machine, seq: int) -> State:
    """Return the state after `seq` commands."""
    return recover(directory, machine, seq)[0]


def _genesis(journal: Journal, machine: Machine, skipped: Sequence[SkippedSnapshot]) -> State:
    first = journal.end().first_seq
    if first > 1:
        reasons = "; ".join(skip.reason for skip in skipped) or "there is none at or below it"
        message = (
            f"{journal.directory}: records before {first} are archived, and no snapshot loads: "
            f"{reasons}"
        )
        if skipped and all(skip.is_unsupported for skip in skipped):
            raise UnsupportedError(message)
        raise DamagedError(message, first)
    return initial(machine, journal.genesis)

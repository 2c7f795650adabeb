"""Looks how far a damaged journal is good, in a child that may die of it.

    python -m lockstep_journal.surveying DIR

Good are the records from the first on whose bytes, numbers, links, epochs and kept events are
right, each after the other. What a journal once held more than that, its end, later records and
whole snapshots say. Nothing here writes.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lockstep_journal.child import death_sentence, python_command, python_environment
from lockstep_journal.entries import Entry, entries
from lockstep_journal.layout import (
    COMMANDS,
    EVENTS,
    KEY_BYTES,
    SNAPSHOTS,
    End,
    pack_key,
    unpack_events,
    unpack_key,
)
from lockstep_journal.snapshots import unbound, unbound_first
from lockstep_journal.store import Journal, link_fault, open_reader
from lockstep_journal.verification import Finding, verify
from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    Fault,
    JournalRecord,
    LockstepError,
    read_head,
    unpack_record,
)
from lockstep_kernel.errors import EXIT_CANNOT_RUN, EXIT_OK

_DESCRIBED_MAX = 100_000
_FINDINGS_MAX = 1_000


class LostRecord(msgspec.Struct, frozen=True):
    """A record behind the good ones: what its bytes still say, and what is wrong with it."""

    seq: int
    epoch: int | None
    ts_ns: int | None
    record_bytes: int | None
    what: str


class Survey(msgspec.Struct, frozen=True):
    """How far a journal is good.

    Records `first_seq` to `good_seq` are; `good_hash` is the hash after them. `end_seq` is what the
    journal says of its end, `top_seq` the last record that anything in it speaks of. `epoch` is the
    highest that was seen. `snapshots` are the good ones, those behind the good records too.
    """

    first_seq: int
    good_seq: int
    good_hash: bytes
    end_seq: int
    top_seq: int
    epoch: int
    snapshots: Sequence[int]
    bad_snapshots: Sequence[Finding]
    lost: Sequence[LostRecord]
    findings: Sequence[Finding]

    @property
    def is_whole(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.findings


class _Answer(msgspec.Struct):
    """What the child says: a survey, or why there is none."""

    survey: Survey | None = None
    error: str = ""
    exit_code: int = EXIT_OK


def survey(directory: Path) -> Survey | str:
    """Let a child look; return what it saw, or the sentence that says why it saw nothing.

    Raises `CannotRunError` if the journal is not to blame, as for a newer format.
    """
    command = [*python_command("lockstep_journal.surveying"), str(directory)]
    done = subprocess.run(  # noqa: S603  # our own module
        command,
        env=python_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    sentence = death_sentence(-done.returncode)
    if sentence is not None:
        return sentence
    try:
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except msgspec.DecodeError:
        raise CannotRunError(
            f"{directory}: the process that reads it ended with {done.returncode}"
        ) from None
    if answer.exit_code == EXIT_CANNOT_RUN:
        raise CannotRunError(answer.error)
    return answer.error if answer.survey is None else answer.survey


def look(journal: Journal) -> Survey:
    """Return how far a journal is good; raise `UnsupportedError` for entries of newer formats."""
    end = journal.end()
    findings = list(verify(journal).findings[:_FINDINGS_MAX])
    try:
        journal.walk_pages()
    except Fault as fault:
        findings.append(Finding(None, str(fault)))
    snapshots = dict(_guarded(entries(journal, SNAPSHOTS)))
    walk = _Walk(journal, end, snapshots)
    good, bad = walk.judged(snapshots)
    top = max(end.last_seq, walk.seq, walk.last_whole(), *good, *(found.seq or 0 for found in bad))
    lost = [
        walk.described(seq) for seq in range(walk.seq + 1, min(top, walk.seq + _DESCRIBED_MAX) + 1)
    ]
    return Survey(
        first_seq=end.first_seq,
        good_seq=walk.seq,
        good_hash=walk.hash,
        end_seq=end.last_seq,
        top_seq=top,
        epoch=max([journal.epoch(), *(record.epoch or 0 for record in lost)]),
        snapshots=good,
        bad_snapshots=bad,
        lost=lost,
        findings=findings,
    )


class _Walk:
    """Goes along the records for as long as they are good; `seq` and `hash` are the last one's."""

    def __init__(self, journal: Journal, end: End, snapshots: dict[bytes, bytes]) -> None:
        self._journal = journal
        self._end = end
        self._fault = ""
        self.seq, self.hash = end.first_seq - 1, end.base_hash
        self._hashes = {pack_key(self.seq): self.hash}
        self._kept: dict[bytes, tuple[JournalRecord, bytes | None]] = {}
        epoch = 0
        for record, events in self._good_records():
            fault = link_fault(record, self.hash, epoch)
            if fault is not None:
                self._fault = str(fault)
                break
            self.seq, self.hash, epoch = record.seq, record.hash, record.epoch
            if pack_key(self.seq) in snapshots:
                self._hashes[pack_key(self.seq)] = self.hash
                self._kept[pack_key(self.seq)] = record, events

    def judged(self, snapshots: dict[bytes, bytes]) -> tuple[list[int], list[Finding]]:
        """Return the snapshots that are whole and contradict no record, and the others."""
        good: list[int] = []
        bad: list[Finding] = []
        for key, data in snapshots.items():
            seq = int.from_bytes(key, "big") if len(key) == KEY_BYTES else 0
            fault = self._snapshot_fault(key, data)
            if fault:
                # The number of a damaged one may be wrong: it speaks of no record.
                bad.append(Finding(min(seq, self._end.last_seq), f"snapshot {seq}: {fault}"))
            else:
                good.append(seq)
        return good, bad

    def last_whole(self) -> int:
        """Return the number of the last entry if that is a whole record, else 0."""
        database = self._journal.database(COMMANDS)

        def last(txn: Any) -> Entry:
            cursor = txn.cursor(database)
            return cursor.item() if cursor.last() else (pack_key(0), b"")

        try:
            key, raw = self._journal.read(last)
            return unpack_record(raw, unpack_key(key)).seq
        except DamagedError:
            return 0

    def described(self, seq: int) -> LostRecord:
        """Return what can be said of a record that is not good."""
        database = self._journal.database(COMMANDS)
        try:
            raw = self._journal.read(lambda txn: txn.get(pack_key(seq), db=database))
        except DamagedError as damage:
            return LostRecord(seq, None, None, None, str(damage))
        if raw is None:
            return LostRecord(seq, None, None, None, "it is missing")
        try:
            record = unpack_record(raw, seq)
        except DamagedError as damage:
            return LostRecord(seq, None, None, len(raw), str(damage))
        first = seq == self.seq + 1
        what = (first and self._fault) or "it does not follow a good record"
        return LostRecord(seq, record.epoch, record.ts_ns, len(raw), what)

    def _good_records(self) -> Iterator[tuple[JournalRecord, bytes | None]]:
        """Yield records whose own bytes, numbers and kept events are right; stop at any other.

        The events stand beside them, None where none are kept.
        """
        events = _guarded(entries(self._journal, EVENTS))
        for seq, (key, raw) in enumerate(
            _guarded(entries(self._journal, COMMANDS)), self._end.first_seq
        ):
            if key != pack_key(seq):
                return
            try:
                record = unpack_record(raw, seq)
                kept = None
                if self._journal.keeps_events:
                    kept = _events(seq, next(events, None))
            except DamagedError as damage:
                self._fault = str(damage)
                return
            yield record, kept

    def _snapshot_fault(self, key: bytes, data: bytes) -> str:
        try:
            head = read_head(data)
        except DamagedError as damage:
            return str(damage)
        if pack_key(head.seq) != key:
            return f"it is one of {head.seq}"
        if head.genesis_hash != self._journal.genesis_hash:
            return "it has another genesis"
        if head.seq < self._end.first_seq - 1:
            return f"records before {self._end.first_seq} are archived"
        if head.seq <= self.seq and self._hashes[key] != head.hash:
            return f"expected hash {self._hashes[key].hex()}, found {head.hash.hex()}"
        if key in self._kept:
            return unbound(head, *self._kept[key], self._journal.genesis.digest_every)
        return unbound_first(head)


def _events(seq: int, entry: Entry | None) -> bytes:
    if entry is None or entry[0] != pack_key(seq):
        raise DamagedError(f"the kept events of record {seq} are missing", seq)
    return unpack_events(seq, entry[1])


def _guarded(found: Iterator[Entry]) -> Iterator[Entry]:
    """Yield entries up to where LMDB cannot go on."""
    try:
        yield from found
    except DamagedError:
        return


def main(argv: Sequence[str]) -> int:
    """Say as JSON what is seen."""
    try:
        with open_reader(argv[0]) as journal:
            answer = _Answer(look(journal))
    except LockstepError as error:
        answer = _Answer(None, str(error), error.exit_code)
    except OSError as error:
        answer = _Answer(None, str(error), EXIT_CANNOT_RUN)
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Looks at everything in a journal and names all that is wrong with it.

It checks bytes, numbers, links, epochs, the end, events and snapshots. It executes nothing and
writes nothing, and reads page by page like any reader.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from lockstep_journal.keyvalue import Transaction
from lockstep_journal.layout import COMMANDS, EVENTS, KEY_BYTES, SNAPSHOTS, End, unpack_events
from lockstep_journal.snapshots import check_snapshot
from lockstep_journal.store import Journal, link_fault
from lockstep_kernel import DamagedError, Fault, UnsupportedError, genesis_hash, unpack_record

_PAGE = 1024

Progress = Callable[[int, int], None]
"""Is told (records done, records in all) now and then."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong, at a sequence number (None: in `meta` or in the file itself).

    What a newer release wrote is no damage: `is_unsupported`.
    """

    seq: int | None
    what: str
    is_unsupported: bool = False


class Verification(msgspec.Struct, frozen=True):
    """What was looked at and what is wrong, in the order in which it was found."""

    records: int
    snapshots: int
    last_seq: int
    last_hash: bytes
    findings: Sequence[Finding]

    @property
    def first(self) -> Finding | None:
        """The finding with the lowest sequence number; None in a good journal."""
        return min(self.findings, key=lambda finding: finding.seq or 0, default=None)

    @property
    def is_damaged(self) -> bool:
        """Whether anything is wrong that a newer release could not read either."""
        return any(not finding.is_unsupported for finding in self.findings)


def verify(
    journal: Journal, is_first_only: bool = False, progress: Progress = lambda done, total: None
) -> Verification:
    """Check all of a journal; with `is_first_only` stop at the first finding."""
    end = journal.end()
    walk = _Walk(journal, end, progress)
    findings: list[Finding] = []
    for finding in walk.findings():
        findings.append(finding)
        if is_first_only:
            break
    return Verification(walk.records, walk.snapshots, end.last_seq, end.last_hash, findings)


class _Walk:
    """One pass over a journal, up to the end as it was at the start."""

    def __init__(self, journal: Journal, end: End, progress: Progress) -> None:
        self._journal = journal
        self._end = end
        self._progress = progress
        self.records = 0
        self.snapshots = 0

    def findings(self) -> Iterator[Finding]:
        """Yield every finding: `meta`, then records, events and snapshots."""
        yield from self._check(self._journal.check_end)
        yield from self._check(self._journal.epoch)
        yield from self._check(self._journal.lmdb_version)
        if self._end.first_seq == 1 and self._end.base_hash != genesis_hash(self._journal.genesis):
            yield Finding(None, "meta: the hash before record 1 is not that of the genesis")
        yield from self._guarded(self._record_findings())
        if self._journal.keeps_events:
            yield from self._guarded(self._event_findings())
        yield from self._guarded(self._snapshot_findings())

    def _record_findings(self) -> Iterator[Finding]:
        end = self._end
        expected, previous, epoch, ts_ns = end.first_seq, end.base_hash, 0, 0
        for key, raw in self._entries(COMMANDS):
            seq = int.from_bytes(key, "big")
            if seq > end.last_seq and expected > end.last_seq:
                break
            if seq != expected or len(key) != KEY_BYTES:
                yield Finding(expected, f"expected record {expected}, found key {key.hex()}")
                # A key out of all order says nothing of the keys after it.
                seq = seq if expected <= seq <= end.last_seq else expected
            try:
                record = unpack_record(raw, seq)
            except Fault as fault:
                yield _finding(fault, seq)
                # The next link cannot be checked against a record that cannot be read.
                previous = b""
            else:
                fault_found = link_fault(record, previous or record.previous, epoch, ts_ns)
                if fault_found is not None and seq == expected:
                    yield Finding(seq, str(fault_found))
                previous, epoch, ts_ns = record.hash, record.epoch, record.ts_ns
            expected = seq + 1
            self.records += 1
            if self.records % _PAGE == 0:
                self._progress(self.records, end.count)
        # A damaged page may end LMDB's cursor early, without an error.
        if expected <= end.last_seq:
            yield Finding(
                expected,
                f"expected records up to {end.last_seq}, the pages end before record {expected}",
            )

    def _event_findings(self) -> Iterator[Finding]:
        expected = self._end.first_seq
        for key, value in self._entries(EVENTS):
            seq = int.from_bytes(key, "big")
            if seq > self._end.last_seq:
                break
            if seq != expected:
                yield Finding(expected, f"expected events of {expected}, found those of {seq}")
            yield from self._check(partial(unpack_events, seq, value), seq)
            expected = seq + 1
        if expected <= self._end.last_seq:
            yield Finding(expected, f"events of record {expected} are missing")

    def _snapshot_findings(self) -> Iterator[Finding]:
        previous = -1
        for seq in self._journal.snapshot_seqs():
            self.snapshots += 1
            # A page that was not written leaves an older one, with snapshots that stand elsewhere.
            if seq <= previous:
                yield Finding(seq, f"expected a snapshot after {previous}, found {seq}")
            previous = seq
            yield from self._check(partial(check_snapshot, self._journal, seq), seq)
        expected = self._journal.read(self._snapshot_count)
        # A live writer may have saved or pruned some meanwhile: then a second look agrees.
        if self.snapshots != expected and len(self._journal.snapshot_seqs()) != expected:
            yield Finding(None, f"expected {expected} snapshots, found {self.snapshots}")

    def _snapshot_count(self, txn: Transaction) -> int:
        return int(txn.stat(self._journal.database(SNAPSHOTS))["entries"])

    def _entries(self, name: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield all entries of a database, a page at a time; stop where LMDB cannot go on."""
        after: bytes | None = b""
        while after is not None:
            page = self._journal.read(partial(self._page, name=name, after=after))
            yield from page
            last = page[-1][0] if len(page) == _PAGE else None
            if last is not None and last <= after:
                raise DamagedError(f"the keys do not ascend: {after.hex()} then {last.hex()}", None)
            after = last

    def _page(self, txn: Transaction, name: bytes, after: bytes) -> list[tuple[bytes, bytes]]:
        cursor = txn.cursor(self._journal.database(name))
        page: list[tuple[bytes, bytes]] = []
        is_there = cursor.set_range(after + b"\x00") if after else cursor.first()
        while is_there and len(page) < _PAGE:
            page.append(cursor.item())
            is_there = cursor.next()
        return page

    def _guarded(self, findings: Iterator[Finding]) -> Iterator[Finding]:
        """Yield findings, and where LMDB cannot go on, that as the last one."""
        try:
            yield from findings
        except Fault as fault:
            yield _finding(fault)

    def _check(self, action: Callable[[], object], seq: int | None = None) -> Iterator[Finding]:
        try:
            action()
        except Fault as fault:
            yield _finding(fault, seq)


def _finding(fault: Fault, seq: int | None = None) -> Finding:
    """Return a fault as a finding; `seq` is where it was found, if it does not say itself."""
    is_unsupported = isinstance(fault, UnsupportedError)
    return Finding(getattr(fault, "seq", seq), str(fault), is_unsupported)

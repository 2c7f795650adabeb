"""How one record follows another, and a snapshot a record: hashes, sequence, time and epoch."""

from lockstep_kernel import (
    DamagedError,
    Genesis,
    JournalRecord,
    LockstepError,
    Machine,
    SnapshotHead,
    State,
    genesis_hash,
    load,
    read_head,
)


class Links:
    """Follows records that are not executed."""

    def __init__(self, hash_: bytes) -> None:
        self._hash = hash_
        self._ts_ns = 0
        self._is_first = True
        self.epoch = 0

    def follow(self, record: JournalRecord) -> None:
        """Check a record against the one before; raise `DamagedError`."""
        check_link(record, self._hash)
        check_order(record, self._ts_ns, self.epoch)
        self._hash, self._ts_ns, self.epoch = record.hash, record.ts_ns, record.epoch
        self._is_first = False

    def follow_snapshot(self, head: SnapshotHead) -> None:
        """Check a snapshot against the record before; an archived stream starts with one."""
        if not (self._is_first and head.seq > 0):
            self._check_same(head)
        self._hash, self._ts_ns = head.hash, head.ts_ns
        self._is_first = False

    def _check_same(self, head: SnapshotHead) -> None:
        if head.hash != self._hash:
            what = f"hash {self._hash.hex()}, found {head.hash.hex()}"
        elif head.ts_ns != self._ts_ns:
            what = f"time {self._ts_ns}, found {head.ts_ns}"
        else:
            return
        raise DamagedError(f"sequence {head.seq}: expected a snapshot with {what}", head.seq)


def check_link(record: JournalRecord, previous: bytes) -> None:
    """Raise `DamagedError` unless the record names the hash before it."""
    if record.previous != previous:
        raise DamagedError(
            f"sequence {record.seq}: expected previous hash {previous.hex()}, "
            f"found {record.previous.hex()}",
            record.seq,
        )


def check_order(record: JournalRecord, ts_ns: int, epoch: int) -> None:
    """Raise `DamagedError` if time or epoch go back."""
    if record.ts_ns < ts_ns:
        what = f"time {ts_ns} or later, found {record.ts_ns}"
    elif record.epoch < epoch:
        what = f"epoch {epoch} or later, found {record.epoch}"
    else:
        return
    raise DamagedError(f"sequence {record.seq}: expected {what}", record.seq)


def checked_head(snapshot: bytes, seq: int, genesis: Genesis) -> SnapshotHead:
    """Return a snapshot's head; raise `DamagedError` for bad bytes or one of another history."""
    try:
        head = read_head(snapshot)
    except DamagedError as error:
        raise DamagedError(f"sequence {seq}: {error}", seq) from None
    if head.seq != seq:
        raise DamagedError(f"sequence {seq}: expected its snapshot, found one of {head.seq}", seq)
    expected = genesis_hash(genesis)
    if head.genesis_hash != expected:
        raise DamagedError(
            f"sequence {seq}: expected a snapshot of genesis {expected.hex()}, "
            f"found one of {head.genesis_hash.hex()}",
            seq,
        )
    return head


def loaded(machine: Machine, genesis: Genesis, snapshot: bytes, seq: int) -> State:
    """Load a snapshot; raise `DamagedError` for whatever the machine says to records it refuses."""
    try:
        return load(machine, genesis, snapshot)
    except LockstepError:
        raise
    except Exception as error:  # a forged record can break a machine in any way
        what = f"{type(error).__name__}: {error}"
        raise DamagedError(f"sequence {seq}: its snapshot does not load: {what}", seq) from error

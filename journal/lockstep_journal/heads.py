"""Signed tree heads of a journal, published as files of a directory.

    HEADS/00000000000000001700.head     the head of the first 1,700 records, a signed note
    HEADS/00000000000000001700.peaks    what its tree needs to grow once its records are archived
    HEADS/00000000000000001700.state    the snapshot that it binds, from which to execute further
    HEADS/publisher.lock                held by the one who publishes

Nothing is signed that was not recomputed: the tree from the records, the hashes, rules and state by
executing them from genesis, or from a state that a head of the same key binds. A snapshot of the
journal counts only if such a head binds it. No head is signed that contradicts a published one, and
none of records that a power cut may still take back.
"""

import fcntl
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from lockstep_journal.environment import sync_directory
from lockstep_journal.keys import SigningKey
from lockstep_journal.places import check_place
from lockstep_journal.store import Journal
from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    DivergedError,
    Fault,
    JournalRecord,
    Machine,
    MalformedCommand,
    Sequenced,
    State,
    Tree,
    TreeHead,
    apply_batch,
    check_genesis,
    dump,
    genesis_digest,
    initial,
    load,
    parse_head,
    state_digest,
    unpack_note,
)
from lockstep_kernel.chain import HASH_BYTES
from lockstep_kernel.merkle import ROOT_BYTES
from lockstep_kernel.note import NOTE_BYTES_MAX

HEAD_SUFFIX: Final = ".head"
PEAKS_SUFFIX: Final = ".peaks"
STATE_SUFFIX: Final = ".state"
_LOCK_NAME: Final = "publisher.lock"
_PARTIAL_SUFFIX: Final = ".partial"
_DIGITS: Final = 20
_PEAKS_BYTES_MAX: Final = HASH_BYTES + 64 * ROOT_BYTES
"""A size has 64 bits, and a tree a peak for each that is set."""

Progress = Callable[[int, int], None]


class PublishedHeads(msgspec.Struct, frozen=True):
    """What was signed: the sizes of new heads, and the newest head that is published now."""

    new_sizes: Sequence[int]
    size: int
    root: bytes
    rules_version: int
    state: bytes
    file: str


class HeadRequest(msgspec.Struct, frozen=True):
    """Which heads to sign: at a record (None: the last), and at each snapshot before it."""

    at: int | None = None
    has_snapshots: bool = False


class HeadDirectory:
    """The published heads of one history."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        if not self.directory.is_dir():
            found = "something else" if self.directory.exists() else "nothing: create it"
            raise CannotRunError(f"{directory}: expected the directory of heads, found {found}")
        check_place(self.directory / f"x{HEAD_SUFFIX}")

    @contextmanager
    def locked(self) -> Generator[None]:
        """Be the only publisher meanwhile; raise `CannotRunError` if there is another one.

        What a publisher left unfinished that died is removed.
        """
        descriptor = _opened_lock(self.directory / _LOCK_NAME)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CannotRunError(f"{self.directory}: another publisher is at work") from None
            for suffix in (HEAD_SUFFIX, PEAKS_SUFFIX, STATE_SUFFIX):
                for unfinished in self._files(f"{suffix}.*{_PARTIAL_SUFFIX}"):
                    unfinished.unlink()
            yield
        finally:
            os.close(descriptor)

    def sizes(self) -> list[int]:
        """Return the sizes of all heads, ascending."""
        names = (path.name.removesuffix(HEAD_SUFFIX) for path in self._files(HEAD_SUFFIX))
        return sorted(int(name) for name in names if len(name) == _DIGITS and name.isdecimal())

    def note(self, size: int) -> bytes:
        """Return the bytes of a head, and of a file that is too large for one the first."""
        return _read(self.path(size, HEAD_SUFFIX), NOTE_BYTES_MAX + 1)

    def head(self, size: int) -> TreeHead:
        """Return a head, its signature unchecked; raise `DamagedError` for a bad file."""
        path = self.path(size, HEAD_SUFFIX)
        try:
            head = parse_head(unpack_note(self.note(size)).text)
        except DamagedError as error:
            raise DamagedError(f"{path}: {error}", size) from None
        if head.size != size:
            raise DamagedError(f"{path}: expected a head of {size}, found one of {head.size}", size)
        return head

    def newest(self) -> TreeHead | None:
        """Return the head of the largest size."""
        sizes = self.sizes()
        return self.head(sizes[-1]) if sizes else None

    def tree(self, head: TreeHead, hash_: bytes) -> Tree | None:
        """Return the kept tree of a head, None if it is missing or not that of the head.

        `hash_` is the journal's own after the records of the head: another journal's tree would
        lead on from records that this one does not have.
        """
        path = self.path(head.size, PEAKS_SUFFIX)
        data = _read(path, _PEAKS_BYTES_MAX + 1) if path.exists() else b""
        starts = range(HASH_BYTES, len(data), ROOT_BYTES)
        peaks = [data[at : at + ROOT_BYTES] for at in starts]
        try:
            tree = Tree(head.size, peaks)
        except ValueError:
            return None
        return tree if tree.root() == head.root and data[:HASH_BYTES] == hash_ else None

    def add(self, size: int, note: bytes, tree: Tree, hash_: bytes, snapshot: bytes) -> Path:
        """Publish a head durably; what the next run needs, if this is its newest, is there first.

        That is the tree with the journal's hash, and the snapshot that the head binds, readable by
        its owner alone: all accounts are in it. Those of the head before go when this one stands.
        """
        peaks, state = self.path(size, PEAKS_SUFFIX), self.path(size, STATE_SUFFIX)
        self._write(peaks, b"".join((hash_, *tree.peaks)))
        self._write(state, snapshot, 0o600)
        path = self.path(size, HEAD_SUFFIX)
        self._write(path, note)
        self._remove_others(peaks)
        self._remove_others(state)
        return path

    def state(self, size: int) -> bytes:
        """Return the kept snapshot of a head, unchecked; nothing if there is none."""
        path = self.path(size, STATE_SUFFIX)
        return path.read_bytes() if path.exists() else b""

    def path(self, size: int, suffix: str = HEAD_SUFFIX) -> Path:
        """Return where something of a head stands."""
        return self.directory / f"{size:0{_DIGITS}}{suffix}"

    def _files(self, suffix: str) -> list[Path]:
        return sorted(self.directory.glob(f"*{suffix}"))

    def _remove_others(self, kept: Path) -> None:
        for path in self._files(kept.suffix):
            if path != kept:
                path.unlink()

    def _write(self, path: Path, data: bytes, mode: int = 0o666) -> None:
        unfinished = path.with_name(f"{path.name}.{os.urandom(8).hex()}{_PARTIAL_SUFFIX}")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with open(os.open(unfinished, flags, mode), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise CannotRunError(f"{path}: cannot be written: {error.strerror}") from error
        sync_directory(self.directory)


def _opened_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise CannotRunError(
            f"{path}: expected a lock file that can be written: {error.strerror}"
        ) from None


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(bytes_max)
    except OSError as error:
        raise CannotRunError(f"{path}: cannot be read: {error.strerror}") from None


def publish_heads(
    journal: Journal,
    machine: Machine,
    key: SigningKey,
    heads: HeadDirectory,
    request: HeadRequest | None = None,
) -> PublishedHeads:
    """Sign and publish the heads that are asked for and not there yet.

    One publisher works at a time. Costs a hash per record (in an archived journal: since the newest
    head), and executing from the newest state that a head of this key binds and that is still
    there: the first time, or with a new key, from genesis. Raises `DivergedError` if the records
    are not those that a published head signs or do not give the hashes that they carry,
    `DamagedError` if some are missing, and `CannotRunError` for a head that would go back, or if
    another publisher is at work.
    """
    with heads.locked():
        return _publish(journal, machine, key, heads, request or HeadRequest())


def _publish(
    journal: Journal,
    machine: Machine,
    key: SigningKey,
    heads: HeadDirectory,
    wanted: HeadRequest,
) -> PublishedHeads:
    newest = heads.newest()
    sizes = _sizes(journal, newest, wanted)
    _check_same_history(journal, key, heads)
    trees = _grown(journal, heads, newest, sizes)
    new = {size: trees[size] for size in sizes if newest is None or size > newest.size}
    if new:
        state = _signed_state(journal, machine, key, heads)
        # A power cut may still take back the last records that were seen: a head of them would
        # contradict the journal for ever. No head goes beyond the end that was read before this.
        journal.settle()
        newest = _signed(journal, key, heads, state, new)
    assert newest is not None  # noqa: S101  # without an old head there is a new one
    path = str(heads.path(newest.size))
    return PublishedHeads(
        [*new], newest.size, newest.root, newest.rules_version, newest.state, path
    )


def heads_between(heads: HeadDirectory, journal: Journal, last_seq: int) -> Mapping[int, bytes]:
    """Return the heads of a journal up to `last_seq`, by size. A hash per record.

    Raises `DamagedError` for a head of another genesis, and `DivergedError` for one that does not
    sign these records; the latter cannot be told once the first records are archived.
    """
    found: dict[int, bytes] = {}
    expected = genesis_digest(journal.genesis)
    for size in heads.sizes():
        if heads.head(size).genesis != expected:
            raise DamagedError(f"{heads.path(size)}: it is the head of another history", size)
        if size <= last_seq:
            found[size] = heads.note(size)
    if journal.end().first_seq == 1:
        _check_signed(journal, heads, list(found))
    return found


def _check_signed(journal: Journal, heads: HeadDirectory, sizes: Sequence[int]) -> None:
    """Raise `DivergedError` for the first head that signs other records than these."""
    tree = Tree()
    for size in sizes:
        _grow(journal, tree, size)
        if heads.head(size).root != tree.root():
            raise DivergedError(
                f"{journal.directory}: the first {size} records are not those that the head "
                f"{heads.path(size)} signs",
                size,
            )


def _sizes(journal: Journal, newest: TreeHead | None, wanted: HeadRequest) -> list[int]:
    """Return the sizes to look at, ascending; the last is the one that was asked for."""
    end = journal.end()
    start = 0 if newest is None else newest.size
    if end.last_seq < start:
        raise DamagedError(
            f"{journal.directory}: expected the {start} records of a published head, "
            f"found {end.last_seq}",
            end.last_seq + 1,
        )
    last = end.last_seq if wanted.at is None else wanted.at
    if not start <= last <= end.last_seq:
        raise CannotRunError(
            f"{journal.directory}: expected a head at {start} to {end.last_seq}, asked for {last}"
        )
    between = [seq for seq in journal.snapshot_seqs() if start < seq < last]
    return [*(between if wanted.has_snapshots else ()), last]


def _check_same_history(journal: Journal, key: SigningKey, heads: HeadDirectory) -> None:
    origin, genesis = key.public.name, genesis_digest(journal.genesis)
    for head in map(heads.head, heads.sizes()):
        if head.origin != origin:
            raise CannotRunError(
                f"expected a key of {head.origin}, as in the heads before, found {origin}"
            )
        if head.genesis != genesis:
            raise CannotRunError(
                f"{journal.directory}: expected the history of the heads before, "
                f"found another genesis"
            )


def _grown(
    journal: Journal, heads: HeadDirectory, newest: TreeHead | None, sizes: Sequence[int]
) -> dict[int, Tree]:
    """Return the tree at each size, grown from the first record, with all heads compared.

    If the first records are archived it is grown from the newest head's tree, and only that head
    is compared.
    """
    first_seq = journal.end().first_seq
    kept = None
    if newest is not None and 1 < first_seq <= newest.size + 1:
        kept = heads.tree(newest, journal.hash_at(newest.size))
    tree = Tree() if kept is None else kept
    published = [size for size in heads.sizes() if size >= tree.size]
    if tree.size + 1 < first_seq:
        raise CannotRunError(
            f"{journal.directory}: expected records from {tree.size + 1} on, found them from "
            f"{first_seq} on: join the archives with `lockstep replay import` and sign there"
        )
    found: dict[int, Tree] = {}
    for size in sorted({*published, *sizes}):
        _grow(journal, tree, size)
        if size in published and heads.head(size).root != tree.root():
            raise DivergedError(
                f"{journal.directory}: the first {size} records are not those that the published "
                f"head {heads.path(size)} signs: nothing was signed",
                size,
            )
        found[size] = Tree(tree.size, tree.peaks)
    return found


def _grow(journal: Journal, tree: Tree, size: int) -> None:
    if tree.size < size:
        for raws, _records in journal.pages(tree.size + 1, size):
            for raw in raws:
                tree.append(raw)


def _signed(
    journal: Journal,
    key: SigningKey,
    heads: HeadDirectory,
    state: State,
    trees: Mapping[int, Tree],
) -> TreeHead | None:
    """Execute on from a state, publish a head with each tree, and return the last."""
    head = None
    for size, tree in trees.items():
        state = _executed(journal, state, size)
        snapshot = dump(state)
        head = TreeHead(
            origin=key.public.name,
            size=size,
            root=tree.root(),
            genesis=genesis_digest(journal.genesis),
            rules_version=state.core.rules_version(),
            state=state_digest(snapshot),
        )
        heads.add(size, key.sign(head), tree, state.hash, snapshot)
    return head


def _signed_state(
    journal: Journal, machine: Machine, key: SigningKey, heads: HeadDirectory
) -> State:
    """Return the newest state that a head of this key binds, else that of genesis."""
    check_genesis(machine, journal.genesis)
    first_seq = journal.end().first_seq
    for size in reversed(heads.sizes()):
        bound = heads.head(size).state
        if size + 1 < first_seq or not key.has_signed(heads.note(size)):
            continue
        for find in (heads.state, journal.snapshot):
            data = _found(find, size)
            if state_digest(data) == bound:
                return load(machine, journal.genesis, data)
    if first_seq > 1:
        raise CannotRunError(
            f"{journal.directory}: expected records from 1 on, or a state that a published head "
            f"of this key binds, found records from {first_seq} on: join the archives with "
            f"`lockstep replay import` and sign there"
        )
    return initial(machine, journal.genesis)


def _found(find: Callable[[int], bytes], size: int) -> bytes:
    """Return a snapshot, or nothing if there is none that can be read."""
    try:
        return find(size)
    except (Fault, OSError):
        return b""


def _executed(journal: Journal, state: State, size: int) -> State:
    """Return the state after `size` records, each executed and its hash compared."""
    if state.seq == size:
        return state
    for _raws, records in journal.pages(state.seq + 1, size):
        commands = [_decoded(state.machine, record) for record in records]
        state, applied = apply_batch(state, commands)
        for record, done in zip(records, applied, strict=True):
            if done[6] != record.hash:
                raise DivergedError(
                    f"record {record.seq}: expected hash {record.hash.hex()}, "
                    f"computed {done[6].hex()}: nothing was signed",
                    record.seq,
                )
    return state


def _decoded(machine: Machine, record: JournalRecord) -> Sequenced:
    try:
        return machine.codec.decode(record.ts_ns, record.body)
    except MalformedCommand as error:
        raise DivergedError(
            f"record {record.seq}: {error}: nothing was signed", record.seq
        ) from None

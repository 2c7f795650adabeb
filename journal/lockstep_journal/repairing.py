"""Mending the end of a journal, and nothing else of it.

A record that can be seen was committed, and so may have been acknowledged: the files alone never
prove that it was not. So what is good is kept, all of it; what is damaged at the end is cut only if
the operator says which record was the last to be acknowledged; and nothing is cut that an earlier
transaction than the last one wrote, because its writer went on from there. The old file is copied
whole before the new one takes its place.
"""

import filecmp
import json
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Self

import msgspec

from lockstep_journal.entries import entries
from lockstep_journal.environment import DATA_NAME, check_name, data_path, sync_directory
from lockstep_journal.errors import told
from lockstep_journal.layout import COMMANDS, EVENTS, unpack_events, unpack_key
from lockstep_journal.metapages import MetaPage, are_possible, fill, meta_pages, show
from lockstep_journal.owner import OwnerLock, owner_pid
from lockstep_journal.places import check_place
from lockstep_journal.replacing import (
    check_replaceable,
    check_room,
    replace_data,
    sync_file,
)
from lockstep_journal.store import PAGE_RECORDS, Journal, open_reader
from lockstep_journal.surveying import LostRecord, Survey, survey
from lockstep_journal.values import plain_struct
from lockstep_journal.verification import Finding, verify
from lockstep_journal.writer import create_unchecked
from lockstep_kernel import CannotRunError, DamagedError, unpack_record

PARTIAL_NAME = "repair.partial"
REPORT_NAME = "repair.json"
_INSTEAD = (
    "restore a copy, or make a new journal of an older copy and a replica's stream with "
    "`lockstep replay import`"
)


class RepairOptions(msgspec.Struct, frozen=True):
    """What the operator asks for and knows.

    `acknowledged_seq` is the last record that any client or replica heard of; `backup` the new
    directory for the old file, by default beside the journal.
    """

    is_dry_run: bool = False
    acknowledged_seq: int | None = None
    backup: str | None = None


class Repaired(msgspec.Struct, frozen=True):
    """What a repair did, or with `is_dry_run` would do; `source` names what the records are of."""

    directory: str
    is_dry_run: bool
    is_changed: bool
    source: str
    first_seq: int
    last_seq: int
    last_hash: bytes
    cut: list[LostRecord]
    dropped_snapshots: list[Finding]
    findings: list[Finding]
    file_bytes_before: int
    file_bytes_after: int | None
    backup: str | None


class _State(msgspec.Struct):
    """One state that the file names: where it can be read, and how far it is good."""

    name: str
    directory: Path
    seen: Survey | str
    is_last: bool = False


class _Plan(msgspec.Struct):
    """What a journal can be rebuilt from, and all that is known of what is lost."""

    state: _State
    seen: Survey
    cut: list[LostRecord]
    findings: list[Finding]
    epoch: int


class _Scratch:
    """A place for copies of the file, made when it is needed: in the journal, or beside it.

    Beside it for a dry run, which must not touch the journal.
    """

    def __init__(self, path: Path, is_dry_run: bool) -> None:
        self._path = path.resolve()
        self._is_dry_run = is_dry_run
        self._directory: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_args: object) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        if not self._is_dry_run:
            # A killed repair may have left its own.
            shutil.rmtree(self._path / PARTIAL_NAME, ignore_errors=True)

    def __truediv__(self, name: str) -> Path:
        """Return the path of an entry."""
        if self._directory is None:
            self._directory = self._made()
        return self._directory / name

    def _made(self) -> Path:
        if self._is_dry_run:
            prefix = f"{self._path.name}.dry-run-"
            return Path(tempfile.mkdtemp(prefix=prefix, dir=self._path.parent))
        directory = self._path / PARTIAL_NAME
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        return directory


def repair(directory: str | Path, options: RepairOptions) -> Repaired:
    """Rebuild a journal from its good records if nothing acknowledged can be lost by it.

    Raises `DamagedError` if it can, and says what to do instead; `CannotRunError` if an owner or a
    reader lives, for a newer format, and for a disk without room or rights. Nothing has changed
    then. Nor with `is_dry_run`.
    """
    path = Path(directory)
    file_seen = check_replaceable(path)
    backup = _backup_place(path, options)
    with _held(path, options.is_dry_run), _Scratch(path, options.is_dry_run) as scratch:
        try:
            states = _states(path, scratch)
            plan = _planned(path, states, options.acknowledged_seq)
            done = _report(path, plan, options, file_seen.st_size)
            if done.is_changed:
                _check_places(path, backup, file_seen.st_size)
            if options.is_dry_run or not done.is_changed:
                return done
            done = msgspec.structs.replace(done, backup=str(backup))
            _keep_old(path, backup, done)
            rebuilt = scratch / "new"
            _rebuild(plan, rebuilt)
            after = data_path(rebuilt).stat().st_size
            replace_data(path, data_path(rebuilt), file_seen)
        except OSError as error:
            raise CannotRunError(f"{path}: cannot be repaired: {told(error)}") from error
    return msgspec.structs.replace(done, file_bytes_after=after)


@contextmanager
def _held(path: Path, is_dry_run: bool) -> Generator[None]:
    """Keep owners out; a dry run only looks that there is none."""
    if not is_dry_run:
        lock = OwnerLock(path)
        try:
            yield
        finally:
            lock.release()
        return
    pid = owner_pid(path)
    if pid is not None:
        raise CannotRunError(f"{path}: locked by live process {pid}: end it first")
    yield


def _backup_place(path: Path, options: RepairOptions) -> Path:
    resolved = path.resolve()
    default = resolved.with_name(f"{resolved.name}.before-repair")
    place = Path(options.backup) if options.backup is not None else default
    check_place(place)
    check_name(place)
    return place


def _check_places(path: Path, backup: Path, size: int) -> None:
    """Raise `CannotRunError` unless the backup and the new file can be written where they go."""
    _check_free(backup, path)
    for place in (path, backup.absolute().parent):
        check_room(place, size)
        if not os.access(place, os.W_OK | os.X_OK):
            raise CannotRunError(f"{place}: expected a directory that can be written to")


def _check_free(place: Path, path: Path) -> None:
    if (place.exists() or place.is_symlink()) and not _is_backup_of(place, path):
        raise CannotRunError(f"{place}: expected a new place for the backup, found this")


def _is_backup_of(place: Path, path: Path) -> bool:
    """Return whether an earlier repair that was ended early left its backup here.

    The journal itself has the same bytes under any of its names, and is no backup of them.
    """
    copy, data = data_path(place), data_path(path)
    is_backup = (place / REPORT_NAME).is_file() and copy.is_file() and not copy.is_symlink()
    if not is_backup or place.samefile(path) or copy.samefile(data):
        return False
    return filecmp.cmp(copy, data, shallow=False)


def _states(path: Path, scratch: _Scratch) -> list[_State]:
    """Return the states that the file names, the last one first; only that one if it is whole."""
    data = data_path(path)
    pages, size = meta_pages(data), data.stat().st_size
    if not pages:
        return [_State("the file", path, survey(path), True)]
    states: list[_State] = []
    if len(pages) > 1 and not are_possible(pages):
        return _both_states(path, scratch, pages)
    if len(pages) > 1:
        states.append(_last_state(path, scratch, pages[0], size))
        if states[0].directory == path and _is_whole(states[0].seen):
            return states
    older = _copy_of(path, scratch / "older")
    show(data_path(older), pages[-1])
    states.append(_State("the state before the last transaction", older, survey(older)))
    return states


def _both_states(path: Path, scratch: _Scratch, pages: list[MetaPage]) -> list[_State]:
    """Return the states of two pages whose numbers do not say which one is the last.

    The one that goes further is, if both can be read; else nobody knows.
    """
    states: list[_State] = []
    for page in pages:
        copy = _copy_of(path, scratch / f"page-{page.number}")
        show(data_path(copy), page)
        states.append(_State(f"the state of meta page {page.number}", copy, survey(copy)))
    if all(isinstance(state.seen, Survey) for state in states):
        states.sort(key=_top_seq, reverse=True)
        states[0].is_last = True
    else:
        states.sort(key=_top_seq)
    return states


def _top_seq(state: _State) -> int:
    return state.seen.top_seq if isinstance(state.seen, Survey) else -1


def _last_state(path: Path, scratch: _Scratch, page: MetaPage, size: int) -> _State:
    if size >= page.file_bytes:
        return _State("the last state", path, survey(path), True)
    filled = _copy_of(path, scratch / "filled")
    fill(data_path(filled), page.file_bytes)
    name = f"the last state, with {page.file_bytes - size} bytes added to the file"
    return _State(name, filled, survey(filled), True)


def _copy_of(path: Path, target: Path) -> Path:
    check_room(target.parent, data_path(path).stat().st_size)
    target.mkdir()
    shutil.copyfile(data_path(path), data_path(target))
    return target


def _is_whole(seen: Survey | str) -> bool:
    return isinstance(seen, Survey) and seen.is_whole


def _planned(path: Path, states: list[_State], acknowledged_seq: int | None) -> _Plan:
    """Choose the state with the most good records; raise `DamagedError` if that is not enough."""
    readable = [(state, state.seen) for state in states if isinstance(state.seen, Survey)]
    if not readable:
        raise DamagedError(f"{path}: it cannot be opened: {_sentence(states[0])}: {_INSTEAD}", None)
    state, seen = max(readable, key=lambda pair: pair[1].good_seq)
    good = seen.good_seq
    if acknowledged_seq is not None and acknowledged_seq > good:
        raise DamagedError(
            f"{path}: record {acknowledged_seq} was acknowledged, and the good records end at "
            f"{good}: {_INSTEAD}",
            good + 1,
        )
    _check_base(path, seen)
    is_last_read = readable[0][0].is_last
    top = max(found.top_seq for _state, found in readable)
    if top > good or not is_last_read:
        lost = (
            _named(good, top) if is_last_read else f"what the last transaction wrote after {good}"
        )
        _check_cut(path, good, states[-1].seen, lost, is_asserted=acknowledged_seq is not None)
    # The last transaction may have been a claim that nobody can read any more.
    epoch = max(found.epoch for _state, found in readable) + (not is_last_read)
    return _Plan(state, seen, _all_lost(readable, good, top), _all_findings(states), epoch)


def _check_base(path: Path, seen: Survey) -> None:
    base = seen.first_seq - 1
    if base and base not in seen.snapshots:
        raise DamagedError(
            f"{path}: the snapshot of {base}, with which it begins, is not good: {_INSTEAD}",
            seen.first_seq,
        )


def _check_cut(path: Path, good: int, older: Survey | str, lost: str, *, is_asserted: bool) -> None:
    """Raise `DamagedError` unless all behind the good records may go."""
    if isinstance(older, str):
        raise DamagedError(
            f"{path}: {lost}: damaged, and the state before the last transaction cannot be read, "
            f"so nothing shows that this is the end of it: {_INSTEAD}",
            good + 1,
        )
    if good < older.end_seq:
        raise DamagedError(
            f"{path}: record {good + 1} is damaged in the middle: records up to {older.end_seq} "
            f"were there before the last transaction, so nothing may be cut: {_INSTEAD}; "
            f"`lockstep replay export --to` saves what is before it",
            good + 1,
        )
    if not is_asserted:
        raise DamagedError(
            f"{path}: {lost}: damaged, but committed, so it may have been acknowledged: "
            f"{_INSTEAD}; or, if no client and no replica ever heard of anything after {good}, "
            f"give the last that they heard of with --acknowledged",
            good + 1,
        )


def _named(good: int, top: int) -> str:
    return f"record {top}" if top == good + 1 else f"records {good + 1} to {top}"


def _all_lost(
    readable: list[tuple[_State, Survey]], good_seq: int, top_seq: int
) -> list[LostRecord]:
    """Return each record that goes, with what the last state that can read it says of it."""
    found: dict[int, LostRecord] = {}
    for _state, seen in reversed(readable):
        found.update((record.seq, record) for record in seen.lost)
    return [record for seq, record in sorted(found.items()) if good_seq < seq <= top_seq]


def _all_findings(states: list[_State]) -> list[Finding]:
    """Return what is wrong with the last state."""
    seen, place = states[0].seen, f"{states[0].directory}: "
    if isinstance(seen, str):
        return [Finding(None, _sentence(states[0]))]
    return [Finding(found.seq, found.what.removeprefix(place)) for found in seen.findings]


def _sentence(state: _State) -> str:
    """Return why a state cannot be read, without the place of the copy that was tried."""
    return str(state.seen).removeprefix(f"{state.directory}: ")


def _report(path: Path, plan: _Plan, options: RepairOptions, size: int) -> Repaired:
    seen = plan.seen
    behind = "it is behind the last good record"
    is_changed = plan.state.directory != path or not seen.is_whole
    return Repaired(
        directory=str(path),
        is_dry_run=options.is_dry_run,
        is_changed=is_changed,
        source=plan.state.name,
        first_seq=seen.first_seq,
        last_seq=seen.good_seq,
        last_hash=seen.good_hash,
        cut=plan.cut,
        dropped_snapshots=[
            *seen.bad_snapshots,
            *(Finding(seq, behind) for seq in seen.snapshots if seq > seen.good_seq),
        ],
        findings=plan.findings,
        file_bytes_before=size,
        file_bytes_after=None if is_changed else size,
        backup=None,
    )


def _keep_old(path: Path, backup: Path, report: Repaired) -> None:
    """Copy the old data file and the report into the backup, durably and all or nothing."""
    if backup.exists():
        return  # with the same bytes: a repair was ended before it replaced them
    parent = backup.absolute().parent
    made = Path(tempfile.mkdtemp(prefix=f"{backup.name}.partial-", dir=parent))
    try:
        shutil.copyfile(data_path(path), made / DATA_NAME)
        text = json.dumps(plain_struct(report, has_types=False), ensure_ascii=False, indent=1)
        (made / REPORT_NAME).write_text(f"{text}\n", encoding="utf-8")
        shutil.copymode(path, made)
        for name in (DATA_NAME, REPORT_NAME):
            sync_file(made / name)
        sync_directory(made)
        made.rename(backup)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    sync_directory(parent)


def _rebuild(plan: _Plan, target: Path) -> None:
    """Write a new journal of what is good, in an epoch as high as any before, and verify it."""
    seen = plan.seen
    with (
        open_reader(plan.state.directory) as old,
        create_unchecked(target, old.genesis, old.keeps_events) as new,
    ):
        new.claim(plan.epoch)
        base = seen.first_seq - 1
        if base:
            new.start_at(old.snapshot(base))
        for raws, events in _good_pages(old, seen):
            first = new.end().last_seq + 1
            records = [unpack_record(raw, seq) for seq, raw in enumerate(raws, first)]
            new.append_page((raws, records), events)
        for seq in seen.snapshots:
            if base < seq <= seen.good_seq or seq == base == 0:
                new.save_snapshot(seq, old.snapshot(seq))
    with open_reader(target) as made:
        found = verify(made)
    bad = found.first
    if bad is not None or (found.last_seq, found.last_hash) != (seen.good_seq, seen.good_hash):
        what = "it ends elsewhere" if bad is None else bad.what
        raise DamagedError(
            f"{target}: the new journal is not good, nothing was replaced: {what}", None
        )
    sync_file(data_path(target))


def _good_pages(old: Journal, seen: Survey) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Yield the good records and their kept events."""
    left = seen.good_seq - seen.first_seq + 1
    records = (raw for _key, raw in islice(entries(old, COMMANDS), left))
    events = entries(old, EVENTS) if old.keeps_events else iter(())
    while raws := list(islice(records, PAGE_RECORDS)):
        kept = [unpack_events(unpack_key(key), value) for key, value in islice(events, len(raws))]
        yield raws, kept

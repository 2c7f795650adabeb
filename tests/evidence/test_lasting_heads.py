"""What is on the disk before a head is: the records that it signs, its tree and its state."""

import errno
import os
import stat
from pathlib import Path

import pytest

from lockstep_journal import (
    HeadDirectory,
    HeadRequest,
    Journal,
    PublishedHeads,
    Sequencer,
    SigningKey,
    create,
    open_reader,
    publish_heads,
)
from lockstep_kernel import CannotRunError, initial, state_digest
from tests.evidence.world import COUNT, KEY
from tests.machines.counter import COUNTER
from tests.machines.histories import GENESIS, submit_all, write_journal

NEWEST = ((13, ".head"), (13, ".peaks"), (13, ".state"))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    write_journal(tmp_path / "journal", COUNT, snapshot_every=7)
    return tmp_path / "journal"


@pytest.fixture
def heads(tmp_path: Path) -> HeadDirectory:
    (tmp_path / "heads").mkdir()
    return HeadDirectory(tmp_path / "heads")


def publish(directory: Path, heads: HeadDirectory, at: int | None = None) -> PublishedHeads:
    """Publish heads at every snapshot up to a record."""
    with open_reader(directory) as opened:
        return publish_heads(opened, COUNTER, KEY, heads, HeadRequest(at, has_snapshots=True))


def test_records_are_durable_before_a_head_of_them_is_signed(
    journal: Path, heads: HeadDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader sees a commit before the disk has it; a head outlives the power cut, it may not."""
    steps: list[str] = []

    def note_calls(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def step(self: object, *arguments: object) -> object:
            steps.append(name)
            return real(self, *arguments)

        monkeypatch.setattr(owner, name, step)

    note_calls(Journal, "end")
    note_calls(SigningKey, "sign")
    monkeypatch.setattr(os, "fdatasync", lambda _descriptor: steps.append("fdatasync"))
    done = publish(journal, heads)
    settled = steps.index("fdatasync")
    assert {"end"} == set(steps[:settled])
    signed = [step for step in steps[settled:] if step != "end"]
    assert ["fdatasync", *("sign" for _size in done.new_sizes)] == signed


def test_a_record_that_comes_while_the_others_become_durable_is_not_signed(
    tmp_path: Path, heads: HeadDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create(tmp_path / "journal", COUNTER, GENESIS) as owner:
        owner.claim()
        sequencer = Sequencer(initial(COUNTER, GENESIS), owner, lambda: 0)
        submit_all(sequencer, 9)
        real = Journal.settle

        def settle_slowly(self: Journal) -> None:
            real(self)
            submit_all(sequencer, 13, start=9)

        monkeypatch.setattr(Journal, "settle", settle_slowly)
        done = publish_heads(owner, COUNTER, KEY, heads)
        assert (9, 13) == (done.size, owner.end().last_seq)


def test_nothing_is_signed_if_the_disk_fails_to_keep_the_records(
    journal: Path, heads: HeadDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(CannotRunError, match="cannot be made durable"):
        publish(journal, heads)
    assert ["publisher.lock"] == [path.name for path in heads.directory.iterdir()]


def test_on_a_full_disk_no_head_is_published_without_what_the_next_run_needs(
    journal: Path, heads: HeadDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishing a head writes three files; the disk is full at each of them in turn."""
    publish(journal, heads, at=7)
    real = os.fsync
    for room_for in range(3):
        _fill_disk_after(room_for, monkeypatch)
        with pytest.raises(CannotRunError, match="No space left"):
            publish(journal, heads, at=13)
        monkeypatch.setattr(os, "fsync", real)
        assert [7] == heads.sizes()
        assert state_digest(heads.state(7)) == heads.head(7).state
        assert heads.path(7, ".peaks").exists()
    publish(journal, heads, at=13)
    stems = {f"{size:020}{suffix}" for size, suffix in ((7, ".head"), *NEWEST)}
    assert {*stems, "publisher.lock"} == {path.name for path in heads.directory.iterdir()}
    assert state_digest(heads.state(13)) == heads.head(13).state


def _fill_disk_after(files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many files reach the disk, and none after them."""
    real, left = os.fsync, [files]

    def sync(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            if left[0] == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            left[0] -= 1
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)

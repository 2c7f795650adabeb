"""What is on the disk before a head is: the records that it signs, its tree and its state."""

import errno
import os
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
from lockstep_kernel import CannotRunError, initial
from tests.evidence.world import COUNT, KEY
from tests.machines.counter import COUNTER
from tests.machines.histories import GENESIS, submit_all, write_journal


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

"""Journals go out as streams and come back the same; bad streams leave nothing behind."""

import errno
import os
from io import BytesIO
from pathlib import Path

import pytest

from lockstep_journal import (
    Exporter,
    Journal,
    Transferred,
    export,
    import_streams,
    open_owner,
    open_reader,
    retained_events,
    verify,
)
from lockstep_journal.environment import LmdbEnvironment
from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    DivergedError,
    Fault,
    StreamReader,
    StreamWriter,
    TornTailError,
    UnsupportedError,
    pack_frame,
)
from lockstep_kernel.values import FrameType
from lockstep_replay import ImportVerifier, recomputed_events, recover
from lockstep_validator import Options, Status, validate
from tests.machines.counter import COUNTER
from tests.machines.histories import (
    GENESIS,
    applied,
    pack,
    reading,
    stream,
    stream_frames,
    write_journal,
)

COUNT = 50
PARTS = stream_frames(COUNT)


def counter(_genesis: object) -> type(COUNTER):
    return COUNTER


def exported(journal: Journal, **options) -> tuple[bytes, Transferred]:
    parts: list[bytes] = []
    done = export(journal, parts.append, **options)
    return b"".join(parts), done


def imported(directory: Path, *streams: bytes, is_verified: bool = True) -> Transferred:
    verifier = ImportVerifier(counter) if is_verified else None
    return import_streams(directory, [reading(data) for data in streams], verifier)


@pytest.mark.parametrize("has_events", [True, False])
def test_a_journal_exports_as_the_stream_of_its_history(tmp_path: Path, has_events: bool) -> None:
    state = write_journal(tmp_path / "j", COUNT, keep_events=has_events)
    with open_reader(tmp_path / "j") as journal:
        events = retained_events(journal) if has_events else None
        data, done = exported(journal, events=events)
    assert stream(COUNT, has_events=has_events) == data
    assert Transferred(1, COUNT, state.hash) == done


def test_nothing_leaves_before_all_that_was_read_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_journal(tmp_path / "j", 40, snapshot_every=15)
    done: list[str] = []
    settle = LmdbEnvironment.settle

    def settled(environment: LmdbEnvironment) -> None:
        settle(environment)
        done.append("durable")

    monkeypatch.setattr(LmdbEnvironment, "settle", settled)
    with open_reader(tmp_path / "j") as journal:
        exporter = Exporter(journal, lambda data: done.append("sent"))
        exporter.begin(30)
        exporter.send_to(40)
    assert ["durable", "sent", "durable", "sent"] == done


def test_nothing_leaves_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_journal(tmp_path / "j", 40)
    sent: list[bytes] = []
    with open_reader(tmp_path / "j") as journal:
        exporter = Exporter(journal, sent.append)
        exporter.begin()
        before = len(sent)

        def fail(_descriptor: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fdatasync", fail)
        with pytest.raises(CannotRunError, match="cannot be made durable: Input/output error"):
            exporter.send_to(40)
        assert before == len(sent)

        def refuse(_descriptor: int) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(os, "fdatasync", refuse)
        exporter.send_to(40)
        assert before < len(sent)


def test_events_that_were_not_kept_are_recomputed(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", COUNT, snapshot_every=15)
    with open_reader(tmp_path / "j") as journal:
        with pytest.raises(CannotRunError, match="which recomputes them"):
            retained_events(journal)
        data, _done = exported(journal, events=recomputed_events(journal, COUNTER))
        assert stream(COUNT, has_events=True) == data
        tail, _done = exported(journal, from_seq=25, events=recomputed_events(journal, COUNTER))
    frames = list(StreamReader(reading(tail)).frames())
    assert (FrameType.SNAPSHOT, 21) == frames[0][:2]
    encoded = [frame[2] for frame in frames if frame[0] == FrameType.EVENTS]
    assert [done[4] for done in applied(COUNT)[1]][21:] == encoded


def test_an_export_from_a_sequence_begins_at_the_snapshot_below_it(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", COUNT, snapshot_every=15)
    with open_reader(tmp_path / "j") as journal:
        assert [21, 42] == journal.snapshot_seqs()
        starts = {
            seq: exported(journal, from_seq=seq)[1].first_seq for seq in (1, 21, 22, 42, 43, 51)
        }
        for seq in (0, 52):
            with pytest.raises(CannotRunError, match="from 1 to 51"):
                exported(journal, from_seq=seq)
    assert {1: 1, 21: 1, 22: 22, 42: 22, 43: 43, 51: 43} == starts


@pytest.mark.parametrize("has_events", [True, False])
def test_an_imported_journal_is_the_exported_one(tmp_path: Path, has_events: bool) -> None:
    state = write_journal(tmp_path / "j", COUNT, keep_events=has_events)
    data = stream(COUNT, has_events=has_events)
    assert Transferred(1, COUNT, state.hash) == imported(tmp_path / "k", data)
    with open_reader(tmp_path / "j") as old, open_reader(tmp_path / "k") as new:
        assert list(old.pages()) == list(new.pages())
        assert old.end() == new.end()
        assert has_events is new.keeps_events
        if has_events:
            assert old.events(1, COUNT) == new.events(1, COUNT)
        assert verify(new).first is None
    with open_owner(tmp_path / "k") as owner:
        assert 2 == owner.claim()


def test_an_import_keeps_epochs_and_the_next_owner_is_newer(tmp_path: Path) -> None:
    parts: list[bytes] = []
    writer = StreamWriter(parts.append, GENESIS)
    state, done = applied(9)
    for one in done:
        writer.record(one[0], pack(one, epoch=one[0]))
    writer.end(9, state.hash)
    imported(tmp_path / "k", b"".join(parts))
    with open_reader(tmp_path / "k") as journal:
        assert 9 == journal.epoch()
    with open_owner(tmp_path / "k") as owner:
        assert 10 == owner.claim()


def test_streams_that_follow_each_other_make_one_journal(tmp_path: Path) -> None:
    state = write_journal(tmp_path / "j", COUNT, snapshot_every=15)
    with open_reader(tmp_path / "j") as journal:
        rest, _done = exported(journal, from_seq=22)
    first = stream(21)
    assert Transferred(1, COUNT, state.hash) == imported(tmp_path / "k", first, rest)
    with open_reader(tmp_path / "k") as journal:
        assert [21] == journal.snapshot_seqs()
        assert verify(journal).first is None
    assert state.hash == recover(tmp_path / "k", COUNTER)[0].hash
    # The rest alone begins at its snapshot.
    assert Transferred(22, COUNT, state.hash) == imported(tmp_path / "l", rest)
    assert state.hash == recover(tmp_path / "l", COUNTER)[0].hash


@pytest.mark.parametrize(
    ("streams", "seq"),
    [
        pytest.param((stream(20), stream(30)), 21, id="the second begins again"),
        pytest.param((stream(20), stream(30, seed=2)), 21, id="another history"),
    ],
)
def test_streams_that_do_not_follow_each_other_are_damage(
    tmp_path: Path, streams: tuple[bytes, ...], seq: int
) -> None:
    with pytest.raises(DamagedError) as caught:
        imported(tmp_path / "k", *streams)
    assert seq == caught.value.seq
    assert [] == list(tmp_path.iterdir())


def changed_stream(seq: int, kind: str) -> bytes:
    index, parts = seq + 1, [*PARTS]
    if kind == "flipped":
        parts[index] = parts[index][:-1] + bytes([parts[index][-1] ^ 1])
    elif kind == "removed":
        del parts[index]
    elif kind == "doubled":
        parts.insert(index, parts[index])
    elif kind == "foreign":
        parts[index] = stream_frames(COUNT, seed=2)[index]
    return b"".join(parts)


@pytest.mark.parametrize("is_verified", [True, False])
@pytest.mark.parametrize(
    ("seq", "kind", "expected"),
    [
        (1, "flipped", 1),
        (30, "flipped", 30),
        (30, "removed", 30),
        (30, "doubled", 31),
        (30, "foreign", 30),
        (50, "removed", 50),
    ],
)
def test_a_damaged_stream_is_not_imported(
    tmp_path: Path, seq: int, kind: str, expected: int, is_verified: bool
) -> None:
    with pytest.raises(DamagedError) as caught:
        imported(tmp_path / "k", changed_stream(seq, kind), is_verified=is_verified)
    assert expected == caught.value.seq
    assert [] == list(tmp_path.iterdir())


def test_an_end_that_disagrees_is_not_imported(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="end frame") as caught:
        imported(tmp_path / "k", b"".join([*PARTS[:-1], stream_frames(COUNT, seed=2)[-1]]))
    assert COUNT + 1 == caught.value.seq
    assert [] == list(tmp_path.iterdir())


def test_a_torn_stream_is_not_imported(tmp_path: Path) -> None:
    for cut in (5, 50, 1000, -1):
        with pytest.raises(TornTailError):
            imported(tmp_path / "k", b"".join(PARTS)[:cut])
        assert [] == list(tmp_path.iterdir())


def test_a_forged_hash_is_imported_only_on_trust(tmp_path: Path) -> None:
    _state, done = applied(COUNT)
    last = done[-1]
    forged = pack((*last[:6], b"\x07" * 16))
    end = COUNT.to_bytes(8, "big") * 2 + b"\x07" * 16
    parts = [*PARTS[:-2], pack_frame(FrameType.RECORD, COUNT, forged)]
    data = b"".join([*parts, pack_frame(FrameType.END, COUNT, end)])
    with pytest.raises(DivergedError) as caught:
        imported(tmp_path / "k", data)
    assert COUNT == caught.value.seq
    assert [] == list(tmp_path.iterdir())
    assert COUNT == imported(tmp_path / "k", data, is_verified=False).last_seq


def test_forged_events_diverge(tmp_path: Path) -> None:
    parts = stream_frames(5, has_events=True)
    parts[7] = pack_frame(FrameType.EVENTS, 3, b"\x90")
    with pytest.raises(DivergedError, match="events") as caught:
        imported(tmp_path / "k", b"".join(parts))
    assert 3 == caught.value.seq


def test_an_import_never_replaces_anything(tmp_path: Path) -> None:
    (tmp_path / "k").mkdir()
    with pytest.raises(CannotRunError, match="new place"):
        imported(tmp_path / "k", stream(3))
    (tmp_path / "k").rmdir()
    (tmp_path / "k.partial").mkdir()
    with pytest.raises(CannotRunError, match="new place"):
        imported(tmp_path / "k", stream(3))


def test_an_import_of_another_machine_is_refused(tmp_path: Path) -> None:
    class Other(type(COUNTER)):
        name = "other"

    verifier = ImportVerifier(lambda genesis: Other())
    for data in (stream(3), stream(0)):
        with pytest.raises(UnsupportedError):
            import_streams(tmp_path / "k", [reading(data)], verifier)
    assert [] == list(tmp_path.iterdir())
    assert issubclass(UnsupportedError, Fault)


def forged(seq: int, hash_: bytes = b"\x07" * 16, body: bytes | None = None) -> bytes:
    """Return the stream with one record forged, its own checks and those of its frame good."""
    done = applied(COUNT)[1][seq - 1]
    record = pack((*done[:2], done[2] if body is None else body, *done[3:6], hash_))
    frame = pack_frame(FrameType.RECORD, seq, record)
    return b"".join([*PARTS[: seq + 1], frame, *PARTS[seq + 2 :]])


@pytest.mark.parametrize("seq", [1, 2, 20, COUNT - 1, COUNT])
def test_a_forged_record_is_named_by_its_own_number(tmp_path: Path, seq: int) -> None:
    right = applied(COUNT)[1][seq - 1][6]
    with pytest.raises(DivergedError) as caught:
        imported(tmp_path / "k", forged(seq))
    assert seq == caught.value.seq
    said = f"expected (recomputed) hash {right.hex()}, the record says {'07' * 16}"
    assert f"sequence {seq}: {said}" == str(caught.value)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("seq", [1, 20, COUNT])
def test_a_forged_body_is_named_as_the_validator_does(tmp_path: Path, seq: int) -> None:
    right = applied(COUNT)[1][seq - 1][6]
    data = forged(seq, right, b"\xc1")
    with pytest.raises(DivergedError) as caught:
        imported(tmp_path / "k", data)
    verdict = validate(BytesIO(data), Options(machine=COUNTER))
    assert (Status.DIVERGED, seq, seq) == (verdict.status, verdict.seq, caught.value.seq)
    assert verdict.message == str(caught.value)


def test_damage_behind_a_forged_record_does_not_hide_it(tmp_path: Path) -> None:
    data = bytearray(forged(20))
    data[-60] ^= 1
    with pytest.raises(DivergedError) as caught:
        imported(tmp_path / "k", bytes(data))
    assert 20 == caught.value.seq

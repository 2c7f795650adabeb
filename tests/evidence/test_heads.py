"""An operator's side: keys in files, heads that are published, and what is never signed."""

import errno
import os
import stat
from pathlib import Path

import pytest

from lockstep_journal import (
    HeadDirectory,
    HeadRequest,
    PublishedHeads,
    Sequencer,
    SigningKey,
    SnapshotPolicy,
    StreamPublisher,
    archive,
    create,
    export,
    heads_between,
    import_streams,
    load_key,
    make_key,
    open_owner,
    open_reader,
    publish_heads,
)
from lockstep_journal.layout import COMMANDS
from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    DivergedError,
    FrameType,
    InvariantError,
    StreamReader,
    Tree,
    initial,
    parse_key,
    unpack_record,
)
from lockstep_validator import Options, Status, Verdict, validate
from tests.evidence.forge import Forgetful
from tests.evidence.world import COUNT, HONEST, KEY, KEYS, ORIGIN, OTHER, World, key_of
from tests.machines.counter import COUNTER
from tests.machines.histories import (
    GENESIS,
    applied,
    reading,
    stream,
    submit_all,
    write_journal,
)
from tests.unit.journal.damage import edit

SECRET_MODE = 0o600


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    write_journal(tmp_path / "journal", COUNT, snapshot_every=7)
    (tmp_path / "heads").mkdir()
    return tmp_path / "journal"


def publish(
    directory: Path, at: int | None = None, has_snapshots: bool = False, key: SigningKey = KEY
) -> PublishedHeads:
    """Publish into the directory beside the journal."""
    heads = HeadDirectory(directory.parent / "heads")
    with open_reader(directory) as opened:
        return publish_heads(opened, COUNTER, key, heads, HeadRequest(at, has_snapshots))


def names(directory: Path) -> list[str]:
    """Return the names of all files but the lock."""
    found = (path.name for path in (directory.parent / "heads").iterdir())
    return sorted(name for name in found if name != "publisher.lock")


def test_a_key_is_made_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "head.key"
    public = make_key(ORIGIN, path)
    assert SECRET_MODE == stat.S_IMODE(path.stat().st_mode)
    assert f"{public.as_text()}\n" == (tmp_path / "head.key.pub").read_text()
    key = load_key(path)
    assert (public, public) == (key.public, parse_key(public.as_text()))
    head = HONEST.head(3)
    assert KEYS.keys[0] != public
    assert key.sign(head) == key.sign(head)


def test_no_key_is_made_over_another_or_with_a_name_that_no_note_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "head.key"
    make_key(ORIGIN, path)
    before = path.read_bytes()
    with pytest.raises(CannotRunError, match="expected no file, found one"):
        make_key(ORIGIN, path)
    (tmp_path / "b.key.pub").touch()
    with pytest.raises(CannotRunError, match=r"b\.key\.pub: expected no file"):
        make_key(ORIGIN, tmp_path / "b.key")
    assert before == path.read_bytes()
    for origin in ("", "two words", "a+b", "a\n", "o" * 1025, "ö" * 513):
        with pytest.raises(CannotRunError, match="expected an origin"):
            make_key(origin, tmp_path / "c.key")
    with pytest.raises(CannotRunError, match="expected the directory"):
        make_key(ORIGIN, tmp_path / "missing" / "c.key")
    assert not (tmp_path / "c.key").exists()
    for place in (Path(), Path("/"), Path("..")):
        with pytest.raises(CannotRunError, match="expected no file, found one"):
            make_key(ORIGIN, place)


def test_the_longest_origin_can_be_read_and_signed_with(tmp_path: Path) -> None:
    origin = "o" * 1024
    make_key(origin, tmp_path / "head.key")
    key = load_key(tmp_path / "head.key")
    assert key.has_signed(key.sign(HONEST.head(3, origin=origin)))


def test_a_directory_of_heads_that_is_none_is_named_as_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, found in (("missing", "nothing: create it"), ("file", "something else")):
        path = tmp_path / name
        with pytest.raises(CannotRunError) as caught:
            HeadDirectory(path)
        assert f"{path}: expected the directory of heads, found {found}" == str(caught.value)


@pytest.mark.parametrize("failing", [1, 2])
def test_a_key_that_cannot_be_written_whole_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    real, calls = os.fsync, [0]

    def full(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotRunError, match="the key cannot be written: No space left"):
        make_key(ORIGIN, tmp_path / "head.key")
    assert [] == list(tmp_path.iterdir())
    make_key(ORIGIN, tmp_path / "head.key")


def test_a_key_in_a_journal_is_not_made(journal: Path) -> None:
    with pytest.raises(CannotRunError, match="outside every journal"):
        make_key(ORIGIN, journal / "head.key")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o601, 0o666])
def test_a_key_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "head.key"
    make_key(ORIGIN, path)
    path.chmod(mode)
    with pytest.raises(CannotRunError, match=f"found mode {mode:o}"):
        load_key(path)


def test_a_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_key(ORIGIN, tmp_path / "head.key")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(CannotRunError, match="found one of another"):
        load_key(tmp_path / "head.key")


def test_a_place_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    for place, sentence in (
        (tmp_path, "a file with a private key"),
        (tmp_path / "missing", "No such file"),
    ):
        with pytest.raises(CannotRunError, match=sentence):
            load_key(place)
    os.mkfifo(tmp_path / "pipe", SECRET_MODE)
    with pytest.raises(CannotRunError, match="a file with a private key"):
        load_key(tmp_path / "pipe")


def test_a_changed_key_is_refused_and_never_quoted(tmp_path: Path) -> None:
    path = tmp_path / "head.key"
    make_key(ORIGIN, path)
    text = path.read_text()
    secret = text.strip().split("+", 4)[4]
    for at in range(len(text)):
        path.write_text(text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :])
        with pytest.raises(CannotRunError) as caught:
            load_key(path)
        assert f"{path}: expected a private key, found something else" == str(caught.value)
        assert caught.value.__suppress_context__
        assert secret not in f"{caught.value!r}{caught.value.__cause__!r}"
    path.write_text(text)
    assert secret not in repr(load_key(path))


def test_a_head_of_another_origin_is_not_signed() -> None:
    with pytest.raises(CannotRunError, match="expected a head of"):
        KEY.sign(HONEST.head(3, origin="exchange.example/test"))


def test_a_published_head_is_that_of_the_records_and_the_state(journal: Path) -> None:
    done = publish(journal)
    assert ([COUNT], COUNT) == (done.new_sizes, done.size)
    heads = HeadDirectory(journal.parent / "heads")
    assert HONEST.head(COUNT) == heads.head(COUNT) == KEYS.opened(heads.note(COUNT)).head
    assert [f"{COUNT:020}.{end}" for end in ("head", "peaks", "state")] == names(journal)


def test_heads_are_published_at_snapshots_too(journal: Path) -> None:
    assert [7, 14, 21, COUNT] == publish(journal, has_snapshots=True).new_sizes
    heads = HeadDirectory(journal.parent / "heads")
    assert [HONEST.head(size) for size in (7, 14, 21, COUNT)] == [
        heads.head(size) for size in heads.sizes()
    ]
    assert 6 == len(names(journal))


def test_a_head_may_be_of_no_records_and_grows_from_the_last(journal: Path) -> None:
    for size in (0, 1, 8, 13):
        assert [size] == publish(journal, size).new_sizes
    assert [COUNT] == publish(journal).new_sizes
    assert [] == publish(journal).new_sizes


@pytest.mark.parametrize("damage", ["missing", "longer", "another journal's", "other"])
def test_a_tree_that_was_not_kept_cannot_be_made_from_archived_records(
    tmp_path: Path, journal: Path, damage: str
) -> None:
    publish(journal, 16)
    with open_owner(journal, COUNTER) as owner:
        archive(owner, COUNTER, 14, tmp_path / "old.stream")
    path = HeadDirectory(journal.parent / "heads").path(16, ".peaks")
    match damage:
        case "missing":
            path.unlink()
        case "longer":
            path.write_bytes(path.read_bytes() + b"x" * 32)
        case "another journal's":
            path.write_bytes(b"h" * 16 + path.read_bytes()[16:])
        case _:
            path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(CannotRunError, match="found them from 15 on"):
        publish(journal)


def test_a_head_that_would_go_back_is_not_signed(journal: Path) -> None:
    publish(journal, 13)
    with pytest.raises(CannotRunError, match="expected a head at 13 to 25, asked for 12"):
        publish(journal, 12)
    with pytest.raises(CannotRunError, match="asked for 26"):
        publish(journal, 26)


def test_a_journal_that_lost_signed_records_is_damaged(tmp_path: Path, journal: Path) -> None:
    publish(journal)
    write_journal(tmp_path / "short", 20)
    with pytest.raises(DamagedError, match="expected the 25 records of a published head") as caught:
        publish(tmp_path / "short")
    assert 21 == caught.value.seq


@pytest.mark.parametrize("has_tree", [True, False])
def test_no_head_is_signed_over_records_that_a_published_head_contradicts(
    tmp_path: Path, journal: Path, has_tree: bool
) -> None:
    heads = HeadDirectory(tmp_path / "heads")
    tree = Tree()
    for raw in OTHER.raws[:13]:
        tree.append(raw)
    hash_ = unpack_record(OTHER.raws[12], 13).hash
    heads.add(13, KEY.sign(OTHER.head(13)), tree, hash_, b"a state")
    if not has_tree:
        heads.path(13, ".peaks").unlink()
    before = names(journal)
    with pytest.raises(DivergedError, match="nothing was signed") as caught:
        publish(journal)
    assert (13, before) == (caught.value.seq, names(journal))


def test_an_older_published_head_that_contradicts_the_records_is_noticed(journal: Path) -> None:
    publish(journal, 13)
    heads = HeadDirectory(journal.parent / "heads")
    heads.path(9).write_bytes(OTHER.signed(9).note)
    with pytest.raises(DivergedError, match="the first 9 records are not those") as caught:
        publish(journal)
    assert (9, [9, 13]) == (caught.value.seq, heads.sizes())
    heads.path(9).write_bytes(KEY.sign(HONEST.head(9, genesis=b"g" * 32)))
    with pytest.raises(CannotRunError, match="found another genesis"):
        publish(journal)


def test_hashes_that_the_rules_do_not_yield_are_not_signed(tmp_path: Path) -> None:
    (tmp_path / "heads").mkdir()
    heads = HeadDirectory(tmp_path / "heads")
    write_journal(tmp_path / "journal", COUNT)
    with (
        open_reader(tmp_path / "journal") as opened,
        pytest.raises(DivergedError, match=r"record 9: expected hash .*nothing was signed"),
    ):
        publish_heads(opened, Forgetful(COUNTER, 9), KEY, heads)
    assert [] == heads.sizes()


def write_crooked_journal(directory: Path) -> None:
    """Record the history of a machine that forgets command 9, with snapshots."""
    with create(directory, COUNTER, GENESIS) as owner:
        owner.claim()
        state = initial(Forgetful(COUNTER, 9), GENESIS)
        policy = SnapshotPolicy(7, keep=100)
        submit_all(Sequencer(state, owner, lambda: 0, snapshots=policy), COUNT)


def test_a_snapshot_that_no_own_head_binds_is_not_signed_from(tmp_path: Path) -> None:
    (tmp_path / "heads").mkdir()
    write_crooked_journal(tmp_path / "journal")
    with pytest.raises(DivergedError, match=r"record 9: expected hash .*nothing was signed"):
        publish(tmp_path / "journal")
    assert [7] == publish(tmp_path / "journal", 7).new_sizes
    assert [] == [name for name in names(tmp_path / "journal") if f"{COUNT}" in name]


@pytest.mark.parametrize("kept", ["state", "snapshot"])
def test_what_an_own_head_binds_is_not_executed_again(tmp_path: Path, kept: str) -> None:
    (tmp_path / "heads").mkdir()
    write_crooked_journal(tmp_path / "journal")
    heads = HeadDirectory(tmp_path / "heads")
    with open_reader(tmp_path / "journal") as opened:
        publish_heads(opened, Forgetful(COUNTER, 9), KEY, heads, HeadRequest(14))
    if kept == "snapshot":
        heads.path(14, ".state").unlink()
    else:
        assert SECRET_MODE == stat.S_IMODE(heads.path(14, ".state").stat().st_mode)
    with pytest.raises(DivergedError, match="record 9: expected hash"):
        publish(tmp_path / "journal", key=key_of(2))
    assert [COUNT] == publish(tmp_path / "journal").new_sizes


def test_a_record_without_a_command_is_not_signed(journal: Path) -> None:
    forged = HONEST.with_record(COUNT, body=b"\x93\x01").raws[COUNT - 1]
    edit(journal, COMMANDS, {COUNT: forged})
    with pytest.raises(DivergedError, match="record 25: not a known command"):
        publish(journal)


def test_heads_of_one_directory_have_one_origin_and_one_genesis(
    tmp_path: Path, journal: Path
) -> None:
    publish(journal, 13)
    with pytest.raises(CannotRunError, match="expected a key of exchange"):
        publish(journal, key=key_of(1, "exchange.example/test"))
    assert [COUNT] == publish(journal, key=key_of(2)).new_sizes
    heads = HeadDirectory(tmp_path / "heads")
    head = HONEST.head(COUNT, genesis=b"g" * 32)
    heads.path(COUNT).write_bytes(KEY.sign(head))
    with pytest.raises(CannotRunError, match="found another genesis"):
        publish(journal)
    with open_reader(journal) as opened, pytest.raises(DamagedError, match="another history"):
        heads_between(heads, opened, COUNT)


def test_a_directory_has_one_publisher_at_a_time(journal: Path) -> None:
    heads = HeadDirectory(journal.parent / "heads")
    with heads.locked(), pytest.raises(CannotRunError, match="another publisher is at work"):
        publish(journal)
    assert [] == heads.sizes()
    left = heads.path(13, ".head.0123456789abcdef.partial")
    left.touch()
    assert [COUNT] == publish(journal).new_sizes
    assert not left.exists()


def test_unfinished_files_of_two_writers_have_two_names(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished: list[Path] = []
    rename = Path.rename
    monkeypatch.setattr(
        Path, "rename", lambda path, to: (unfinished.append(path), rename(path, to))[1]
    )
    heads = HeadDirectory(journal.parent / "heads")
    for _ in range(2):
        heads.add(0, HONEST.signed(0).note, Tree(), b"h" * 16, b"a state")
    assert 6 == len(set(unfinished))


def test_a_damaged_head_is_named(tmp_path: Path, journal: Path) -> None:
    publish(journal, 13)
    path = HeadDirectory(tmp_path / "heads").path(13)
    data = path.read_bytes()
    path.write_bytes(data[:-5])
    with pytest.raises(DamagedError, match=path.name):
        publish(journal)
    path.rename(path.with_name(f"{14:020}.head"))
    path.with_name(f"{14:020}.head").write_bytes(data)
    with pytest.raises(DamagedError, match="expected a head of 14, found one of 13"):
        publish(journal)


def test_of_a_head_without_end_little_is_read(journal: Path) -> None:
    publish(journal, 13)
    heads = HeadDirectory(journal.parent / "heads")
    for suffix in (".head", ".peaks"):
        os.truncate(heads.path(13, suffix), 1 << 42)
    assert 65_537 == len(heads.note(13))
    with pytest.raises(DamagedError, match="at most 65536 bytes of note"):
        publish(journal)
    heads.path(13).unlink()
    heads.path(13).mkdir()
    with pytest.raises(CannotRunError, match="cannot be read"):
        heads.note(13)


def test_an_archived_journal_is_signed_on_from_the_kept_tree(tmp_path: Path, journal: Path) -> None:
    publish(journal, 16)
    with open_owner(journal, COUNTER) as owner:
        archive(owner, COUNTER, 14, tmp_path / "old.stream")
    assert [COUNT] == publish(journal).new_sizes
    assert HONEST.head(COUNT) == HeadDirectory(tmp_path / "heads").head(COUNT)


def test_an_archived_journal_is_not_signed_from_a_snapshot_alone(
    tmp_path: Path, journal: Path
) -> None:
    publish(journal, 16)
    with open_owner(journal, COUNTER) as owner:
        archive(owner, COUNTER, 14, tmp_path / "old.stream")
    HeadDirectory(tmp_path / "heads").path(16, ".state").unlink()
    with pytest.raises(CannotRunError, match="or a state that a published head of this key binds"):
        publish(journal)


def exported(journal: Path, from_seq: int | None = None) -> bytes:
    """Return the stream of a journal with all its heads."""
    chunks: list[bytes] = []
    heads = HeadDirectory(journal.parent / "heads")
    with open_reader(journal) as opened:
        notes = heads_between(heads, opened, opened.end().last_seq)
        export(opened, chunks.append, from_seq, heads=notes)
    return b"".join(chunks)


def judged(data: bytes, **options: object) -> Verdict:
    class Source:
        read = staticmethod(reading(data))

    return validate(Source(), Options(machine=COUNTER, **options))


def test_heads_travel_in_the_stream_after_the_records_that_they_sign(journal: Path) -> None:
    publish(journal, 0)
    publish(journal, has_snapshots=True)
    data = exported(journal)
    frames = list(StreamReader(reading(data)).frames())
    assert [0, 7, 14, 21, COUNT] == [seq for kind, seq, _ in frames if kind == FrameType.HEAD]
    verdict = judged(data, keys=KEYS)
    assert (Status.OK, COUNT) == (verdict.status, verdict.seq)
    assert verdict.message.endswith("signed heads: 5, all good")
    assert judged(data).message.endswith("signed heads: 5, not checked without --key")
    without_heads = judged(stream(COUNT), keys=KEYS).message
    assert without_heads.endswith(
        "signed heads: none in this stream, so the key vouches for nothing"
    )
    tail = exported(journal, 16)
    assert [14, 21, COUNT] == [
        seq for kind, seq, _ in StreamReader(reading(tail)).frames() if kind == FrameType.HEAD
    ]


def test_heads_of_other_records_with_the_same_genesis_are_not_exported(
    tmp_path: Path, journal: Path
) -> None:
    publish(journal, 7)
    publish(journal)
    (tmp_path / "other").mkdir()
    write_other_journal(tmp_path / "other" / "journal")
    (tmp_path / "heads").rename(tmp_path / "other" / "heads")
    words = "other/journal: the first 7 records are not those that the head .*07.head signs"
    for from_seq in (None, COUNT):
        with pytest.raises(DivergedError, match=words):
            exported(tmp_path / "other" / "journal", from_seq)


def write_other_journal(directory: Path) -> None:
    """Write a journal of the same genesis that holds other commands."""
    with create(directory, COUNTER, GENESIS) as owner:
        owner.claim()
        owner.append(applied(COUNT, seed=2)[1])


def test_an_import_leaves_heads_out_and_says_how_many(tmp_path: Path, journal: Path) -> None:
    publish(journal, has_snapshots=True)
    done = import_streams(tmp_path / "again", [reading(exported(journal))])
    assert (COUNT, 4) == (done.last_seq, done.heads)


def test_a_head_that_stands_elsewhere_in_the_stream_is_damage() -> None:
    writer_data = HONEST.source().getvalue()
    frames = list(StreamReader(reading(writer_data)).frames())
    from tests.unit.validator.streams import Stream

    for place in (2, 4, len(frames) - 1):
        note = HONEST.signed(3).note
        moved = [*frames[:place], (int(FrameType.HEAD), 3, note), *frames[place:]]
        verdict = judged(Stream(GENESIS, False, tuple(moved)).data(), keys=KEYS)
        assert (Status.DAMAGED, True) == (verdict.status, "expected a head of" in verdict.message)


def with_head(history: World, size: int, **fields: object) -> bytes:
    head = history.signed(size, **fields)
    return history.source(heads=[head]).getvalue()


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("root", {"root": b"r" * 32}),
        ("state", {"state": b"s" * 32}),
        ("genesis", {"genesis": b"g" * 32}),
        ("rules", {"rules_version": 2}),
    ],
)
def test_a_head_that_signs_something_else_diverges_where_it_stands(
    what: str, fields: dict[str, object]
) -> None:
    verdict = judged(with_head(HONEST, 9, **fields), keys=KEYS)
    assert (Status.DIVERGED, 9, 9) == (verdict.status, verdict.seq, verdict.validated_seq)
    assert f"the head of 9 signs {what}" in verdict.message
    assert verdict.divergence is not None
    assert "head" == verdict.divergence.reason


def test_a_head_of_another_key_is_foreign(journal: Path) -> None:
    publish(journal, key=key_of(2))
    verdict = judged(exported(journal), keys=KEYS)
    assert (Status.DAMAGED, COUNT) == (verdict.status, verdict.seq)
    assert "expected a signature of" in verdict.message


def test_heads_are_not_compared_from_a_trusted_snapshot_on() -> None:
    from lockstep_validator import Mark

    data = with_head(HONEST, 9)
    verdict = judged(data, keys=KEYS, trust=Mark(7, b"h" * 16))
    assert (Status.COULD_NOT_RUN, True) == (verdict.status, "--key or --trust" in verdict.message)


def test_a_live_publisher_writes_heads_of_what_it_published() -> None:
    chunks: list[bytes] = []
    publisher = StreamPublisher(chunks.append, GENESIS)
    publisher.publish(1, unpack_record(HONEST.raws[0], 1))
    publisher.head(1, HONEST.signed(1).note)
    with pytest.raises(InvariantError, match="expected a head of 1, found one of 2"):
        publisher.head(2, HONEST.signed(2).note)
    publisher.close()
    assert judged(b"".join(chunks), keys=KEYS).message.endswith("signed heads: 1, all good")

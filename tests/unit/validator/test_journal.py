"""A journal directory is read by a child process, whose end decides what an end of data means."""

import signal
from io import BytesIO
from pathlib import Path

import pytest

from lockstep_journal.transfer import import_streams
from lockstep_kernel import FrameType
from lockstep_validator import Mark, Options, Status, Verdict, validate
from tests.machines.counter import COUNTER
from tests.unit.validator.programs import environment, install_reader, journal_directory
from tests.unit.validator.streams import COUNT, SNAPSHOT_SEQ, counter_stream

STREAM = counter_stream()
DATA = STREAM.data()
HALF = STREAM.spans()[STREAM.at(FrameType.RECORD, 26) + 1][0]
OK, DIVERGED, DAMAGED = Status.OK, Status.DIVERGED, Status.DAMAGED
COULD_NOT_RUN, TORN = Status.COULD_NOT_RUN, Status.TORN


def judged(directory: Path, **options: object) -> Verdict:
    return validate(directory, Options(**{"machine": COUNTER, **options}))


# With a stand-in for the reader


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    reader = install_reader(tmp_path / "stand-in")
    monkeypatch.setattr("sys.path", environment(reader)["PYTHONPATH"].split(":"))
    return tmp_path / "journal"


def test_the_reader_s_stream_is_validated(stand_in: Path) -> None:
    verdict = judged(journal_directory(stand_in, DATA))
    assert (OK, COUNT, STREAM.hash(COUNT)) == (verdict.status, verdict.seq, verdict.hash)
    assert "--" == (stand_in / "arguments").read_text()


def test_the_reader_is_asked_for_what_the_options_need(stand_in: Path) -> None:
    trust = Mark(SNAPSHOT_SEQ, STREAM.hash(SNAPSHOT_SEQ))
    verdict = judged(
        journal_directory(stand_in, DATA), trust=trust, has_events=True, is_following=True
    )
    assert OK is verdict.status
    asked = (stand_in / "arguments").read_text().split()
    assert ["--from-seq", "26", "--events", "--follow", "--"] == asked


@pytest.mark.parametrize("number", [signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT])
@pytest.mark.parametrize(("size", "seq"), [(0, None), (HALF, 26), (HALF + 40, 26), (len(DATA), 51)])
def test_a_reader_killed_by_what_it_read_means_damage(
    stand_in: Path, number: signal.Signals, size: int, seq: int | None
) -> None:
    verdict = judged(journal_directory(stand_in, DATA[:size], -number))
    assert (DAMAGED, seq) == (verdict.status, verdict.seq)
    assert number.name in verdict.message


def test_a_reader_ended_by_somebody_means_no_verdict(stand_in: Path) -> None:
    verdict = judged(journal_directory(stand_in, DATA[:HALF], -signal.SIGKILL))
    assert (COULD_NOT_RUN, 25) == (verdict.status, verdict.seq)
    assert "SIGKILL" in verdict.message


@pytest.mark.parametrize(
    ("code", "status", "seq"),
    [(1, COULD_NOT_RUN, 25), (2, DAMAGED, 26), (3, COULD_NOT_RUN, 25), (4, TORN, 26)],
)
def test_the_reader_s_exit_code_and_sentence_are_passed_on(
    stand_in: Path, code: int, status: Status, seq: int
) -> None:
    verdict = judged(journal_directory(stand_in, DATA[:HALF], code, "reader: so it is"))
    assert (status, seq) == (verdict.status, verdict.seq)
    assert verdict.message.removeprefix("sequence 26: ") == "so it is"


def test_a_divergence_before_the_reader_s_death_is_what_counts(stand_in: Path) -> None:
    forged = STREAM.with_record(20, hash=bytes(16)).data()[:HALF]
    verdict = judged(journal_directory(stand_in, forged, -signal.SIGBUS))
    assert (DIVERGED, 20) == (verdict.status, verdict.seq)


def test_a_reader_that_fails_after_its_end_frame_is_not_believed(stand_in: Path) -> None:
    verdict = judged(journal_directory(stand_in, DATA, 2, "reader: the end does not fit"))
    assert (DAMAGED, COUNT + 1) == (verdict.status, verdict.seq)


def test_until_ends_the_reader_early(stand_in: Path) -> None:
    assert OK is judged(journal_directory(stand_in, DATA * 100), until=7).status


# With the reader of the journal package


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    import_streams(tmp_path / "journal", [BytesIO(DATA).read])
    return tmp_path / "journal"


def test_a_journal_is_validated(journal: Path) -> None:
    for has_events in (False, True):
        verdict = judged(journal, has_events=has_events)
        assert (OK, COUNT, COUNT) == (verdict.status, verdict.seq, verdict.commands)
        assert STREAM.hash(COUNT) == verdict.hash


def test_a_journal_is_validated_from_a_trusted_snapshot(journal: Path) -> None:
    verdict = judged(journal, trust=Mark(SNAPSHOT_SEQ, STREAM.hash(SNAPSHOT_SEQ)))
    assert (OK, COUNT - SNAPSHOT_SEQ) == (verdict.status, verdict.commands), verdict.message
    assert DIVERGED is judged(journal, trust=Mark(SNAPSHOT_SEQ, bytes(16))).status
    for seq in (SNAPSHOT_SEQ - 1, SNAPSHOT_SEQ + 1, COUNT, COUNT + 9):
        assert COULD_NOT_RUN is judged(journal, trust=Mark(seq, bytes(16))).status


def test_a_followed_journal_is_validated_as_far_as_it_goes(journal: Path) -> None:
    seen: list[int] = []
    verdict = judged(
        journal,
        is_following=True,
        on_progress=seen.append,
        should_stop=lambda: seen[-1:] == [COUNT],
    )
    assert (OK, COUNT) == (verdict.status, verdict.seq), verdict.message


def test_a_truncated_journal_is_damaged_and_the_validator_lives(journal: Path) -> None:
    data = journal / "data.mdb"
    size = data.stat().st_size
    with data.open("r+b") as file:
        file.truncate(size // 2)
    assert DAMAGED is judged(journal).status


def test_what_is_no_journal_could_not_run(tmp_path: Path) -> None:
    verdict = judged(tmp_path)
    assert COULD_NOT_RUN is verdict.status
    assert str(tmp_path) in verdict.message

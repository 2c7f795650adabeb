"""Begin, stop, resume: one history, whatever happens in between."""

from pathlib import Path

import pytest

from lockstep_journal import (
    MemorySink,
    Outlets,
    SnapshotPolicy,
    layout,
    open_reader,
    owner_pid,
)
from lockstep_kernel import CannotRunError, DamagedError, UnsupportedError
from lockstep_replay import LiveOptions, begin, recover, resume
from tests.machines.counter import COUNTER, Add, counter_genesis
from tests.machines.histories import GENESIS, applied, submit_all, write_journal
from tests.unit.journal.damage import flip, value_of

COUNT = 60


@pytest.mark.parametrize("stops", [[1], [20, 21], [7, 14, 28, 59]])
@pytest.mark.parametrize("every", [0, 10])
def test_restarts_change_no_hash(tmp_path: Path, stops: list[int], every: int) -> None:
    options = LiveOptions(snapshots=SnapshotPolicy(every))
    begin(tmp_path / "j", COUNTER, GENESIS, lambda: 0, options).close()
    at = 0
    for stop in [*stops, COUNT]:
        with resume(tmp_path / "j", COUNTER, lambda: 0, options) as live:
            assert at == live.recovery.last_seq
            submit_all(live.sequencer, stop, start=at, batch=3)
            at = stop
    assert applied(COUNT)[0].at() == recover(tmp_path / "j", COUNTER)[0].at()
    with open_reader(tmp_path / "j") as journal:
        assert len(stops) + 2 == journal.epoch()


def test_outlets_get_only_what_is_new(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 10)
    sink = MemorySink()
    options = LiveOptions(outlets=Outlets([sink]))
    with resume(tmp_path / "j", COUNTER, lambda: 0, options) as live:
        live.sequencer.submit([Add("a", 1)])
    assert [11] == [seq for seq, _events in sink.emitted]


def test_time_goes_on_from_the_journal_when_the_clock_is_behind(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 10)
    with resume(tmp_path / "j", COUNTER, lambda: 5) as live:
        live.sequencer.submit([Add("a", 1)])
        assert 100 == live.sequencer.state.ts_ns


def test_events_are_kept_if_the_journal_was_begun_so(tmp_path: Path) -> None:
    options = LiveOptions(keeps_events=True)
    with begin(tmp_path / "j", COUNTER, GENESIS, lambda: 0, options) as live:
        submit_all(live.sequencer, 5)
    with resume(tmp_path / "j", COUNTER, lambda: 0) as live:
        submit_all(live.sequencer, 9, start=5)
        assert 9 == len(live.owner.events(1, 9))


def test_a_damaged_journal_is_not_written_to_and_not_kept_locked(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 30)
    flip(tmp_path / "j", value_of(tmp_path / "j", layout.COMMANDS, 12), 40, 2)
    before = (tmp_path / "j" / "data.mdb").read_bytes()
    with pytest.raises(DamagedError) as caught:
        resume(tmp_path / "j", COUNTER, lambda: 0)
    assert 12 == caught.value.seq
    assert before == (tmp_path / "j" / "data.mdb").read_bytes()
    assert owner_pid(tmp_path / "j") is None


def test_what_cannot_begin_or_resume_leaves_no_lock(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError):
        begin(tmp_path / "j", COUNTER, counter_genesis(rules_version=9), lambda: 0)
    with pytest.raises(CannotRunError, match="expected a journal"):
        resume(tmp_path / "j", COUNTER, lambda: 0)
    begin(tmp_path / "j", COUNTER, GENESIS, lambda: 0).close()
    with pytest.raises(CannotRunError, match="expected no journal, found one"):
        begin(tmp_path / "j", COUNTER, GENESIS, lambda: 0)
    assert owner_pid(tmp_path / "j") is None

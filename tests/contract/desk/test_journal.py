"""The desk's journal: written, recovered and validated by the exchange's own packages."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from lockstep_desk.core.machine import MACHINE
from lockstep_journal import SnapshotPolicy
from lockstep_kernel import (
    JournalRecord,
    State,
    apply,
    dump,
    find_machine,
    initial,
    load,
    unpack_record,
    verify,
)
from lockstep_replay import LiveOptions, begin, recover, resume
from lockstep_validator import Status, validate
from tests.support.desk import GENESIS
from tests.support.desk_day import traded_day
from tests.support.desk_exchange import Market
from tests.unit.journal.programs import Run, run_python

OPTIONS = LiveOptions(snapshots=SnapshotPolicy(every=25, keep=100), keeps_events=True)


@cache
def day() -> Market:
    return traded_day(7)


@cache
def records() -> Sequence[JournalRecord]:
    packed = day().journal.records
    return [unpack_record(raw, seq) for seq, raw in enumerate(packed, 1)]


def items(first: int = 1, last: int | None = None) -> list[tuple[int, bytes]]:
    return [(one.ts_ns, one.body) for one in records()[first - 1 : last]]


def write(directory: Path, last: int | None = None) -> bytes:
    """Write the first commands of the day into a journal, and return the last hash."""
    with begin(directory, MACHINE, GENESIS, lambda: 0, OPTIONS) as live:
        wanted = items(1, last)
        for first in range(0, len(wanted), 10):
            live.sequencer.submit(wanted[first : first + 10])
        return live.sequencer.state.hash


def run_program(*arguments: object) -> Run:
    return run_python(["-m", "lockstep_runtime", *arguments])


def test_the_day_has_everything_in_it() -> None:
    types = {type(MACHINE.codec.decode(one.ts_ns, one.body).command).__name__ for one in records()}
    assert types >= {
        *("SubmitIntents", "RecordSendResults", "RecordFill", "RecordOrder", "ReplaceAccount"),
        *("RecordAccountDisconnect", "RecordL1", "CancelOrders", "ClosePositions", "Shutdown"),
    }
    assert len(records()) > 300


def test_the_desk_is_found_by_its_name() -> None:
    assert find_machine("desk") is MACHINE


@pytest.mark.desk("F5", "F6")
def test_a_crash_at_any_record_recovers_to_the_same_hash() -> None:
    """Load a dump of every state on the way, and go on from it."""
    state: State = initial(MACHINE, GENESIS)
    for record in records():
        loaded = load(MACHINE, GENESIS, dump(state))
        command = MACHINE.codec.decode(record.ts_ns, record.body)
        state, _events, hash_ = apply(state, command)
        _loaded, _again, recovered = apply(loaded, command)
        assert (record.hash, record.hash) == (hash_, recovered)


@pytest.mark.desk("F5", "F6")
@pytest.mark.parametrize("last", [1, 2, 24, 25, 26, 99, 250])
def test_a_journal_that_ends_anywhere_is_recovered_and_goes_on(last: int, tmp_path: Path) -> None:
    assert records()[last - 1].hash == write(tmp_path / "journal", last)
    state, recovery = recover(tmp_path / "journal", MACHINE)
    assert (last, records()[last - 1].hash) == (recovery.last_seq, state.hash)
    assert recovery.snapshot_seq + recovery.replayed == last
    assert (recovery.snapshot_seq > 0) == (last >= 25)
    verify(state)
    with resume(tmp_path / "journal", MACHINE, lambda: 0, OPTIONS) as live:
        live.sequencer.submit(items(last + 1))
        assert records()[-1].hash == live.sequencer.state.hash


def test_the_whole_journal_validates(tmp_path: Path) -> None:
    last_hash = write(tmp_path / "journal")
    verdict = validate(tmp_path / "journal")
    assert (Status.OK, len(records())) == (verdict.status, verdict.seq)
    assert day().engine.state.hash == last_hash


@pytest.mark.desk("F8")
def test_the_programs_of_the_exchange_work_on_a_desk(tmp_path: Path) -> None:
    directory, stream = tmp_path / "journal", tmp_path / "day.stream"
    last_hash = write(directory).hex()
    count = len(records())

    recovered = run_program("replay", "recover", directory, "--json")
    assert (0, last_hash) == (recovered.code, recovered.json["last_hash"]), recovered.err
    shown = run_program("replay", "show", directory, "--type", "OrderRequested")
    assert 0 == shown.code, shown.err
    assert "SubmitIntents" in shown.out
    at = run_program("replay", "at", directory, count, "--json")
    assert 0 == at.code, at.err
    assert {"desk", "positions", "holdings", "orders", "deployments"} <= set(at.json)
    assert 0 == run_program("replay", "stats", directory).code
    assert 0 == run_program("replay", "diff", directory, 10, 20).code
    assert 0 == run_program("journal", "verify", directory).code
    exported = run_program("replay", "export", directory, stream, "--events")
    assert 0 == exported.code, exported.err
    for source in (directory, stream):
        valid = run_python(["-m", "lockstep_validator", source, "--json"])
        assert 0 == valid.code, valid.err
        assert ("ok", count) == (valid.json["status"], valid.json["seq"])


@pytest.mark.desk("F8")
def test_the_validator_names_the_first_forged_record(tmp_path: Path) -> None:
    directory, stream = tmp_path / "journal", tmp_path / "day.stream"
    write(directory, 50)
    exported = run_program("replay", "export", directory, stream)
    assert 0 == exported.code, exported.err
    data = bytearray(stream.read_bytes())
    data[len(data) // 2] ^= 1
    stream.write_bytes(data)
    valid = run_python(["-m", "lockstep_validator", stream, "--json"])
    assert 2 == valid.code, valid.out

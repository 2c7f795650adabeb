"""The child that writes a journal as a stream to its output."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lockstep_journal import MapPolicy, layout
from lockstep_kernel import StreamReader, TornTailError
from lockstep_kernel.values import FrameType
from lockstep_replay import LiveOptions, begin, resume
from tests.machines.counter import COUNTER, Add
from tests.machines.histories import GENESIS, read_stream, stream, submit_all, write_journal
from tests.unit.journal.damage import edit
from tests.unit.journal.programs import python_path, run_python

READER = "lockstep_journal.reader"


@contextmanager
def reader(*arguments: object) -> Generator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [sys.executable, "-m", READER, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_writes_the_whole_journal(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 40, keep_events=True)
    assert stream(40) == run_python(["-m", READER, tmp_path / "j"]).raw
    with_events = run_python(["-m", READER, "--events", "--", tmp_path / "j"])
    assert stream(40, has_events=True) == with_events.raw


def test_it_begins_at_the_snapshot_below_the_asked_sequence(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 40, snapshot_every=15)
    run = run_python(["-m", READER, tmp_path / "j", "--from-seq", 30])
    frames = list(StreamReader(lambda size, data=[run.raw]: data.pop() if data else b"").frames())
    assert (FrameType.SNAPSHOT, 21) == frames[0][:2]
    assert list(range(22, 41)) == [frame[1] for frame in frames[1:-1]]


def test_a_bad_snapshot_is_passed_over_and_named(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 40, snapshot_every=15)
    edit(tmp_path / "j", layout.SNAPSHOTS, {21: b"nothing"})
    run = run_python(["-m", READER, tmp_path / "j", "--from-seq", 30])
    assert stream(40) == run.raw
    run.check_sentence("skipped snapshot")


def test_it_follows_a_live_writer_whose_map_grows_and_ends_on_request(tmp_path: Path) -> None:
    options = LiveOptions(map_policy=MapPolicy(1 << 17))
    begin(tmp_path / "j", COUNTER, GENESIS, lambda: 0, options).close()
    with (
        resume(tmp_path / "j", COUNTER, lambda: 0, options) as live,
        reader(tmp_path / "j", "--follow") as process,
    ):
        assert process.stdout is not None
        incoming = StreamReader(process.stdout.read1, is_open=True)
        frames = incoming.frames()
        submit_all(live.sequencer, 40)
        got = [next(frames)[1] for _ in range(40)]
        size = live.owner.map_use()[1]
        for _ in range(40):
            live.sequencer.submit([Add("x" * 9000, 1)] * 10)
        assert live.owner.map_use()[1] > size
        got += [next(frames)[1] for _ in range(400)]
        assert list(range(1, 441)) == got
        process.send_signal(signal.SIGTERM)
        kind, seq, payload = next(frames)
        assert (FrameType.END, 440) == (kind, seq)
        incoming.check_end(payload, 440, live.sequencer.state.hash)
        assert 0 == process.wait(10)


def test_it_ends_when_nobody_reads_any_more(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 40)
    with reader(tmp_path / "j", "--follow") as process:
        assert process.stdout is not None
        process.stdout.read(100)
        process.stdout.close()
        assert 0 == process.wait(10)


def test_a_follower_sees_damage_that_comes_later(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 40)
    with reader(tmp_path / "j", "--follow") as process:
        assert process.stdout is not None
        frames = StreamReader(process.stdout.read1, is_open=True).frames()
        for _ in range(40):
            next(frames)
        edit(tmp_path / "j", layout.COMMANDS, {40: None})
        assert 2 == process.wait(10)
        assert process.stderr is not None
        assert b"reader: " in process.stderr.read()


@pytest.mark.parametrize("seq", [1, 20, 40])
def test_records_that_disagree_with_the_end_are_damage(tmp_path: Path, seq: int) -> None:
    write_journal(tmp_path / "j", 40)
    edit(tmp_path / "j", layout.COMMANDS, {seq: None})
    run = run_python(["-m", READER, tmp_path / "j"])
    assert 2 == run.code
    run.check_sentence(f"record {seq} is missing")
    with pytest.raises(TornTailError) as caught:
        read_stream(run.raw)
    assert seq == caught.value.seq


def test_what_cannot_run_says_why(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 4)
    for arguments, words in (
        ([tmp_path / "nothing"], "found no data.mdb"),
        ([tmp_path / "j", "--from-seq", 9], "from 1 to 5"),
        ([tmp_path / "j", "--events"], "keeps none"),
    ):
        run = run_python(["-m", READER, *arguments])
        assert (3, b"") == (run.code, run.raw)
        run.check_sentence(words)
    assert 3 == run_python(["-m", READER, "--nonsense"]).code
    assert 0 == run_python(["-m", READER, "--help"]).code


def test_it_is_stopped_within_a_blocked_write_by_closing_its_output(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 3000, batch=1000)
    with reader(tmp_path / "j") as process:
        time.sleep(0.3)
        assert process.stdout is not None
        process.stdout.close()
        assert 0 == process.wait(10)


def test_an_output_that_is_full_is_a_sentence(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 9)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lockstep_journal.reader", str(tmp_path / "j")],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": python_path()},
            check=False,
        )
    assert (3, b"reader: No space left on device\n") == (done.returncode, done.stderr)

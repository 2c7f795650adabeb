"""P: who listens is slow, dies between two steps, or loses what it took.

There is no publisher with a cursor of its own in the product yet. What is there is checked: sinks
and publishers behind the sequencer, the reader that follows a journal, and exports from a sequence
number; a small publisher and a small consumer with cursors stand around them.
"""

import fcntl
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from lockstep_engine.exchange import MACHINE
from lockstep_journal import (
    OutletFailed,
    Outlets,
    SnapshotPolicy,
    export,
    open_reader,
)
from lockstep_kernel import FrameType, StreamReader, unpack_record
from lockstep_replay import LiveOptions, resume
from tests.faults.disorder import packed
from tests.faults.playing import Plan, fresh, look, perform, written
from tests.faults.processes import run_child
from tests.faults.programs import ROOT, environment
from tests.faults.registry import Bench, Outcome
from tests.unit.journal.damage import data_of

COUNT = 60
HISTORY = Plan(COUNT // 5, 5, SnapshotPolicy(every=20, keep=10))
LATENCY_RATIO_MAX = 2.0
_BATCH = 5
_QUEUE_MAX = 7
_TAKEN_MAX = 1_000


def slow_sink(bench: Bench) -> Outcome:
    """P1: a follower of the journal stands still, or a queue is full: the engine does not wait."""
    outcome = Outcome()
    directory = fresh(bench.folder / "j", bench.tape)
    plan = Plan(bench.size, _BATCH, SnapshotPolicy(every=200, keep=1))
    with _Follower(directory) as follower:
        follower.take(_TAKEN_MAX)
        ended = run_child(partial(perform, directory, bench.tape, plan))
        outcome.runs += 1
        outcome.fired += follower.is_stuck(directory)
        outcome.same(0, ended.code, "a writer beside a follower that stands still")
        size = data_of(directory).stat().st_size
    alone = fresh(bench.folder / "alone", bench.tape)
    run_child(partial(perform, alone, bench.tape, plan))
    grown = size / data_of(alone).stat().st_size
    outcome.expect(grown < 1.5, f"the file grew {grown:.2f} times as much beside a follower")
    _overflow(outcome, bench)
    if bench.is_full:
        _compare_latency(outcome, bench)
    return outcome


def dead_publisher(bench: Bench) -> Outcome:
    """P2: a publisher is killed before or after each step: nothing missing, repeats the same."""
    outcome = Outcome()
    directory = written(bench.folder / "j", bench.tape, Plan(COUNT // 10, 5))
    assert run_child(partial(perform, directory, bench.tape, Plan(COUNT // 10, 5))).code == 0
    # Two owners wrote it, half each.
    expected = [
        packed(bench.tape, seq, epoch=1 + (seq > COUNT // 2)) for seq in range(1, COUNT + 1)
    ]
    for step in bench.sampled(range(1, 2 * COUNT + 1)):
        out, cursor = bench.folder / f"out-{step}", bench.folder / f"cursor-{step}"
        first = run_child(partial(_publish, directory, out, cursor, step))
        second = run_child(partial(_publish, directory, out, cursor, 0))
        outcome.runs += 1
        outcome.fired += first.code == -signal.SIGKILL
        outcome.same(0, second.code, f"killed at step {step}: {second.said}")
        _judge_published(outcome, f"killed at step {step}", out, expected)
    return outcome


def forgetful_sink(bench: Bench) -> Outcome:
    """P3: a consumer loses what it took and had not synced: it asks from its own last number on."""
    outcome = Outcome()
    directory = written(bench.folder / "j", bench.tape, HISTORY)
    expected = [packed(bench.tape, seq) for seq in range(1, COUNT + 1)]
    with open_reader(directory) as journal:
        for taken in bench.sampled(range(1, COUNT + 1)):
            for lost in {1, taken // 2, taken} - {0}:
                kept = expected[: taken - lost]
                parts: list[bytes] = []
                export(journal, parts.append, from_seq=len(kept) + 1)
                _take(kept, b"".join(parts))
                outcome.runs += 1
                outcome.fired += 1
                outcome.expect(expected == kept, f"lost {lost} of {taken}: {len(kept)} at the end")
    return outcome


class _Follower:
    """The reader of the product that follows a journal, into a pipe that is hardly ever read."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lockstep_journal.reader", str(directory), "--follow"],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment(),
        )

    def __enter__(self) -> "_Follower":
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def take(self, size: int) -> None:
        """Take so many bytes, and then no more."""
        assert self._process.stdout is not None
        os.read(self._process.stdout.fileno(), size)

    def is_stuck(self, directory: Path) -> bool:
        """Return whether it runs, with more to write than its pipe takes."""
        parts: list[bytes] = []
        with open_reader(directory) as journal:
            export(journal, parts.append)
        assert self._process.stdout is not None
        room = fcntl.fcntl(self._process.stdout, fcntl.F_GETPIPE_SZ)
        return self._process.poll() is None and sum(map(len, parts)) > room + _TAKEN_MAX


class _Bounded:
    """A sink with a queue that nobody empties; it refuses when that is full."""

    def __init__(self, limit: int) -> None:
        self.queue: deque[int] = deque()
        self._limit = limit

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Queue, or raise."""
        if len(self.queue) >= self._limit:
            raise BufferError(f"the queue holds {self._limit}")
        self.queue.append(seq)


def _overflow(outcome: Outcome, bench: Bench) -> None:
    """Let the queue of a sink run over: it is detached, and misses nothing that it cannot fetch."""
    directory = fresh(bench.folder / "bounded", bench.tape)
    sink, other = _Bounded(_QUEUE_MAX), _Bounded(10**9)
    options = LiveOptions(Outlets(sinks=(sink, other)))
    failures: list[OutletFailed] = []
    with resume(directory, MACHINE, lambda: 0, options) as live:
        for start in range(0, COUNT, 5):
            try:
                live.sequencer.submit(bench.tape.items[start : start + 5])
            except OutletFailed as failure:
                failures.append(failure)
        seqs = [record.seq for record in live.owner.records(failures[0].seq)]
    outcome.runs += 1
    outcome.fired += len(failures)
    outcome.same(1, len(failures), "how often a full queue was told")
    outcome.same(_QUEUE_MAX, len(sink.queue), "what the full queue holds")
    outcome.same([*range(1, COUNT + 1)], list(other.queue), "what another sink got")
    outcome.same([*range(1, COUNT + 1)], [*sink.queue, *seqs], "the queue and the rest")
    outcome.same(COUNT, look(directory).seq, "what is durable")


def _compare_latency(outcome: Outcome, bench: Bench) -> None:
    """Compare the 99th percentile of `submit` beside a follower that stands still, and alone."""
    ratios: list[float] = []
    for number in range(9):
        found = {}
        for is_followed in (True, False) if number % 2 else (False, True):
            directory = fresh(bench.folder / "timed", bench.tape)
            if is_followed:
                with _Follower(directory) as follower:
                    follower.take(_TAKEN_MAX)
                    found[is_followed] = _p99(directory, bench)
            else:
                found[is_followed] = _p99(directory, bench)
        ratios.append(found[True] / found[False])
    ratio = statistics.median(ratios)
    outcome.runs += 9
    outcome.fired += 9
    outcome.expect(ratio <= LATENCY_RATIO_MAX, f"p99 of submit: {ratios}")
    outcome.notes.append(f"p99 of a durable batch beside a stuck follower: {ratio:.2f} of alone")


def _p99(directory: Path, bench: Bench) -> float:
    times: list[float] = []
    with resume(directory, MACHINE, lambda: 0) as live:
        for start in range(0, bench.size * _BATCH, _BATCH):
            batch = bench.tape.items[start : start + _BATCH]
            started = time.perf_counter()
            live.sequencer.submit(batch)
            times.append(time.perf_counter() - started)
    return statistics.quantiles(times, n=100)[-1]


class _Frame(NamedTuple):
    """What the publisher of the check sends: (epoch, seq) names a record for ever."""

    epoch: int
    seq: int
    record: bytes


def _publish(directory: Path, out: Path, cursor: Path, kill_at: int) -> int:
    """Publish from the cursor on; die after so many steps (0: never)."""
    seq = int(cursor.read_text()) if cursor.exists() else 0
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_reader(directory) as journal, out.open("ab", buffering=0) as file:
        for raws, records in journal.pages(seq + 1):
            for raw, record in zip(raws, records, strict=True):
                frame = msgspec.msgpack.encode(_Frame(record.epoch, record.seq, raw))
                file.write(len(frame).to_bytes(4, "big") + frame)
                step()
                _put(cursor, str(record.seq))
                step()
    return 0


def _put(path: Path, text: str) -> None:
    """Replace a file as a whole."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def _judge_published(outcome: Outcome, where: str, out: Path, expected: Sequence[bytes]) -> None:
    """Check that everything came, in order, and that what came twice is the same."""
    data, at = out.read_bytes(), 0
    frames: list[_Frame] = []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        frames.append(msgspec.msgpack.decode(data[at + 4 : at + 4 + size], type=_Frame))
        at += 4 + size
    by_name = {(frame.epoch, frame.seq): frame.record for frame in frames}
    outcome.same(list(expected), list(by_name.values()), where)
    for frame in frames:
        same = by_name[frame.epoch, frame.seq] == frame.record
        outcome.expect(same, f"{where}: {frame.seq} came twice and differs")


def _take(kept: list[bytes], stream: bytes) -> None:
    """Take a stream as a consumer does: by sequence number, what it has already is dropped."""
    pieces = iter((stream,))
    for frame_type, seq, payload in StreamReader(lambda size: next(pieces, b"")).frames():
        if frame_type == FrameType.RECORD and seq > len(kept):
            assert seq == len(kept) + 1, f"a gap before {seq}"
            unpack_record(payload, seq)
            kept.append(payload)

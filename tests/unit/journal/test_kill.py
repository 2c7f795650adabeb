"""A writer that is killed in the middle loses nothing that it acknowledged."""

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lockstep_kernel import apply_batch, initial
from lockstep_replay import recover, resume
from tests.machines.counter import COUNTER
from tests.machines.histories import GENESIS, sequenced, submit_all, write_journal
from tests.unit.journal.programs import python_path

COUNT = 20_000
WRITER = """
import os, sys
from lockstep_journal import SnapshotPolicy
from lockstep_replay import LiveOptions, resume
from tests.machines.counter import COUNTER
from tests.machines.histories import bodies
items = [(10 * index, body) for index, body in enumerate(bodies(int(sys.argv[2])), 1)]
batch = int(sys.argv[3])
options = LiveOptions(snapshots=SnapshotPolicy(900, 2))
with resume(sys.argv[1], COUNTER, lambda: 0, options) as live:
    at = live.recovery.last_seq
    os.write(1, b"%d\\n" % at)
    while at < len(items):
        at = live.sequencer.submit(items[at : at + batch])[-1][0]
        os.write(1, b"%d\\n" % at)
"""


class Acknowledged:
    """Collects what a writer acknowledged, in this process, which is not killed."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.last = -1
        self.first = threading.Event()
        self._process = process
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                self.last = int(line)
                self.first.set()

    def wait(self) -> int:
        self._thread.join()
        return self.last


@pytest.mark.parametrize("batch", [3, 50])
def test_killed_writers_lose_no_acknowledged_command(tmp_path: Path, batch: int) -> None:
    write_journal(tmp_path / "j", 0)
    draw = random.Random(batch)
    before = 0
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "j"), str(COUNT), str(batch)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": python_path()},
        ) as process:
            acknowledged = Acknowledged(process)
            assert acknowledged.first.wait(30)
            time.sleep(draw.uniform(0.005, 0.05))
            process.kill()
            last = acknowledged.wait()
        state, report = recover(tmp_path / "j", COUNTER)
        expected, _done = apply_batch(initial(COUNTER, GENESIS), sequenced(report.last_seq))
        assert expected.hash == state.hash
        assert last <= report.last_seq <= last + batch
        assert before <= report.last_seq
        before = report.last_seq
    assert before > batch
    with resume(tmp_path / "j", COUNTER, lambda: 0) as live:
        submit_all(live.sequencer, before + 10, start=before)
        assert before + 10 == live.sequencer.state.seq

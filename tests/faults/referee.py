"""One kill: start a writer, record what it acknowledges, kill it, and judge what is left.

The referee is another process than the writer. What it read from the pipe before and after the kill
is all it knows of acknowledgements; what must be true of the journal it takes from the tape.
"""

import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from lockstep_engine.exchange import MACHINE
from lockstep_kernel import check
from lockstep_replay import LiveOptions, recover, resume
from tests.faults.tape import Tape
from tests.faults.writer import GROWING, SNAPSHOTS

ROOT = Path(__file__).parents[2]
START_S_MAX, RUN_S_MAX, RUN_S_MEAN = 60.0, 0.8, 0.25
NEW_COMMANDS = 5
PHASES = {
    "ready": "between batches",
    "begin": "applying",
    "commit": "committing",
    "durable": "publishing",
    "publish": "publishing",
    "snapshot": "saving a snapshot",
    "saved": "after a snapshot",
    "ack": "between batches",
    "end": "after the tape",
}
"""The last word of a writer -> where the kill fell."""


class Heard(NamedTuple):
    """What the pipe said: where the writer was, its last acknowledgement, the batch in flight.

    `acked_hash` is empty while this writer has acknowledged nothing; then `acked_seq` is what was
    durable before it started.
    """

    phase: str
    acked_seq: int
    acked_hash: str
    in_flight: int


class Kill(NamedTuple):
    """What became of one kill; `fault` is empty if everything held."""

    heard: Heard
    seconds: float
    recovered_seq: int
    snapshot_seq: int
    recovery_ms: float
    accept_ms: float
    fault: str


def kill_once(journal: Path, tape_path: Path, tape: Tape, known_seq: int, seed: int) -> Kill:
    """Run a writer, kill it at a moment drawn from the seed, and judge the journal.

    The journal holds `known_seq` commands, all acknowledged, when the writer starts.
    """
    dice = random.Random(seed)
    text, seconds = _run_and_kill(journal, tape_path, dice)
    heard = listen(text, known_seq)
    started = time.perf_counter()
    state, recovery = recover(journal, MACHINE)
    recovery_ms = (time.perf_counter() - started) * 1e3
    facts = (heard, seconds, state.seq, recovery.snapshot_seq, recovery_ms)
    try:
        _judge(heard, tape, state.seq, state.hash)
        accept_ms = _go_on(journal, tape, state.seq)
    except Exception as error:  # noqa: BLE001  # any fault is a row of the table
        return Kill(*facts, 0.0, f"{type(error).__name__}: {error}")
    return Kill(*facts, accept_ms, "")


def listen(text: str, known_seq: int) -> Heard:
    """Read what a writer said; a line without its end was not said."""
    phase, acked_seq, acked_hash, in_flight = "starting", known_seq, "", 0
    for line in text.split("\n")[:-1]:
        words = line.split()
        phase = PHASES[words[0]]
        if words[0] == "begin":
            in_flight = int(words[2])
        elif words[0] == "ack":
            acked_seq, acked_hash, in_flight = int(words[1]), words[2], 0
    return Heard(phase, acked_seq, acked_hash, in_flight)


def _run_and_kill(journal: Path, tape_path: Path, dice: random.Random) -> tuple[str, float]:
    """Return all that the writer said, and how long it lived once it was ready."""
    command = [sys.executable, "-m", "tests.faults.writer"]
    arguments = [str(journal), str(tape_path), str(dice.randrange(2**32))]
    with subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        pipe = writer.stdout.fileno()
        said = b"" if dice.random() < 0.1 else _read(pipe, b"", START_S_MAX, "ready")
        started = time.perf_counter()
        said = _read(pipe, said, min(RUN_S_MAX, dice.expovariate(1 / RUN_S_MEAN)), "")
        writer.send_signal(signal.SIGKILL)
        seconds = time.perf_counter() - started
        said = _read(pipe, said, START_S_MAX, "")
        status = writer.wait()
    check(status == -signal.SIGKILL, f"the writer ended by itself with status {status}")
    return said.decode(), seconds


def _read(pipe: int, said: bytes, seconds: float, word: str) -> bytes:
    """Read for some seconds, or until a line with the word came, or to the end of the pipe."""
    deadline = time.monotonic() + seconds
    while not (word and word.encode() in said):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            break
        more = os.read(pipe, 1 << 16)
        if not more:
            break
        said += more
    return said


def _judge(heard: Heard, tape: Tape, seq: int, hash_: bytes) -> None:
    """Check the recovered state against the acknowledgements and the uninterrupted run."""
    check(seq >= heard.acked_seq, f"recovered {seq}, but {heard.acked_seq} was acknowledged")
    if heard.acked_hash:
        check(
            heard.acked_hash == tape.hashes[heard.acked_seq].hex(),
            f"the hash acknowledged for {heard.acked_seq} is not that of an uninterrupted run",
        )
    check(hash_ == tape.hashes[seq], f"the hash of {seq} is not that of an uninterrupted run")
    whole = (heard.acked_seq, heard.acked_seq + heard.in_flight)
    check(seq in whole, f"recovered {seq}: a batch is durable whole or not at all: {whole}")


def _go_on(journal: Path, tape: Tape, seq: int) -> float:
    """Let a new owner take commands at once; return the milliseconds until they were durable."""
    started = time.perf_counter()
    options = LiveOptions(snapshots=SNAPSHOTS, map_policy=GROWING)
    with resume(journal, MACHINE, lambda: 0, options) as live:
        batch = tape.items[seq : seq + NEW_COMMANDS]
        results = live.sequencer.submit(batch)
        taken = [result for result in results if isinstance(result, tuple)]
        check(len(taken) == len(batch), f"expected {len(batch)} new commands, {len(taken)} passed")
        last_seq, _events, hash_ = taken[-1]
        check(last_seq == seq + len(batch), f"expected {seq + len(batch)}, found {last_seq}")
        check(hash_ == tape.hashes[last_seq], "the hash after new commands is another one")
    return (time.perf_counter() - started) * 1e3


class Summary(msgspec.Struct):
    """What many kills showed."""

    kills: int
    faults: int
    in_flight: int
    sizes: list[int]
    phases: dict[str, int]


def summary(kills: list[Kill]) -> Summary:
    """Count phases and batches in flight."""
    phases: dict[str, int] = {}
    for kill in kills:
        phases[kill.heard.phase] = phases.get(kill.heard.phase, 0) + 1
    sizes = sorted(kill.heard.in_flight for kill in kills if kill.heard.in_flight)
    faults = sum(1 for kill in kills if kill.fault)
    return Summary(len(kills), faults, len(sizes), sizes, phases)

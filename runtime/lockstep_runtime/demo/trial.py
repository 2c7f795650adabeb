"""One trial: a child process writes a journal, is killed with SIGKILL, and another goes on.

The parent records the acknowledgements that the child prints, recovers the journal itself, lets a
second child finish the feed, and runs the same feed in memory without any interruption. What
must hold is decided in `_wrong`.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lockstep_journal import open_reader
from lockstep_kernel import CannotRunError, Machine, apply_batch, find_machine, initial
from lockstep_replay import Recovery, recover
from lockstep_runtime.demo.plan import Trial
from lockstep_runtime.feeds import Feed, open_feed
from lockstep_runtime.pipeline import Tally

Mark = tuple[int, bytes]
"""(seq, hash)."""


class Outcome(msgspec.Struct, frozen=True):
    """What a trial came to. `wrong` lists what does not hold; it is empty after a good trial."""

    trial: Trial
    directory: Path
    commands: int
    trades: int
    events: int
    durable_per_s: int
    acknowledged: Mark
    recovered: Mark
    recovery_seconds: float
    recovered_at_acknowledged: bytes
    final: Mark
    uninterrupted: Mark
    wrong: Sequence[str]


def run_trial(trial: Trial, directory: Path) -> Outcome:
    """Run one trial in a new journal directory; raise a `Fault` if a child cannot do its work."""
    feed = open_feed(trial.feed, trial.limit)
    machine = find_machine(feed.genesis().machine)
    acknowledged = _write_until_killed(trial, directory)
    recovery, seconds = _recover(directory, machine)
    with open_reader(directory) as journal:
        at_acknowledged = journal.hash_at(min(acknowledged[0], recovery.last_seq))
    finished = _finish(trial, directory)
    tally, uninterrupted = _run_in_memory(feed, machine)
    outcome = Outcome(
        trial,
        directory,
        *(tally.commands, tally.trades, tally.events),
        finished.durable_commands_per_s,
        acknowledged,
        (recovery.last_seq, recovery.last_hash),
        seconds,
        at_acknowledged,
        (finished.last_seq, bytes.fromhex(finished.last_hash)),
        uninterrupted,
        (),
    )
    return msgspec.structs.replace(outcome, wrong=_wrong(outcome))


def python(module: str, *arguments: str) -> list[str]:
    """Return the command line of a child that runs a module of this installation."""
    flags = ["-O"] if sys.flags.optimize else []
    return [sys.executable, *flags, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Return the environment in which a child finds the modules that this process finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _write_until_killed(trial: Trial, directory: Path) -> Mark:
    """Let a child write, kill it half way, and return the last acknowledgement that came out."""
    with subprocess.Popen(
        _writer(trial, directory, "--acks"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            last = _killed_half_way(child, trial.kill_seq)
        except BaseException:
            child.kill()
            raise
        said = child.stderr.read() if child.stderr is not None else ""
        code = child.wait()
    if code != -signal.SIGKILL:
        reason = said.strip() or f"it ended by itself with {code} at {last[0]}"
        raise CannotRunError(f"{trial.title}: the writer was not killed in its work: {reason}")
    return last


def _killed_half_way(child: "subprocess.Popen[str]", kill_seq: int) -> Mark:
    """Kill a child that acknowledges `kill_seq`; return the last acknowledgement that came out."""
    last: Mark = (0, b"")
    is_killed = False
    for line in child.stdout or ():
        mark = _mark(line)
        if mark is None:
            continue
        last = mark
        if last[0] >= kill_seq and not is_killed:
            is_killed = True
            child.send_signal(signal.SIGKILL)
    return last


def _mark(line: str) -> Mark | None:
    """Read an acknowledgement; None for a line that the kill cut short, or another one."""
    seq, _, hash_ = line.strip().partition(":")
    is_whole = line.endswith("\n") and seq.isdigit() and len(hash_) == 32
    return (int(seq), bytes.fromhex(hash_)) if is_whole else None


def _recover(directory: Path, machine: Machine) -> tuple[Recovery, float]:
    started = time.perf_counter()
    _state, recovery = recover(directory, machine)
    return recovery, time.perf_counter() - started


class _Summary(msgspec.Struct):
    """What is needed of the summary that a writer prints."""

    last_seq: int
    last_hash: str
    durable_commands_per_s: int


def _finish(trial: Trial, directory: Path) -> _Summary:
    """Let a second child go on to the end of the feed and return its summary."""
    done = subprocess.run(
        _writer(trial, directory, "--json"),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CannotRunError(f"{trial.title}: the second writer failed: {done.stderr.strip()}")
    return msgspec.json.decode(done.stdout, type=_Summary)


def _writer(trial: Trial, directory: Path, *more: str) -> list[str]:
    limit = [] if trial.limit is None else ["--limit", str(trial.limit)]
    options = ["--journal", str(directory), "--batch", str(trial.batch), *limit, *more]
    return python("lockstep_runtime", "run", trial.feed, *options)


def _run_in_memory(feed: Feed, machine: Machine) -> tuple[Tally, Mark]:
    """Run the feed without journal and interruption; return the counts and the end."""
    tally = Tally()
    state = initial(machine, feed.genesis())
    for chunk in feed.chunks():
        commands = [machine.codec.sequence(ts_ns, command) for ts_ns, command in chunk]
        state, applied = apply_batch(state, commands)
        for done in applied:
            tally.emit(done[0], done[3])
            feed.listen(done[3])
    return tally, (state.seq, state.hash)


def _wrong(outcome: Outcome) -> list[str]:
    """Return what does not hold of a trial."""
    acknowledged, recovered = outcome.acknowledged, outcome.recovered
    checks = (
        (recovered[0] >= acknowledged[0], "acknowledged commands were lost"),
        (recovered[0] < outcome.final[0], "nothing was left to do after the kill"),
        (
            outcome.recovered_at_acknowledged == acknowledged[1],
            "the recovered history differs from the acknowledged one",
        ),
        (
            outcome.final == outcome.uninterrupted,
            "the finished history differs from the uninterrupted one",
        ),
    )
    return [sentence for holds, sentence in checks if not holds]

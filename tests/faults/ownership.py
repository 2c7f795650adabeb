"""O: two writers, an owner that was stopped and wakes up too late, two histories of one past."""

import os
import signal
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lockstep_engine.exchange import MACHINE
from lockstep_journal import JournalFailed, Sequencer, SnapshotPolicy, open_owner, open_reader
from lockstep_journal.owner import LOCK_NAME
from lockstep_kernel import StreamWriter
from lockstep_replay import begin, compare, recover_from, resume
from lockstep_validator import Options, Status, validate
from tests.faults.disorder import packed
from tests.faults.playing import Plan, fresh, look, written
from tests.faults.processes import Held, injected, run_child, say, watch
from tests.faults.programs import lockstep, validator
from tests.faults.registry import Bench, Outcome
from tests.faults.tape import Tape

PLAN = Plan(6, 5, SnapshotPolicy())
LENGTH = 60
PAUSE_S = 0.05
GO = "go"
"""A file: the first owner may try its next batch."""

STOPS = (
    "between batches",
    "between batches, the new owner has written nothing",
    "in a commit",
    "in a commit, then killed",
)


def two_writers(bench: Bench) -> Outcome:
    """O1: while an owner lives every other is refused; of two that start at once one gets in."""
    outcome = Outcome()
    directory = fresh(bench.folder / "j", bench.tape)
    owner = Held(partial(_own_until_told, directory))
    owner.release()
    owner.read_until("owns")
    for number in range(bench.size):
        ended = run_child(partial(_try_to_own, directory))
        outcome.runs += 1
        outcome.fired += 1
        outcome.same(3, ended.code, f"second owner {number}: {ended.said}")
    ran = lockstep("run", "market:5:2000", "--journal", directory)
    outcome.same(3, ran.code, "lockstep run beside a live owner")
    outcome.expect(f"locked by live process {owner.pid}" in ran.err, ran.err)
    os.kill(owner.pid, signal.SIGKILL)
    owner.finish()
    for number in range(bench.size):
        _race(outcome, directory, f"race {number}")
    found = look(directory)
    outcome.same(0, found.code, f"after all: {found.said}")
    return outcome


def zombie(bench: Bench) -> Outcome:
    """O2: an owner is stopped, another takes over, the first wakes up: nothing stale gets in."""
    outcome = Outcome()
    for number in range(bench.size):
        for stop in STOPS:
            _take_over(outcome, bench, stop, 1 + number % PLAN.batches)
    for seq in range(2, 2 + bench.size):
        _stale_stream(outcome, bench, seq)
    return outcome


def split_brain(bench: Bench) -> Outcome:
    """O3: two journals share k commands and then part: k + 1 is named with both hashes."""
    outcome = Outcome()
    left = written(bench.folder / "left", bench.tape, Plan(LENGTH, 1, SnapshotPolicy()))
    for common in bench.sampled(range(LENGTH)):
        right = bench.folder / f"right-{common}"
        hashes = _forked(right, bench.tape, common)
        with open_reader(left) as one, open_reader(right) as other:
            parted = compare(one, other).divergence
        outcome.runs += 1
        outcome.fired += 1
        seq = common + 1
        found = parted and (parted.seq, parted.left_hash, parted.right_hash, parted.is_exact)
        outcome.same((seq, bench.tape.hashes[seq], hashes[0], True), found, f"forked at {common}")
    # The last one again, with the programs.
    ran = lockstep("replay", "diff", left, right)
    outcome.same(1, ran.code, f"lockstep replay diff: {ran.err}")
    for word in (str(seq), bench.tape.hashes[seq].hex(), hashes[0].hex()):
        outcome.expect(word in ran.out + ran.err, f"lockstep replay diff does not say {word}")
    expected = f"{LENGTH}:{bench.tape.hashes[LENGTH].hex()}"
    checked = validator(right, "--expect", expected, "--quiet")
    outcome.same(1, checked.code, f"lockstep-validator --expect: {checked.err}")
    return outcome


def _own_until_told(directory: Path) -> int:
    with open_owner(directory, MACHINE) as owner:
        owner.claim()
        say("owns")
        signal.pause()
    return 0


def _try_to_own(directory: Path) -> int:
    with open_owner(directory, MACHINE) as owner:
        owner.claim()
    return 0


def _race(outcome: Outcome, directory: Path, where: str) -> None:
    """Start two at once: each is refused or has it alone."""
    children = [Held(partial(_try_to_own, directory)) for _ in range(2)]
    for child in children:
        child.release()
    codes = sorted(child.finish()[0] for child in children)
    outcome.runs += 1
    outcome.fired += 3 in codes
    outcome.expect(codes in ([0, 0], [0, 3]), f"{where}: ended with {codes}")


def _take_over(outcome: Outcome, bench: Bench, stop: str, number: int) -> None:
    """Stop an owner after, or in the middle of, its batch `number`, and let another one in."""
    where = f"stopped {stop}, at batch {number}"
    directory = fresh(bench.folder / "j", bench.tape)
    is_in_commit = "in a commit" in stop
    batches = 0 if "nothing" in stop else PLAN.batches
    first = Held(partial(_first_owner, directory, bench.tape, number, is_in_commit))
    with tempfile.NamedTemporaryFile(prefix="lockstep-strace-") as log:
        if is_in_commit:
            # The first sync is that of the claim.
            what = injected("fdatasync", f"signal=STOP:when={number + 1}")
            watcher = watch(first.pid, what, Path(log.name))
        first.release()
        os.waitpid(first.pid, os.WUNTRACED)
        (directory / LOCK_NAME).unlink()
        second = Held(partial(_second_owner, directory, bench.tape, batches))
        second.release()
        # It waits while the first one is in a transaction; a moment makes that likely.
        said = second.read_until("owned") if not is_in_commit else ""
        time.sleep(PAUSE_S)
        os.kill(first.pid, signal.SIGKILL if "killed" in stop else signal.SIGCONT)
        second_code, rest = second.finish()
        (directory / GO).touch()
        _code, first_said = first.finish()
        if is_in_commit:
            watcher.wait()
    outcome.runs += 1
    outcome.fired += 1
    outcome.same(0, second_code, f"{where}, the new owner: {rest}")
    _judge_takeover(outcome, where, directory, (first_said, said + rest))


def _first_owner(directory: Path, tape: Tape, number: int, is_in_commit: bool) -> int:
    """Play until after the batch `number`; stop then or within it; try to go on when woken up."""
    with open_owner(directory, MACHINE) as owner:
        state, _recovery = recover_from(owner, MACHINE)
        owner.claim()
        sequencer = Sequencer(state, owner, lambda: 0)
        for batch in range(1, number + 3):
            seq = sequencer.state.seq
            try:
                last_seq, _events, hash_ = sequencer.submit(tape.items[seq : seq + 5])[-1]
            except JournalFailed as failure:
                say("fenced", failure)
                return failure.exit_code
            say("ack", last_seq, owner.owner_epoch, hash_.hex())
            if batch == number:
                _wait_for_the_other(directory, is_in_commit)
    return 0


def _wait_for_the_other(directory: Path, is_in_commit: bool) -> None:
    if not is_in_commit:
        os.kill(os.getpid(), signal.SIGSTOP)
    while not (directory / GO).exists():
        time.sleep(PAUSE_S)


def _second_owner(directory: Path, tape: Tape, batches: int) -> int:
    """Take over, again if the first one's last transaction came in between, and write."""
    for _attempt in range(3):
        with open_owner(directory, MACHINE) as owner:
            state, _recovery = recover_from(owner, MACHINE)
            say("opened")
            try:
                owner.claim()
            except JournalFailed:
                continue
            say("owned")
            sequencer = Sequencer(state, owner, lambda: 0)
            for _ in range(batches):
                seq = sequencer.state.seq
                seq, _events, hash_ = sequencer.submit(tape.items[seq : seq + 5])[-1]
                say("ack", seq, owner.owner_epoch, hash_.hex())
            return 0
    return 3


def _judge_takeover(outcome: Outcome, where: str, directory: Path, said: tuple[str, str]) -> None:
    """Compare all acknowledgements with the records, and look for anything stale."""
    with open_reader(directory) as journal:
        records = list(journal.records())
    by_seq = {record.seq: record for record in records}
    acked = [line.split()[1:] for text in said for line in text.splitlines() if "ack" in line]
    for seq, epoch, hash_ in acked:
        record = by_seq.get(int(seq))
        found = record and (str(record.epoch), record.hash.hex())
        outcome.same((epoch, hash_), found, f"{where}: acknowledged {seq}")
    epochs = [record.epoch for record in records]
    outcome.expect(sorted(epochs) == epochs, f"{where}: stale records, epochs {epochs}")
    has_written = 2 in epochs or "nothing" in where
    outcome.expect({1, 2} >= {*epochs} and has_written, f"{where}: epochs {epochs}")
    is_over = "killed" in where or "fenced" in said[0]
    outcome.expect(is_over, f"{where}: the first owner was not fenced: {said[0]}")
    found = look(directory)
    outcome.same(0, found.code, f"{where}: {found.said}")


def _stale_stream(outcome: Outcome, bench: Bench, seq: int) -> None:
    """Give a reader of the stream a record of an older epoch at `seq`: it is refused."""
    parts: list[bytes] = []
    writer = StreamWriter(parts.append, bench.tape.genesis)
    for number in range(1, seq + 3):
        writer.record(number, packed(bench.tape, number, 2 if number < seq else 1))
    writer.end(seq + 2, bench.tape.hashes[seq + 2])
    path = bench.folder / "stale.stream"
    path.write_bytes(b"".join(parts))
    verdict = validate(path, Options(machine=MACHINE))
    outcome.runs += 1
    outcome.fired += 1
    outcome.same((Status.DAMAGED, seq), (verdict.status, verdict.seq), f"stale record {seq}")


def _forked(directory: Path, tape: Tape, common: int) -> Sequence[bytes]:
    """Make a journal that shares `common` commands with the tape; return the other hashes."""
    begin(directory, MACHINE, tape.genesis, lambda: 0).close()
    items = [(ts + (seq > common), body) for seq, (ts, body) in enumerate(tape.items[:LENGTH], 1)]
    with resume(directory, MACHINE, lambda: 0) as live:
        done = live.sequencer.submit(items)
    return [result[2] for result in done[common:]]

"""W: the writer is killed, its system calls fail, lie or are slow, and its disk or map is full.

A fault is one system call of a known program, counted from its start: the same plan makes the same
calls every time, so call and number repeat a fault.
"""

import re
from functools import partial
from itertools import pairwise
from pathlib import Path

from lockstep_engine.exchange import MACHINE
from lockstep_journal import MapPolicy, SnapshotPolicy
from lockstep_replay import LiveOptions, resume
from tests.faults.playing import (
    PLAN,
    Look,
    Plan,
    fresh,
    heard_of,
    judge,
    look,
    perform,
)
from tests.faults.processes import SYNCS, WRITES, Ended, counted, injected, run_child
from tests.faults.programs import lockstep, validator
from tests.faults.registry import Bench, Outcome
from tests.faults.tape import Tape
from tests.faults.tools import small_disk
from tests.unit.journal.damage import PAGE, copy_of

CALLS = (*WRITES, *SYNCS)
KIBI = 1 << 10
SLOW_S = 0.2
FILLING = SnapshotPolicy(every=9, keep=1_000)
Site = tuple[str, int]
"""A system call and which one of them, from 1 on."""


def sites(bench: Bench, plan: Plan = PLAN) -> list[Site]:
    """Return every write and sync that the plan makes, and for each call one beyond the last."""
    ended = run_child(
        partial(perform, fresh(bench.folder / "j", bench.tape), bench.tape, plan),
        ["-e", f"trace={','.join(CALLS)}"],
    )
    assert ended.code == 0, ended.said
    counts = counted(ended.trace, CALLS)
    return [(call, number) for call, count in counts.items() for number in range(1, count + 2)]


def is_beyond(site: Site, all_sites: list[Site]) -> bool:
    """Return whether a site lies beyond the last call, where nothing fires."""
    return (site[0], site[1] + 1) not in all_sites


def killed_at_every_step(bench: Bench) -> Outcome:
    """W1: SIGKILL at the N-th call, for every N until a run is clean; the next owner goes on."""
    outcome = Outcome()
    every = sites(bench)
    for call, number in bench.sampled(every):
        where = f"SIGKILL at {call} {number}"
        directory = fresh(bench.folder / "j", bench.tape)
        body = partial(perform, directory, bench.tape, PLAN)
        ended = run_child(body, injected(call, f"signal=KILL:when={number}"))
        outcome.runs += 1
        outcome.fired += ended.code == -9
        expected = 0 if is_beyond((call, number), every) else -9
        outcome.same(expected, ended.code, where)
        _judge(outcome, where, ended, bench.tape, directory)
    return outcome


def failed_at_every_step(bench: Bench) -> Outcome:
    """W3: EIO at the N-th call, once or from there on; nothing is acknowledged afterwards."""
    outcome = Outcome()
    plan = Plan(is_insisting=True)
    every = sites(bench, plan)
    for call, number in bench.sampled(every):
        for times in ("", "+") if bench.is_full else ("", "+")[number % 2 :][:1]:
            where = f"EIO at {call} {number}{times}"
            directory = fresh(bench.folder / "j", bench.tape)
            body = partial(perform, directory, bench.tape, plan)
            ended = run_child(body, injected(call, f"error=EIO:when={number}{times}"))
            outcome.runs += 1
            outcome.fired += ended.fired > 0
            clean = is_beyond((call, number), every)
            outcome.same(0 if clean else 3, ended.code, where)
            _judge_failure(outcome, where, ended)
            _judge(outcome, where, ended, bench.tape, directory)
    return outcome


def full_disk(bench: Bench) -> Outcome:
    """W4: a size-limited tmpfs fills up; the journal stays readable and goes on elsewhere."""
    outcome = Outcome()
    sizes = bench.sampled([120 + 16 * step for step in range(24)])
    for size in sizes:
        with small_disk(bench.folder / "disk", size * KIBI) as disk:
            plan = Plan(600, 3, FILLING, is_insisting=True)
            directory = fresh(disk / "j", bench.tape)
            ended = run_child(partial(perform, directory, bench.tape, plan))
            where = f"a disk of {size} KiB"
            outcome.runs += 1
            outcome.fired += ended.code == 3
            outcome.same(3, ended.code, where)
            _judge_failure(outcome, where, ended)
            found = _judge(outcome, where, ended, bench.tape, directory)
            moved = copy_of(directory, bench.folder / "moved")
            _go_on(outcome, where, moved, bench.tape, found)
    with small_disk(bench.folder / "disk", 400 * KIBI) as disk:
        _fill_with_the_program(outcome, bench, disk)
    return outcome


def full_map(bench: Bench) -> Outcome:
    """W5: the map is at its limit; state and log agree, and a larger limit goes on."""
    outcome = Outcome()
    for size in bench.sampled(list(range(128, 640, 16))):
        where = f"a map of {size} KiB"
        policy = MapPolicy(size * KIBI // 2, size * KIBI)
        plan = Plan(600, 3, FILLING, policy, is_insisting=True)
        directory = fresh(bench.folder / "j", bench.tape, policy)
        ended = run_child(partial(perform, directory, bench.tape, plan))
        outcome.runs += 1
        outcome.fired += "failed MapFull" in ended.said
        outcome.same(3, ended.code, where)
        _judge_failure(outcome, where, ended)
        found = _judge(outcome, where, ended, bench.tape, directory)
        _go_on(outcome, where, directory, bench.tape, found)
    return outcome


def lost_writes(bench: Bench) -> Outcome:
    """W6: the N-th write says that it wrote and wrote nothing; whoever reads next finds out.

    A lost page is damage. A lost meta page is a commit that never was: the writer must end at its
    next transaction, so that the journal stays whole and lacks one batch at most. Only the last
    acknowledged hash tells that it lacks one: `lockstep-validator --expect`.
    """
    outcome = Outcome()
    directory = bench.folder / "j"
    ended = run_child(
        partial(perform, fresh(directory, bench.tape), bench.tape, PLAN),
        ["-e", "trace=pwrite64,writev"],
    )
    by_receipt = 0
    for call, number, length in bench.sampled(_lengths(ended.trace)):
        where = f"{call} {number} of {length} bytes lost"
        body = partial(perform, fresh(directory, bench.tape), bench.tape, PLAN)
        ended = run_child(body, injected(call, f"retval={length}:when={number}"))
        outcome.runs += 1
        outcome.fired += ended.fired
        found = look(directory)
        is_meta = length % PAGE != 0
        if found.seq < 0:
            is_damage = found.code == 2 or found.code < 0
            outcome.expect(is_damage and not is_meta, f"{where}: {found}")
            continue
        by_receipt += _has_lost(outcome, where, ended, bench.tape, directory)
        lacking = heard_of(ended).acked_seq - found.seq
        outcome.expect(lacking <= PLAN.batch or not is_meta, f"{where}: {lacking} commands lost")
    outcome.notes.append(f"{by_receipt} found by the acknowledged hash alone")
    return outcome


def slow_syncs(bench: Bench) -> Outcome:
    """W7: every sync takes long; the order is kept, and the client sees the delay."""
    outcome = Outcome()
    plan = Plan(batches=bench.size, snapshots=SnapshotPolicy())
    directory = fresh(bench.folder / "j", bench.tape)
    delay = f"inject=fdatasync:delay_exit={round(SLOW_S * 1e6)}"
    watched = ["-ttt", "-e", "trace=fdatasync,write", "-e", delay]
    ended = run_child(partial(perform, directory, bench.tape, plan), watched)
    outcome.runs = bench.size
    outcome.fired = ended.fired
    outcome.same(0, ended.code, "slow syncs")
    _judge(outcome, "slow syncs", ended, bench.tape, directory)
    words = [line.split()[0] for line in ended.said.splitlines()]
    expected = ["begin", "commit", "durable", "publish", "ack"] * bench.size
    outcome.same(["ready", *expected, "end"], words, "what was said, in order")
    spent = _seconds_to_the_next_word(ended.trace)
    outcome.expect(min(spent, default=0) >= SLOW_S, f"expected delays of {SLOW_S} s: {spent}")
    return outcome


def _judge(outcome: Outcome, where: str, ended: Ended, tape: Tape, directory: Path) -> Look:
    """Compare what was acknowledged with what a reader finds."""
    found = look(directory)
    fault = judge(ended, tape, found)
    outcome.expect(not fault, f"{where}: {fault}")
    return found


def _judge_failure(outcome: Outcome, where: str, ended: Ended) -> None:
    """Check that nothing was acknowledged after the first failure, however much was tried."""
    tried = ended.said.partition("failed ")[2]
    outcome.expect("\nack" not in tried, f"{where}: acknowledged after a failure: {tried}")
    outcome.expect(not tried or "refused" in tried, f"{where}: nothing was tried again")


def _go_on(outcome: Outcome, where: str, directory: Path, tape: Tape, found: Look) -> None:
    """Take new commands with more room and the same journal."""
    if found.seq < 0:
        return
    with resume(directory, MACHINE, lambda: 0, LiveOptions(map_policy=MapPolicy(1 << 21))) as live:
        seq, _events, hash_ = live.sequencer.submit(tape.items[found.seq : found.seq + 5])[-1]
    outcome.same(tape.hashes[seq], hash_, f"{where}, going on after {found.seq}")


def _fill_with_the_program(outcome: Outcome, bench: Bench, folder: Path) -> None:
    """Let `lockstep run` fill the disk as a user would, and look with the programs."""
    journal = folder / "run"
    ran = lockstep("run", "market:3:20000", "--journal", journal, "--batch", "20", "--acks")
    outcome.runs += 1
    outcome.fired += "the disk may be full" in ran.err
    outcome.same(3, ran.code, "lockstep run on a full disk")
    outcome.expect("Traceback" not in ran.err, f"lockstep run on a full disk: {ran.err}")
    acked, _colon, hash_ = ran.out.strip().splitlines()[-1].partition(":")
    if bench.is_full:
        outcome.same(0, lockstep("journal", "verify", journal).code, "verify after a full disk")
    checked = validator(journal, "--expect", f"{acked}:{hash_}", "--quiet")
    outcome.same(0, checked.code, f"the last acknowledged hash after a full disk: {checked.err}")


def _lengths(trace: str) -> list[tuple[str, int, int]]:
    """Return (call, number of it, bytes) of every write of data in a trace."""
    counts: dict[str, int] = {}
    found: list[tuple[str, int, int]] = []
    for line in trace.splitlines():
        match = re.search(r" (pwrite64|writev)\(.* = (\d+)$", line)
        if match:
            call = match[1]
            counts[call] = counts.get(call, 0) + 1
            found.append((call, counts[call], int(match[2])))
    return found[1:]  # the first one is the process id in the lock file, which decides nothing


def _seconds_to_the_next_word(trace: str) -> list[float]:
    """Return how long after the start of each sync the writer said something again."""
    lines = [line.split(maxsplit=2) for line in trace.splitlines()]
    times = [(float(at), call) for _pid, at, call in lines if call.startswith(("fdatas", "write"))]
    return [
        after - before
        for (before, call), (after, _next) in pairwise(times)
        if call.startswith("fdatasync")
    ]


def _has_lost(outcome: Outcome, where: str, ended: Ended, tape: Tape, directory: Path) -> bool:
    """Check that a journal that looks whole is, or that the last receipt says it is not."""
    found, heard = look(directory), heard_of(ended)
    outcome.same(tape.hashes[found.seq].hex(), found.hash, where)
    if found.seq >= heard.acked_seq:
        return False
    ran = validator(directory, "--expect", f"{heard.acked_seq}:{heard.acked_hash}", "--quiet")
    outcome.expect(ran.code != 0, f"{where}: the validator did not miss {heard.acked_seq}")
    outcome.expect(str(heard.acked_seq) in ran.err, f"{where}: {ran.err}")
    return True

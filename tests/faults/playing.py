"""The program under test, with a plan: sequencer, LMDB journal and exchange play a tape.

`perform` is what a writer does from its start to its end, `look` what a reader finds afterwards;
both run in forked children. `judge` compares the two with an uninterrupted run of the tape.
"""

import shutil
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from lockstep_engine.exchange import MACHINE
from lockstep_journal import (
    JournalFailed,
    MapPolicy,
    Outlets,
    Owner,
    Sequencer,
    SnapshotPolicy,
    create,
    open_owner,
    open_reader,
    verify,
)
from lockstep_kernel import LockstepError, apply_batch
from lockstep_replay import recover, recover_from
from tests.faults.processes import Ended, run_child, say
from tests.faults.referee import Heard, listen
from tests.faults.tape import Tape
from tests.faults.writer import Loud

MAP = MapPolicy(first_bytes=1 << 20)
EXIT_UNCAUGHT = 70


class Plan(msgspec.Struct, frozen=True):
    """How much of a tape is played, and how; an insisting writer goes on after a failure."""

    batches: int = 12
    batch: int = 5
    snapshots: SnapshotPolicy = SnapshotPolicy(every=15, keep=1)
    policy: MapPolicy = MAP
    is_insisting: bool = False


PLAN = Plan()


def fresh(directory: Path, tape: Tape, policy: MapPolicy = MAP) -> Path:
    """Make an empty journal of the tape in place of what is there."""
    shutil.rmtree(directory, ignore_errors=True)
    create(directory, MACHINE, tape.genesis, policy=policy).close()
    return directory


def written(directory: Path, tape: Tape, plan: Plan = PLAN) -> Path:
    """Make a journal that holds what the plan plays, by a writer that nothing disturbs."""
    fresh(directory, tape, plan.policy)
    ended = run_child(partial(perform, directory, tape, plan))
    assert ended.code == 0, ended.said
    return directory


def perform(directory: Path, tape: Tape, plan: Plan) -> int:
    """Recover, claim, play the plan, and return the exit code of a program that does so."""
    with open_owner(directory, MACHINE, plan.policy) as owner:
        state, _recovery = recover_from(owner, MACHINE)
        owner.claim()
        loud = Loud(owner)
        sequencer = Sequencer(state, loud, lambda: 0, Outlets(sinks=(loud,)), plan.snapshots)
        say("ready", state.seq)
        try:
            _play(sequencer, tape, plan)
        except JournalFailed as failure:
            say("failed", type(failure).__name__, failure)
            if plan.is_insisting:
                _insist(sequencer, owner, tape)
            return failure.exit_code
        say("end")
    return 0


def _play(sequencer: Sequencer, tape: Tape, plan: Plan) -> None:
    seq = sequencer.state.seq
    for _ in range(plan.batches):
        batch = tape.items[seq : seq + plan.batch]
        if not batch:
            return
        say("begin", seq + 1, len(batch))
        seq, _events, hash_ = sequencer.submit(batch)[-1]
        say("ack", seq, hash_.hex())


def _insist(sequencer: Sequencer, owner: Owner, tape: Tape) -> None:
    """Try everything that could acknowledge after a failure; say so if anything does."""
    for items in (tape.items[:1], tape.items[-1:]):
        _say_if_done("ack 0 sequencer", partial(sequencer.submit, items))
    _say_if_done("ack 0 snapshot", sequencer.snapshot)
    _say_if_done("ack 0 claim", owner.claim)
    state, _recovery = recover_from(owner, MACHINE)
    item = MACHINE.codec.decode(*tape.items[state.seq])
    _state, applied = apply_batch(state, [item])
    _say_if_done("ack 0 append", partial(owner.append, applied))


def _say_if_done(words: str, action: object) -> None:
    assert callable(action)
    try:
        action()
    except LockstepError:
        say("refused")
    else:
        say(words)


class Look(NamedTuple):
    """What a reader found: its exit code, the state it recovered, or the fault in its words.

    `code` is negative if reading killed the child; `seq` is -1 unless a state was recovered.
    """

    code: int
    seq: int
    hash: str
    said: str


def look(directory: Path) -> Look:
    """Verify and recover a journal in a child, as the programs do."""
    ended = run_child(partial(_look, directory))
    words = ended.said.split()
    if ended.code == 0 and words[:1] == ["state"]:
        return Look(0, int(words[1]), words[2], "")
    return Look(ended.code, -1, "", ended.said.strip())


def _look(directory: Path) -> int:
    with open_reader(directory) as journal:
        first = verify(journal).first
    if first is not None:
        say("finding", first.seq, first.what)
        return 2
    state, _recovery = recover(directory, MACHINE)
    say("state", state.seq, state.hash.hex())
    return 0


def judge(ended: Ended, tape: Tape, found: Look, known_seq: int = 0) -> str:
    """Return what does not hold after a writer ended, "" if all does: INV-1 to INV-3."""
    heard = heard_of(ended, known_seq)
    if "uncaught" in ended.said:
        return f"the writer raised {ended.said.strip().splitlines()[-1]}"
    if found.seq < 0:
        return f"{heard.acked_seq} acknowledged, then {heard.phase}: {found.code} {found.said}"
    whole = (heard.acked_seq, heard.acked_seq + heard.in_flight)
    if found.seq not in whole:
        return f"{heard.phase}: expected one of {whole} commands, recovered {found.seq}"
    if found.hash != tape.hashes[found.seq].hex():
        return f"the hash of {found.seq} is not that of an uninterrupted run"
    if heard.acked_hash and heard.acked_hash != tape.hashes[heard.acked_seq].hex():
        return f"the acknowledged hash of {heard.acked_seq} is not that of an uninterrupted run"
    return ""


def heard_of(ended: Ended, known_seq: int = 0) -> Heard:
    """Return what a writer acknowledged before it ended or failed."""
    said = ended.said.split("failed ")[0].split("fault ")[0].split("refused")[0]
    return listen(said, known_seq)

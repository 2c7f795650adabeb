"""M1: a journal is used as it must not be: after a fork, by two threads, twice, too early or late.

Each misuse happens in a child of its own; it is refused with a sentence, and the journal is good.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import lmdb
import msgspec

from lockstep_engine.exchange import MACHINE
from lockstep_journal import Outlets, Owner, Sequencer, StreamPublisher, open_owner, open_reader
from lockstep_kernel import Applied, JournalRecord, LockstepError, apply_batch
from lockstep_replay import recover_from
from tests.faults.playing import Plan, look, written
from tests.faults.processes import run_child, say
from tests.faults.registry import Bench, Outcome
from tests.faults.tape import Tape

HISTORY = Plan(4, 5)
COUNT = 20
Misuse = Callable[[Path, Tape], None]


def misused(bench: Bench) -> Outcome:
    """M1: do every misuse; each is refused, and what stands in the journal stays as it was."""
    outcome = Outcome()
    for name, misuse in MISUSES.items():
        directory = written(bench.folder / "j", bench.tape, HISTORY)
        ended = run_child(partial(_do, misuse, directory, bench.tape))
        outcome.runs += 1
        outcome.fired += "refused" in ended.said
        outcome.same(0, ended.code, f"{name}: {ended.said.strip()}")
        outcome.expect("refused" in ended.said, f"{name}: not refused: {ended.said.strip()}")
        outcome.expect("worked" not in ended.said, f"{name}: {ended.said.strip()}")
        found = look(directory)
        is_whole = found.seq in (COUNT, COUNT + 1) and found.hash == _hash(bench.tape, found.seq)
        outcome.expect(is_whole, f"{name}: afterwards {found}")
    return outcome


def _hash(tape: Tape, seq: int) -> str:
    return tape.hashes[seq].hex()


def _do(misuse: Misuse, directory: Path, tape: Tape) -> int:
    misuse(directory, tape)
    return 0


def _refused(action: Callable[[], object]) -> None:
    """Say whether an action is refused, with a sentence of ours."""
    try:
        action()
    except LockstepError as error:
        say("refused", type(error).__name__, error)
    except lmdb.Error as error:
        say("refused", "by LMDB", error)
    else:
        say("worked")


def _opened(directory: Path, tape: Tape) -> tuple[Owner, list[Applied]]:
    """Return an owner that has claimed, and the next command, applied."""
    owner = open_owner(directory, MACHINE)
    state, _recovery = recover_from(owner, MACHINE)
    owner.claim()
    return owner, _next(state, tape)


def _next(state, tape: Tape) -> list[Applied]:
    _state, applied = apply_batch(state, [MACHINE.codec.decode(*tape.items[COUNT])])
    return applied


def _after_fork(directory: Path, tape: Tape) -> None:
    owner, batch = _opened(directory, tape)
    for action in (partial(owner.append, batch), owner.end, partial(list, owner.records())):
        pid = os.fork()
        if pid == 0:
            _refused(action)
            os._exit(0)
        os.waitpid(pid, 0)
    owner.append(batch)
    owner.close()


def _two_threads(directory: Path, tape: Tape) -> None:
    """A second thread writes while the first is inside a transaction."""
    owner, batch = _opened(directory, tape)
    with owner._transaction(0):
        thread = threading.Thread(target=_refused, args=(partial(owner.append, batch),))
        thread.start()
        thread.join()
    owner.append(batch)
    owner.close()


def _twice_in_one_process(directory: Path, tape: Tape) -> None:
    owner, batch = _opened(directory, tape)
    _refused(partial(open_owner, directory, MACHINE))
    _refused(partial(open_reader, directory))
    owner.append(batch)
    owner.close()


def _before_claim(directory: Path, tape: Tape) -> None:
    owner = open_owner(directory, MACHINE)
    state, _recovery = recover_from(owner, MACHINE)
    _refused(partial(owner.append, _next(state, tape)))
    owner.close()


def _after_close(directory: Path, tape: Tape) -> None:
    owner, batch = _opened(directory, tape)
    owner.close()
    _refused(partial(owner.append, batch))


def _the_same_batch_twice(directory: Path, tape: Tape) -> None:
    owner, batch = _opened(directory, tape)
    owner.append(batch)
    _refused(partial(owner.append, batch))
    owner.close()


def _submit_within_submit(directory: Path, tape: Tape) -> None:
    owner = open_owner(directory, MACHINE)
    state, _recovery = recover_from(owner, MACHINE)
    owner.claim()
    sink = _Eager(tape.items[COUNT + 1 : COUNT + 2])
    sequencer = Sequencer(state, owner, lambda: 0, Outlets(sinks=(sink,)))
    sink.submit = sequencer.submit
    sequencer.submit(tape.items[COUNT : COUNT + 1])
    owner.close()


class _Eager:
    """A sink that wants to submit."""

    def __init__(self, items: Sequence[tuple[int, bytes]]) -> None:
        self._items = items
        self.submit: Callable[..., object] = lambda items: None

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Submit from within."""
        _refused(partial(self.submit, self._items))


def _publish_out_of_order(directory: Path, tape: Tape) -> None:
    with open_reader(directory) as journal:
        records = list(journal.records())
    for record in _wrong_next(records):
        publisher = StreamPublisher(lambda data: None, tape.genesis)
        for earlier in records[:10]:
            publisher.publish(earlier.seq, earlier)
        _refused(partial(publisher.publish, record.seq, record))


def _wrong_next(records: Sequence[JournalRecord]) -> Iterator[JournalRecord]:
    """Yield what must not follow record 10: a later one, the same again, one of an older epoch."""
    yield records[11]
    yield records[9]
    yield msgspec.structs.replace(records[10], epoch=records[9].epoch - 1)


MISUSES: dict[str, Misuse] = {
    "used after a fork": _after_fork,
    "two threads at once": _two_threads,
    "opened twice in one process": _twice_in_one_process,
    "written before it was claimed": _before_claim,
    "written after it was closed": _after_close,
    "the same batch twice": _the_same_batch_twice,
    "submit within submit": _submit_within_submit,
    "published out of order, or of an older epoch": _publish_out_of_order,
}

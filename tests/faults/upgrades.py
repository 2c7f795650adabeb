"""U: older journals on the code of today, and newer journals on it: equal, or refused by version.

No release is older than this one, so the goldens stand for older journals, and for newer ones data
with a higher version in one place, and a counter that has only its first rules.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from xxhash import xxh3_64_digest

from lockstep_engine.exchange import MACHINE
from lockstep_journal import SnapshotPolicy, export, import_streams, layout, open_owner, open_reader
from lockstep_kernel import (
    CannotRunError,
    Fault,
    FrameType,
    Genesis,
    Machine,
    StreamReader,
    StreamWriter,
    UnsupportedError,
    dump,
    initial,
    load,
    unpack_record,
)
from lockstep_naive.machine import MACHINE as NAIVE
from lockstep_replay import ImportVerifier, recover, seek
from lockstep_validator import Mark, Options, Status, validate
from tests.faults.playing import Plan, written
from tests.faults.programs import Ran, lockstep, validator
from tests.faults.registry import Bench, Outcome
from tests.golden.record import GOLDENS, Golden, pinned
from tests.machines.counter import COUNTER, CounterMachine
from tests.unit.journal.damage import copy_of, edit, value_of

COUNT = 60
HISTORY = Plan(COUNT // 5, 5, SnapshotPolicy(every=15, keep=10))


class OldCounter(CounterMachine):
    """The counter as it was before its second rules."""

    rules_versions = range(1, 2)


def old_logs(bench: Bench) -> Outcome:
    """U1: every golden journal, validated, imported and recovered: the pinned hash, each time."""
    outcome = Outcome()
    for golden in GOLDENS:
        seq, hash_ = pinned()[golden.name]
        machines = {"its machine": golden.machine}
        if golden.machine is MACHINE and bench.is_full:
            machines["the naive machine"] = NAIVE
        for label, machine in machines.items():
            verdict = validate(golden.path, Options(machine=machine, expect=(Mark(seq, hash_),)))
            outcome.runs += 1
            where = f"{golden.name} on {label}"
            outcome.same((Status.OK, hash_), (verdict.status, verdict.hash), where)
        outcome.runs += 1
        found = _in_a_journal(golden, bench.folder / golden.name)
        outcome.same((seq, hash_), found, f"{golden.name} in a journal")
    outcome.fired = outcome.runs
    early = validate(GOLDENS[0].path, Options(machine=COUNTER, until=31)).rules_version
    late = validate(GOLDENS[0].path, Options(machine=COUNTER)).rules_version
    outcome.same((1, 2), (early, late), "the rules before and after the switch in a journal")
    return outcome


def new_logs(bench: Bench) -> Outcome:
    """U2: a newer format or newer rules, in each place where a version stands: refused by name."""
    outcome = Outcome()
    for newer in _newer_data(bench):
        outcome.runs += 1
        try:
            newer.read()
        except UnsupportedError as error:
            outcome.fired += 1
            outcome.same(3, error.exit_code, newer.name)
            outcome.expect(newer.word in str(error), f"{newer.name}: {error}")
        except CannotRunError as error:
            outcome.failures.append(f"{newer.name}: not refused by version: {error}")
        else:
            outcome.failures.append(f"{newer.name}: was read")
    _ask_programs(outcome, bench)
    return outcome


def snapshots(bench: Bench) -> Outcome:
    """U3: from every snapshot of the goldens and of a journal: what the whole log comes to."""
    outcome = Outcome()
    for golden in GOLDENS:
        hashes = _hashes(golden)
        for seq in golden.snapshots:
            trust = Mark(seq, hashes[seq])
            verdict = validate(golden.path, Options(machine=golden.machine, trust=trust))
            outcome.runs += 1
            expected = (Status.OK, pinned()[golden.name][1])
            outcome.same(expected, (verdict.status, verdict.hash), f"{golden.name} from {seq}")
    directory = written(bench.folder / "j", bench.tape, HISTORY)
    with open_reader(directory) as journal:
        kept = {seq: journal.snapshot(seq) for seq in journal.snapshot_seqs()}
    with open_owner(directory) as owner:
        owner.claim()
        owner.prune_snapshots(0)
    for seq, data in kept.items():
        replayed = seek(directory, MACHINE, seq)
        loaded = load(MACHINE, bench.tape.genesis, data)
        outcome.runs += 1
        outcome.same(replayed.at(), loaded.at(), f"the state at {seq}")
        outcome.expect(dump(replayed) == data, f"the snapshot of {seq} is not that of its log")
    outcome.fired = outcome.runs
    return outcome


class _Newer(NamedTuple):
    """Data with a higher version in one place, and what must be said of it."""

    name: str
    read: Callable[[], object]
    word: str


def _newer_data(bench: Bench) -> Iterator[_Newer]:
    """Yield data with a higher version in each place where one stands."""
    pristine = written(bench.folder / "pristine", bench.tape, HISTORY)
    record = value_of(pristine, layout.COMMANDS, 7)
    newer_record = _with_check(record[:3] + bytes([record[3] + 1]) + record[4:-8])
    directory = copy_of(pristine, bench.folder / "record")
    edit(directory, layout.COMMANDS, {7: newer_record})
    yield _Newer("a record", partial(_read_records, directory), "expected format 1, found 2")
    directory = copy_of(pristine, bench.folder / "format")
    _put_meta(directory, layout.META_FORMAT, (layout.FORMAT + 1).to_bytes(4, "big"))
    found = f"expected journal format {layout.FORMAT}, found {layout.FORMAT + 1}"
    yield _Newer("a journal", partial(_read_records, directory), found)
    snapshot = value_of(pristine, layout.SNAPSHOTS, COUNT)
    newer = _with_check(snapshot[:6] + b"\x00\x02" + snapshot[8:-8])
    yield _Newer("a snapshot", partial(load, MACHINE, bench.tape.genesis, newer), "found 2")
    rules = Genesis("exchange", 99, 1, bench.tape.genesis.params)
    yield _Newer("the rules of a genesis", partial(initial, MACHINE, rules), "99")
    with open_reader(pristine) as journal:
        parts: list[bytes] = []
        export(journal, parts.append)
    stream = b"".join(parts)
    header = stream[:8] + b"\x00\x02" + stream[10:12]
    newer_stream = header + xxh3_64_digest(header) + stream[20:]
    yield _Newer("a stream", partial(_read_stream, newer_stream), "expected format 1")
    golden = GOLDENS[0]
    directory = bench.folder / "switch"
    with golden.path.open("rb") as file:
        import_streams(directory, [file.read], _verifier(COUNTER))
    yield _Newer("rules switched inside a journal", partial(recover, directory, OldCounter()), "2")


def _ask_programs(outcome: Outcome, bench: Bench) -> None:
    """Let the programs refuse a newer journal and a newer stream by version: exit code 3."""
    directory = bench.folder / "format"
    stream = bench.folder / "newer.stream"
    parts: list[bytes] = []
    StreamWriter(parts.append, Genesis("exchange", 99, 1, bench.tape.genesis.params)).end(
        0, bytes(16)
    )
    stream.write_bytes(b"".join(parts))
    calls: list[tuple[str, Callable[[], Ran]]] = [
        ("lockstep replay recover", partial(lockstep, "replay", "recover", directory)),
        ("lockstep journal verify", partial(lockstep, "journal", "verify", directory)),
        ("lockstep-validator, a journal", partial(validator, directory)),
        ("lockstep-validator, a stream", partial(validator, stream)),
    ]
    for name, call in bench.some(calls):
        ran = call()
        outcome.runs += 1
        outcome.fired += 1
        outcome.same(3, ran.code, f"{name}: {ran.err.strip()}")
        is_named = any(word in ran.err for word in ("format", "rules"))
        outcome.expect(is_named, f"{name}: {ran.err.strip()}")


def _verifier(machine: Machine) -> ImportVerifier:
    """Return a verifier that runs this machine, installed or not."""
    return ImportVerifier(lambda _genesis: machine)


def _read_records(directory: Path) -> None:
    with open_reader(directory) as journal:
        list(journal.records())


def _read_stream(data: bytes) -> None:
    pieces = iter((data,))
    StreamReader(lambda size: next(pieces, b""))


def _put_meta(directory: Path, name: bytes, payload: bytes) -> None:
    import lmdb

    with lmdb.open(str(directory), max_dbs=4) as environment:
        database = environment.open_db(layout.META)
        with environment.begin(write=True) as txn:
            txn.put(name, layout.pack_meta(name, payload), db=database)


def _with_check(payload: bytes) -> bytes:
    return payload + xxh3_64_digest(payload)


def _in_a_journal(golden: Golden, directory: Path) -> tuple[int, bytes] | str:
    """Import a golden journal and recover it; return where it ends, or what was wrong."""
    try:
        with golden.path.open("rb") as file:
            import_streams(directory, [file.read], _verifier(golden.machine))
        state, _recovery = recover(directory, golden.machine)
    except Fault as fault:
        return str(fault)
    return state.seq, state.hash


def _hashes(golden: Golden) -> dict[int, bytes]:
    with golden.path.open("rb") as file:
        frames = list(StreamReader(file.read).frames())
    return {s: unpack_record(data, s).hash for kind, s, data in frames if kind == FrameType.RECORD}

"""C4 to C7: records and snapshots that are whole, but torn off, lost, doubled, foreign or newer.

Also what memory can do: the order of hashes, optimised code, another machine of the same rules.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from lockstep_engine.exchange import MACHINE
from lockstep_journal import SnapshotPolicy, layout
from lockstep_kernel import (
    FrameType,
    State,
    StreamReader,
    apply_batch,
    dump,
    initial,
    pack_record,
)
from lockstep_replay import recover
from lockstep_validator import Options, Status, validate
from tests.faults.corruption import HISTORY, RECORDS
from tests.faults.playing import Look, Plan, look, written
from tests.faults.programs import lockstep, python, validator
from tests.faults.registry import Bench, Outcome
from tests.faults.tape import Tape
from tests.unit.journal.damage import copy_of, data_of, edit, value_of

SNAPSHOTS_KEPT = (100, 150, 200)
"""Those that the plan `HISTORY` leaves."""

_HASH_BYTE = 40
Changes = dict[int, bytes | None]


def torn_or_damaged(bench: Bench) -> Outcome:
    """C4: a stream that ends too early is torn (4), a bad middle is damage (2) and stops all."""
    outcome = Outcome()
    source = written(bench.folder / "source", bench.tape, HISTORY)
    stream = bench.folder / "day.stream"
    assert lockstep("replay", "export", source, stream).code == 0
    whole = stream.read_bytes()
    bad = bench.folder / "bad.stream"
    edges = _record_places(whole)
    for seq in bench.sampled(range(1, RECORDS + 1)):
        start, end = edges[seq]
        for name, data, status, found_seq in (
            ("torn in", whole[: (start + end) // 2], Status.TORN, seq - 1),
            ("bad in", _spoilt(whole, (start + end) // 2), Status.DAMAGED, seq),
        ):
            bad.write_bytes(data)
            verdict = validate(bad, Options(machine=MACHINE))
            outcome.runs += 1
            outcome.fired += 1
            outcome.same(status, verdict.status, f"{name} record {seq}: {verdict.message}")
            is_named = verdict.seq in (found_seq, seq)
            outcome.expect(is_named, f"{name} record {seq}: named {verdict.seq}")
    _ask_programs(outcome, bench, whole, edges)
    _damage_the_last(outcome, bench, source)
    return outcome


def wrong_records(bench: Bench) -> Outcome:
    """C5: a record is missing, doubled, swapped, foreign, or of an older epoch: it is named."""
    outcome = Outcome()
    pristine = written(bench.folder / "pristine", bench.tape, HISTORY)
    _state, foreign = foreign_run(bench.tape)
    for seq in bench.sampled(range(1, RECORDS + 1)):
        for kind, changes, expected in wrongs(pristine, bench.tape, foreign, seq):
            directory = copy_of(pristine, bench.folder / "j")
            edit(directory, layout.COMMANDS, changes)
            found = look(directory)
            outcome.runs += 1
            outcome.fired += 1
            outcome.same((2, expected), _named(found), f"record {seq} {kind}")
    return outcome


def wrong_snapshots(bench: Bench) -> Outcome:
    """C6: snapshots are damaged, foreign, stale or newer: an older one, or genesis, is used."""
    outcome = Outcome()
    pristine = written(bench.folder / "pristine", bench.tape, HISTORY)
    good = {seq: value_of(pristine, layout.SNAPSHOTS, seq) for seq in SNAPSHOTS_KEPT}
    other = dump(foreign_run(bench.tape)[0])
    flips = bench.sampled(list(flipped_snapshots(good)))
    for name, changes in [*flips, *bad_snapshots(good, other)]:
        directory = copy_of(pristine, bench.folder / "j")
        edit(directory, layout.SNAPSHOTS, changes)
        state, recovery = recover(directory, MACHINE)
        outcome.runs += 1
        outcome.fired += bool(recovery.skipped)
        outcome.same(bench.tape.hashes[RECORDS], state.hash, name)
        outcome.same(sorted(changes), sorted(skip.seq for skip in recovery.skipped), name)
    # The last one has no good snapshot at all: the program recovers from genesis, and says so.
    ran = lockstep("replay", "recover", directory, "--json")
    outcome.runs += 1
    outcome.same(0, ran.code, f"lockstep replay recover: {ran.err}")
    outcome.same(bench.tape.hashes[RECORDS].hex(), _hash_of(json.loads(ran.out)), "the program")
    return outcome


def one_hash(bench: Bench) -> Outcome:
    """C7: whatever order hashes have in memory, optimised or not, either machine: one hash."""
    outcome = Outcome()
    plan = Plan(RECORDS // 10, 10, SnapshotPolicy())
    directory = written(bench.folder / "j", bench.tape, plan)
    found: dict[str, str] = {}
    recover = ("-m", "lockstep_runtime", "replay", "recover", directory, "--json")
    for seed in bench.sampled(range(21)):
        ran = python(*recover, variables={"PYTHONHASHSEED": str(seed)})
        found[f"PYTHONHASHSEED={seed}"] = _hash_of(json.loads(ran.out))
    found["python -O"] = _hash_of(json.loads(python("-O", *recover).out))
    for name in bench.some(["exchange", "exchange.naive"]):
        ran = validator(directory, "--json", "--machine", name)
        found[f"validator, {name}"] = json.loads(ran.out)["hash"]
    outcome.runs = outcome.fired = len(found)
    expected = bench.tape.hashes[RECORDS].hex()
    outcome.failures += [f"{name}: {hash_}" for name, hash_ in found.items() if hash_ != expected]
    outcome.notes.append(f"{len({*found.values()})} distinct hash over {len(found)} processes")
    return outcome


def wrongs(
    pristine: Path, tape: Tape, foreign: Tape, seq: int
) -> Iterator[tuple[str, Changes, int]]:
    """Yield (kind, changes, first sequence number that must be named) for one record."""
    stored = partial(value_of, pristine, layout.COMMANDS)
    other = seq % RECORDS + 1
    yield "missing", {seq: None}, seq
    yield "doubled", {other: stored(seq)}, other
    yield "swapped", {seq: stored(other), other: stored(seq)}, min(seq, other)
    # The first one follows the same genesis; it is the next that does not follow it.
    yield "foreign", {seq: packed(foreign, seq)}, max(seq, 2)
    if seq > 1:
        yield "of an older epoch", {seq: packed(tape, seq, epoch=0)}, seq
    forged = bytearray(tape.hashes[seq])
    forged[0] ^= 1
    # It is the next that does not follow, unless a snapshot or the end knows the hash.
    named = seq if seq in (*SNAPSHOTS_KEPT, RECORDS) else seq + 1
    yield "with another hash", {seq: packed(tape, seq, hash_=bytes(forged))}, named


def foreign_run(tape: Tape) -> tuple[State, Tape]:
    """Run the same commands a nanosecond later: another history of the same genesis."""
    state = initial(MACHINE, tape.genesis)
    items = [(ts_ns + 1, body) for ts_ns, body in tape.items[:RECORDS]]
    sequenced = [MACHINE.codec.decode(ts_ns, body) for ts_ns, body in items]
    state, applied = apply_batch(state, sequenced)
    return state, Tape(tape.genesis, items, [tape.hashes[0], *(done[6] for done in applied)])


def packed(tape: Tape, seq: int, epoch: int = 1, hash_: bytes = b"") -> bytes:
    """Return the bytes of a record of a tape."""
    ts_ns, body = tape.items[seq - 1]
    return pack_record(seq, epoch, ts_ns, tape.hashes[seq - 1], hash_ or tape.hashes[seq], body)


def flipped_snapshots(good: dict[int, bytes]) -> Iterator[tuple[str, Changes]]:
    """Yield (name, changes) for one bit at places all over the newest snapshot."""
    new = max(good)
    for offset in range(0, len(good[new]), max(1, len(good[new]) // 25)):
        yield f"bit flipped at {offset}", {new: _spoilt(good[new], offset)}


def bad_snapshots(good: dict[int, bytes], foreign: bytes) -> Iterator[tuple[str, Changes]]:
    """Yield (name, changes) for the newest snapshot, for two, and for all."""
    old, middle, new = sorted(good)
    yield "of another history, good in itself", {new: foreign}
    yield "cut", {new: good[new][:-9]}
    yield "empty", {new: b"\x00"}
    yield "stale: that of an earlier moment", {new: good[middle]}
    yield "newer format", {new: _newer(good[new])}
    yield "two damaged", {seq: _spoilt(good[seq], _HASH_BYTE) for seq in (middle, new)}
    yield "all damaged", {seq: _spoilt(good[seq], _HASH_BYTE) for seq in good}
    yield "all newer", {seq: _newer(good[seq]) for seq in (old, middle, new)}


def _ask_programs(
    outcome: Outcome, bench: Bench, whole: bytes, edges: dict[int, tuple[int, int]]
) -> None:
    """Let the programs say torn or damaged by their exit codes; neither imports anything."""
    middle = sum(edges[RECORDS // 2]) // 2
    wrong = [("torn", whole[:-30], 4), ("bad", _spoilt(whole, middle), 2)]
    for name, data, code in bench.some(wrong):
        stream, journal = bench.folder / f"{name}.stream", bench.folder / f"{name}-journal"
        stream.write_bytes(data)
        outcome.runs += 2
        outcome.fired += 2
        outcome.same(code, validator(stream, "--quiet").code, f"lockstep-validator, {name}")
        done = lockstep("replay", "import", journal, stream)
        outcome.same(code, done.code, f"lockstep replay import, {name}")
        outcome.expect(not journal.exists(), f"{name}: a journal was made of it")


def _damage_the_last(outcome: Outcome, bench: Bench, source: Path) -> None:
    """Damage the last record and one in the middle of a journal: nothing is cut off."""
    for seq in bench.some([RECORDS // 2, RECORDS]):
        directory = copy_of(source, bench.folder / "damaged")
        record = value_of(directory, layout.COMMANDS, seq)
        edit(directory, layout.COMMANDS, {seq: _spoilt(record, len(record) // 2)})
        before = data_of(directory).read_bytes()
        ran = lockstep("journal", "verify", directory)
        went_on = lockstep("run", "market:5:2000", "--journal", directory)
        outcome.runs += 2
        outcome.fired += 2
        outcome.same(2, ran.code, f"verify, record {seq} damaged")
        outcome.expect(f"sequence {seq}" in ran.err, f"verify, record {seq} damaged: {ran.err}")
        outcome.same(2, went_on.code, f"run, record {seq} damaged: {went_on.err}")
        outcome.expect(before == data_of(directory).read_bytes(), "a damaged journal was changed")


def _record_places(stream: bytes) -> dict[int, tuple[int, int]]:
    """Return where in a stream each record stands."""
    places: dict[int, tuple[int, int]] = {}
    at = 0
    reader = StreamReader(_reading(stream))
    for frame_type, seq, payload in reader.frames():
        if frame_type == FrameType.RECORD:
            at = stream.index(payload, at)
            places[seq] = (at, at + len(payload))
    return places


def _reading(data: bytes) -> Callable[[int], bytes]:
    pieces = iter((data,))
    return lambda size: next(pieces, b"")


def _named(found: Look) -> tuple[int, int | None]:
    """Return the exit code and the sequence number that verify named."""
    words = found.said.split()
    if len(words) > 1 and words[0] == "finding" and words[1].isdigit():
        return found.code, int(words[1])
    return found.code, None


def _spoilt(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


def _newer(snapshot: bytes) -> bytes:
    """Return a snapshot of the next format with a check that fits."""
    from xxhash import xxh3_64_digest

    payload = snapshot[:6] + (int.from_bytes(snapshot[6:8], "big") + 1).to_bytes(2, "big")
    payload += snapshot[8:-8]
    return payload + xxh3_64_digest(payload)


def _hash_of(report: dict[str, Any]) -> str:
    """Return the hash that a program came to, or why it came to none."""
    return str(report.get("last_hash") or report["error"])

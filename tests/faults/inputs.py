"""B: what comes in is nonsense, unknown, repeated, or very large."""

import random
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from lockstep_engine.codes import EntityKind
from lockstep_engine.commands import Command, PlaceOrder
from lockstep_engine.events import CommandRejected, DuplicateRequest, OrderRejected, Trade
from lockstep_engine.exchange import MACHINE
from lockstep_journal import Sequencer, SnapshotPolicy
from lockstep_kernel import (
    MalformedCommand,
    Record,
    State,
    UnsupportedError,
    apply,
    sorted_records,
)
from lockstep_naive.machine import MACHINE as NAIVE
from lockstep_replay import Live, LiveOptions, begin, resume
from lockstep_validator import Options, Status, validate
from tests.faults.playing import fresh
from tests.faults.programs import lockstep, validator
from tests.faults.registry import Bench, Outcome
from tests.machines.counter import COUNTER, ActivateRules, Add, counter_genesis
from tests.machines.histories import stream
from tests.support.examples import ALL_EXAMPLES
from tests.support.exchange import ACCOUNTS, ALICE, PERP, Exchange, standard_market
from tests.unit.engine.test_malformed import command, resized, spoilt

SEED = 23
FILLS = 5_000
SWEEP_S_MAX = 1.0
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_DEEP = 10_000
_TEXTS: dict[str, bytes] = {
    "deep JSON": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP + b"\n",
    "duplicate keys": b'{"price": 1, "price": 2}\n' * 3,
    "NaN": b'{"price": NaN, "qty": Infinity}\n',
    "digits of another script": '{"price": "٣٤"}\n'.encode(),
    "a lone surrogate": b'{"symbol": "\\ud800"}\n',
    "bytes that are no text": bytes(range(256)) * 40,
    "nothing": b"",
    "a line of a megabyte": b"1," * (1 << 19) + b"\n",
    "a cut archive": b"\xfd7zXZ\x00\x00\x04",
}
"""Files that no feed is."""


def bad_input(bench: Bench) -> Outcome:
    """B1: wrong types, NaN, huge numbers, surrogates, trailing bytes: refused, nothing changes."""
    outcome = Outcome()
    with _playing(bench.folder / "j", bench, 40) as live:
        for body in bench.sampled(list(_bad_bodies(bench))):
            _submit_bad(outcome, live, body)
    _bad_streams(outcome, bench)
    for name, data in bench.some(list(_TEXTS.items())):
        _bad_file(outcome, bench.folder, name, data)
    return outcome


def unknown_input(bench: Bench) -> Outcome:
    """B2: unknown commands, fields and versions: refused, nothing changes."""
    outcome = Outcome()
    with _playing(bench.folder / "j", bench, 40) as live:
        for body in bench.sampled(list(_unknown_bodies())):
            _submit_bad(outcome, live, body, is_surely_bad=True)
    live = begin(bench.folder / "counter", COUNTER, counter_genesis(), lambda: 5)
    with live:
        before = live.sequencer.state.hash
        for version in (3, 4, 2**31):
            (refusal,) = live.sequencer.submit([ActivateRules(version)])
            outcome.runs += 1
            outcome.fired += 1
            found = type(refusal), live.sequencer.state.hash
            outcome.same((UnsupportedError, before), found, f"rules {version}")
        outcome.same(1, live.sequencer.submit([Add("a", 1)])[0][0], "the next good command")
    return outcome


def repeated_input(bench: Bench) -> Outcome:
    """B3: each command again, at once and after a restart from a snapshot: applied once."""
    outcome = Outcome()
    directory = fresh(bench.folder / "j", bench.tape)
    items = bench.tape.items[: bench.size]
    with resume(directory, MACHINE, lambda: 0) as live:
        for number, item in enumerate(items, 1):
            (first,) = live.sequencer.submit([item])
            _repeat(outcome, live.sequencer, item, f"command {number}", first[1])
        live.sequencer.snapshot()
    with resume(directory, MACHINE, lambda: 0, LiveOptions(snapshots=SnapshotPolicy())) as live:
        outcome.expect(live.recovery.replayed == 0, "the restart did not load the snapshot")
        last_ns = live.sequencer.state.ts_ns
        for number, (_ts_ns, body) in list(enumerate(items, 1))[-bench.size // 4 :]:
            _repeat(outcome, live.sequencer, (last_ns, body), f"{number} after a restart", None)
    return outcome


def large_sweep(bench: Bench) -> Outcome:
    """B4: one order takes 5,000 others: every fill happens, in less than a second of computing."""
    outcome = Outcome()
    makers = [account for account in ACCOUNTS if account != ALICE]
    for machine in (MACHINE, NAIVE)[: 1 + bench.is_full]:
        market = standard_market(machine)
        for number in range(FILLS):
            maker = makers[number % len(makers)]
            market.state, _events = _quick(market, PlaceOrder(PERP, 1, 100 + number % 50, 1), maker)
        seconds: list[float] = []
        for _ in range(bench.size):
            twin = market.fork()
            sweep = PlaceOrder(PERP, 0, 200, FILLS)
            started = time.process_time()
            twin.state, events = _quick(twin, sweep, ALICE)
            seconds.append(time.process_time() - started)
            fills = sum(type(event) is Trade for event in events)
            outcome.runs += 1
            outcome.fired += fills == FILLS
            outcome.same(FILLS, fills, f"{machine.name}: fills of one order")
        if machine is MACHINE:
            outcome.expect(min(seconds) < SWEEP_S_MAX, f"{FILLS} fills took {min(seconds):.2f} s")
            outcome.notes.append(f"{FILLS:,} fills in {min(seconds) * 1e3:.0f} ms of computing")
    return outcome


def _playing(directory: Path, bench: Bench, count: int) -> Live:
    """Return a journal that holds a part of the tape, ready for more."""
    fresh(directory, bench.tape)
    live = resume(directory, MACHINE, lambda: bench.tape.items[count][0])
    live.sequencer.submit(bench.tape.items[:count])
    return live


def _submit_bad(outcome: Outcome, live: Live, body: bytes, *, is_surely_bad: bool = False) -> None:
    """Submit a body: refused with nothing changed, or a good command after all."""
    sequencer = live.sequencer
    before = (sequencer.state.seq, sequencer.state.hash, live.owner.end())
    outcome.runs += 1
    try:
        (result,) = sequencer.submit([body])
    except Exception as error:  # noqa: BLE001  # any exception is a failure of the check
        outcome.failures.append(f"{body.hex()[:80]} raised {type(error).__name__}: {error}")
        return
    if isinstance(result, MalformedCommand | UnsupportedError):
        outcome.fired += 1
        after = (sequencer.state.seq, sequencer.state.hash, live.owner.end())
        outcome.expect(before == after, f"{body.hex()[:80]} was refused and changed something")
    else:
        outcome.expect(not is_surely_bad, f"{body.hex()[:80]} was taken")


def _bad_bodies(bench: Bench) -> Iterator[bytes]:
    """Yield commands with one wrong value, and commands with wrong bytes."""
    dice = bench.dice(SEED)
    for action in ALL_EXAMPLES:
        plain = _decode(_encode(command(action)))
        for bad in spoilt(plain):
            yield _encode(bad)
    bodies = [body for _ts_ns, body in bench.tape.items[:400]]
    for _ in range(6_000):
        yield _mutated(dice.choice(bodies), dice)
    for depth in (1, 100, _DEEP):
        yield b"\x91" * depth + b"\x90"
        yield b"\x81\xa1a" * depth + b"\x01"


def _mutated(body: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(body))
    return dice.choice(
        (
            body[:place] + bytes([body[place] ^ 1 << dice.randrange(8)]) + body[place + 1 :],
            body[:place],
            body + dice.randbytes(dice.randrange(1, 9)),
            body[:place] + dice.randbytes(4) + body[place:],
            body[:place] + b"\xcb" + b"\x7f\xf8" + bytes(6) + body[place + 1 :],
            dice.randbytes(dice.randrange(64)),
        )
    )


def _unknown_bodies() -> Iterator[bytes]:
    """Yield commands with a field too many or too few, or with an unknown action."""
    for action in ALL_EXAMPLES:
        plain = _decode(_encode(command(action)))
        yield from map(_encode, resized(plain))
        places = [place for place, part in enumerate(plain) if isinstance(part, list)]
        for place, tag in product(places, (0, 250, 2**40, -1, "PlaceOrder")):
            changed: list[Any] = [*plain]
            changed[place] = [tag, *plain[place][1:]]
            yield _encode(changed)


def _bad_streams(outcome: Outcome, bench: Bench) -> None:
    """Give the validator streams with wrong bytes: a verdict each time, never an exception."""
    dice = bench.dice(SEED)
    good = stream(30, has_events=True)
    path = bench.folder / "bad.stream"
    for number in range(600 if bench.is_full else 60):
        path.write_bytes(_mutated(good, dice))
        outcome.runs += 1
        try:
            verdict = validate(path, Options(machine=COUNTER))
        except Exception as error:  # noqa: BLE001  # any exception is a failure of the check
            outcome.failures.append(f"stream {number}, seed {SEED}: {type(error).__name__} {error}")
            continue
        outcome.fired += verdict.status is not Status.OK
        outcome.expect(verdict.status is not Status.OK, f"stream {number}, seed {SEED}: all well")


def _bad_file(outcome: Outcome, folder: Path, name: str, data: bytes) -> None:
    """Let the programs read a file that is nothing of theirs."""
    file = folder / "feed"
    file.write_bytes(data)
    journal = folder / "no-journal"
    for program, ran in (
        ("lockstep run", lockstep("run", file, "--journal", journal)),
        ("lockstep-validator", validator(file)),
    ):
        outcome.runs += 1
        outcome.fired += 1
        where = f"{program}, {name}"
        outcome.expect(ran.code in (2, 3, 4), f"{where}: ended with {ran.code}: {ran.err[-200:]}")
        outcome.expect("Traceback" not in ran.err, f"{where}: {ran.err[-300:]}")
        outcome.expect("internal error" not in ran.err, f"{where}: {ran.err[-300:]}")


def _repeat(
    outcome: Outcome, sequencer: Sequencer, item: tuple[int, bytes], where: str, first: Any
) -> None:
    """Submit a command again: one refusal with a stable code, and nothing else happens."""
    before = _records(sequencer.state)
    (result,) = sequencer.submit([item])
    outcome.runs += 1
    if not outcome.expect(isinstance(result, tuple), f"{where}: {result}"):
        return
    events = result[1]
    kinds = (CommandRejected, DuplicateRequest, OrderRejected)
    is_refused = len(events) == 1 and isinstance(events[0], kinds)
    outcome.fired += is_refused
    outcome.expect(is_refused or events == first, f"{where}: {events}")
    outcome.expect(before == _records(sequencer.state), f"{where}: applied twice")


def _records(state: State) -> list[Record]:
    """Return all entities but nonces and remembered requests."""
    kept = (EntityKind.NONCES, EntityKind.REQUEST)
    return [record for record in sorted_records(state) if record[0] not in kept]


def _quick(market: Exchange, action: Any, account: int) -> tuple[State, Any]:
    """Apply one command without verifying everything."""
    done: Command = market.command(action, account)
    sequenced = market.state.machine.codec.sequence(market.now_ns, done)
    state, events, _hash = apply(market.state, sequenced)
    return state, events

"""The golden journals, and how they are recorded: GOLDENS is the one place to add another.

Each is a stream `<name>.stream` beside this file and a line `name seq hash` in pinned.txt. `make
record` writes them anew, with the reason in the commit; a released golden is never written again,
since a later release must still replay it to the same hash.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_kernel import (
    Genesis,
    Machine,
    Sequenced,
    State,
    StreamWriter,
    apply_batch,
    dump,
    initial,
    pack_record,
)
from lockstep_runtime import open_feed
from tests.machines.counter import COUNTER, ActivateRules, Add, counter_genesis

FOLDER = Path(__file__).parent
PINNED = FOLDER / "pinned.txt"
MARKET = "market:55:1700"
START_NS = 1_700_000_000_000_000_000

Timed = tuple[int, msgspec.Struct]


class Golden(msgspec.Struct, frozen=True):
    """One golden journal: `commands()` gives (ts_ns, command), times never going back.

    A snapshot stands after each sequence number of `snapshots`; from each of `restarts` on the
    records have a higher epoch, as after a restart of the writer.
    """

    name: str
    machine: Machine
    genesis: Genesis
    commands: Callable[[], Sequence[Timed]]
    has_events: bool = True
    snapshots: Sequence[int] = ()
    restarts: Sequence[int] = ()
    is_released: bool = False

    @property
    def path(self) -> Path:
        """Where the stream stands."""
        return FOLDER / f"{self.name}.stream"


def counter_switch() -> list[Timed]:
    """Add under rules 1, fail to activate rules 1, activate rules 2, add and empty a cell."""
    commands: list[msgspec.Struct] = [Add(f"cell{i % 5}", 3 * i - 40) for i in range(30)]
    commands += [ActivateRules(1), ActivateRules(2), ActivateRules(2)]
    commands += [Add(f"cell{i % 7}", 2**40 + i) for i in range(25)]
    commands += [Add("once", 21), Add("once", -21), Add("naïve ☃", -(2**62))]
    return [(START_NS + 1_000 * (i // 2), command) for i, command in enumerate(commands)]


def counter_sparse() -> list[Timed]:
    """Add under rules 2 from the beginning."""
    return [(START_NS + i, Add(f"cell{i % 11}", i * i - 300)) for i in range(40)]


def exchange_market() -> list[Timed]:
    """The simulated market: every action, most refusals, expiries, a crash; it listens."""
    feed = open_feed(MARKET)
    state = initial(EXCHANGE, feed.genesis())
    commands: list[Timed] = []
    for chunk in feed.chunks():
        commands += chunk
        sequenced_chunk = [EXCHANGE.codec.sequence(ts_ns, command) for ts_ns, command in chunk]
        state, applied = apply_batch(state, sequenced_chunk)
        for done in applied:
            feed.listen(done[3])
    return commands


GOLDENS = (
    Golden(
        name="counter-switch",
        machine=COUNTER,
        genesis=counter_genesis(rules_version=1),
        commands=counter_switch,
        snapshots=(20, 40),
        restarts=(25, 50),
    ),
    Golden(
        name="counter-sparse-digest",
        machine=COUNTER,
        genesis=counter_genesis(rules_version=2, digest_every=8),
        commands=counter_sparse,
        has_events=False,
        snapshots=(10,),
    ),
    Golden(
        name="exchange-market",
        machine=EXCHANGE,
        genesis=open_feed(MARKET).genesis(),
        commands=exchange_market,
        snapshots=(200, 1_560),
        restarts=(300,),
    ),
)


def recorded(golden: Golden) -> tuple[bytes, State]:
    """Apply the commands and return the stream of it with the last state."""
    chunks: list[bytes] = []
    writer = StreamWriter(chunks.append, golden.genesis, golden.has_events)
    state = initial(golden.machine, golden.genesis)
    for command in sequenced(golden):
        state = _write_step(writer, golden, state, command)
    writer.end(state.seq, state.hash)
    return b"".join(chunks), state


def sequenced(golden: Golden) -> Iterator[Sequenced]:
    """Give the commands as apply takes them."""
    for ts_ns, command in golden.commands():
        yield golden.machine.codec.sequence(ts_ns, command)


def pinned() -> dict[str, tuple[int, bytes]]:
    """Return name -> (last sequence number, hash)."""
    lines = PINNED.read_text("utf-8").splitlines() if PINNED.exists() else []
    rows = [line.split() for line in lines]
    return {name: (int(seq), bytes.fromhex(digits)) for name, seq, digits in rows}


def record_all() -> list[str]:
    """Write every golden that is not released yet and return the names of those that changed."""
    before, rows, changed = pinned(), dict(pinned()), []
    for golden in GOLDENS:
        if golden.is_released and golden.path.exists():
            continue
        data, state = recorded(golden)
        golden.path.write_bytes(data)
        rows[golden.name] = (state.seq, state.hash)
        if rows[golden.name] != before.get(golden.name):
            changed.append(golden.name)
    names = sorted(golden.name for golden in GOLDENS)
    lines = [f"{name} {rows[name][0]} {rows[name][1].hex()}\n" for name in names]
    PINNED.write_text("".join(lines), encoding="utf-8")
    return changed


def _write_step(writer: StreamWriter, golden: Golden, state: State, command: Sequenced) -> State:
    state, applied = apply_batch(state, [command])
    seq, ts_ns, body, _events, encoded, previous, hash_ = applied[0]
    epoch = 1 + sum(restart <= seq for restart in golden.restarts)
    writer.record(seq, pack_record(seq, epoch, ts_ns, previous, hash_, body))
    if golden.has_events:
        writer.events(seq, encoded)
    if seq in golden.snapshots:
        writer.snapshot(seq, dump(state))
    return state


if __name__ == "__main__":
    for changed_name in record_all():
        sys.stdout.write(f"recorded {changed_name}\n")

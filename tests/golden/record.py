"""The golden histories, and how they are recorded: GOLDENS is the one place to add another.

Each is, beside this file, a stream `<name>.stream`, a journal, a snapshot and a dump (see
files.py) and a line `name seq hash` in pinned.txt. `make record` writes them anew, with the
reason in the commit; a released golden is never written again, since a later release must still
replay it to the same hash.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from lockstep_desk.core.machine import MACHINE as DESK
from lockstep_desk.core.machine import desk_genesis
from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_kernel import (
    Applied,
    Genesis,
    Machine,
    Sequenced,
    apply_batch,
    dump,
    initial,
)
from lockstep_runtime import open_feed
from tests.golden.desk import DESK_PARAMS, desk_day
from tests.golden.files import FOLDER, Recorded, write_files
from tests.machines.counter import COUNTER, ActivateRules, Add, counter_genesis

PINNED = FOLDER / "pinned.txt"
MARKET = "market:55:1700"
START_NS = 1_700_000_000_000_000_000

Timed = tuple[int, msgspec.Struct]


class Golden(msgspec.Struct, frozen=True):
    """One golden history: `commands()` gives (ts_ns, command), times never going back.

    A snapshot stands after each sequence number of `snapshots`; from each of `restarts` on the
    records have a higher epoch, as after a restart of the writer. The stream has events if
    `has_events`, the journal keeps them if `keeps_events`.
    """

    name: str
    machine: Machine
    genesis: Genesis
    commands: Callable[[], Sequence[Timed]]
    has_events: bool = True
    keeps_events: bool = False
    snapshots: Sequence[int] = ()
    restarts: Sequence[int] = ()
    is_released: bool = False

    @property
    def path(self) -> Path:
        """Where the stream stands."""
        return FOLDER / f"{self.name}.stream"


def counter_rules_1() -> list[Timed]:
    """Add under rules 1 to the end."""
    return [(START_NS + 7 * i, Add(f"cell{i % 6}", 5 * i - 60)) for i in range(30)]


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
        keeps_events=True,
        snapshots=(20, 40),
        restarts=(25, 50),
    ),
    Golden(
        name="counter-rules-1",
        machine=COUNTER,
        genesis=counter_genesis(rules_version=1),
        commands=counter_rules_1,
        snapshots=(12,),
        restarts=(20,),
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
    Golden(
        name="desk-day",
        machine=DESK,
        genesis=desk_genesis(DESK_PARAMS),
        commands=desk_day,
        keeps_events=True,
        snapshots=(45, 123),
        restarts=(90,),
    ),
)


def recorded(golden: Golden) -> Recorded:
    """Apply the commands and return what the files are made of."""
    state = initial(golden.machine, golden.genesis)
    steps: list[Applied] = []
    snapshots: dict[int, bytes] = {}
    for command in sequenced(golden):
        state, applied = apply_batch(state, [command])
        steps += applied
        if state.seq in golden.snapshots:
            snapshots[state.seq] = dump(state)
    return Recorded(
        golden.name,
        golden.machine,
        golden.genesis,
        golden.has_events,
        golden.keeps_events,
        golden.restarts,
        steps,
        snapshots,
        dump(state),
    )


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
        made = recorded(golden)
        write_files(made)
        rows[golden.name] = (made.seq, made.hash)
        if rows[golden.name] != before.get(golden.name):
            changed.append(golden.name)
    names = sorted(golden.name for golden in GOLDENS)
    lines = [f"{name} {rows[name][0]} {rows[name][1].hex()}\n" for name in names]
    PINNED.write_text("".join(lines), encoding="utf-8")
    return changed


if __name__ == "__main__":
    for changed_name in record_all():
        sys.stdout.write(f"recorded {changed_name}\n")

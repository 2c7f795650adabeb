"""The engine and the naive machine side by side: both get every command, and must agree on all.

A third state, of the engine, is never verified and never restored before the end: verifying brings
lazy values up to date, and a mistake in keeping them must show without that.
"""

from collections.abc import Sequence

import msgspec

from lockstep_engine.codes import EntityKind, Side
from lockstep_engine.commands import Command
from lockstep_engine.events import BookChanged, Event
from lockstep_engine.exchange import MACHINE as ENGINE
from lockstep_engine.state import ExchangeCore
from lockstep_kernel import (
    Genesis,
    Record,
    Sequenced,
    State,
    apply_batch,
    changes,
    dump,
    initial,
    load,
    sorted_records,
    verify,
)
from lockstep_naive.machine import MACHINE as NAIVE

BookLevels = dict[tuple[int, int, int], int]
"""(instrument, side, price_ticks) -> total lots."""

RESTARTS = (
    "the engine from its snapshot",
    "the naive machine from its snapshot",
    "the engine from the naive machine's snapshot",
    "the naive machine from the engine's snapshot",
    "a fork of the engine",
    "a fork of the naive machine",
)


class Disagreement(AssertionError):
    """The two machines answered one command differently."""


class Twins:
    """Invariants between commands: same events so far, same hash, same records, all verified."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self.engine = initial(ENGINE, genesis)
        self.naive = initial(NAIVE, genesis)
        self.untouched = initial(ENGINE, genesis)
        self.levels: BookLevels = {}

    def apply(self, ts_ns: int, command: Command) -> Sequence[Event]:
        """Give one command to all; raise `Disagreement` unless events and hashes are equal."""
        sequenced = ENGINE.codec.sequence(ts_ns, command)
        self.engine, events, encoded, hash_ = _applied(self.engine, sequenced)
        self.naive, naive_events, naive_encoded, naive_hash = _applied(self.naive, sequenced)
        self.untouched, _events, _encoded, untouched_hash = _applied(self.untouched, sequenced)
        if encoded != naive_encoded:
            raise Disagreement(_different_events(events, naive_events))
        if hash_ != naive_hash:
            raise Disagreement(self._different_states())
        if hash_ != untouched_hash:
            raise Disagreement("a verified or restored engine has another hash than one that ran")
        self._fold(events)
        return events

    def verify(self, is_naive_included: bool = True) -> None:
        """Recompute digest, invariants and derived values of the engine, or of both machines."""
        verify(self.engine)
        if is_naive_included:
            verify(self.naive)
        if self.engine.digest != self.naive.digest:
            raise Disagreement(self._different_states())

    def compare(self) -> None:
        """Compare all records, and the books with what BookChanged events add up to."""
        records = sorted_records(self.engine)
        if records != sorted_records(self.naive):
            raise Disagreement(self._different_states())
        found = book_levels(records)
        if self.levels != found:
            raise Disagreement(f"BookChanged folds to {self.levels}, the orders make {found}")

    def finish(self) -> None:
        """Compare everything once more, the state that was left alone included."""
        self.compare()
        verify(self.untouched)
        if sorted_records(self.untouched) != sorted_records(self.engine):
            raise Disagreement("a verified or restored engine has other records than one that ran")

    def restart(self, way: int) -> None:
        """Replace one of the two by what its or the other's snapshot or a fork gives."""
        if way == 4:
            self.engine = self.engine.fork()
        elif way == 5:
            self.naive = self.naive.fork()
        elif way in (0, 2):
            self.engine = load(ENGINE, self.genesis, dump(self.naive if way else self.engine))
        else:
            self.naive = load(NAIVE, self.genesis, dump(self.naive if way == 1 else self.engine))

    def _fold(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, BookChanged):
                self._fold_side(event.instrument, Side.BUY, event.bids)
                self._fold_side(event.instrument, Side.SELL, event.asks)

    def _fold_side(self, instrument: int, side: Side, rows: Sequence[tuple[int, int]]) -> None:
        for price_ticks, total in rows:
            place = (instrument, int(side), price_ticks)
            self.levels.pop(place, None)
            if total:
                self.levels[place] = total

    def _different_states(self) -> str:
        found = changes(sorted_records(self.engine), sorted_records(self.naive))
        lines = [
            f"{EntityKind(change.kind).name} {change.key}: "
            f"engine {change.before}, naive {change.after}"
            for change in found
        ]
        clocks = (self.engine.core.clocks().hex(), self.naive.core.clocks().hex())
        if clocks[0] != clocks[1]:
            lines.append(f"clocks: engine {clocks[0]}, naive {clocks[1]}")
        if not lines:
            lines = [f"digest: engine {self.engine.digest:#x}, naive {self.naive.digest:#x}"]
        return "states differ: " + "; ".join(lines)


def engine_core(twins: Twins) -> ExchangeCore:
    """Return the state of the engine, for reading until the next command."""
    core = twins.engine.core
    assert isinstance(core, ExchangeCore)
    return core


def book_levels(records: Sequence[Record]) -> BookLevels:
    """Add up the ORDER records by level."""
    levels: BookLevels = {}
    for record in records:
        if record[0] == EntityKind.ORDER:
            _account, instrument, side, price_ticks, _qty, remaining = record[2:8]
            place = (instrument, side, price_ticks)
            levels[place] = levels.get(place, 0) + remaining
    return levels


def _applied(state: State, command: Sequenced) -> tuple[State, Sequence[Event], bytes, bytes]:
    """Apply one command and return (state, events, encoded events, hash)."""
    state, ((_seq, _ts, _body, events, encoded, _previous, hash_),) = apply_batch(state, [command])
    return state, events, encoded, hash_


def _different_events(engine: Sequence[msgspec.Struct], naive: Sequence[msgspec.Struct]) -> str:
    same = 0
    while same < min(len(engine), len(naive)) and engine[same] == naive[same]:
        same += 1
    ours = engine[same] if same < len(engine) else None
    theirs = naive[same] if same < len(naive) else None
    return f"events differ from number {same} on: engine {ours}, naive {theirs}"

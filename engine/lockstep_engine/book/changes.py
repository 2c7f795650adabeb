"""BookChanged: what became of the level totals in a command ([EVT-2])."""

from typing import Final

from lockstep_engine.events import BookChanged
from lockstep_engine.state import BookCounter, Events, ExchangeCore, Level

# Bound here once: the compiled build looks up any other global by name at each use.
_book_changed: Final = BookChanged

_Rows = tuple[tuple[int, int], ...]


def emit_changes(core: ExchangeCore, events: Events) -> None:
    """Emit one BookChanged per book whose totals differ from before the command."""
    changed = core.changed_levels
    if len(changed) > 1:
        _emit_many(core, changed, events)
        changed.clear()
        return
    level = changed.pop()
    level.is_changed = False
    total = level.total_lots
    side = level.side
    if total == 0:
        side.emptied.clear()
    if total != level.before_lots:
        rows = ((level.price_ticks, total),)
        if side.sign > 0:
            _emit(core, side.counter, rows, (), events)
        else:
            _emit(core, side.counter, (), rows, events)


def _emit(
    core: ExchangeCore, counter: BookCounter, bids: _Rows, asks: _Rows, events: Events
) -> None:
    counter.sequence = sequence = counter.sequence + 1
    if not counter.is_touched:
        counter.is_touched = True
        core.touched.append(counter)
    events.append(_book_changed(counter.instrument, sequence, bids, asks))


def _emit_many(core: ExchangeCore, changed: list[Level], events: Events) -> None:
    """Group the levels by book, bids by falling price first, then asks by rising price."""
    changed.sort(key=_place)
    counter = changed[0].side.counter
    bids: list[tuple[int, int]] = []
    asks: list[tuple[int, int]] = []
    for level in changed:
        level.is_changed = False
        side = level.side
        if level.total_lots == 0:
            side.emptied.clear()
        if side.counter is not counter:
            if bids or asks:
                _emit(core, counter, tuple(bids), tuple(asks), events)
            counter, bids, asks = side.counter, [], []
        if level.total_lots != level.before_lots:
            rows = bids if side.sign > 0 else asks
            rows.append((level.price_ticks, level.total_lots))
    if bids or asks:
        _emit(core, counter, tuple(bids), tuple(asks), events)


def _place(level: Level) -> tuple[int, int]:
    """Sort by book, then best first within a side."""
    return level.side.counter.instrument, -level.price_ticks * level.side.sign

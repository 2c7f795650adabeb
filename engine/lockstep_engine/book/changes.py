"""BookChanged: what became of the level totals in a command ([EVT-2])."""

from lockstep_engine.events import BookChanged
from lockstep_engine.state import Events, ExchangeCore, Instrument, Level

_Rows = tuple[tuple[int, int], ...]


def emit_changes(core: ExchangeCore, events: Events) -> None:
    """Emit one BookChanged per book whose totals differ from before the command."""
    changed = core.changed_levels
    if len(changed) > 1:
        _emit_many(core, changed, events)
    else:
        level = changed[0]
        level.is_changed = False
        total = level.total_lots
        if total != level.before_lots:
            side = level.side
            row = ((level.price_ticks, total),)
            if side.sign > 0:
                _emit(core, side.instrument, row, (), events)
            else:
                _emit(core, side.instrument, (), row, events)
    changed.clear()


def _emit(
    core: ExchangeCore, instrument: Instrument, bids: _Rows, asks: _Rows, events: Events
) -> None:
    counter = instrument.counter
    counter.sequence += 1
    if not counter.is_touched:
        counter.is_touched = True
        core.touched.append(counter)
    events.append(BookChanged(instrument.instrument, counter.sequence, bids, asks))


def _emit_many(core: ExchangeCore, changed: list[Level], events: Events) -> None:
    """Group the levels by book, bids by falling price first, then asks by rising price."""
    changed.sort(key=_place)
    instrument = changed[0].side.instrument
    bids: list[tuple[int, int]] = []
    asks: list[tuple[int, int]] = []
    for level in changed:
        level.is_changed = False
        if level.side.instrument is not instrument:
            if bids or asks:
                _emit(core, instrument, tuple(bids), tuple(asks), events)
            instrument, bids, asks = level.side.instrument, [], []
        if level.total_lots != level.before_lots:
            rows = bids if level.side.sign > 0 else asks
            rows.append((level.price_ticks, level.total_lots))
    if bids or asks:
        _emit(core, instrument, tuple(bids), tuple(asks), events)


def _place(level: Level) -> tuple[int, int]:
    """Sort by book, then best first within a side."""
    return level.side.instrument.instrument, -level.price_ticks * level.side.sign

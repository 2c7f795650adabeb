"""When the world says that an event happened, for clocks that take their time from events."""

import msgspec

from lockstep_desk.core import commands


def time_of(event: msgspec.Struct) -> int | None:
    """Return the time that an event carries, None if it has none of its own ([DESK-68])."""
    found: int | None = None
    match event:
        case commands.RecordTrade() | commands.RecordL1() | commands.ReplaceAccount():
            found = event.time_ns
        case commands.RecordCancelResponse():
            found = event.time_ns or None
        case commands.RecordCandle():
            found = event.close_ns
        case commands.RecordBalance():
            found = event.balance.time_ns
        case commands.RecordOrder():
            live = event.order.live
            found = max(live.time_ns if live else 0, event.order.time_ns) or None
        case commands.RecordFill():
            found = event.fill.ts_ns
        case _:
            pass
    return found if found is None or found >= 0 else None

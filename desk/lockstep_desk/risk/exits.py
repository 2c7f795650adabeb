"""When a position is to be left: a stop that trails its best price, and the longest it is held.

Pure: the position knows its best price, so the stop only ever tightens, and a restart loosens
nothing. Whoever carries an exit out asks the broker first ([RECON-24]).
"""

from enum import IntEnum
from typing import Final

import msgspec

from lockstep_desk.errors import need_int
from lockstep_desk.types import Position

_BPS: Final = 10_000


class ExitReason(IntEnum):
    """Why a position is to be left."""

    TRAIL = 1
    HELD = 2


class ExitRules(msgspec.Struct, frozen=True):
    """`trail_bps` below its best price, or `hold_ns` after it was opened, a position is left.

    Of a short position the best price is the lowest, and the stop is above it. None is never.
    """

    trail_bps: int | None = None
    hold_ns: int | None = None

    def __post_init__(self) -> None:
        if self.trail_bps is not None:
            need_int("trail_bps", self.trail_bps, 1, _BPS - 1)
        if self.hold_ns is not None:
            need_int("hold_ns", self.hold_ns, 1)


def exit_due(position: Position, rules: ExitRules, now_ns: int) -> ExitReason | None:
    """Return why a position is to be left now, None if it is not; without a price nothing trails.

    A stop that is reached is due, and so is a time.
    """
    if rules.hold_ns is not None and now_ns >= position.time_enter_ns + rules.hold_ns:
        return ExitReason.HELD
    best_e9, mark_e9 = position.best_e9, position.mark_e9
    if rules.trail_bps is None or best_e9 is None or mark_e9 is None:
        return None
    lost = position.side.sign * (best_e9 - mark_e9) * _BPS
    return ExitReason.TRAIL if lost >= rules.trail_bps * best_e9 else None

"""The check before an order is published: does the broker hold what the books say?

Owns [RECON-30] and [RECON-11]. The pre-state that an action expects must be the broker's: flat for
an open, the position for an add or a close. Where it is not, nothing is published and nothing is
booked at a price of ours: the exit is deferred to a sweep. Unknown is not flat.
"""

from enum import IntEnum

import msgspec

from lockstep_desk.recon.history import checked_fills, checked_positions, compare, stale
from lockstep_desk.recon.pages import FillsAnswer, PositionsAnswer, Unknown, whole
from lockstep_desk.recon.view import LocalView


class PreState(IntEnum):
    """What the broker says of the state that an action starts from. Only MATCHES publishes.

    DEFERRED: the state matches, and an earlier exit of the position still waits for a sweep.
    """

    MATCHES = 0
    UNKNOWN = 1
    BROKER_FLAT = 2
    BROKER_OPEN = 3
    SIDE_DIFFERS = 4
    SIZE_DIFFERS = 5
    FILLS_MISSED = 6
    DEFERRED = 7


class PreCheck(msgspec.Struct, frozen=True, array_like=True):
    """The answer for one instrument, with both quantities; `broker_e8` is None where unknown."""

    instrument: str
    pre_state: PreState
    local_e8: int
    broker_e8: int | None
    detail: str = ""

    @property
    def publishes(self) -> bool:
        """Return whether the action may go out; otherwise it is deferred."""
        return self.pre_state is PreState.MATCHES


def check_pre_state(
    view: LocalView, instrument: str, positions: PositionsAnswer, fills: FillsAnswer, since_seq: int
) -> PreCheck:
    """Compare one instrument before an order in it is published ([RECON-02], [RECON-30]).

    Fills that the books have not are enough to defer, even where the quantities agree: the position
    may have been closed and opened again.
    """
    local_e8 = view.local_e8(instrument)
    held = checked_positions(whole(positions))
    history = checked_fills(view, since_seq, whole(fills))
    if isinstance(held, Unknown):
        return PreCheck(instrument, PreState.UNKNOWN, local_e8, None, held.detail)
    if isinstance(history, Unknown):
        return PreCheck(instrument, PreState.UNKNOWN, local_e8, None, history.detail)
    old = stale(view, held, history)
    if old:
        return PreCheck(instrument, PreState.UNKNOWN, local_e8, None, old)
    broker_e8 = sum(item.qty_e8 for item in held.items if item.instrument == instrument)
    missed = compare(view, instrument, history, since_seq).missed
    pre_state = _pre_state(local_e8, broker_e8)
    if pre_state is PreState.MATCHES and missed:
        pre_state = PreState.FILLS_MISSED
    detail = " ".join(fill.fill_id for fill in missed)
    return PreCheck(instrument, pre_state, local_e8, broker_e8, detail)


def _pre_state(local_e8: int, broker_e8: int) -> PreState:
    if local_e8 == broker_e8:
        return PreState.MATCHES
    if broker_e8 == 0:
        return PreState.BROKER_FLAT
    if local_e8 == 0:
        return PreState.BROKER_OPEN
    return PreState.SIDE_DIFFERS if local_e8 * broker_e8 < 0 else PreState.SIZE_DIFFERS

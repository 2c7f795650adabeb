"""The order state machine, as one table: what a report does to an order ([DESK-41], [DESK-42]).

Owns the transitions and nothing else: every function is pure, and total on its arguments. Three
rows are not those of the design they come from: an order with nothing left is gone whatever it was
before (DESK-D8), an open that nobody answered is OPEN_UNKNOWN until a query settles it (DESK-D11),
and a cancel that nobody answered says nothing about the order.
"""

from enum import IntEnum
from typing import Final, NamedTuple

import msgspec


class OrderState(IntEnum):
    """Where an order stands. Up to OPEN_UNKNOWN it may trade; the others are its end."""

    OPEN_IN_FLIGHT = 1
    OPEN = 2
    CANCEL_IN_FLIGHT = 3
    OPEN_UNKNOWN = 4
    CANCELLED = 5
    FULLY_FILLED = 6
    OPEN_FAILED = 7
    EXPIRED = 8
    VANISHED = 9

    @property
    def is_active(self) -> bool:
        """Return whether an order in this state may still trade."""
        return self <= OrderState.OPEN_UNKNOWN


class OrderError(IntEnum):
    """What a venue or the link to it says of a request: below 10 nobody knows what became of it."""

    NONE = 0
    OFFLINE = 1
    TIMEOUT = 2
    SOCKET = 3
    ASSET_INVALID = 10
    INSTRUMENT_INVALID = 11
    RATE_LIMIT = 12
    BALANCE_INSUFFICIENT = 13
    REJECTED = 14
    ALREADY_CANCELLED = 15
    ALREADY_FULLY_FILLED = 16
    NOT_FOUND = 17

    @property
    def is_unanswered(self) -> bool:
        """Return whether the request may or may not have had its effect ([DESK-44])."""
        return OrderError.NONE < self < OrderError.ASSET_INVALID

    @property
    def says_gone(self) -> bool:
        """Return whether the venue says that the order does not live."""
        return self in _GONE


_GONE: Final = (
    *(OrderError.REJECTED, OrderError.ALREADY_CANCELLED),
    *(OrderError.ALREADY_FULLY_FILLED, OrderError.NOT_FOUND),
)


class Live(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a venue last said of an order that rests there: its own id, its time, what is filled."""

    order_id: str
    time_ns: int
    filled_e8: int


class Standing(NamedTuple):
    """Where a tracked order stands; `live` is None as long as no venue confirmed it."""

    state: OrderState
    live: Live | None = None


class Report(NamedTuple):
    """What a snapshot says of an order of `qty_e8`; `error` goes with OPEN_FAILED."""

    state: OrderState
    qty_e8: int
    live: Live | None = None
    error: OrderError = OrderError.NONE


class Column(IntEnum):
    """The columns of the table: what kinds of reports there are."""

    OPEN_IN_FLIGHT = 1
    OPEN = 2
    CANCEL_IN_FLIGHT = 3
    ENDED = 4
    UNANSWERED = 5


class Move(IntEnum):
    """What a report does.

    OPEN and CANCEL track the order as such and carry the newer of the two `Live`; KEEP_OPEN
    replaces only by a newer one, REFRESH does so under a cancel. A report with nothing left is
    REMOVE in all of them. DUPLICATE is IGNORE, and worth a look.
    """

    IGNORE = 1
    DUPLICATE = 2
    TRACK = 3
    OPEN = 4
    KEEP_OPEN = 5
    CANCEL = 6
    REFRESH = 7
    UNKNOWN = 8
    REMOVE = 9


_COLUMNS: Final = (
    *(Column.OPEN_IN_FLIGHT, Column.OPEN, Column.CANCEL_IN_FLIGHT, Column.ENDED),
    Column.UNANSWERED,
)
_ROWS: Final[dict[OrderState | None, tuple[Move, ...]]] = {
    None: (Move.TRACK, Move.TRACK, Move.TRACK, Move.IGNORE, Move.IGNORE),
    OrderState.OPEN_IN_FLIGHT: (
        *(Move.DUPLICATE, Move.OPEN, Move.CANCEL, Move.REMOVE, Move.UNKNOWN),
    ),
    OrderState.OPEN: (Move.IGNORE, Move.KEEP_OPEN, Move.CANCEL, Move.REMOVE, Move.IGNORE),
    OrderState.CANCEL_IN_FLIGHT: (
        *(Move.DUPLICATE, Move.REFRESH, Move.IGNORE, Move.REMOVE, Move.IGNORE),
    ),
    OrderState.OPEN_UNKNOWN: (*(Move.IGNORE, Move.OPEN, Move.CANCEL, Move.REMOVE, Move.IGNORE),),
}
TABLE: Final[dict[tuple[OrderState | None, Column], Move]] = {
    (row, column): move
    for row, moves in _ROWS.items()
    for column, move in zip(_COLUMNS, moves, strict=True)
}
"""(state of the tracked order, None if untracked; kind of report) -> what it does."""


class Outcome(NamedTuple):
    """What is true after a report: `standing` None means that the order is not tracked."""

    move: Move
    standing: Standing | None


def column_of(report: Report) -> Column:
    """Return the column of a report. OPEN_UNKNOWN is our own word, and no venue reports it."""
    if report.state is OrderState.OPEN_FAILED and report.error.is_unanswered:
        return Column.UNANSWERED
    if report.state is OrderState.OPEN_UNKNOWN:
        return Column.UNANSWERED
    return Column(report.state) if report.state.is_active else Column.ENDED


def has_nothing_left(report: Report) -> bool:
    """Return whether a report shows a live order that has traded all of its quantity."""
    return report.live is not None and report.live.filled_e8 >= report.qty_e8


def after_report(standing: Standing | None, report: Report) -> Outcome:
    """Return what a snapshot of an order makes of it."""
    column = column_of(report)
    move = TABLE[(standing.state if standing else None, column)]
    if column in (Column.OPEN, Column.CANCEL_IN_FLIGHT) and has_nothing_left(report):
        return Outcome(Move.IGNORE if standing is None else Move.REMOVE, None)
    if move is Move.REMOVE:
        return Outcome(move, None)
    return Outcome(move, _moved(move, standing, report))


def after_cancel_response(standing: Standing | None, error: OrderError) -> Outcome:
    """Return what the answer to a cancel makes of an order ([DESK-42]).

    A refused cancel puts an order back to where it was. One that no venue ever confirmed is gone
    only if the answer says so; otherwise it may live, and stays tracked as OPEN_UNKNOWN.
    """
    if standing is None:
        return Outcome(Move.IGNORE, None)
    if error is OrderError.NONE:
        return Outcome(Move.REMOVE, None)
    if standing.state is not OrderState.CANCEL_IN_FLIGHT:
        return Outcome(Move.IGNORE, standing)
    if standing.live is not None:
        return Outcome(Move.OPEN, Standing(OrderState.OPEN, standing.live))
    if error.says_gone:
        return Outcome(Move.REMOVE, None)
    return Outcome(Move.UNKNOWN, Standing(OrderState.OPEN_UNKNOWN))


def can_cancel(standing: Standing) -> bool:
    """Return whether a cancel may be asked for: of anything active but a cancel in flight."""
    return standing.state.is_active and standing.state is not OrderState.CANCEL_IN_FLIGHT


def newer(left: Live | None, right: Live | None) -> Live | None:
    """Return the newer of two, the right one of two as old: it came later."""
    if left is None or right is None:
        return right or left
    return right if left.time_ns <= right.time_ns else left


def _moved(move: Move, standing: Standing | None, report: Report) -> Standing | None:
    """Return where an order stands after a move that keeps it."""
    stored = standing.live if standing else None
    match move:
        case Move.TRACK:
            return Standing(report.state, report.live)
        case Move.OPEN | Move.KEEP_OPEN:
            return Standing(OrderState.OPEN, newer(stored, report.live))
        case Move.CANCEL | Move.REFRESH:
            return Standing(OrderState.CANCEL_IN_FLIGHT, newer(stored, report.live))
        case Move.UNKNOWN:
            return Standing(OrderState.OPEN_UNKNOWN)
        case Move.IGNORE | Move.DUPLICATE | Move.REMOVE:
            return standing

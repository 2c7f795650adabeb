"""What the broker's history of fills has that the books have not, and the other way round.

Owns the comparison of fills by id, quantity and content; it matches nothing (see `match`). A fill
may be booked in parts: what is left of it counts as unbooked, with the rest of its fee.
"""

from collections.abc import Iterable

import msgspec

from lockstep_desk.recon.match import order_of
from lockstep_desk.recon.pages import (
    MONEY_E9_MAX,
    NUMBER_MAX,
    QTY_E8_MAX,
    BrokerPosition,
    Page,
    Unknown,
    UnknownReason,
)
from lockstep_desk.recon.view import LocalView
from lockstep_desk.types import E8, Fill


class History(msgspec.Struct):
    """The fills of one instrument above its floor.

    `missed` are not booked, or not wholly; `conflicts` are known under their id with other content;
    `phantoms` are booked, and the broker does not have them.
    """

    floor_seq: int
    missed: list[Fill]
    conflicts: list[Fill]
    phantoms: list[Fill]


def checked_fills(
    view: LocalView, since_seq: int, page: Page[Fill] | Unknown
) -> Page[Fill] | Unknown:
    """Return the page if its fills can be what was asked for, else `Unknown` and why not."""
    if isinstance(page, Unknown):
        return page
    for fill in page.items:
        if not since_seq < fill.seq <= page.as_of_seq:
            return Unknown(
                UnknownReason.CUT,
                f"fill {fill.fill_id}: expected a sequence number after {since_seq} and up to "
                f"{page.as_of_seq}, found {fill.seq}",
            )
        if fill.account not in ("", view.account):
            return Unknown(
                UnknownReason.CUT,
                f"fill {fill.fill_id}: expected account {view.account}, found {fill.account}",
            )
        if not _is_in_range(fill):
            return Unknown(UnknownReason.CUT, f"fill {fill.fill_id}: its numbers are out of range")
    return page


def checked_positions(page: Page[BrokerPosition] | Unknown) -> Page[BrokerPosition] | Unknown:
    """Return the page if it lists each instrument once, else `Unknown` and which not."""
    if isinstance(page, Unknown):
        return page
    seen: dict[str, None] = {}
    for held in page.items:
        if held.instrument in seen:
            return Unknown(UnknownReason.CUT, f"{held.instrument} is listed twice")
        seen[held.instrument] = None
    return page


def compare(view: LocalView, instrument: str, page: Page[Fill], since_seq: int) -> History:
    """Compare the books with the broker's history of one instrument, by fill id."""
    floor_seq = view.synced.floor(instrument)
    booked = _by_id(fill for fill in view.booked if fill.instrument == instrument)
    history = History(floor_seq, [], [], [])
    seen: dict[str, Fill] = {}
    for fill in page.items:
        if fill.instrument != instrument or fill.seq <= floor_seq:
            continue
        if fill.fill_id in seen:
            if not _is_same(seen[fill.fill_id], fill) or seen[fill.fill_id].qty_e8 != fill.qty_e8:
                history.conflicts.append(fill)
            continue
        seen[fill.fill_id] = fill
        _enter(history, fill, booked.get(fill.fill_id, []))
    reach_seq = max(floor_seq, since_seq, page.from_seq)
    for fill_id, parts in booked.items():
        if fill_id not in seen and reach_seq < parts[0].seq <= page.as_of_seq:
            history.phantoms.extend(parts)
    history.missed.sort(key=order_of)
    return history


def _is_in_range(fill: Fill) -> bool:
    """Return whether books can hold what the fill makes of them."""
    is_small = fill.qty_e8 <= QTY_E8_MAX and fill.value_e17 <= MONEY_E9_MAX * E8
    money_e9 = max(fill.price_e9, abs(fill.fee_e9), abs(fill.broker_closed_pnl_e9 or 0))
    return is_small and money_e9 <= MONEY_E9_MAX and fill.ts_ns <= NUMBER_MAX


def _enter(history: History, fill: Fill, parts: list[Fill]) -> None:
    """Put a fill where it belongs, given the parts of it that are booked."""
    booked_e8 = sum(part.qty_e8 for part in parts)
    if booked_e8 > fill.qty_e8 or not all(_is_same(part, fill) for part in parts):
        history.conflicts.append(fill)
        return
    if booked_e8 < fill.qty_e8:
        history.missed.append(_left(fill, parts))


def _left(fill: Fill, parts: list[Fill]) -> Fill:
    """Return what is left of a fill after its booked parts."""
    if not parts:
        return fill
    closed_e9 = fill.broker_closed_pnl_e9
    return msgspec.structs.replace(
        fill,
        qty_e8=fill.qty_e8 - sum(part.qty_e8 for part in parts),
        fee_e9=fill.fee_e9 - sum(part.fee_e9 for part in parts),
        broker_closed_pnl_e9=None
        if closed_e9 is None
        else closed_e9 - sum(part.broker_closed_pnl_e9 or 0 for part in parts),
    )


def _is_same(left: Fill, right: Fill) -> bool:
    """Return whether two records can be of one execution."""
    return (left.instrument, left.side, left.price_e9) == (
        right.instrument,
        right.side,
        right.price_e9,
    )


def _by_id(fills: Iterable[Fill]) -> dict[str, list[Fill]]:
    """Group fills by id, in the order in which they were booked."""
    groups: dict[str, list[Fill]] = {}
    for fill in fills:
        groups.setdefault(fill.fill_id, []).append(fill)
    return groups

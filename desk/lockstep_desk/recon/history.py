"""What the broker's history of fills has that the books have not, and the other way round.

Owns the comparison of fills by id, quantity, content and fee; it matches nothing (see `match`). A
fill may be booked in parts: what is left of it counts as unbooked, with the rest of its fee.
"""

from collections.abc import Iterable

import msgspec

from lockstep_desk.recon.match import order_of
from lockstep_desk.recon.pages import (
    FILLS_E8_MAX,
    MONEY_E9_MAX,
    NUMBER_MAX,
    QTY_E8_MAX,
    BrokerBalance,
    BrokerOrder,
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
    `phantoms` are booked, and the broker does not have them. `stuck` are those unclaimed fills that
    are among the latter two: they are in the books, and no repair will move them.
    """

    floor_seq: int
    missed: list[Fill]
    conflicts: list[Fill]
    phantoms: list[Fill]
    stuck: list[Fill]


class _Known(msgspec.Struct, frozen=True):
    """What the books have of one fill: its booked parts, those of nobody, or only its id."""

    booked: list[Fill]
    unclaimed: list[Fill]
    is_seen: bool

    @property
    def parts(self) -> list[Fill]:
        """All parts."""
        return [*self.booked, *self.unclaimed]


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
    total_e8 = sum(fill.qty_e8 for fill in page.items)
    if total_e8 > FILLS_E8_MAX:
        return Unknown(UnknownReason.CUT, f"fills of {total_e8} together are out of range")
    return page


def checked_positions(page: Page[BrokerPosition] | Unknown) -> Page[BrokerPosition] | Unknown:
    """Return the page if it lists each instrument once, else `Unknown` and which not."""
    if isinstance(page, Unknown):
        return page
    return _cut_if_twice(held.instrument for held in page.items) or page


def checked_orders(page: Page[BrokerOrder] | Unknown) -> Page[BrokerOrder] | Unknown:
    """Return the page if it lists each order once, by both of its ids, else `Unknown`."""
    if isinstance(page, Unknown):
        return page
    by_id = _cut_if_twice(f"order {order.order_id}" for order in page.items)
    named = [order.client_order_id for order in page.items if order.client_order_id]
    return by_id or _cut_if_twice(f"order {name}" for name in named) or page


def checked_balances(page: Page[BrokerBalance] | Unknown) -> Page[BrokerBalance] | Unknown:
    """Return the page if it lists each asset once, else `Unknown` and which not."""
    if isinstance(page, Unknown):
        return page
    return _cut_if_twice(balance.asset for balance in page.items) or page


def stale(view: LocalView, positions: Page[BrokerPosition], fills: Page[Fill]) -> str:
    """Return why pages cannot be compared with the books, in words; empty if they can.

    A page that is older than any floor does not know what was booked up to there.
    """
    least_seq = view.synced.newest_seq
    if least_seq <= positions.as_of_seq <= fills.as_of_seq:
        return ""
    return (
        f"{UnknownReason.STALE.name.lower()}: expected positions as of {least_seq} to "
        f"{fills.as_of_seq}, found {positions.as_of_seq}"
    )


def compare(view: LocalView, instrument: str, page: Page[Fill], since_seq: int) -> History:
    """Compare the books with the broker's history of one instrument, by fill id."""
    floor_seq = view.synced.floor(instrument)
    booked = _by_id(fill for fill in view.booked if fill.instrument == instrument)
    unclaimed = _by_id(fill for fill in view.unclaimed if fill.instrument == instrument)
    elsewhere = {fill.fill_id for fill in page.items if fill.instrument != instrument}
    history = History(floor_seq, [], [], [], [])
    seen: dict[str, Fill] = {}
    for fill in page.items:
        if fill.instrument != instrument or fill.seq <= floor_seq:
            continue
        if fill.fill_id in seen:
            if not _is_same(seen[fill.fill_id], fill) or seen[fill.fill_id].qty_e8 != fill.qty_e8:
                history.conflicts.append(fill)
            continue
        seen[fill.fill_id] = fill
        name = fill.fill_id
        is_seen = name in view.seen or name in elsewhere
        known = _Known(booked.get(name, []), unclaimed.get(name, []), is_seen)
        _enter(history, fill, known)
    reach_seq = max(floor_seq, since_seq, page.from_seq)
    for groups in (booked, unclaimed):
        for fill_id, parts in groups.items():
            if fill_id not in seen and reach_seq < parts[0].seq <= page.as_of_seq:
                history.phantoms.extend(parts)
                history.stuck.extend(parts if groups is unclaimed else ())
    history.missed.sort(key=order_of)
    return history


def _cut_if_twice(names: Iterable[str]) -> Unknown | None:
    """Return that an answer says two things of one name, None if it does not."""
    seen: dict[str, None] = {}
    for name in names:
        if name in seen:
            return Unknown(UnknownReason.CUT, f"{name} is listed twice")
        seen[name] = None
    return None


def _is_in_range(fill: Fill) -> bool:
    """Return whether books can hold what the fill makes of them."""
    is_small = fill.qty_e8 <= QTY_E8_MAX and fill.value_e17 <= MONEY_E9_MAX * E8
    money_e9 = max(fill.price_e9, abs(fill.fee_e9), abs(fill.broker_closed_pnl_e9 or 0))
    return is_small and money_e9 <= MONEY_E9_MAX and fill.ts_ns <= NUMBER_MAX


def _enter(history: History, fill: Fill, known: _Known) -> None:
    """Put a fill where it belongs, given what the books have of it."""
    parts = known.parts
    is_same = all(_is_same(part, fill) for part in parts) and _is_sum(parts, fill)
    if not is_same or (known.is_seen and not parts):
        history.conflicts.append(fill)
        history.stuck.extend(known.unclaimed)
        return
    if sum(part.qty_e8 for part in known.booked) < fill.qty_e8:
        history.missed.append(_left(fill, known.booked))


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


def _is_sum(parts: list[Fill], fill: Fill) -> bool:
    """Return whether parts can be of a fill, by quantity and fee.

    All parts together have its fee. Some of them have their share, to 1e-9 for each: a share is
    rounded, and the last part gets the rest.
    """
    known_e8 = sum(part.qty_e8 for part in parts)
    off = abs(sum(part.fee_e9 for part in parts) * fill.qty_e8 - fill.fee_e9 * known_e8)
    allowed = len(parts) * fill.qty_e8 if known_e8 < fill.qty_e8 else 0
    return known_e8 <= fill.qty_e8 and off <= allowed


def _by_id(fills: Iterable[Fill]) -> dict[str, list[Fill]]:
    """Group fills by id, in the order in which they were booked."""
    groups: dict[str, list[Fill]] = {}
    for fill in fills:
        groups.setdefault(fill.fill_id, []).append(fill)
    return groups

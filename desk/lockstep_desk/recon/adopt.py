"""What an operator's AdoptBrokerPosition does to the books ([RECON-34] (a), [RECON-33]).

Owns the one way in which the books may follow the broker without a fill. It needs a divergence that
stands, named by its id, which is its evidence: if the world has moved on, the id is another one and
the command is refused. The broker is never touched.
"""

from enum import IntEnum

import msgspec

from lockstep_desk.recon.findings import (
    AdjustPosition,
    BookFill,
    Divergence,
    Kind,
    Repair,
    SettleOrder,
    SyncPoint,
)
from lockstep_desk.recon.orders import missing_id
from lockstep_desk.recon.pages import OrderStatus
from lockstep_desk.recon.view import LocalOrder, LocalView
from lockstep_desk.types import Fill


class AdoptRefusal(IntEnum):
    """Why nothing was adopted."""

    UNKNOWN_DIVERGENCE = 1
    NOT_A_POSITION = 2
    PRICE_NEEDED = 3
    BAD_PRICE = 4
    INSTRUMENTS_FIRST = 5


class Adoption(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An operator's decision: who takes what the broker has, and at which price the rest.

    `deployment_id` None takes it out of every deployment's books. `price_e9` None is possible where
    the rest only lessens what that deployment has: it leaves at average cost, without profit.
    """

    divergence_id: str
    deployment_id: str | None = None
    price_e9: int | None = None


class Adopted(msgspec.Struct, frozen=True):
    """What the books do: the repairs, and up to where they are complete with them."""

    divergence: Divergence
    repairs: tuple[Repair, ...]
    synced: SyncPoint


_POSITIONS = (
    *(Kind.SIZE_DIFFERS, Kind.SIDE_DIFFERS, Kind.AMBIGUOUS, Kind.NO_MATCH, Kind.WINDOW_TOO_SHORT),
    *(Kind.BROKER_ONLY, Kind.FILL_CONFLICT, Kind.PHANTOM_FILL),
)


def adopt(view: LocalView, decision: Adoption, ts_ns: int) -> Adopted | AdoptRefusal:
    """Return what makes the books equal the broker as the divergence saw it, or why not.

    Fills that the broker has are booked at their own prices, and only what they leave open moves
    without one.
    """
    record = _standing(view, decision.divergence_id)
    if record is None:
        return AdoptRefusal.UNKNOWN_DIVERGENCE
    if record.kind is Kind.FILL_MISSING:
        return Adopted(record, _settled(view, record), view.synced)
    if record.kind not in _POSITIONS:
        return AdoptRefusal.NOT_A_POSITION
    if decision.price_e9 is not None and decision.price_e9 < 0:
        return AdoptRefusal.BAD_PRICE
    if not record.instrument and any(_is_of_instrument(other) for other in view.standing):
        return AdoptRefusal.INSTRUMENTS_FIRST
    booking = [_booking(view, fill, decision) for fill in record.fills if not _is_in(view, fill)]
    repairs: list[Repair] = list(booking)
    if record.gap_e8:
        held_e8 = _held_e8(view, record.instrument, decision.deployment_id, booking)
        if decision.price_e9 is None and not _lessens(held_e8, record.gap_e8):
            return AdoptRefusal.PRICE_NEEDED
        repairs.append(_adjustment(record, decision, ts_ns))
    return Adopted(record, tuple(repairs), _synced(view, record))


def _settled(view: LocalView, record: Divergence) -> tuple[SettleOrder, ...]:
    """End the order of which the broker has no fill to show; what is held stays as it is."""
    return tuple(
        SettleOrder(order.client_order_id, _end_of(order, record), abs(record.broker_e8))
        for order in view.orders
        if missing_id(view, order.client_order_id) == record.divergence_id
    )


def _end_of(order: LocalOrder, record: Divergence) -> OrderStatus:
    is_full = abs(record.broker_e8) >= order.qty_e8
    return OrderStatus.FILLED if is_full else OrderStatus.CANCELLED


def _is_of_instrument(record: Divergence) -> bool:
    """Return whether a divergence is about what is held of one instrument."""
    return record.kind in _POSITIONS and record.instrument != ""


def _synced(view: LocalView, record: Divergence) -> SyncPoint:
    """Return up to where the books are complete after a divergence was adopted."""
    point = view.synced
    if not record.instrument:
        return SyncPoint(max(point.seq, record.as_of_seq), point.floors)
    floor_seq = max(record.as_of_seq, point.floor(record.instrument))
    floors = {**dict(point.floors), record.instrument: floor_seq}
    return SyncPoint(point.seq, tuple(sorted(floors.items())))


def _standing(view: LocalView, divergence_id: str) -> Divergence | None:
    for record in view.standing:
        if record.divergence_id == divergence_id:
            return record
    return None


def _is_in(view: LocalView, fill: Fill) -> bool:
    """Return whether exactly this part was booked since the divergence was found."""
    parts = ((booked.fill_id, booked.qty_e8) for booked in view.booked)
    return (fill.fill_id, fill.qty_e8) in parts


def _booking(view: LocalView, fill: Fill, decision: Adoption) -> BookFill:
    """Book a fill for its own deployment, or for the one that the operator named."""
    owner = view.owner_of(fill) if view.is_owned(fill) else decision.deployment_id
    return BookFill(msgspec.structs.replace(fill, deployment_id=owner))


def _held_e8(
    view: LocalView, instrument: str, deployment_id: str | None, booking: list[BookFill]
) -> int:
    """Return what a deployment holds of an instrument once the fills are booked."""
    held = (
        position.side.sign * position.qty_e8
        for position in view.positions
        if (position.instrument, position.deployment_id) == (instrument, deployment_id)
    )
    more = (
        repair.fill.signed_qty_e8
        for repair in booking
        if repair.fill.deployment_id == deployment_id
    )
    claimed = [repair.fill.fill_id for repair in booking]
    loose = (
        fill.signed_qty_e8
        for fill in view.unclaimed
        if deployment_id is None and fill.instrument == instrument and fill.fill_id not in claimed
    )
    return sum(held) + sum(more) + sum(loose)


def _lessens(held_e8: int, delta_e8: int) -> bool:
    """Return whether a change only takes away from what is held."""
    return held_e8 * delta_e8 < 0 and abs(delta_e8) <= abs(held_e8)


def _adjustment(record: Divergence, decision: Adoption, ts_ns: int) -> AdjustPosition:
    return AdjustPosition(
        record.divergence_id,
        record.instrument,
        decision.deployment_id,
        record.gap_e8,
        decision.price_e9,
        ts_ns,
    )

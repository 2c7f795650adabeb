"""Which fill belongs to which position: a walk over unbooked fills, oldest first.

Owns the matching of [RECON-32] and [RECON-34] (b), (c) and (f). Positions are lifecycles: a fill
that crosses zero is split there, its fee pro rata of the quantity, and the sum of the parts is the
fill. It guesses nothing: where two explanations are left, it says so and names the fills.

Invariants: quantities and sides are exact; only times have a tolerance; the order is (broker's
sequence number, time, fill id), so the order of arrival does not matter.
"""

from collections.abc import Iterable

import msgspec

from lockstep_desk.recon.findings import Kind
from lockstep_desk.recon.view import LocalView
from lockstep_desk.types import Fill, Position


class Holding:
    """What one owner has of an instrument while the walk goes on.

    `owner` is a deployment, None what is not attributed; `is_foreign` holds what nobody here sent
    and nobody adopted. Invariant: `cost_e17` is 0 when `qty_e8` is.
    """

    __slots__ = (
        *("closing", "cost_e17", "entered_ns", "entered_seq", "is_foreign", "owner"),
        *("position_id", "qty_e8"),
    )

    def __init__(self, owner: str | None, is_foreign: bool = False) -> None:
        self.owner = owner
        self.is_foreign = is_foreign
        self.qty_e8 = 0
        self.cost_e17 = 0
        self.entered_ns = 0
        self.entered_seq = 0
        self.position_id = ""
        self.closing: list[Closing] = []

    @classmethod
    def of(cls, position: Position, entered_seq: int) -> "Holding":
        """Return the holding that a position is, opened at a sequence number of the broker."""
        holding = cls(position.deployment_id)
        holding.qty_e8 = position.side.sign * position.qty_e8
        holding.cost_e17 = position.cost_e17
        holding.entered_ns = position.time_enter_ns
        holding.entered_seq = entered_seq
        holding.position_id = position.position_id
        return holding

    def opposes(self, fill: Fill, tolerance_ns: int) -> bool:
        """Return whether the fill would lessen this and is not older than it."""
        is_opposite = self.qty_e8 * fill.signed_qty_e8 < 0
        is_later = fill.seq >= self.entered_seq and fill.ts_ns >= self.entered_ns - tolerance_ns
        return is_opposite and is_later


class Closing(msgspec.Struct, frozen=True):
    """A fill, or part of one, that lessened a holding; `gross_e17` is its profit before fees."""

    fill: Fill
    gross_e17: int


class Exit(msgspec.Struct, frozen=True):
    """A position that ended, with the fills that ended it, oldest first."""

    owner: str | None
    is_foreign: bool
    position_id: str
    closings: tuple[Closing, ...]

    @property
    def gross_e17(self) -> int:
        """Return the profit at average cost before fees."""
        return sum(closing.gross_e17 for closing in self.closings)

    @property
    def fees_e9(self) -> int:
        """Return the fees of the closing fills."""
        return sum(closing.fill.fee_e9 for closing in self.closings)

    @property
    def broker_pnl_e9(self) -> int | None:
        """Return what the broker says it closed, None if it does not say so of every fill."""
        said = [closing.fill.broker_closed_pnl_e9 for closing in self.closings]
        known = [pnl for pnl in said if pnl is not None]
        return sum(known) if len(known) == len(said) else None


class Walk(msgspec.Struct):
    """What the walk came to.

    `booked` are owned fills and parts, with their deployment, in order. `matched` are those among
    them that no order of ours made. `foreign` are fills that open what is not ours and is not over;
    `foreign_trips` are those of lifecycles that nobody here had a part in and that are over.
    `ambiguous` is not empty where the walk had to stop.
    """

    booked: list[Fill]
    matched: list[Fill]
    foreign: list[Fill]
    foreign_trips: list[Fill]
    exits: list[Exit]
    ambiguous: list[Fill]
    holdings: list[Holding]


def split(fill: Fill, qty_e8: int) -> tuple[Fill, Fill]:
    """Split a fill in two parts, the first of `qty_e8`; fees and broker's profit sum to the whole.

    The first part's fee is rounded down. What the broker closed belongs to the first part: only the
    closing part of a fill has any.
    """
    share_e9 = fill.fee_e9 * qty_e8 // fill.qty_e8
    closed_e9 = fill.broker_closed_pnl_e9
    rest = msgspec.structs.replace(
        fill,
        qty_e8=fill.qty_e8 - qty_e8,
        fee_e9=fill.fee_e9 - share_e9,
        broker_closed_pnl_e9=None if closed_e9 is None else 0,
    )
    return msgspec.structs.replace(fill, qty_e8=qty_e8, fee_e9=share_e9), rest


def order_of(fill: Fill) -> tuple[int, int, str]:
    """Return the key that puts fills in the order in which they happened."""
    return fill.seq, fill.ts_ns, fill.fill_id


def walk(view: LocalView, instrument: str, fills: Iterable[Fill], tolerance_ns: int) -> Walk:
    """Book unbooked fills of one instrument in order, each to its owner, and match the others."""
    return _Walker(view, instrument, sorted(fills, key=order_of), tolerance_ns).run()


class _Walker:
    """The walk's state."""

    def __init__(
        self, view: LocalView, instrument: str, fills: list[Fill], tolerance_ns: int
    ) -> None:
        self.view = view
        self.fills = fills
        self.tolerance_ns = tolerance_ns
        seqs = {booked.fill_id: booked.seq for booked in view.booked}
        self.holdings = [
            Holding.of(position, seqs.get(next(iter(position.fill_ids), ""), 0))
            for position in view.positions
            if position.instrument == instrument
        ]
        self.foreign = Holding(None, is_foreign=True)
        self.left = _left_foreign(view, instrument)
        self.assigned: dict[str, Holding] = {}
        self.result = Walk([], [], [], [], [], [], self.holdings)

    def run(self) -> Walk:
        for number, fill in enumerate(self.fills):
            holding = self.holding_for(number, fill)
            if holding is None:
                self.result.ambiguous = self.rivals(number, fill)
                return self.result
            self.apply(holding, fill)
        return self.result

    def holding_for(self, number: int, fill: Fill) -> Holding | None:
        """Return whose the fill is, None where that cannot be told."""
        if self.view.is_owned(fill):
            return self.owned(self.view.owner_of(fill))
        if fill.fill_id in self.left:
            return self.foreign
        order = fill.order_id or fill.fill_id
        if order not in self.assigned:
            chosen = self.choose(number, fill)
            if chosen is None:
                return None
            self.assigned[order] = chosen
        return self.assigned[order]

    def owned(self, owner: str | None) -> Holding:
        """Return the holding of an owner, a new one if it had none."""
        for holding in self.holdings:
            if holding.owner == owner:
                return holding
        holding = Holding(owner)
        self.holdings.append(holding)
        return holding

    def choose(self, number: int, fill: Fill) -> Holding | None:
        """Return what a foreign order closes: exactly, then the earliest; None if that is open."""
        opposed = [
            holding
            for holding in (*self.holdings, self.foreign)
            if holding.opposes(fill, self.tolerance_ns)
        ]
        if not opposed:
            return self.foreign
        if self.twins(number, fill):
            return None
        if len(opposed) == 1:
            return opposed[0]
        total_e8 = sum(other.qty_e8 for other in self.same_order(number, fill))
        exact = [holding for holding in opposed if abs(holding.qty_e8) == total_e8]
        exact.sort(key=lambda holding: holding.entered_ns)
        if not exact or (len(exact) > 1 and exact[0].entered_ns == exact[1].entered_ns):
            return None
        return exact[0]

    def same_order(self, number: int, fill: Fill) -> list[Fill]:
        """Return the fills from here on that the same order made."""
        if not fill.order_id:
            return [fill]
        return [other for other in self.fills[number:] if other.order_id == fill.order_id]

    def twins(self, number: int, fill: Fill) -> list[Fill]:
        """Return other orders' fills of the same moment and side at another price."""
        return [
            other
            for other in self.fills[number + 1 :]
            if (other.seq, other.ts_ns, other.side) == (fill.seq, fill.ts_ns, fill.side)
            and other.price_e9 != fill.price_e9
            and other.order_id != fill.order_id
            and not self.view.is_owned(other)
        ]

    def rivals(self, number: int, fill: Fill) -> list[Fill]:
        """Return the fills between which, or for which, no choice can be made."""
        return [*self.same_order(number, fill), *self.twins(number, fill)]

    def apply(self, holding: Holding, fill: Fill) -> None:
        """Let a fill change a holding; what crosses zero opens for the owner or for nobody."""
        room_e8 = abs(holding.qty_e8) if holding.qty_e8 * fill.signed_qty_e8 < 0 else 0
        if room_e8 == 0:
            self.increase(self.opener(holding, fill), fill)
            return
        if fill.qty_e8 <= room_e8:
            self.reduce(holding, fill)
            return
        closing, opening = split(fill, room_e8)
        self.reduce(holding, closing)
        self.increase(self.opener(holding, fill), opening)

    def opener(self, holding: Holding, fill: Fill) -> Holding:
        """Return who takes what a fill opens: its owner, or nobody until an operator adopts it."""
        return holding if self.view.is_owned(fill) else self.foreign

    def reduce(self, holding: Holding, fill: Fill) -> None:
        share_e17 = holding.cost_e17 * fill.qty_e8 // abs(holding.qty_e8)
        sign = 1 if holding.qty_e8 > 0 else -1
        holding.closing.append(Closing(fill, sign * (fill.value_e17 - share_e17)))
        holding.cost_e17 -= share_e17
        holding.qty_e8 += fill.signed_qty_e8
        self.note(holding, fill)
        if holding.qty_e8 == 0:
            self.end(holding)

    def increase(self, holding: Holding, fill: Fill) -> None:
        if holding.qty_e8 == 0:
            holding.entered_ns = fill.ts_ns
            holding.entered_seq = fill.seq
            holding.position_id = ""
        holding.qty_e8 += fill.signed_qty_e8
        holding.cost_e17 += fill.value_e17
        self.note(holding, fill)

    def note(self, holding: Holding, fill: Fill) -> None:
        """Write down whose a fill is."""
        if holding.is_foreign:
            self.result.foreign.append(fill)
            return
        owned = msgspec.structs.replace(fill, deployment_id=holding.owner)
        self.result.booked.append(owned)
        if not self.view.is_owned(fill):
            self.result.matched.append(owned)

    def end(self, holding: Holding) -> None:
        closings = tuple(holding.closing)
        self.result.exits.append(
            Exit(holding.owner, holding.is_foreign, holding.position_id, closings)
        )
        holding.closing = []
        if holding.is_foreign:
            self.result.foreign_trips.extend(self.result.foreign)
            self.result.foreign = []


def _left_foreign(view: LocalView, instrument: str) -> dict[str, None]:
    """Return the ids of fills that were found to be nobody's: only a person changes that."""
    return {
        fill.fill_id: None
        for record in view.standing
        if record.kind is Kind.BROKER_ONLY and record.instrument == instrument and not record.gap_e8
        for fill in record.fills
    }

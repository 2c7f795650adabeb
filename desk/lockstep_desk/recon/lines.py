"""One line of a sweep: the books and the broker in one instrument of one account.

Owns the cases of [RECON-32] to [RECON-34]. What it may book are the broker's own fills at their own
prices, and only where they explain the broker's position to the last unit. Otherwise nothing of the
line is booked, and the divergence stands; nothing is made up to close it.
"""

from typing import Final

import msgspec

from lockstep_desk.recon.config import SweepConfig
from lockstep_desk.recon.findings import BookFill, Divergence, Kind, Repair, Status, divergence_id
from lockstep_desk.recon.history import History, compare
from lockstep_desk.recon.match import Exit, Walk, order_of, walk
from lockstep_desk.recon.pages import BrokerPosition, Page
from lockstep_desk.recon.view import LocalView
from lockstep_desk.types import Fill, Severity

_E17_PER_E9: Final = 10**8


class Truth(msgspec.Struct, frozen=True):
    """The whole pages that a sweep compares with."""

    positions: Page[BrokerPosition]
    fills: Page[Fill]
    since_seq: int

    def broker_e8(self, instrument: str) -> int:
        """Return what the broker holds of an instrument, signed; 0 if it lists none."""
        return sum(held.qty_e8 for held in self.positions.items if held.instrument == instrument)


class Line(msgspec.Struct):
    """What one line came to.

    `is_clean`: books and broker agree, after the repairs. `is_settling`: fills are too young to
    say, and what stood before stands on. `missed` are the fills that the books have not.
    """

    instrument: str
    found: list[Divergence]
    repairs: list[Repair]
    is_clean: bool = True
    is_settling: bool = False
    missed: list[Fill] = []


def compare_line(view: LocalView, truth: Truth, instrument: str, config: SweepConfig) -> Line:
    """Compare one instrument and say what to book, what was healed and what stands."""
    return _Comparison(view, truth, instrument, config).run()


class _Comparison:
    """Everything that is known of a line."""

    def __init__(self, view: LocalView, truth: Truth, instrument: str, config: SweepConfig) -> None:
        self.view = view
        self.truth = truth
        self.instrument = instrument
        self.config = config
        self.history: History = compare(view, instrument, truth.fills, truth.since_seq)
        stuck_e8 = sum(fill.signed_qty_e8 for fill in self.history.stuck)
        self.local_e8 = view.local_e8(instrument) + stuck_e8
        self.broker_e8 = truth.broker_e8(instrument)
        self.gap_e8 = self.broker_e8 - self.expected_e8()
        self.line = Line(instrument, [], [], missed=self.history.missed)

    def run(self) -> Line:
        history = self.history
        if self.truth.fills.from_seq > history.floor_seq:
            self.line.is_clean = False
            if self.is_active():
                self.leave(Kind.WINDOW_TOO_SHORT, history.missed)
            return self.line
        if history.conflicts:
            self.leave(Kind.FILL_CONFLICT, history.missed, history.conflicts)
            return self.line
        if self.is_settling():
            self.line.is_clean, self.line.is_settling = False, True
            return self.line
        tolerance_ns = self.config.clock_tolerance_ns
        walked = walk(self.view, self.instrument, history.missed, tolerance_ns)
        if walked.ambiguous:
            self.leave(Kind.AMBIGUOUS, history.missed, walked.ambiguous)
        elif self.gap_e8 or history.phantoms:
            self.leave_gap()
        else:
            self.heal(walked)
        return self.line

    def expected_e8(self) -> int:
        """Return what the broker should have held at the moment of its positions.

        The books may know later fills than that, and the history may have earlier ones than they.
        """
        moment = self.truth.positions.as_of_seq
        later_e8 = sum(
            fill.signed_qty_e8
            for fill in (*self.view.booked, *self.history.stuck)
            if fill.instrument == self.instrument and fill.seq > moment
        )
        missed_e8 = sum(fill.signed_qty_e8 for fill in self.history.missed if fill.seq <= moment)
        return self.local_e8 - later_e8 + missed_e8

    def is_active(self) -> bool:
        """Return whether anything is known of the line but that it exists."""
        return bool(self.local_e8 or self.broker_e8 or self.history.missed)

    def is_settling(self) -> bool:
        """Return whether the stream may still bring what is missed."""
        if not self.config.grace_ns:
            return False
        oldest_ns = self.truth.fills.as_of_ns - self.config.grace_ns
        return any(fill.ts_ns > oldest_ns for fill in self.history.missed)

    def leave_gap(self) -> None:
        """Let a difference stand that the fills do not explain; book nothing of the line.

        Own fills are not part of the evidence: the stream may bring them while the gap stays.
        """
        history = self.history
        kind = Kind.PHANTOM_FILL if history.phantoms else self.kind_of_gap()
        others = [fill for fill in history.missed if not self.view.is_owned(fill)]
        self.leave(kind, history.missed, [*history.phantoms, *others])

    def kind_of_gap(self) -> Kind:
        """Return how the books, with all fills that they miss, would differ from the broker."""
        books_e8 = self.broker_e8 - self.gap_e8
        if books_e8 == 0:
            return Kind.BROKER_ONLY
        if self.broker_e8 == 0:
            return Kind.NO_MATCH
        return Kind.SIDE_DIFFERS if books_e8 * self.broker_e8 < 0 else Kind.SIZE_DIFFERS

    def heal(self, walked: Walk) -> None:
        """Book everything that the fills explain; what they open for nobody waits for a person."""
        trips = [msgspec.structs.replace(fill, deployment_id=None) for fill in walked.foreign_trips]
        booked = sorted([*walked.booked, *trips], key=order_of)
        self.line.repairs.extend(BookFill(fill) for fill in booked)
        if walked.booked:
            self.line.found.append(self.healed(walked))
        if trips:
            self.line.found.append(
                self.divergence(Kind.FOREIGN_ROUND_TRIP, Status.HEALED, trips, trips)
            )
        self.compare_profit(walked)
        if walked.foreign:
            self.leave(Kind.BROKER_ONLY, walked.foreign)

    def healed(self, walked: Walk) -> Divergence:
        """Return the record of what was booked."""
        exits = [ended for ended in walked.exits if not ended.is_foreign]
        kind = self.kind_of_heal(walked, exits)
        note = "; ".join(_told(ended) for ended in exits)
        made = self.divergence(kind, Status.HEALED, walked.booked, walked.booked)
        is_small = kind is Kind.MISSED_FILL and self.local_e8 != 0
        severity = Severity.WARNING if is_small else Severity.CRITICAL
        return msgspec.structs.replace(made, severity=severity, note=note)

    def kind_of_heal(self, walked: Walk, exits: list[Exit]) -> Kind:
        if not exits or not walked.matched:
            return Kind.MISSED_FILL
        owners = [ended.owner for ended in exits]
        is_reopened = any(held.qty_e8 and held.owner in owners for held in walked.holdings)
        if is_reopened or walked.foreign:
            return Kind.REOPENED
        is_several = any(len(ended.closings) > 1 for ended in exits)
        return Kind.SEVERAL_FILLS if is_several else Kind.CLOSED_AT_BROKER

    def compare_profit(self, walked: Walk) -> None:
        """Tell when the broker closed a profit that ours does not come to (D4)."""
        if len(walked.holdings) != 1:
            return
        for ended in walked.exits:
            said_e9 = ended.broker_pnl_e9
            if ended.is_foreign or said_e9 is None:
                continue
            off_e17 = abs(ended.gross_e17 - said_e9 * _E17_PER_E9)
            if off_e17 > self.config.pnl_tolerance_e9 * _E17_PER_E9:
                fills = [closing.fill for closing in ended.closings]
                made = self.divergence(Kind.PNL_DIFFERS, Status.HEALED, fills, fills)
                note = f"broker {said_e9}e-9, average cost {ended.gross_e17}e-17"
                self.line.found.append(
                    msgspec.structs.replace(made, severity=Severity.WARNING, note=note)
                )

    def leave(self, kind: Kind, fills: list[Fill], evidence: list[Fill] | None = None) -> None:
        """Let a divergence stand, named by the evidence."""
        self.line.is_clean = False
        named = fills if evidence is None else evidence
        self.line.found.append(self.divergence(kind, Status.UNRESOLVED, fills, named))

    def divergence(
        self, kind: Kind, status: Status, fills: list[Fill], evidence: list[Fill]
    ) -> Divergence:
        floor_seq = self.history.floor_seq
        where = (*self.view.where, self.instrument)
        ids = (f"{fill.fill_id}:{fill.qty_e8}" for fill in evidence)
        return Divergence(
            divergence_id=divergence_id(kind, where, str(floor_seq), str(self.gap_e8), *ids),
            kind=kind,
            status=status,
            severity=Severity.CRITICAL,
            venue=self.view.venue,
            account=self.view.account,
            instrument=self.instrument,
            local_e8=self.local_e8,
            broker_e8=self.broker_e8,
            gap_e8=self.gap_e8,
            floor_seq=floor_seq,
            as_of_seq=self.truth.fills.as_of_seq,
            fills=tuple(fills),
        )


def _told(ended: Exit) -> str:
    """Return what a person should know of an exit: the broker's fills, its fees, the profit."""
    ids = " ".join(closing.fill.fill_id for closing in ended.closings)
    said_e9 = ended.broker_pnl_e9
    gross = f"{ended.gross_e17}e-17" if said_e9 is None else f"{said_e9}e-9 by the broker"
    return (
        f"{ended.position_id or 'position'} closed by {ids}: gross {gross}, fees {ended.fees_e9}e-9"
    )

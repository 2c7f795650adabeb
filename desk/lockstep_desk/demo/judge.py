"""Judges a demo that came to its end: its two journals against each other, and by the validator.

Owns the verdicts. Nothing is taken from the process that ran the demo: the books and the broker's
account are read from the journals, and the journals are re-executed by the real validator program.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from lockstep_desk.adapters.exchange.evidence import Evidence, read_evidence
from lockstep_desk.demo.folder import Death, Folder, Note, deaths_in
from lockstep_desk.demo.history import History, Read, read_history
from lockstep_desk.demo.messages import Mark
from lockstep_desk.demo.post import is_of_stop
from lockstep_desk.demo.script import KILLED, WORKER
from lockstep_desk.demo.validation import Judgement, validating
from lockstep_desk.fund import GroupBy, PnlReport, compute_pnl
from lockstep_kernel.errors import EXIT_CANNOT_RUN, EXIT_DIVERGED, EXIT_OK

_E9_PER_E6: Final = 1_000
_DEATHS: Final = (WORKER, KILLED)


class Verdict(msgspec.Struct, frozen=True):
    """Everything that is told at the end. `faults` of a journal are empty when it is GOOD."""

    read: Read
    evidence: Evidence
    profit: PnlReport
    total: PnlReport
    judgements: tuple[Judgement, ...]
    deaths: tuple[Death, ...]
    desk_faults: tuple[str, ...]
    exchange_faults: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Return whether nothing is wrong with either journal, by every validator's verdict."""
        return self.exit_code == EXIT_OK

    @property
    def exit_code(self) -> int:
        """Return what the demo ends with: a fault weighs more than a verdict that is missing."""
        if self.desk_faults or self.exchange_faults:
            return EXIT_DIVERGED
        is_whole = all(one.is_verdict for one in self.judgements)
        return EXIT_OK if is_whole else EXIT_CANNOT_RUN

    def unjudged(self, journal: str) -> list[str]:
        """Return why validators came to no verdict on a journal."""
        return [
            _said(one) for one in self.judgements if one.journal == journal and not one.is_verdict
        ]


def judge(folder: Folder) -> Verdict:
    """Read both journals, hold them against each other, and have them validated."""
    deaths = deaths_in(folder.notes())
    expected = _expected(deaths)
    with validating(folder.directory, expected) as validations:
        read, evidence = read_history(folder.desk), read_evidence(folder.exchange)
        judgements = tuple(validation.judgement() for validation in validations)
    history = read.history
    window = (history.start_ns, history.end_ns + 1)
    fills = tuple(history.fills.values())
    profit = compute_pnl(fills, *window, GroupBy.DEPLOYMENT).enrich_unrealized(history.marks.get)
    total = compute_pnl(fills, *window).enrich_unrealized(history.marks.get)
    desk = [*books_faults(history, evidence), *validator_faults("desk", judgements)]
    desk += [fault for death in deaths for fault in death.faults()]
    desk += script_faults(folder.notes())
    exchange = [*evidence.faults(), *validator_faults("exchange", judgements)]
    return Verdict(
        *(read, evidence, profit, total, judgements, tuple(deaths)),
        *(tuple(desk), tuple(exchange)),
    )


def books_faults(history: History, evidence: Evidence) -> list[str]:
    """Return what does not hold between the books and the broker's account."""
    found = history.faults()
    if history.held != dict(evidence.held):
        found.append(f"the books hold {history.held}, the broker {dict(evidence.held)}")
    if history.cash_e9 != evidence.cash_e6 * _E9_PER_E6:
        found.append(
            f"the books have cash of {history.cash_e9}e-9, the broker {evidence.cash_e6}e-6"
        )
    if len(history.fills) < len(evidence.fills):
        found.append(f"{len(history.fills)} of {len(evidence.fills)} fills are in the books")
    if history.standing:
        found.append(f"{history.standing} divergences stand")
    if history.open_orders or evidence.standing:
        found.append(
            f"orders are left: {history.open_orders} at the desk, {evidence.standing} at the broker"
        )
    if not history.is_shut_down:
        found.append("the desk was not shut down")
    return [*found, *stop_faults(history, evidence)]


def stop_faults(history: History, evidence: Evidence) -> list[str]:
    """Return what is wrong with how the desk booked the close that it did not see."""
    if not evidence.stopped:
        return ["no native stop fired"]
    if not any(is_of_stop(record) for _seq, record in history.found):
        return ["the close by the native stop was not found by a sweep"]
    found: list[str] = []
    for fill in evidence.stopped:
        parts = [one for name, one in history.fills.items() if _is_part(name, fill.fill_id)]
        if sum(part.qty_e8 for part in parts) != fill.qty_e8:
            found.append(f"fill {fill.fill_id} of the native stop is not in the books as it was")
        found += [
            f"fill {fill.fill_id} of the native stop was at {fill.price_e9}e-9 and is booked at "
            f"{part.price_e9}e-9"
            for part in parts
            if part.price_e9 != fill.price_e9
        ]
        found += [
            f"fill {fill.fill_id} of the native stop is booked for nobody"
            for part in parts
            if part.deployment_id is None
        ]
    return found


def validator_faults(journal: str, judgements: Sequence[Judgement]) -> list[str]:
    """Return the verdicts against a journal; where there is none, nothing is known to be wrong."""
    return [
        _said(one)
        for one in judgements
        if one.journal == journal and one.is_verdict and not one.is_good
    ]


def script_faults(notes: Sequence[Note]) -> list[str]:
    """Return which parts of the script never happened, of those that no journal tells of."""
    happened = {note.part for note in notes}
    return [
        f"the part '{part}' of the script did not happen"
        for part in _DEATHS
        if part not in happened
    ]


def _is_part(name: str, fill_id: str) -> bool:
    return name == fill_id or name.startswith(f"{fill_id} ")


def _said(judgement: Judgement) -> str:
    return f"lockstep-validator --machine {judgement.machine}: {judgement.sentence}"


def _expected(deaths: list[Death]) -> dict[str, list[Mark]]:
    """Return the hashes that must be in each journal: those that were told before a kill."""
    told = [marks for death in deaths for marks in (death.acknowledged, death.recovered)]
    desk, exchange = [marks.desk for marks in told], [marks.exchange for marks in told]
    return {"desk": desk, "exchange": exchange}

"""Each account of a run at its end: what the desk's books say of it, and that its broker agrees.

Owns the comparison. The desk's side is made of what it booked alone: the cash flow of its fills,
fees and funding. Cash at the broker less what open positions cost there is capital and cash flow,
to the micro-dollar; positions are the same. What differs ends the run: its numbers would be wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from lockstep_desk.adapters.exchange.account import CASH
from lockstep_desk.adapters.exchange.venue import Standing
from lockstep_desk.core.events import FillBooked, FundingBooked
from lockstep_desk.core.view import DeskView
from lockstep_desk.types import E8, Side
from lockstep_kernel import check


@dataclass(frozen=True, slots=True)
class AccountBooks:
    """An account at the end of a run; `funding_e9` is what it received, negative what it paid.

    `positions` are (instrument, quantity) of what it still holds; negative is short.
    """

    account: str
    capital_e9: int
    cash_e9: int
    fees_e9: int
    funding_e9: int
    positions: tuple[tuple[str, int], ...]


class _Flow:
    """What the desk booked of one account; `traded_e17` is the cash flow of its fills."""

    def __init__(self, capital_e9: int) -> None:
        self.capital_e9 = capital_e9
        self.traded_e17 = 0
        self.fees_e9 = 0
        self.funding_e9 = 0

    @property
    def total_e17(self) -> int:
        return self.traded_e17 + (self.capital_e9 + self.funding_e9 - self.fees_e9) * E8


class BookKeeper:
    """A sink of the desk's sequencer: the cash flow of each account, by capital at its start."""

    def __init__(self, capital_e9: dict[str, int]) -> None:
        self._flows = {account: _Flow(capital) for account, capital in capital_e9.items()}

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of one command."""
        for event in events:
            match event:
                case FillBooked():
                    flow = self._flows[event.account]
                    sign = 1 if event.side is Side.BUY else -1
                    flow.traded_e17 -= sign * event.qty_e8 * event.price_e9
                    flow.fees_e9 += event.fee_e9
                case FundingBooked():
                    self._flows[event.account].funding_e9 += event.amount_e9
                case _:
                    pass

    def agreed(self, account: str, view: DeskView, theirs: Standing) -> AccountBooks:
        """Return the books of an account; raise `InvariantError` where the broker's differ."""
        flow = self._flows[account]
        ours = tuple(
            (one.instrument, one.side.sign * one.qty_e8)
            for one in view.positions()
            if one.account == account
        )
        _same(account, "positions", ours, theirs.positions)
        at_broker_e17 = (theirs.cash_e9 - theirs.cost_e9) * E8
        _same(account, "cash less the cost of positions (e-17)", flow.total_e17, at_broker_e17)
        _same(account, "cash", view.balance(account, CASH), (theirs.cash_e9, theirs.cash_e9))
        return AccountBooks(
            *(account, flow.capital_e9, theirs.cash_e9, flow.fees_e9, flow.funding_e9),
            theirs.positions,
        )


def _same(account: str, what: str, ours: object, theirs: object) -> None:
    check(
        ours == theirs, f"{what} of account '{account}': the desk has {ours}, its broker {theirs}"
    )

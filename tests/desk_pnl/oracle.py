"""Profit at average cost in exact fractions: slow, plain, and sharing nothing with the desk.

A position has a signed quantity and an average price. A fill on its side moves the average; a fill
against it realises the difference to the average; one that goes through zero closes and opens.
"""

from collections.abc import Iterable
from fractions import Fraction

from lockstep_desk import Fill, Side


class AverageCost:
    """One symbol of one owner."""

    def __init__(self) -> None:
        self.qty = Fraction(0)
        self.average = Fraction(0)
        self.realised = Fraction(0)
        self.exits: list[Fraction] = []
        """What each closed position realised, fees of both ways included."""
        self._of_position = Fraction(0)

    def add(self, fill: Fill) -> None:
        """Take a fill, in two parts if it goes through zero."""
        qty = Fraction(fill.qty_e8, 10**8) * (1 if fill.side is Side.BUY else -1)
        price, fee = Fraction(fill.price_e9, 10**9), Fraction(fill.fee_e9, 10**9)
        if self.qty and (self.qty > 0) != (qty > 0) and abs(qty) > abs(self.qty):
            closing = -self.qty
            self._part(closing, price, fee * closing / qty)
            self._part(qty - closing, price, fee * (qty - closing) / qty)
        else:
            self._part(qty, price, fee)

    def unrealised(self, mark: Fraction) -> Fraction:
        """Return what closing at the mark would bring, without fees."""
        return self.qty * (mark - self.average)

    def _part(self, qty: Fraction, price: Fraction, fee: Fraction) -> None:
        made = -fee
        if self.qty == 0 or (self.qty > 0) == (qty > 0):
            self.average = (self.average * self.qty + price * qty) / (self.qty + qty)
        else:
            made += (self.average - price) * qty
        self.qty += qty
        self.realised += made
        self._of_position += made
        if self.qty == 0:
            self.exits.append(self._of_position)
            self._of_position = Fraction(0)


def accounts(fills: Iterable[Fill]) -> dict[tuple[str | None, str], AverageCost]:
    """Return (owner, symbol) -> account, of fills by time and sequence number, each id once."""
    found: dict[tuple[str | None, str], AverageCost] = {}
    by_id = {fill.fill_id: fill for fill in fills}
    for fill in sorted(by_id.values(), key=lambda one: (one.ts_ns, one.seq)):
        found.setdefault((fill.deployment_id, fill.instrument), AverageCost()).add(fill)
    return found

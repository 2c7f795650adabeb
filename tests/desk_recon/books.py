"""The books of a thin desk: positions at average cost, made of fills and adjustments alone."""

from collections.abc import Iterable

import msgspec

from lockstep_desk import Fill, Position, Side
from lockstep_desk.ids import position_id
from lockstep_desk.recon import AdjustPosition, split

Key = tuple[str, str | None]
"""(instrument, deployment)."""


class Books:
    """Positions of one account, by instrument and deployment. `closed` are those that ended.

    `log` holds every fill and part that was ever booked; `adjusted` what moved without one.
    """

    def __init__(self, account: str) -> None:
        self.account = account
        self.positions: dict[Key, Position] = {}
        self.closed: list[Position] = []
        self.log: list[Fill] = []
        self.adjusted: list[AdjustPosition] = []
        self.opens = 0

    def held_e8(self, instrument: str) -> int:
        """Return the sum over deployments, signed."""
        return sum(_signed(p) for p in self.positions.values() if p.instrument == instrument)

    def book(self, fill: Fill) -> None:
        """Book a fill for its deployment; beyond zero it opens anew ([DESK-33])."""
        self.log.append(fill)
        self._book(fill)

    def adjust(self, repair: AdjustPosition) -> None:
        """Move a position because an operator said so; without a price at its average cost."""
        self.adjusted.append(repair)
        held = self.positions.get((repair.instrument, repair.deployment_id))
        price_e9 = repair.price_e9
        if price_e9 is None:
            assert held is not None, f"no price, and nothing to lessen: {repair}"
            price_e9 = held.entry_price_e9
        self._book(
            Fill(
                fill_id=f"adjust-{repair.divergence_id}",
                order_id="",
                account=self.account,
                instrument=repair.instrument,
                side=Side.BUY if repair.delta_e8 > 0 else Side.SELL,
                qty_e8=abs(repair.delta_e8),
                price_e9=price_e9,
                ts_ns=repair.ts_ns,
                deployment_id=repair.deployment_id,
            )
        )

    def _book(self, fill: Fill) -> None:
        key = (fill.instrument, fill.deployment_id)
        held = self.positions.get(key)
        if held is None or held.side is fill.side:
            self.positions[key] = self._increased(held, fill)
        elif fill.qty_e8 < held.qty_e8:
            self.positions[key] = _reduced(held, fill)
        else:
            closing, opening = (fill, None)
            if fill.qty_e8 > held.qty_e8:
                closing, opening = split(fill, held.qty_e8)
            self.closed.append(_reduced(held, closing))
            del self.positions[key]
            if opening is not None:
                self.positions[key] = self._increased(None, opening)

    def _increased(self, held: Position | None, fill: Fill) -> Position:
        if held is None:
            self.opens += 1
            held = Position(
                position_id=position_id(
                    self.account, fill.instrument, fill.deployment_id, self.opens
                ),
                version=0,
                account=self.account,
                instrument=fill.instrument,
                deployment_id=fill.deployment_id,
                side=fill.side,
                qty_e8=0,
                qty_max_e8=0,
                cost_e17=0,
                realised_e17=0,
                fees_enter_e9=0,
                fees_exit_e9=0,
                time_enter_ns=fill.ts_ns,
                time_update_ns=fill.ts_ns,
                fill_ids=(),
            )
        return msgspec.structs.replace(
            held,
            version=held.version + 1,
            qty_e8=held.qty_e8 + fill.qty_e8,
            qty_max_e8=max(held.qty_max_e8, held.qty_e8 + fill.qty_e8),
            cost_e17=held.cost_e17 + fill.value_e17,
            realised_e17=held.realised_e17 - fill.fee_e9 * 10**8,
            fees_enter_e9=held.fees_enter_e9 + fill.fee_e9,
            time_update_ns=fill.ts_ns,
            fill_ids=(*held.fill_ids, fill.fill_id),
        )


def _reduced(held: Position, fill: Fill) -> Position:
    share_e17 = held.cost_e17 * fill.qty_e8 // held.qty_e8
    gross_e17 = held.side.sign * (fill.value_e17 - share_e17)
    return msgspec.structs.replace(
        held,
        version=held.version + 1,
        qty_e8=held.qty_e8 - fill.qty_e8,
        cost_e17=held.cost_e17 - share_e17,
        realised_e17=held.realised_e17 + gross_e17 - fill.fee_e9 * 10**8,
        fees_exit_e9=held.fees_exit_e9 + fill.fee_e9,
        time_update_ns=fill.ts_ns,
        fill_ids=(*held.fill_ids, fill.fill_id),
    )


def _signed(position: Position) -> int:
    return position.side.sign * position.qty_e8


def totals(fills: Iterable[Fill]) -> dict[str, tuple[int, int, int]]:
    """Return signed quantity, signed value and fees of fills, by instrument."""
    found: dict[str, tuple[int, int, int]] = {}
    for fill in fills:
        qty, value, fees = found.get(fill.instrument, (0, 0, 0))
        found[fill.instrument] = (
            qty + fill.signed_qty_e8,
            value + fill.side.sign * fill.value_e17,
            fees + fill.fee_e9,
        )
    return found

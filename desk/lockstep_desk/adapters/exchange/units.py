"""Ticks and lots of the exchange, prices and quantities of the desk: exact, or refused.

Owns the conversion of one instrument. A price is per unit of the underlying on both sides; a lot
stands for `lot_e8` contracts of `contract_size_e8` each.
"""

import msgspec

from lockstep_desk.core.commands import RegisterInstrument
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.types import E8
from lockstep_engine.events import InstrumentCreated
from lockstep_kernel.arith import div_half_even

E9_PER_E6 = 1_000


class Units(msgspec.Struct, frozen=True):
    """An instrument of the exchange and what the desk calls it.

    One tick is `tick_e9` of price, one lot is `lot_e8` of the underlying.
    """

    name: str
    number: int
    tick_e9: int
    lot_e8: int

    def price_e9(self, price_ticks: int) -> int:
        """Return a price of the exchange in the desk's unit."""
        return price_ticks * self.tick_e9

    def qty_e8(self, qty_lots: int) -> int:
        """Return a quantity of the exchange in the desk's unit."""
        return qty_lots * self.lot_e8

    def ticks(self, price_e9: int) -> int:
        """Return a price in ticks; raise `InvalidValueError` for one between two ticks."""
        return self._exact("price_e9", price_e9, self.tick_e9)

    def lots(self, qty_e8: int) -> int:
        """Return a quantity in lots; raise `InvalidValueError` for one that is not whole."""
        return self._exact("qty_e8", qty_e8, self.lot_e8)

    def price_of_lot_e9(self, lot_e6: int) -> int:
        """Return the price per unit at which a lot is worth `lot_e6`, to the nearest.

        Auto-deleveraging pays per lot at a price that need not stand on a tick.
        """
        return div_half_even(lot_e6 * E9_PER_E6 * E8, self.lot_e8)

    def _exact(self, field: str, value: int, step: int) -> int:
        if value % step:
            raise InvalidValueError(
                f"{field} in {self.name}: expected a multiple of {step}, found {value}"
            )
        return value // step


def units_of(listed: InstrumentCreated) -> Units:
    """Return the units of a listed instrument.

    Raises `InvalidValueError` if a lot is not a whole number of 1e-8 of the underlying.
    """
    lot = listed.lot_e8 * listed.contract_size_e8
    if lot <= 0 or lot % E8:
        raise InvalidValueError(
            f"lot of {listed.symbol}: expected a multiple of 1e-8 of the underlying, "
            f"found {listed.lot_e8} times {listed.contract_size_e8}"
        )
    return Units(listed.symbol, listed.instrument, listed.tick_e6 * E9_PER_E6, lot // E8)


def registration(listed: InstrumentCreated, venue: str, quote: str = "usd") -> RegisterInstrument:
    """Return the command that registers a listed instrument with the desk, limits included."""
    units, limits = units_of(listed), listed.limits
    return RegisterInstrument(
        units.name,
        venue,
        listed.underlying,
        quote,
        units.price_e9(limits.price_step_ticks),
        units.qty_e8(limits.qty_step_lots),
        units.qty_e8(limits.min_order_lots),
        units.qty_e8(limits.max_order_lots),
        limits.min_notional_e6 * E9_PER_E6,
    )

"""What an instrument trades at: best bid and ask, last trade, last candle ([DESK-2B]).

Owns the price that everything is valued at. It never guesses: without a market there is no price.
"""

from typing import Final

from lockstep_desk.core.codes import EntityKind
from lockstep_kernel.arith import div_half_even
from lockstep_kernel.entity import Entity, Record

_KIND: Final = int(EntityKind.MARKET)

Quote = tuple[int, int, int, int]
"""(bid price, bid quantity, ask price, ask quantity); quantity 0 is an empty side."""


class Market(Entity):
    """The newest of what the market said of one instrument; a time of -1 is nothing yet."""

    __slots__ = ("candle", "candle_ns", "instrument", "l1", "l1_ns", "trade", "trade_ns")

    def __init__(self, instrument: str) -> None:
        super().__init__()
        self.instrument = instrument
        self.l1: Quote = (0, 0, 0, 0)
        self.l1_ns = -1
        self.trade: tuple[int, int] = (0, 0)
        self.trade_ns = -1
        self.candle: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
        self.candle_ns = -1

    def record(self) -> Record | None:
        if max(self.l1_ns, self.trade_ns, self.candle_ns) < 0:
            return None
        return (
            *(_KIND, self.instrument, self.l1, self.l1_ns, self.trade, self.trade_ns),
            *(self.candle, self.candle_ns),
        )

    def price_e9(self) -> int | None:
        """Return the price now: the weighted middle, else the last trade, else the last close.

        The middle weighs each side's price by the other side's quantity, and needs both sides. A
        venue that sends candles only has a price by its closes.
        """
        bid_e9, bid_qty, ask_e9, ask_qty = self.l1
        if bid_qty > 0 and ask_qty > 0:
            return div_half_even(bid_e9 * ask_qty + ask_e9 * bid_qty, bid_qty + ask_qty)
        if self.trade_ns >= 0:
            return self.trade[0]
        if self.candle_ns >= 0:
            return self.candle[3]
        return None


def restored_market(fields: Record) -> Market:
    """Return the market of a dumped record."""
    _kind, instrument, l1, l1_ns, trade, trade_ns, candle, candle_ns = fields
    market = Market(instrument)
    market.l1, market.l1_ns = (l1[0], l1[1], l1[2], l1[3]), l1_ns
    market.trade, market.trade_ns = (trade[0], trade[1]), trade_ns
    market.candle = (candle[0], candle[1], candle[2], candle[3], candle[4])
    market.candle_ns = candle_ns
    return market

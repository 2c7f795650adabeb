"""What a strategy wants to send, as the gate sees it, and what the gate answers.

Owns the values around a check. It decides nothing.
"""

from typing import Self

import msgspec

from lockstep_desk.errors import need_int, need_member, need_text
from lockstep_desk.types import E17_PER_CENT, Breach, Side

_CENTS_MAX = 10**18


class OrderIntent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order before it is sent.

    `notional_cents` is its value and at least 1. `qty_e8` is needed by a gate in `REDUCE_OK`,
    `client_order_id` by one that counts working orders, `price_e9` by one that limits deviation.
    """

    side: Side
    notional_cents: int
    symbol: str
    venue: str = ""
    qty_e8: int | None = None
    price_e9: int | None = None
    client_order_id: str | None = None

    def __post_init__(self) -> None:
        need_member("side", self.side, Side)
        need_int("notional_cents", self.notional_cents, 1, _CENTS_MAX)
        need_text("symbol", self.symbol)
        if self.qty_e8 is not None:
            need_int("qty_e8", self.qty_e8, 1)
        if self.price_e9 is not None:
            need_int("price_e9", self.price_e9, 1)
        if self.client_order_id is not None:
            need_text("client_order_id", self.client_order_id)

    @classmethod
    def priced(
        cls, side: Side, symbol: str, qty_e8: int, price_e9: int, client_order_id: str | None = None
    ) -> Self:
        """Return the intent of a quantity at a price, valued in cents, rounded up."""
        value_e17 = need_int("qty_e8", qty_e8, 1) * need_int("price_e9", price_e9, 1)
        return cls(
            side=side,
            notional_cents=cents_above(value_e17),
            symbol=symbol,
            qty_e8=qty_e8,
            price_e9=price_e9,
            client_order_id=client_order_id,
        )

    def signed_delta(self) -> int:
        """Return what its fill would add to a position in cents: positive for a buy."""
        return self.notional_cents if self.side is Side.BUY else -self.notional_cents


class Admit(msgspec.Struct, frozen=True):
    """The order may go. `warnings` are breaches of limits whose action is only to warn."""

    warnings: tuple[Breach, ...] = ()


ADMITTED = Admit()


def cents_above(value_e17: int) -> int:
    """Return an amount in cents, rounded up.

    >>> cents_above(1), cents_above(10**15), cents_above(-1)
    (1, 1, 0)
    """
    return -(-value_e17 // E17_PER_CENT)

"""What a strategy is given and what it gives back: frozen contexts in, intents out.

Owns the protocols. A strategy keeps private state and nothing else: it reads no clock, draws
nothing at random, holds no lock and sends nothing. Equal contexts in equal order give equal
intents; this is what lets a worker be killed and rebuilt. A strategy can be pickled, so that it may
live in a process.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Protocol

import msgspec

from lockstep_desk.errors import InvalidValueError, need_flag, need_int, need_member, need_name
from lockstep_desk.strategy.market import MarketView
from lockstep_desk.types import ORDER_QTY_E8_MAX, PRICE_E9_MAX, Side

INTENTS_MAX = 16
"""How many intents one callback may give ([FUND-71])."""


class TimeInForce(IntEnum):
    """How long an order may live: until cancelled, not beyond its first look at the book, whole."""

    GTC = 0
    IOC = 2
    FOK = 3


class TradeSignal(IntEnum):
    """What a strategy wants to be ([PIPE-04])."""

    LONG = 1
    SHORT = 2
    CLOSE = 3


class Holding(msgspec.Struct, frozen=True, array_like=True):
    """A position: signed quantity, average entry price. The default is flat (PIPE-D3)."""

    qty_e8: int = 0
    entry_price_e9: int = 0


class Working(msgspec.Struct, frozen=True, array_like=True):
    """An order of this strategy that may still trade, known to the venue or in flight to it.

    `price_e9` None is a market order. `is_confirmed` tells what rests from what is in flight.
    """

    client_order_id: str
    side: Side
    qty_e8: int
    price_e9: int | None = None
    is_confirmed: bool = False
    is_cancelling: bool = False


class Context(msgspec.Struct, frozen=True, array_like=True):
    """All that a strategy may know, as it was at sequence number `seq_seen`."""

    deployment_id: str
    instrument: str
    market: MarketView
    now_ns: int
    seq_seen: int
    holding: Holding = Holding()
    orders: tuple[Working, ...] = ()

    @property
    def is_quiet(self) -> bool:
        """Return whether no order of this strategy may still trade (PIPE-D12)."""
        return not self.orders


class Open(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A wish for an order; `price_e9` None is a market order.

    What no command of the desk can hold raises, in the strategy that made it.
    """

    instrument: str
    side: Side
    qty_e8: int
    price_e9: int | None = None
    tif: TimeInForce = TimeInForce.GTC
    is_post_only: bool = False
    is_reduce_only: bool = False
    is_mmp: bool = False

    def __post_init__(self) -> None:
        need_name("instrument", self.instrument)
        # `1 == Side.SELL`, so only the type tells a plain number from a side.
        if type(self.side) is not Side:
            raise InvalidValueError(f"side: expected Side.BUY or Side.SELL, found {self.side!r}")
        need_int("qty_e8", self.qty_e8, 1, ORDER_QTY_E8_MAX)
        need_member("tif", self.tif, TimeInForce)
        for name in ("is_post_only", "is_reduce_only", "is_mmp"):
            need_flag(name, getattr(self, name))
        if self.price_e9 is not None:
            need_int("price_e9", self.price_e9, 1, PRICE_E9_MAX)
        elif self.is_post_only:
            raise InvalidValueError("price_e9: expected a price for a post-only order, found None")


class Cancel(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A wish that an order ends."""

    instrument: str
    client_order_id: str

    def __post_init__(self) -> None:
        need_name("instrument", self.instrument)
        need_name("client_order_id", self.client_order_id)


Intent = Open | Cancel


class Actions:
    """The intents of one callback: at most `INTENTS_MAX`, in the order in which they were added."""

    __slots__ = ("_intents", "refused")

    def __init__(self) -> None:
        self._intents: list[Intent | None] = []
        self.refused = 0

    def add(self, intent: Intent) -> bool:
        """Take an intent; return False, and only count it, when there is no room."""
        if type(intent) not in (Open, Cancel):
            raise InvalidValueError(f"intent: expected Open or Cancel, found {intent!r:.60}")
        if len(self._intents) >= INTENTS_MAX:
            self.refused += 1
            return False
        self._intents.append(intent)
        return True

    def clear_at(self, place: int) -> None:
        """Neutralise the intent at a place; the others keep theirs."""
        if not 0 <= place < len(self._intents):
            raise InvalidValueError(
                f"place: expected one of the {len(self._intents)} intents, found {place}"
            )
        self._intents[place] = None

    def __iter__(self) -> Iterator[Intent]:
        return (intent for intent in self._intents if intent is not None)

    def __len__(self) -> int:
        return len(self._intents)


class Algo(Protocol):
    """Turns what happens into intents."""

    def on_market(self, context: Context, actions: Actions) -> None:
        """Look at the context, and add intents."""
        ...


class ClosesPositions(Protocol):
    """Says how positions are closed when somebody asks for it ([DESK-16])."""

    def close_positions(self, contexts: Sequence[Context]) -> list[Intent]:
        """Return cancels first, then opens that reduce."""
        ...


class OnDisconnect(Protocol):
    """Says what happens when a link is lost ([DESK-22])."""

    def on_disconnect(self, link: str, contexts: Sequence[Context]) -> list[Intent]:
        """Return intents for the contexts that the lost link serves."""
        ...


class OnTradingDisabled(Protocol):
    """Says what happens when trading is disabled ([DESK-20])."""

    def on_trading_disabled(self, contexts: Sequence[Context]) -> list[Intent]:
        """Return intents; asked once for each time that trading goes from enabled to disabled."""
        ...


def orders_of(signal: TradeSignal | None, context: Context, qty_e8: int) -> list[Open]:
    """Return the market orders that carry a signal out: of a turn, the close and the opening.

    Nothing while an order is in flight, and nothing for what is so already.
    """
    held = context.holding.qty_e8
    if signal is None or not context.is_quiet:
        return []
    wanted = {TradeSignal.LONG: 1, TradeSignal.SHORT: -1, TradeSignal.CLOSE: 0}[signal]
    if (held > 0) - (held < 0) == wanted:
        return []
    orders: list[Open] = []
    if held:
        orders.append(closing(context))
    if wanted:
        side = Side.BUY if wanted > 0 else Side.SELL
        orders.append(Open(context.instrument, side, qty_e8, tif=TimeInForce.IOC))
    return orders


def closing(context: Context) -> Open:
    """Return the market order that closes what a context holds, which is not flat."""
    held = context.holding.qty_e8
    return Open(
        instrument=context.instrument,
        side=Side.SELL if held > 0 else Side.BUY,
        qty_e8=abs(held),
        tif=TimeInForce.IOC,
        is_reduce_only=True,
    )

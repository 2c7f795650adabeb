"""The published texts of the order flows, from events.

Flash1 form, one line per report, lines of one message by their first column, joined by "\\n":
`0,seq,side,order_id,price,qty` acknowledged; `1,seq,price,qty,maker_id,taker_id` trade;
`2,seq,side,order_id,price` cancelled; `3,seq,side,order_id,price,qty` modified;
`4,seq,order_id` cancel refused; `5,seq,order_id` modify refused. Benchmark form: a line per trade
`taker,maker,price,qty`, and one per order at the end `instrument,side,price,order_id,left`.
"""

from collections.abc import Iterator, Sequence

import msgspec

from lockstep_engine.codes import CancelReason, Side
from lockstep_engine.events import OrderAccepted, OrderCancelled, OrderRejected, Trade
from lockstep_runtime.live_orders import LiveOrders
from lockstep_runtime.reports.base import Figures, TextDigest, Write

_CANCEL_BY_CLIENT_ID = 42


class FlashReport:
    """The canonical report text. A message is a command whose events name an order."""

    def __init__(self, write: Write | None = None) -> None:
        self._text = TextDigest(write)
        self._seq = 0
        self._lines = 0

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Add the lines of one message; a command of the set-up has none."""
        lines = sorted(_flash_lines(self._seq, events), key=_first_column)
        if not lines:
            return
        self._seq += 1
        start = b"\n" if self._lines else b""
        self._lines += len(lines)
        self._text.add(start + "\n".join(lines).encode())

    def finish(self) -> Figures:
        """Return the figures of the text."""
        return {
            "messages": self._seq,
            "report lines": self._lines,
            "report sha256": self._text.hexdigest(),
        }


class FlowReport:
    """The trades text and the final book text of a benchmark flow."""

    def __init__(self, write_trade: Write | None = None, write_order: Write | None = None) -> None:
        self._trades = TextDigest(write_trade)
        self._book = TextDigest(write_order)
        self._orders = LiveOrders()

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Add the trades of one command."""
        self._orders.fold(events)
        for event in events:
            if type(event) is Trade:
                taker, maker = event.taker.client_id, event.maker.client_id
                line = f"{taker},{maker},{event.price_ticks},{event.qty_lots}\n"
                self._trades.add(line.encode())

    def finish(self) -> Figures:
        """Write the final book and return the figures of both texts."""
        for instrument in self._orders.instruments():
            for side in (Side.BUY, Side.SELL):
                self._add_side(instrument, side)
        return {
            "orders left": len(self._orders.orders),
            "trades sha256": self._trades.hexdigest(),
            "book sha256": self._book.hexdigest(),
        }

    def _add_side(self, instrument: int, side: Side) -> None:
        for order in self._orders.in_priority(instrument, side):
            where = f"{instrument - 1},{'BS'[side]},{order.price_ticks}"
            self._book.add(f"{where},{order.client_id},{order.remaining_lots}\n".encode())


def _first_column(line: str) -> str:
    return line[0]


def _flash_lines(seq: int, events: Sequence[msgspec.Struct]) -> Iterator[str]:
    """Yield the lines of one message as they come; identifiers are client identifiers less one."""
    is_modify = False
    for event in events:
        match event:
            case Trade(price_ticks=price, qty_lots=qty, maker=maker, taker=taker):
                yield f"1,{seq},{price},{qty},{maker.client_id - 1},{taker.client_id - 1}"
            case OrderCancelled(reason=CancelReason.REPLACED):
                is_modify = True
            case OrderCancelled(side=side, client_id=client_id, price_ticks=price):
                yield f"2,{seq},{side},{client_id - 1},{price}"
            case OrderAccepted(side=side, client_id=client_id, price_ticks=price, qty_lots=qty):
                kind = 3 if is_modify else 0
                yield f"{kind},{seq},{side},{client_id - 1},{price},{qty}"
            case OrderRejected(client_id=client_id, action=action):
                kind = 4 if action == _CANCEL_BY_CLIENT_ID else 5
                yield f"{kind},{seq},{client_id - 1}"
            case _:
                pass

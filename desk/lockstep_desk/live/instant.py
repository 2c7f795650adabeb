"""A venue that fills every order at once, for measurements: what is measured is the desk.

Owns the numbers of its orders and fills, and the reports that nobody took. There is no market in
it: a limit order fills at its limit, one at the market at the price that the desk gave it. Nothing
rests, so a cancel finds nothing.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from lockstep_desk.core.codes import SendError
from lockstep_desk.core.commands import (
    FillReport,
    OrderReport,
    RecordCancelResponse,
    RecordFill,
    RecordOrder,
    SettleOrder,
)
from lockstep_desk.core.events import CancelRequested, OrderQueried, OrderRequested
from lockstep_desk.oms.states import Live, OrderError, OrderState
from lockstep_desk.pipeline.channel import Channel, Overflow
from lockstep_desk.strategy.market import MarketEvent
from lockstep_desk.types import Liquidity


class InstantVenue:
    """A sender of the desk and a link of its pipeline; safe for threads."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.market: Channel[MarketEvent] = Channel("market", 1, Overflow.DROP_OLDEST)
        self.filled = 0
        self._clock = clock
        self._guard = threading.Lock()
        self._news = threading.Event()
        self._reports: deque[msgspec.Struct] = deque()

    @property
    def backlog(self) -> int:
        """How many reports nobody has taken yet."""
        return len(self._reports)

    def send(self, request: OrderRequested | CancelRequested) -> SendError:
        """Fill an order, or say that there is nothing to cancel."""
        with self._guard:
            if isinstance(request, CancelRequested):
                name, now_ns = request.client_order_id, self._clock()
                answer = RecordCancelResponse(request.account, name, OrderError.NOT_FOUND, now_ns)
                self._reports.append(answer)
            else:
                self._reports.extend(self._fill(request))
        self._news.set()
        return SendError.NONE

    def query(self, request: OrderQueried) -> SendError:
        """Say that there is no such order: those that were taken were reported at once."""
        with self._guard:
            self._reports.append(SettleOrder(request.account, request.client_order_id, None))
        self._news.set()
        return SendError.NONE

    def shutdown(self) -> None:
        """Do nothing: there is nothing to close."""

    def drain(self) -> Sequence[msgspec.Struct]:
        """Return and forget what nobody took."""
        return self.take()

    def wait(self, timeout_s: float) -> None:
        """Wait until a report is there, or for so long."""
        self._news.wait(timeout_s)

    def take(self) -> Sequence[msgspec.Struct]:
        """Return and forget the reports that are there, oldest first."""
        with self._guard:
            self._news.clear()
            reports = list(self._reports)
            self._reports.clear()
            return reports

    def _fill(self, request: OrderRequested) -> tuple[RecordFill, RecordOrder]:
        """Return the fill of a whole order, and its end."""
        self.filled += 1
        now_ns, order_id = self._clock(), str(request.number)
        fill = FillReport(
            fill_id=f"fill-{request.number}",
            order_id=order_id,
            client_order_id=request.client_order_id,
            instrument=request.instrument,
            side=request.side,
            qty_e8=request.qty_e8,
            price_e9=request.price_e9,
            fee_e9=0,
            liquidity=Liquidity.TAKER,
            ts_ns=now_ns,
            seq=self.filled,
        )
        order = OrderReport(
            request.client_order_id,
            request.instrument,
            request.side,
            request.qty_e8,
            request.price_e9,
            OrderState.FULLY_FILLED,
            Live(order_id, now_ns, request.qty_e8),
            time_ns=now_ns,
        )
        return RecordFill(request.account, fill), RecordOrder(request.account, order)

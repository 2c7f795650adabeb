"""A session at the exchange core that many threads share: whoever asks, and whoever moves it.

Owns the exchange's turn: the desk that sends, and everybody who acts at the exchange (`act`), take
it one after the other, in the order in which they came. What the exchange says in a turn is sorted
at its end: what the market says goes into a channel that conflates, so nobody who trades ever waits
for who watches; what the account reports is kept until it is taken, and nothing of it is dropped.

Whoever holds this turn asks for no other: the desk comes here within its own.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from lockstep_desk.adapters.exchange.broker import ExchangeView
from lockstep_desk.adapters.exchange.session import ExchangeSession
from lockstep_desk.adapters.strategies import market_event
from lockstep_desk.core.codes import SendError
from lockstep_desk.core.events import CancelRequested, OrderQueried, OrderRequested
from lockstep_desk.live.turns import Turns
from lockstep_desk.pipeline.channel import Channel, Overflow
from lockstep_desk.recon.pages import (
    BalancesAnswer,
    FillsAnswer,
    OrdersAnswer,
    PositionsAnswer,
)
from lockstep_desk.strategy.market import MarketEvent

T = TypeVar("T")


class SharedSession:
    """A sender of the desk and a link of its pipeline, over one session; safe for threads."""

    def __init__(self, session: ExchangeSession, market_capacity: int = 2048) -> None:
        self.market: Channel[MarketEvent] = Channel(
            f"market of {session.member.venue}", market_capacity, Overflow.DROP_OLDEST
        )
        self._session = session
        self._turns = Turns(f"the exchange {session.member.venue}")
        self._reports: deque[msgspec.Struct] = deque()
        self._news = threading.Event()

    def act(self, move: Callable[[], T]) -> T:
        """Let something happen at the exchange, or look at it, alone."""
        with self._turns:
            try:
                return move()
            finally:
                self._sort()

    # What the desk asks for

    def send(self, request: OrderRequested | CancelRequested) -> SendError:
        """Hand a request over; what the exchange says of it is kept."""
        return self.act(lambda: self._session.send(request))

    def query(self, request: OrderQueried) -> SendError:
        """Ask what became of an order; the answer is kept."""
        return self.act(lambda: self._session.query(request))

    def shutdown(self) -> None:
        """Take no more requests."""
        self.act(self._session.shutdown)

    def drain(self) -> Sequence[msgspec.Struct]:
        """Return and forget what the account reported and nobody took."""
        return self.take()

    # The link

    @property
    def is_alive(self) -> bool:
        """Whether it is connected: in one process nobody falls silent."""
        return self._session.is_connected

    def view(self, page_size: int = 0) -> "SharedView":
        """Return the account as a broker to be compared with; each answer is a turn of its own."""
        session = self._session
        looked = ExchangeView(
            session.member.venue, session.account, lambda: session.is_connected, page_size
        )
        return SharedView(self, looked)

    def connect(self, since_ns: int = -1) -> None:
        """Deliver again, the account's snapshot first, with the fills that were missed."""
        self.act(lambda: self._session.connect(since_ns))

    def disconnect(self) -> None:
        """Lose the link; what it delivered before was delivered."""
        self.act(self._session.disconnect)

    @property
    def backlog(self) -> int:
        """How many reports nobody has taken yet."""
        return len(self._reports)

    def wait(self, timeout_s: float) -> None:
        """Wait until a report is there, or for so long."""
        self._news.wait(timeout_s)

    def take(self) -> Sequence[msgspec.Struct]:
        """Return and forget the reports that are there, oldest first."""
        with self._turns:
            self._news.clear()
            reports = list(self._reports)
            self._reports.clear()
            return reports

    def _sort(self) -> None:
        for told in self._session.take():
            event = market_event(told)
            if event is None:
                self._reports.append(told)
            else:
                self.market.put(event)
        if self._reports:
            self._news.set()


class SharedView:
    """A `BrokerView` on a shared session."""

    def __init__(self, shared: SharedSession, view: ExchangeView) -> None:
        self.venue = view.venue
        self.account = view.account
        self._shared = shared
        self._view = view

    def positions(self, cursor: int) -> PositionsAnswer:
        """Return a page of what the account holds."""
        return self._shared.act(lambda: self._view.positions(cursor))

    def fills(self, since_seq: int, cursor: int) -> FillsAnswer:
        """Return a page of the account's fills after a number."""
        return self._shared.act(lambda: self._view.fills(since_seq, cursor))

    def open_orders(self, cursor: int) -> OrdersAnswer:
        """Return a page of the account's working orders."""
        return self._shared.act(lambda: self._view.open_orders(cursor))

    def order(self, client_order_id: str) -> OrdersAnswer:
        """Return the order of a client order id, or an empty page."""
        return self._shared.act(lambda: self._view.order(client_order_id))

    def balances(self, cursor: int) -> BalancesAnswer:
        """Return a page of the account's cash."""
        return self._shared.act(lambda: self._view.balances(cursor))

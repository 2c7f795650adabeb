"""A broker that fails in every way that a real one does, from a seed that repeats it.

Owns the faults and their counts. It wraps any `BrokerView`, and what it may act on if there is such
a thing: fills on the stream are dropped, delayed, repeated and come out of order; pages are cut,
old, short or leave a fill out; the broker falls silent, before or after it took an order; and the
position changes behind the desk's back. The wrapped broker stays right: what it says is the truth.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Final, Protocol, TypeVar, cast

import msgspec

from lockstep_desk.errors import need_int
from lockstep_desk.recon.broker import BrokerUnreachableError, BrokerView
from lockstep_desk.recon.memory import NewOrder, Working
from lockstep_desk.recon.pages import (
    BalancesAnswer,
    FillsAnswer,
    Moment,
    OrdersAnswer,
    Page,
    PositionsAnswer,
    Unknown,
    UnknownReason,
    make_page,
)
from lockstep_desk.types import E8, Fill, Side

T = TypeVar("T")
_MILLION: Final = 10**6
_MASK: Final = 2**64 - 1


class Fault(IntEnum):
    """What can go wrong, each with a count of its own."""

    DROP = 1
    DELAY = 2
    DUPLICATE = 3
    REORDER = 4
    NATIVE_STOP = 5
    MANUAL_CLOSE = 6
    UNREACHABLE = 7
    HALF_PAGE = 8
    MANUAL_OPEN = 9
    LOST_REQUEST = 10
    LOST_REPLY = 11
    SHORT_HISTORY = 12
    LEFT_OUT = 13
    STALE_PAGE = 14


class Draws:
    """Numbers from a seed (splitmix64): the same ones in every process and on every machine."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def below(self, bound: int) -> int:
        """Return a number in [0, bound)."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return (mixed ^ (mixed >> 31)) % bound

    def chance(self, ppm: int) -> bool:
        """Return true that often in a million."""
        return self.below(_MILLION) < ppm

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]


class Actor(Protocol):
    """What changes a position without the desk, and takes the desk's orders."""

    def act(self, instrument: str, side: Side, qty_e8: int, price_e9: int) -> list[Fill]:
        """Trade for the account."""
        ...

    def place(self, order: NewOrder) -> Working:
        """Take an order of the desk."""
        ...


class FaultyBroker:
    """A `BrokerView` around another one, with faults at `rates` (parts per million each).

    `counts` says how often each fault happened; `placed` how often each order was put on the wire.
    """

    def __init__(
        self, view: BrokerView, actor: Actor, seed: int, rates: Mapping[Fault, int]
    ) -> None:
        self.view = view
        self.actor = actor
        self.draws = Draws(seed)
        self.rates = {
            fault: need_int(fault.name, rate, 0, _MILLION) for fault, rate in rates.items()
        }
        self.counts = dict.fromkeys(Fault, 0)
        self.placed: dict[str, int] = {}
        self.streamed_seq = 0
        self.delayed: list[Fill] = []
        self.old: dict[tuple[str, int, int], object] = {}

    @property
    def venue(self) -> str:
        """The name of the broker."""
        return self.view.venue

    @property
    def account(self) -> str:
        """The account that it looks at."""
        return self.view.account

    # BrokerView

    def positions(self, cursor: int) -> PositionsAnswer:
        """Return a page, or what the faults leave of it."""
        return self._page("positions", 0, cursor, lambda: self.view.positions(cursor))

    def fills(self, since_seq: int, cursor: int) -> FillsAnswer:
        """Return a page, or what the faults leave of it; the history may be short or lie."""
        page = self._page("fills", since_seq, cursor, lambda: self.view.fills(since_seq, cursor))
        if isinstance(page, Unknown) or not page.items or len(page.items) != page.total:
            return page
        if self._happens(Fault.SHORT_HISTORY):
            first_seq = page.items[0].seq
            later = [fill for fill in page.items if fill.seq > first_seq]
            return make_page(later, Moment(page.as_of_seq, page.as_of_ns, first_seq))
        if self._happens(Fault.LEFT_OUT):
            out = self.draws.below(len(page.items))
            left = [fill for number, fill in enumerate(page.items) if number != out]
            return make_page(left, Moment(page.as_of_seq, page.as_of_ns, page.from_seq))
        return page

    def open_orders(self, cursor: int) -> OrdersAnswer:
        """Return a page, or what the faults leave of it."""
        return self._page("orders", 0, cursor, lambda: self.view.open_orders(cursor))

    def order(self, client_order_id: str) -> OrdersAnswer:
        """Return a page, or what the faults leave of it."""
        return self._page(client_order_id, 0, 0, lambda: self.view.order(client_order_id))

    def balances(self, cursor: int) -> BalancesAnswer:
        """Return a page, or what the faults leave of it."""
        return self._page("balances", 0, cursor, lambda: self.view.balances(cursor))

    # Orders

    def place(self, order: NewOrder) -> Working:
        """Hand an order to the broker; raise `BrokerUnreachableError` if nobody knows whether it
        came.
        """
        self.placed[order.client_order_id] = self.placed.get(order.client_order_id, 0) + 1
        if self._happens(Fault.LOST_REQUEST):
            raise BrokerUnreachableError(f"no answer to order {order.client_order_id}")
        working = self.actor.place(order)
        if self._happens(Fault.LOST_REPLY):
            raise BrokerUnreachableError(f"no answer to order {order.client_order_id}")
        return working

    # The stream

    def deliver(self) -> list[Fill]:
        """Return the fills that reach the desk now: some are lost, late, twice or out of order."""
        page = self.view.fills(self.streamed_seq, 0)
        if isinstance(page, Unknown):
            return []
        self.streamed_seq = page.as_of_seq
        arriving, self.delayed = self.delayed, []
        for fill in page.items:
            if self._happens(Fault.DROP):
                continue
            if self._happens(Fault.DELAY):
                self.delayed.append(fill)
                continue
            arriving.append(fill)
            if self._happens(Fault.DUPLICATE):
                arriving.append(fill)
        if len(arriving) > 1 and self._happens(Fault.REORDER):
            arriving.reverse()
        return arriving

    # Behind the desk's back

    def stir(self, prices_e9: Mapping[str, int]) -> list[Fill]:
        """Let a native stop fire, or a person trade at a terminal, at about these prices."""
        page = self.view.positions(0)
        held = [] if isinstance(page, Unknown) else list(page.items)
        fills: list[Fill] = []
        if held and self._happens(Fault.NATIVE_STOP):
            stopped = self.draws.pick(held)
            fills += self._close(stopped.instrument, stopped.qty_e8, prices_e9)
        elif held and self._happens(Fault.MANUAL_CLOSE):
            closed = self.draws.pick(held)
            first = closed.qty_e8 // E8 // 2 * E8
            for part in (first, closed.qty_e8 - first):
                fills += self._close(closed.instrument, part, prices_e9) if part else []
        if self._happens(Fault.MANUAL_OPEN):
            instrument = self.draws.pick(sorted(prices_e9))
            side = Side(self.draws.below(2))
            qty_e8 = (1 + self.draws.below(5)) * E8
            fills += self.actor.act(instrument, side, qty_e8, prices_e9[instrument])
        return fills

    def _close(self, instrument: str, qty_e8: int, prices_e9: Mapping[str, int]) -> list[Fill]:
        side = Side.SELL if qty_e8 > 0 else Side.BUY
        return self.actor.act(instrument, side, abs(qty_e8), prices_e9[instrument])

    # Drawing

    def _happens(self, fault: Fault) -> bool:
        if not self.draws.chance(self.rates.get(fault, 0)):
            return False
        self.counts[fault] += 1
        return True

    def _page(
        self, name: str, since_seq: int, cursor: int, ask: Callable[[], Page[T] | Unknown]
    ) -> Page[T] | Unknown:
        if self._happens(Fault.UNREACHABLE):
            if self.draws.below(2):
                raise BrokerUnreachableError(f"no answer about {name}")
            return Unknown(UnknownReason.UNREACHABLE, name)
        key = (name, since_seq, cursor)
        old = self.old.get(key)
        page = ask()
        if isinstance(page, Unknown):
            return page
        self.old[key] = page
        is_old = old is not None and old != page
        if is_old and self._happens(Fault.STALE_PAGE):
            return cast("Page[T]", old)
        if page.items and self._happens(Fault.HALF_PAGE):
            half = page.items[: len(page.items) // 2]
            return msgspec.structs.replace(page, items=half)
        return page

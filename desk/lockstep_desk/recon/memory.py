"""A broker in memory that really matches: the twin of a real one for tests and demonstrations.

Owns books of resting orders in price-time order, the orders, fills, positions and balance of one
account, and the same for a crowd that trades against it. Every execution has a buyer and a seller.

Invariants: positions of account and crowd sum to zero; a position is the sum of its fills; sequence
numbers rise by one with everything that happens; a client order id is accepted once.
"""

from enum import IntEnum

import msgspec

from lockstep_desk.errors import InvalidValueError, need_int, need_text
from lockstep_desk.recon.pages import (
    BrokerBalance,
    BrokerOrder,
    BrokerPosition,
    Moment,
    OrderStatus,
    Page,
    make_page,
)
from lockstep_desk.types import E8, Fill, Liquidity, Side

CROWD = "crowd"


class Life(IntEnum):
    """How long an order works."""

    GTC = 0
    IOC = 1


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order for the broker; a market order is IOC at a price that takes everything."""

    client_order_id: str
    instrument: str
    side: Side
    qty_e8: int
    price_e9: int
    life: Life = Life.GTC


class Working:
    """An order at the broker."""

    __slots__ = ("account", "asked", "filled_e8", "order_id", "status", "ts_ns")

    def __init__(self, account: str, order_id: str, asked: NewOrder, ts_ns: int) -> None:
        self.account = account
        self.order_id = order_id
        self.asked = asked
        self.filled_e8 = 0
        self.status = OrderStatus.OPEN
        self.ts_ns = ts_ns

    @property
    def left_e8(self) -> int:
        """What is not filled yet."""
        return self.asked.qty_e8 - self.filled_e8

    def shown(self) -> BrokerOrder:
        """Return the order as a page shows it."""
        asked = self.asked
        return BrokerOrder(
            self.order_id,
            asked.client_order_id,
            asked.instrument,
            asked.side,
            asked.qty_e8,
            self.filled_e8,
            self.status,
            self.ts_ns,
        )


class MemoryBroker:
    """One account at a broker, with a crowd to trade with. Implements `BrokerView`.

    `fee_ppm` is what a taker pays, in parts per million of the value; makers pay nothing.
    `history_seq` is where the broker's history of fills starts; a page holds `page_size` items, or
    all if that is 0.
    """

    def __init__(self, account: str, cash_e9: int = 0, fee_ppm: int = 100) -> None:
        self.venue = "memory"
        self.account = need_text("account", account)
        self.now_ns = 0
        self.seq = 0
        self.history_seq = 0
        self.page_size = 0
        self.cash_e9 = cash_e9
        self.fee_ppm = need_int("fee_ppm", fee_ppm, 0, 10**6)
        self.orders: list[Working] = []
        self.resting: dict[str, list[Working]] = {}
        self.history: list[Fill] = []
        self.held_e8: dict[tuple[str, str], int] = {}
        self.sent: dict[str, Working] = {}

    # What the account and the crowd do

    def place(self, order: NewOrder, account: str = "") -> Working:
        """Take an order, match it, and let the rest work unless it is IOC.

        Raises `InvalidValueError` for a client order id that was used before.
        """
        who = account or self.account
        need_int("qty_e8", order.qty_e8, 1)
        need_int("price_e9", order.price_e9, 1)
        if order.client_order_id and order.client_order_id in self.sent:
            raise InvalidValueError(
                f"client_order_id: expected a new one, {order.client_order_id!r} was used"
            )
        self._tick()
        working = Working(who, f"o{self.seq}", order, self.now_ns)
        if who == self.account:
            self.orders.append(working)
            if order.client_order_id:
                self.sent[order.client_order_id] = working
        self._match(working)
        self._rest(working)
        return working

    def cancel(self, client_order_id: str) -> bool:
        """Cancel a working order of the account; say whether there was one."""
        working = self.sent.get(client_order_id)
        if working is None or working.status.is_terminal:
            return False
        self._tick()
        self._end(working, OrderStatus.CANCELLED)
        return True

    def act(self, instrument: str, side: Side, qty_e8: int, price_e9: int) -> list[Fill]:
        """Trade for the account without its desk: a native stop, or a person at a terminal.

        The crowd takes the other side at the price, so it always happens; the fills are returned.
        """
        count = len(self.history)
        queue = self.resting.pop(instrument, [])
        for account, way, life in (
            (CROWD, side.opposite, Life.GTC),
            (self.account, side, Life.IOC),
        ):
            order = NewOrder(
                client_order_id="",
                instrument=instrument,
                side=way,
                qty_e8=qty_e8,
                price_e9=price_e9,
                life=life,
            )
            self.place(order, account)
        self.resting[instrument] = queue
        return self.history[count:]

    def advance(self, ns: int) -> None:
        """Let time pass."""
        self.now_ns += need_int("ns", ns, 0)

    def position_e8(self, instrument: str, account: str = "") -> int:
        """Return what an account holds, signed."""
        return self.held_e8.get((account or self.account, instrument), 0)

    # BrokerView

    def positions(self, cursor: int) -> Page[BrokerPosition]:
        """Return what the account holds."""
        held = [
            BrokerPosition(instrument, qty_e8)
            for (account, instrument), qty_e8 in self.held_e8.items()
            if account == self.account and qty_e8
        ]
        return make_page(held, self._moment(), cursor, self.page_size)

    def fills(self, since_seq: int, cursor: int) -> Page[Fill]:
        """Return the account's fills after a sequence number, as far back as history goes."""
        since = max(since_seq, self.history_seq)
        found = [fill for fill in self.history if fill.seq > since]
        return make_page(found, self._moment(self.history_seq), cursor, self.page_size)

    def open_orders(self, cursor: int) -> Page[BrokerOrder]:
        """Return the account's working orders."""
        found = [order.shown() for order in self.orders if not order.status.is_terminal]
        return make_page(found, self._moment(), cursor, self.page_size)

    def order(self, client_order_id: str) -> Page[BrokerOrder]:
        """Return the order of a client order id, or an empty page."""
        working = self.sent.get(client_order_id)
        return make_page([working.shown()] if working else [], self._moment())

    def balances(self, cursor: int) -> Page[BrokerBalance]:
        """Return the account's cash."""
        return make_page(
            [BrokerBalance("USD", self.cash_e9, self.cash_e9)],
            self._moment(),
            cursor,
            self.page_size,
        )

    # Matching

    def _moment(self, from_seq: int = 0) -> Moment:
        return Moment(self.seq, self.now_ns, from_seq)

    def _tick(self) -> None:
        self.seq += 1
        self.now_ns += 1

    def _match(self, taker: Working) -> None:
        asked = taker.asked
        queue = self.resting.setdefault(asked.instrument, [])
        while taker.left_e8:
            maker = _best(queue, taker)
            if maker is None:
                return
            self._execute(maker, taker, min(maker.left_e8, taker.left_e8))
            if not maker.left_e8:
                self._end(maker, OrderStatus.FILLED)

    def _rest(self, working: Working) -> None:
        if not working.left_e8:
            working.status = OrderStatus.FILLED
        elif working.asked.life is Life.IOC:
            working.status = OrderStatus.CANCELLED
        else:
            self.resting[working.asked.instrument].append(working)

    def _end(self, working: Working, status: OrderStatus) -> None:
        working.status = status
        working.ts_ns = self.now_ns
        self.resting[working.asked.instrument].remove(working)

    def _execute(self, maker: Working, taker: Working, qty_e8: int) -> None:
        self._tick()
        self._book(maker, qty_e8, maker.asked.price_e9, Liquidity.MAKER)
        self._book(taker, qty_e8, maker.asked.price_e9, Liquidity.TAKER)

    def _book(self, order: Working, qty_e8: int, price_e9: int, liquidity: Liquidity) -> None:
        order.filled_e8 += qty_e8
        asked = order.asked
        held = (order.account, asked.instrument)
        self.held_e8[held] = self.held_e8.get(held, 0) + asked.side.sign * qty_e8
        if order.account != self.account:
            return
        value_e9 = qty_e8 * price_e9 // E8
        fee_e9 = value_e9 * self.fee_ppm // 10**6 if liquidity is Liquidity.TAKER else 0
        self.cash_e9 -= asked.side.sign * value_e9 + fee_e9
        self.history.append(
            Fill(
                fill_id=f"f{self.seq}-{int(liquidity)}",
                order_id=order.order_id,
                client_order_id=asked.client_order_id,
                account=self.account,
                instrument=asked.instrument,
                side=asked.side,
                qty_e8=qty_e8,
                price_e9=price_e9,
                fee_e9=fee_e9,
                liquidity=liquidity,
                ts_ns=self.now_ns,
                seq=self.seq,
            )
        )


def _best(queue: list[Working], taker: Working) -> Working | None:
    """Return the best order that the taker may trade with, the first of its price."""
    side, limit = taker.asked.side, taker.asked.price_e9
    best: Working | None = None
    for maker in queue:
        asked = maker.asked
        crosses = asked.side is not side and side.sign * (limit - asked.price_e9) >= 0
        if not crosses or maker.account == taker.account:
            continue
        if best is None or side.sign * (best.asked.price_e9 - asked.price_e9) > 0:
            best = maker
    return best

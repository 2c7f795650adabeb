"""The benchmark flows w1k, w100k and wmulti: their own generator and oracle, as a stream.

One flow is a seed and five numbers. The same numbers give the same messages on every machine: the
order of the draws from `random.Random` is the flow's definition and never changes. The oracle is a
bare price-time book without a self-trade check: IOC and market remainders are cancelled, a reduced
order keeps its place, a repriced one loses it. Every message names an order that is live.
"""

import bisect
import random
from collections.abc import Callable, Iterator
from hashlib import sha256

import msgspec

from lockstep_runtime.matcher import BUY, SELL, Fill, PriceTimeBook, Resting

SIDE_LETTERS = "BS"
ACCOUNTS = 100
_QTY_MAX = 100
_MID_START, _MID_LOW, _MID_HIGH = 10_000, 9_000, 11_000


class FlowSpec(msgspec.Struct, frozen=True):
    """What defines a flow: `resting` orders per instrument are sent first, then `flow` messages.

    `distance` is the mean distance of a passive price from the middle, in ticks.
    """

    name: str
    seed: int
    instruments: int
    resting: int
    flow: int
    distance: int


FLOWS = {
    "w1k": FlowSpec("w1k", 20240601, 1, 1_000, 1_000_000, 8),
    "w100k": FlowSpec("w100k", 20240602, 1, 100_000, 1_000_000, 200),
    "wmulti": FlowSpec("wmulti", 20240603, 100, 100, 1_000_000, 8),
}

Message = tuple[int, str, int, int, int, str, int, int]
"""(seq, op, instrument, order_id, account, side, price, qty), the columns of the CSV form.

op: N limit, I immediate-or-cancel, M market, C cancel, R reduce to `qty` left, A reprice to `qty`
left. seq and order_id count from 1, instruments from 0; price is 0 on M and C, qty 0 on C.
"""


def flow_line(message: Message) -> bytes:
    """Return the line of the CSV form."""
    seq, op, instrument, order_id, account, side, price, qty = message
    return f"{seq},{op},{instrument},{order_id},{account},{side},{price},{qty}\n".encode()


class FlowOracle(msgspec.Struct, frozen=True):
    """What must come out of a flow: hashes over the text of all trades and of the final book."""

    messages: int
    trades: int
    traded_lots: int
    resting: int
    levels: int
    trades_sha256: str
    book_sha256: str


class FlowGenerator:
    """Generates one flow once; `oracle` is valid when `messages` is exhausted."""

    def __init__(self, spec: FlowSpec) -> None:
        self.spec = spec
        self.resting_messages = spec.instruments * spec.resting
        self._random = random.Random(spec.seed)
        self._markets = [_Market() for _ in range(spec.instruments)]
        self._weights = _cumulative_weights(spec.instruments)
        self._order_id = 0
        self._trades = sha256()
        self._trade_count = 0
        self._traded_lots = 0
        self._seq = 0

    def messages(self) -> Iterator[Message]:
        """Yield the messages that build the books, then the flow."""
        for index in range(self.spec.resting):
            for number, market in enumerate(self._markets):
                self._seq += 1
                yield self._resting_order(number, market, index & 1)
        for _ in range(self.spec.flow):
            self._seq += 1
            yield self._flow_message()

    def oracle(self) -> FlowOracle:
        """Return what an exchange must come to after all messages."""
        book = sha256()
        for line in book_lines([market.book for market in self._markets]):
            book.update(line)
        return FlowOracle(
            self._seq,
            self._trade_count,
            self._traded_lots,
            sum(len(market.book.orders) for market in self._markets),
            sum(market.book.level_count() for market in self._markets),
            self._trades.hexdigest(),
            book.hexdigest(),
        )

    def _resting_order(self, number: int, market: "_Market", side: int) -> Message:
        price = self._passive_price(market, side)
        qty, account = self._quantity(), self._account()
        order_id = self._next_order_id()
        market.rest(Resting(order_id, account, side, price, qty))
        return self._message("N", number, Resting(order_id, account, side, price, qty))

    def _flow_message(self) -> Message:
        number = self._pick_instrument()
        market = self._markets[number]
        market.move_middle(self._random.random())
        resting = len(market.live)
        draw = self._random.random()
        if draw < 0.05 and resting > 10:
            return self._change(number, market)
        if draw < 0.10:
            return self._take(number, market, is_market=draw < 0.075)
        if draw < 0.10 + self._share_of_new(resting) or resting < 10:
            return self._new(number, market)
        return self._cancel(number, market)

    def _pick_instrument(self) -> int:
        if self.spec.instruments == 1:
            return 0
        found = bisect.bisect_left(self._weights, self._random.random())
        return min(found, self.spec.instruments - 1)

    def _share_of_new(self, resting: int) -> float:
        """Return how likely a new order is: more where fewer than the aim rest."""
        aim = self.spec.resting
        if aim < 5000:
            pull = max(-0.2, min(0.2, (aim - resting) / aim * 2.0))
            return 0.45 + 0.45 * pull / 0.2 * 0.5
        return 0.45 + max(-0.2, min(0.2, (aim - resting) / 500.0))

    def _change(self, number: int, market: "_Market") -> Message:
        """Reduce an order at its place, or move it to another price that does not cross."""
        order = market.pick(self._random)
        if order.remaining > 1 and self._random.random() < 0.5:
            order.remaining = 1 + self._random.randrange(order.remaining - 1)
            return self._message("R", number, order)
        qty = self._quantity()
        market.drop(order.order_id)
        price = self._passive_price(market, order.side)
        if price == order.price:
            price += (-1, 1)[order.side]
        moved = Resting(order.order_id, order.label, order.side, price, qty)
        market.rest(moved)
        return self._message("A", number, moved)

    def _take(self, number: int, market: "_Market", is_market: bool) -> Message:
        side = self._leaning_side(market)
        qty, account = self._quantity(), self._account()
        order = Resting(self._next_order_id(), account, side, 0, qty)
        if not is_market:
            opposite = market.book.best(1 - side)
            order.price = market.middle if opposite is None else opposite
        self._match(market, order, None if is_market else order.price)
        return self._message("M" if is_market else "I", number, order)

    def _new(self, number: int, market: "_Market") -> Message:
        order_id = self._next_order_id()
        account, qty = self._account(), self._quantity()
        if self._random.random() < 0.15:
            side = self._leaning_side(market)
            price = self._marketable_price(market, side)
        else:
            side = self._random.randrange(2)
            price = self._passive_price(market, side)
        order = Resting(order_id, account, side, price, qty)
        left = qty - self._match(market, order, price)
        if left:
            market.rest(Resting(order_id, account, side, price, left))
        return self._message("N", number, order)

    def _cancel(self, number: int, market: "_Market") -> Message:
        order = market.pick(self._random)
        market.drop(order.order_id)
        gone = Resting(order.order_id, order.label, order.side, 0, 0)
        return self._message("C", number, gone)

    def _match(self, market: "_Market", taker: Resting, limit: int | None) -> int:
        """Match and count the trades; return the lots filled."""
        fills = market.take(taker.side, limit, taker.remaining)
        for maker, lots in fills:
            self._trades.update(trade_line(taker.order_id, maker.order_id, maker.price, lots))
        filled = sum(lots for _maker, lots in fills)
        self._trade_count += len(fills)
        self._traded_lots += filled
        return filled

    def _passive_price(self, market: "_Market", side: int) -> int:
        """Draw a price away from the middle that does not meet the other side."""
        distance = int(self._random.expovariate(1.0 / self.spec.distance))
        opposite = market.book.best(1 - side)
        if side == BUY:
            price = market.middle - 1 - distance
            if opposite is not None and price >= opposite:
                price = opposite - 1 - (distance & 3)
        else:
            price = market.middle + 1 + distance
            if opposite is not None and price <= opposite:
                price = opposite + 1 + (distance & 3)
        return price

    def _marketable_price(self, market: "_Market", side: int) -> int:
        opposite = market.book.best(1 - side)
        if opposite is None:
            return self._passive_price(market, side)
        beyond = self._random.randrange(3)
        return opposite + (beyond if side == BUY else -beyond)

    def _leaning_side(self, market: "_Market") -> int:
        """Draw the side of a taker, which leans so that the book follows the middle."""
        return BUY if self._random.random() < market.buy_share else SELL

    def _quantity(self) -> int:
        return 1 + self._random.randrange(_QTY_MAX)

    def _account(self) -> int:
        return 1 + self._random.randrange(ACCOUNTS)

    def _next_order_id(self) -> int:
        self._order_id += 1
        return self._order_id

    def _message(self, op: str, number: int, order: Resting) -> Message:
        side = SIDE_LETTERS[order.side]
        price, left = order.price, order.remaining
        return (self._seq, op, number, order.order_id, order.label, side, price, left)


class _Market:
    """One book with its wandering middle, and its live orders in a list for uniform choice.

    Invariant: `live[place[order_id]] == order_id` for exactly the orders of the book.
    """

    __slots__ = ("book", "buy_share", "live", "middle", "place")

    def __init__(self) -> None:
        self.book = PriceTimeBook()
        self.middle = _MID_START
        self.buy_share = 0.5
        self.live: list[int] = []
        self.place: dict[int, int] = {}

    def move_middle(self, draw: float) -> None:
        """Let the middle wander by one tick now and then, and let the takers follow it."""
        if draw < 0.04:
            self.middle += 1 if draw < 0.02 else -1
        self.middle = max(_MID_LOW, min(_MID_HIGH, self.middle))
        bid, ask = self.book.best(BUY), self.book.best(SELL)
        centre = ((bid or self.middle - 1) + (ask or self.middle + 1)) / 2
        self.buy_share = 0.5 + max(-0.4, min(0.4, (self.middle - centre) / 20))

    def pick(self, source: random.Random) -> Resting:
        return self.book.orders[self.live[source.randrange(len(self.live))]]

    def rest(self, order: Resting) -> None:
        self.place[order.order_id] = len(self.live)
        self.live.append(order.order_id)
        self.book.rest(order)

    def drop(self, order_id: int) -> None:
        self.book.drop(order_id)
        self._forget(order_id)

    def take(self, side: int, limit: int | None, lots: int) -> list[Fill]:
        fills = self.book.take(side, limit, lots)
        for maker, _lots in fills:
            if not maker.remaining:
                self._forget(maker.order_id)
        return fills

    def _forget(self, order_id: int) -> None:
        """Fill the hole with the last one, so that a choice stays O(1)."""
        index = self.place.pop(order_id)
        last = self.live.pop()
        if last != order_id:
            self.live[index] = last
            self.place[last] = index


def trade_line(taker_id: int, maker_id: int, price: int, lots: int) -> bytes:
    """Return the line of one fill in the trades text of a flow."""
    return b"%d,%d,%d,%d\n" % (taker_id, maker_id, price, lots)


def book_line(instrument: int, order: Resting) -> bytes:
    """Return the line of one resting order in the final book text of a flow."""
    side = SIDE_LETTERS[order.side]
    return f"{instrument},{side},{order.price},{order.order_id},{order.remaining}\n".encode()


def book_lines(books: list[PriceTimeBook]) -> Iterator[bytes]:
    """Yield the final book text: instruments rising, bids then asks, best first, oldest first."""
    for number, book in enumerate(books):
        for side in (BUY, SELL):
            for order in book.in_priority(side):
                yield book_line(number, order)


def write_flow(spec: FlowSpec, write: Callable[[bytes], object]) -> FlowOracle:
    """Write the CSV form of a flow line by line and return its oracle."""
    generator = FlowGenerator(spec)
    for message in generator.messages():
        write(flow_line(message))
    return generator.oracle()


def _cumulative_weights(count: int) -> list[float]:
    """Return the cumulative shares 1, 1/2, 1/3, ... of the instruments.

    Shares are divided before they are added: the float rounding is part of the flow's definition.
    """
    weights = [1.0 / (number + 1) for number in range(count)]
    total = sum(weights)
    cumulative: list[float] = []
    running = 0.0
    for weight in weights:
        running += weight / total
        cumulative.append(running)
    return cumulative

"""A recorded Binance USD-M feed as a feed: one JSON message a line, after its receive time in ns.

A maker account holds the size of each price level as one resting order; a trade becomes an
immediate-or-cancel order of a taker account; then each depth diff sets the levels it names: first
cancels, then amends, then new orders, so that the book never meets itself. The mark follows the
middle of the book after each diff (UpdateMarkPrice ends the commands of a diff), the index every
16th. Book tickers and other streams are passed over.

The rebuild is the exchange's own recipe: diffs that end before the snapshot are dropped; from the
first one that covers it, every diff names its predecessor. Diffs and trades that arrived between
that first one and the snapshot are done at once after it. Prices and sizes are decimal strings and
become whole ticks of 0.10 and lots of 0.001, never floats.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from lockstep_engine.codes import OrderFlag, TimeInForce
from lockstep_engine.commands import (
    AmendOrder,
    Batch,
    CancelOrder,
    OrderAction,
    PlaceOrder,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_kernel import CannotRunError, DamagedError, Genesis
from lockstep_runtime.feeds.base import chunked
from lockstep_runtime.feeds.lines import NumberedLine, bad_line, numbered_lines
from lockstep_runtime.matcher import BUY, SELL, PriceTimeBook, Resting
from lockstep_runtime.signing import Item, Script, Signer
from lockstep_runtime.venue import Contract, Listing, Staff, list_perpetual, open_account

CONTRACT = Contract(tick_e6=100_000, lot_e8=100_000)
FIRST_LINE = re.compile(rb"(\d{18,19}) (\{.*\})")
_UNDERLYING, _INSTRUMENT = "BTC", 1
_PRICE_MAX = 10_000_000
_TICK_E8 = CONTRACT.tick_e6 * 100
_LOT_E8 = CONTRACT.lot_e8
_DECIMAL = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,8}))?")
_DEPOSIT_E6 = 10**17
_BATCH_ACTIONS = 50
_INDEX_EVERY_DIFFS = 16
_WAITING_MAX = 100_000
_COMMAND_NS = 1_000

_Level = tuple[int, int, int]
"""(side, price in ticks, lots)."""


class _Envelope(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"")
    last_update_id: int = msgspec.field(default=-1, name="lastUpdateId")
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []


class _Kind(msgspec.Struct):
    e: str = ""


class _Diff(msgspec.Struct):
    first: int = msgspec.field(name="U")
    last: int = msgspec.field(name="u")
    previous: int = msgspec.field(name="pu")
    bids: list[tuple[str, str]] = msgspec.field(name="b")
    asks: list[tuple[str, str]] = msgspec.field(name="a")


class _Trade(msgspec.Struct):
    price: str = msgspec.field(name="p")
    size: str = msgspec.field(name="q")
    is_buyer_maker: bool = msgspec.field(name="m")


_envelope = msgspec.json.Decoder(_Envelope)
_kind = msgspec.json.Decoder(_Kind)
_streams: dict[str, msgspec.json.Decoder[_Diff] | msgspec.json.Decoder[_Trade]] = {
    "depthUpdate": msgspec.json.Decoder(_Diff),
    "trade": msgspec.json.Decoder(_Trade),
}


class BinanceFeed:
    """Drives one perpetual from a recording."""

    listens = False

    def __init__(self, path: Path, limit: int | None = None) -> None:
        self.name = path.name
        self._path = path
        self._limit = limit
        self._start_ns = _receive_ns(path, next(numbered_lines(path), (1, b"")))
        self._staff = Staff("recorded market")
        self._maker = Signer("recorded market maker", account=1)
        self._taker = Signer("recorded market taker", account=2)
        self._script = Script(self._start_ns, _COMMAND_NS)
        self._book = PriceTimeBook()
        self._orders: dict[tuple[int, int], Resting] = {}
        self._last_order_id = 0
        self._snapshot_id: int | None = None
        self._last_diff_id: int | None = None
        self._diffs = 0
        self._waiting: list[_Diff | _Trade] = []

    def genesis(self) -> Genesis:
        """Return the genesis of an exchange that starts with the recording."""
        return self._staff.genesis(self._start_ns)

    def chunks(self) -> Iterator[list[Item]]:
        """Yield the set-up, then the recording."""
        return chunked(self._items())

    def listen(self, events: Sequence[msgspec.Struct]) -> None:
        """Do nothing: the recording does not depend on events."""

    def _items(self) -> Iterator[Item]:
        self._staff.grant(self._script)
        for trader in (self._maker, self._taker):
            open_account(self._script, self._staff, trader, _DEPOSIT_E6)
        for number, line in islice(numbered_lines(self._path), self._limit):
            ts_ns = _receive_ns(self._path, (number, line))
            self._script.advance_to(ts_ns)
            try:
                self._take(line[line.index(b" ") + 1 :])
            except (ValueError, msgspec.DecodeError) as error:
                raise bad_line(self._path, number, line, f"a feed message ({error})") from None
            except DamagedError as error:
                raise DamagedError(f"{self._path}: line {number}: {error}", None) from None
            yield from self._script.take()
        if self._snapshot_id is None:
            raise CannotRunError(f"{self._path}: expected a depth snapshot, found none")

    def _take(self, text: bytes) -> None:
        envelope = _envelope.decode(text)
        if envelope.last_update_id >= 0:
            self._take_snapshot(envelope)
            return
        decoder = _streams.get(_kind.decode(envelope.data).e)
        if decoder is None:
            return
        message = decoder.decode(envelope.data)
        if self._snapshot_id is not None:
            self._follow(message)
        elif len(self._waiting) < _WAITING_MAX:
            self._waiting.append(message)
        else:
            raise DamagedError(f"expected a snapshot after {_WAITING_MAX} messages", None)

    def _take_snapshot(self, snapshot: _Envelope) -> None:
        levels = [*_levels(BUY, snapshot.bids), *_levels(SELL, snapshot.asks)]
        if not snapshot.bids or not snapshot.asks:
            raise ValueError("a snapshot has levels on both sides")
        is_first = self._snapshot_id is None
        self._snapshot_id, self._last_diff_id = snapshot.last_update_id, None
        if is_first:
            mark_e6 = _middle_e6(
                max(price for side, price, _lots in levels if side == BUY),
                min(price for side, price, _lots in levels if side == SELL),
            )
            listing = Listing(_INSTRUMENT, _UNDERLYING, CONTRACT, mark_e6, _PRICE_MAX)
            list_perpetual(self._script, self._staff, listing)
        named = {level[:2] for level in levels}
        gone = [(side, price, 0) for side, price in self._orders if (side, price) not in named]
        self._set_levels([*gone, *levels])
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self._follow(message)

    def _follow(self, message: _Diff | _Trade) -> None:
        """Do a diff, or a trade if a diff was done since the snapshot."""
        match message:
            case _Diff():
                self._follow_diff(message)
            case _Trade() if self._last_diff_id is not None:
                self._follow_trade(message)
            case _Trade():
                pass

    def _follow_diff(self, diff: _Diff) -> None:
        snapshot_id = self._snapshot_id or 0
        if self._last_diff_id is None:
            if diff.last < snapshot_id:
                return
            if diff.first > snapshot_id:
                raise DamagedError(
                    f"expected a diff that covers {snapshot_id}, found one from {diff.first}", None
                )
        elif diff.previous != self._last_diff_id:
            raise DamagedError(
                f"expected the diff after {self._last_diff_id}, found one after {diff.previous}",
                None,
            )
        self._last_diff_id = diff.last
        self._set_levels([*_levels(BUY, diff.bids), *_levels(SELL, diff.asks)])
        self._mark()

    def _follow_trade(self, trade: _Trade) -> None:
        side = SELL if trade.is_buyer_maker else BUY
        price, lots = units(trade.price, _TICK_E8), units(trade.size, _LOT_E8)
        order = PlaceOrder(_INSTRUMENT, side, price, lots, int(TimeInForce.IOC))
        self._script.add(self._taker, order)
        self._last_order_id += 1
        for maker, _lots in self._book.take(side, price, lots):
            if not maker.remaining:
                del self._orders[maker.side, maker.price]

    def _set_levels(self, levels: Iterable[_Level]) -> None:
        """Write the maker's commands after which the book has these levels."""
        cancels: list[OrderAction] = []
        amends: list[OrderAction] = []
        new: list[_Level] = []
        for side, price, lots in levels:
            order = self._orders.get((side, price))
            if order is None:
                if lots:
                    new.append((side, price, lots))
            elif not lots:
                del self._orders[side, price]
                self._book.drop(order.order_id)
                cancels.append(CancelOrder(order.order_id))
            elif lots != order.remaining:
                order.remaining = lots
                amends.append(AmendOrder(order.order_id, price, order.filled + lots))
        actions = [*cancels, *amends, *map(self._placement, new)]
        bid, ask = self._book.best(BUY), self._book.best(SELL)
        if bid is not None and ask is not None and bid >= ask:
            raise DamagedError(f"expected a book that is not crossed, found {bid} over {ask}", None)
        for start in range(0, len(actions), _BATCH_ACTIONS):
            self._script.add(self._maker, Batch(tuple(actions[start : start + _BATCH_ACTIONS])))

    def _placement(self, level: _Level) -> PlaceOrder:
        side, price, lots = level
        self._last_order_id += 1
        order = Resting(self._last_order_id, 0, side, price, lots)
        self._orders[side, price] = order
        self._book.rest(order)
        return PlaceOrder(_INSTRUMENT, side, price, lots, flags=int(OrderFlag.POST_ONLY))

    def _mark(self) -> None:
        """Write the mark, and now and then the index, from the middle of the book."""
        bid, ask = self._book.best(BUY), self._book.best(SELL)
        if bid is None or ask is None:
            raise DamagedError("expected a book with two sides, found one", None)
        middle_e6 = _middle_e6(bid, ask)
        if self._diffs % _INDEX_EVERY_DIFFS == 0:
            self._script.add(self._staff.oracle, UpdateIndexPrice(_UNDERLYING, middle_e6))
        self._script.add(self._staff.oracle, UpdateMarkPrice(_INSTRUMENT, middle_e6))
        self._diffs += 1


def units(text: str, unit_e8: int) -> int:
    """Return how many units a decimal string is; raise `ValueError` unless it is a whole number.

    >>> units("61800.20", 10_000_000)
    618002
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"not a decimal number: '{text:.40}'")
    whole, fraction = match.groups(default="")
    count, rest = divmod(int(whole) * 10**8 + int(fraction.ljust(8, "0")), unit_e8)
    if rest:
        raise ValueError(f"'{text}' is not a whole number of units")
    return count


def _levels(side: int, levels: Sequence[tuple[str, str]]) -> list[_Level]:
    return [(side, units(price, _TICK_E8), units(size, _LOT_E8)) for price, size in levels]


def _middle_e6(bid: int, ask: int) -> int:
    """Return the middle of two prices in ticks: exact, because a tick is an even number of e6."""
    return (bid + ask) * CONTRACT.tick_e6 // 2


def _receive_ns(path: Path, numbered: NumberedLine) -> int:
    number, line = numbered
    match = FIRST_LINE.fullmatch(line)
    if match is None:
        raise bad_line(path, number, line, "a receive time in ns and a JSON object")
    return int(match[1])

"""Compares the exchange with a recorded Binance USD-M feed, from events and the raw lines alone.

The exchange's side is folded from BookChanged. The recording is read again here, by code of its
own: plain JSON and `Decimal`. After each usable diff all levels of both are compared; for each
usable trade it is told whether the order that stands for it was filled whole at its own price.
Text: `diff,line,levels,differences` and `trade,line,price,lots,filled,is_exact`.
"""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from lockstep_engine.codes import TimeInForce
from lockstep_engine.events import BookChanged, MarkPriceUpdated, OrderAccepted, Trade
from lockstep_runtime.feeds.lines import numbered_lines
from lockstep_runtime.live_orders import Levels
from lockstep_runtime.reports.base import Figures, TextDigest, Write

_TICK, _LOT = Decimal("0.10"), Decimal("0.001")

_Step = tuple[int, str, Any]
"""(line number, "diff" or "trade", the message) in the order in which the feed does them."""


class MarketDataReport:
    """Follows both sides in step: a mark update ends a diff, an IOC order stands for a trade."""

    def __init__(self, path: Path, write: Write | None = None) -> None:
        self._text = TextDigest(write)
        self._levels = Levels()
        self._recorded = _Recording(path)
        self._is_listed = False
        self._diffs = self._differences = self._trades = self._exact = 0

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of one command."""
        for event in events:
            if type(event) is BookChanged:
                self._levels.fold(event)
        for event in events:
            if type(event) is OrderAccepted and event.tif == TimeInForce.IOC:
                fills = [trade for trade in events if type(trade) is Trade]
                self._compare_trade(event, fills)
            elif type(event) is MarkPriceUpdated:
                if self._is_listed:
                    self._compare_levels()
                self._is_listed = True

    def finish(self) -> Figures:
        """Return the figures of the comparison."""
        return {
            "diffs": self._diffs,
            "differences": self._differences,
            "recorded trades": self._trades,
            "exact fills": self._exact,
            "report sha256": self._text.hexdigest(),
        }

    def _compare_levels(self) -> None:
        line = self._recorded.next_diff()
        pairs = (
            (self._levels.bids, self._recorded.bids),
            (self._levels.asks, self._recorded.asks),
        )
        count = sum(len(theirs) for _ours, theirs in pairs)
        differences = sum(_differences(ours, theirs) for ours, theirs in pairs)
        self._diffs += 1
        self._differences += differences
        self._text.add(f"diff,{line},{count},{differences}\n".encode())

    def _compare_trade(self, order: OrderAccepted, fills: Sequence[Trade]) -> None:
        line, price, lots = self._recorded.next_trade()
        filled = sum(fill.qty_lots for fill in fills)
        is_at_price = all(fill.price_ticks == price for fill in fills)
        is_exact = filled == lots and is_at_price and order.price_ticks == price
        self._trades += 1
        self._exact += is_exact
        self._text.add(f"trade,{line},{price},{lots},{filled},{int(is_exact)}\n".encode())


class _Recording:
    """The recording's own book, step by step. A step of another kind than asked for is skipped."""

    def __init__(self, path: Path) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self._steps = self._usable_steps(path)

    def next_diff(self) -> int:
        """Follow the next diff and return its line number."""
        line, message = self._next("diff")
        for levels, changes in ((self.bids, message["b"]), (self.asks, message["a"])):
            for price, size in changes:
                _set(levels, price, size)
        return line

    def next_trade(self) -> tuple[int, int, int]:
        """Return the line number, price in ticks and lots of the next trade."""
        line, message = self._next("trade")
        return line, _whole(message["p"], _TICK), _whole(message["q"], _LOT)

    def _next(self, kind: str) -> tuple[int, Any]:
        return next((line, message) for line, found, message in self._steps if found == kind)

    def _usable_steps(self, path: Path) -> Iterator[_Step]:
        held: list[_Step] = []
        snapshot_id = None
        is_started = False
        for number, line in numbered_lines(path):
            message = json.loads(line.partition(b" ")[2])
            if "lastUpdateId" in message:
                snapshot_id = message["lastUpdateId"]
                self._load(message)
                is_started = False
                steps, held = held, []
            else:
                steps = [*_steps_of(number, message["data"])]
            if snapshot_id is None:
                held += steps
                continue
            for step in steps:
                is_started = is_started or (step[1] == "diff" and step[2]["u"] >= snapshot_id)
                if is_started:
                    yield step

    def _load(self, snapshot: Any) -> None:
        for levels, named in ((self.bids, snapshot["bids"]), (self.asks, snapshot["asks"])):
            levels.clear()
            for price, size in named:
                _set(levels, price, size)


def _steps_of(number: int, message: Any) -> Iterator[_Step]:
    if message["e"] == "depthUpdate":
        yield number, "diff", message
    elif message["e"] == "trade":
        yield number, "trade", message


def _set(levels: dict[int, int], price: str, size: str) -> None:
    lots = _whole(size, _LOT)
    if lots:
        levels[_whole(price, _TICK)] = lots
    else:
        levels.pop(_whole(price, _TICK), None)


def _whole(text: str, unit: Decimal) -> int:
    return int(Decimal(text) / unit)


def _differences(ours: dict[int, int], theirs: dict[int, int]) -> int:
    prices = ours.keys() | theirs.keys()
    return sum(ours.get(price, 0) != theirs.get(price, 0) for price in prices)

"""The recorded market drives the exchange to the recording's own book, diff by diff."""

import json
import lzma
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lockstep_engine.codes import TimeInForce
from lockstep_engine.events import (
    BookChanged,
    CommandRejected,
    MarkPriceUpdated,
    OrderAccepted,
    OrderRejected,
    Trade,
)
from lockstep_kernel import CannotRunError, DamagedError, Fault
from lockstep_runtime.feeds import open_feed
from lockstep_runtime.feeds.binance import BinanceFeed, units
from lockstep_runtime.reports import MarketDataReport
from tests.unit.runtime.driving import SAMPLE, Kept, drive, items_of

Book = dict[str, dict[int, int]]


@cache
def raw_lines() -> list[dict[str, Any]]:
    with lzma.open(SAMPLE, "rt") as file:
        return [json.loads(line.split(" ", 1)[1]) for line in file]


def set_levels(book: Book, message: dict[str, Any]) -> None:
    for side in ("b", "a"):
        for price, size in message[side]:
            ticks, lots = int(Decimal(price) * 10), int(Decimal(size) * 1000)
            book[side].pop(ticks, None)
            if lots:
                book[side][ticks] = lots


def recorded() -> Iterator[tuple[str, Any]]:
    """Yield what the recording means, by the recipe of its exchange and code of this test alone."""
    lines = raw_lines()
    at = next(number for number, line in enumerate(lines) if "lastUpdateId" in line)
    snapshot = lines[at]
    book: Book = {"b": {}, "a": {}}
    set_levels(book, {"b": snapshot["bids"], "a": snapshot["asks"]})
    last = 0
    for line in lines[:at] + lines[at + 1 :]:
        message = line["data"]
        if message["e"] == "depthUpdate" and message["u"] >= snapshot["lastUpdateId"]:
            assert not last or message["pu"] == last
            last = message["u"]
            set_levels(book, message)
            yield "diff", book
        elif message["e"] == "trade" and last:
            yield "trade", message


@cache
def emitted() -> Kept:
    kept = Kept()
    drive(BinanceFeed(SAMPLE), kept)
    return kept


def fold(book: Book, event: BookChanged) -> None:
    for side, changed in (("b", event.bids), ("a", event.asks)):
        for price, lots in changed:
            book[side].pop(price, None)
            if lots:
                book[side][price] = lots


def test_the_book_equals_the_recording_after_every_usable_diff() -> None:
    ours: Book = {"b": {}, "a": {}}
    diffs = (book for kind, book in recorded() if kind == "diff")
    marks = differences = compared = 0
    for event in emitted().all():
        if isinstance(event, BookChanged):
            fold(ours, event)
        elif isinstance(event, MarkPriceUpdated):
            marks += 1
            if marks > 1:
                differences += ours != next(diffs)
                compared += 1
    assert (897, 0) == (compared, differences)
    assert next(diffs, None) is None


def exact_fills_of_a_dict_model() -> tuple[int, int]:
    """Return (trades, exact) when trades take from the recording's levels in order of arrival."""
    trades = exact = 0
    for kind, value in recorded():
        if kind == "diff":
            book: Book = value
            continue
        trades += 1
        price, lots = int(Decimal(value["p"]) * 10), int(Decimal(value["q"]) * 1000)
        side, sign = ("b", -1) if value["m"] else ("a", 1)
        filled: Counter[int] = Counter()
        while lots > filled.total() and book[side]:
            best = min(book[side], key=lambda p: p * sign)
            if best * sign > price * sign:
                break
            took = min(lots - filled.total(), book[side][best])
            filled[best] += took
            book[side][best] -= took
            if not book[side][best]:
                del book[side][best]
        exact += filled == {price: lots}
    return trades, exact


def test_as_many_trades_fill_exactly_as_in_a_dict_model() -> None:
    orders = [trade for kind, trade in recorded() if kind == "trade"]
    exact = count = 0
    for _seq, events in emitted().emitted:
        accepted = [event for event in events if isinstance(event, OrderAccepted)]
        if not accepted or accepted[0].tif != TimeInForce.IOC:
            continue
        message = orders[count]
        count += 1
        price, lots = int(Decimal(message["p"]) * 10), int(Decimal(message["q"]) * 1000)
        fills = [event for event in events if isinstance(event, Trade)]
        at_price = all(fill.price_ticks == price for fill in fills)
        exact += at_price and lots == sum(fill.qty_lots for fill in fills)
    assert (1_916, 1_623) == (count, exact)
    assert (1_916, 1_623) == exact_fills_of_a_dict_model()


def test_nothing_that_the_recording_asks_for_is_refused() -> None:
    refused = [e for e in emitted().all() if isinstance(e, CommandRejected | OrderRejected)]
    assert [] == refused


def test_the_report_says_the_same() -> None:
    written: list[bytes] = []
    report = MarketDataReport(SAMPLE, written.append)
    for seq, events in emitted().emitted:
        report.emit(seq, events)
    figures = report.finish()
    assert (897, 0) == (figures["diffs"], figures["differences"])
    assert (1_916, 1_623) == (figures["recorded trades"], figures["exact fills"])
    assert 897 + 1_916 == len(written)
    assert b"diff,42,2008,0\n" == written[0]


def test_the_report_finds_a_difference() -> None:
    report = MarketDataReport(SAMPLE)
    for seq, events in emitted().emitted:
        kept = [e for e in events if not (isinstance(e, BookChanged) and e.book_sequence == 100)]
        report.emit(seq, kept)
    assert int(report.finish()["differences"]) > 0


def test_time_is_the_time_of_receipt() -> None:
    items = items_of(open_feed(str(SAMPLE), limit=100))
    times = [ts_ns for ts_ns, _command in items]
    assert sorted(times) == times
    assert 1_723_161_255_030_314_667 == times[0]
    assert times[-1] < times[0] + 10**9


@pytest.mark.parametrize(
    ("text", "unit_e8", "count"),
    [("61800.20", 10_000_000, 618_002), ("0.014", 100_000, 14), ("5", 10_000_000, 50)],
)
def test_decimals_become_whole_units(text: str, unit_e8: int, count: int) -> None:
    assert count == units(text, unit_e8)


@pytest.mark.parametrize("text", ["0.05", "1e3", "-1", "", ".5", "nan", "1.", "\u0663", "0.1 "])
def test_what_is_no_whole_number_of_units_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        units(text, 10_000_000)


SNAPSHOT = '{"lastUpdateId":100,"bids":[["10.0","1.000"]],"asks":[["11.0","1.000"]]}'


def diff(first: int, last: int, previous: int, **sides: list[list[str]]) -> str:
    data = {"e": "depthUpdate", "U": first, "u": last, "pu": previous, "b": [], "a": [], **sides}
    return json.dumps({"stream": "x", "data": data})


def feed_of(folder: Path, *messages: str) -> BinanceFeed:
    path = folder / "feed.jsonl"
    start = 1_723_161_255_000_000_000
    path.write_text("".join(f"{start + n} {text}\n" for n, text in enumerate(messages)))
    return BinanceFeed(path)


def fault_of(feed: BinanceFeed) -> tuple[int, Fault]:
    kept = Kept()
    with pytest.raises(Fault) as raised:
        drive(feed, kept)
    return len(kept.emitted), raised.value


def test_a_missing_diff_is_named_and_what_stood_before_is_done(tmp_path: Path) -> None:
    good = diff(99, 105, 98, b=[["9.0", "2.000"]])
    count, fault = fault_of(feed_of(tmp_path, SNAPSHOT, good, diff(108, 110, 107)))
    assert isinstance(fault, DamagedError)
    assert "line 3: expected the diff after 105, found one after 107" in str(fault)
    assert 8 + 4 + 1 + 3 == count


def test_a_first_diff_that_begins_behind_the_snapshot_is_refused(tmp_path: Path) -> None:
    _count, fault = fault_of(feed_of(tmp_path, SNAPSHOT, diff(102, 105, 101)))
    assert isinstance(fault, DamagedError)
    assert "line 2: expected a diff that covers 100, found one from 102" in str(fault)


def test_a_crossed_book_is_refused(tmp_path: Path) -> None:
    crossed = diff(99, 105, 98, b=[["11.0", "1.000"]])
    _count, fault = fault_of(feed_of(tmp_path, SNAPSHOT, crossed))
    assert "expected a book that is not crossed, found 110 over 110" in str(fault)


def test_a_book_that_moves_past_itself_cancels_before_it_places(tmp_path: Path) -> None:
    up = diff(99, 105, 98, b=[["11.0", "3.000"]], a=[["11.0", "0.000"], ["12.0", "4.000"]])
    kept = Kept()
    drive(feed_of(tmp_path, SNAPSHOT, up), kept)
    assert [] == [event for event in kept.all() if isinstance(event, OrderRejected | Trade)]
    last = [event for event in kept.all() if isinstance(event, BookChanged)][-1]
    assert (((110, 3000),), ((110, 0), (120, 4000))) == (last.bids, last.asks)


def test_a_second_snapshot_sets_all_levels(tmp_path: Path) -> None:
    again = '{"lastUpdateId":200,"bids":[["9.0","2.000"]],"asks":[["9.5","1.000"]]}'
    kept = Kept()
    drive(feed_of(tmp_path, SNAPSHOT, diff(99, 105, 98), again, diff(199, 201, 1)), kept)
    book: Book = {"b": {}, "a": {}}
    for event in kept.all():
        if isinstance(event, BookChanged):
            fold(book, event)
    assert {"b": {90: 2000}, "a": {95: 1000}} == book


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (diff(99, 105, 98, b=[["10.05", "1.000"]]), "is not a whole number of units"),
        ('{"data":{"e":"depthUpdate","u":1}}', "missing required field"),
        ('{"data":{"e":"trade","p":1,"q":"1","m":true}}', "Expected `str`"),
        ('{"data":}', "malformed"),
        ('{"data":{}} x}', "trailing characters"),
    ],
)
def test_a_bad_message_is_named(tmp_path: Path, message: str, expected: str) -> None:
    _count, fault = fault_of(feed_of(tmp_path, SNAPSHOT, message))
    assert isinstance(fault, CannotRunError)
    assert "line 2: expected a " in str(fault)
    assert expected in str(fault)


def test_a_recording_without_snapshot_is_refused(tmp_path: Path) -> None:
    _count, fault = fault_of(feed_of(tmp_path, diff(99, 105, 98)))
    assert "expected a depth snapshot, found none" in str(fault)


def test_other_streams_are_passed_over(tmp_path: Path) -> None:
    other = '{"stream":"btcusdt@markPrice","data":{"e":"markPriceUpdate","p":"1"}}'
    with_it = items_of(feed_of(tmp_path, SNAPSHOT, other))
    assert len(items_of(feed_of(tmp_path, SNAPSHOT))) == len(with_it)

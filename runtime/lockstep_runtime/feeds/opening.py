"""Finds out what feed a name means: a file by its first line, `market:SEED` or `flow:NAME`."""

import re
from collections.abc import Callable
from pathlib import Path

from lockstep_kernel import CannotRunError, TornTailError
from lockstep_runtime.feeds.base import Feed
from lockstep_runtime.feeds.binance import FIRST_LINE, BinanceFeed
from lockstep_runtime.feeds.lines import XZ_MAGIC, numbered_lines, shown
from lockstep_runtime.feeds.market import MarketFeed
from lockstep_runtime.feeds.order_flow import FLASH_HEADER, FlashFeed, FlowFeed, flow_messages
from lockstep_runtime.flows import FLOWS, FlowGenerator
from lockstep_runtime.reports import FlashReport, FlowReport, MarketDataReport, Reporter

Write = Callable[[bytes], object]

_FLOW_START = re.compile(rb"\d+,[NIMCRA],\d+,\d+,\d+,[BS],\d+,\d+")
_CUT_FIRST_LINE = re.compile(rb"\d{1,19}|\d{1,9},([NIMCRA](,[\d,BS]*)?)?|\d{1,19} (\{[^\r\n]*)?")
"""What is left of the first line of a benchmark flow or a recording that was cut inside it."""
_MARKET = re.compile(r"market:([0-9]{1,18})(?::([0-9]{1,12}))?")
_FLOW = re.compile(r"flow:(\w+)")
_BEGINNING_BYTES = 80


def open_feed(name: str, limit: int | None = None) -> Feed:
    """Return the feed that a name means, cut after `limit` lines, messages or commands.

    Raises a `Fault` that names the file and what was expected of it.
    """
    market = _MARKET.fullmatch(name)
    if market is not None:
        counts = [int(text) for text in (market[2], limit) if text is not None]
        return MarketFeed(int(market[1]), *([min(counts)] if counts else []))
    flow = _FLOW.fullmatch(name)
    if flow is not None and flow[1] in FLOWS:
        return FlowFeed(name, FlowGenerator(FLOWS[flow[1]]).messages(), limit)
    if name.startswith(("market:", "flow:")):
        flows = ", ".join(f"flow:{known}" for known in FLOWS)
        raise CannotRunError(f"expected market:SEED, market:SEED:COUNT, {flows}, found '{name}'")
    return _open_file(Path(name), limit)


def reporter_of(feed: Feed, name: str, write: Write | None, write_more: Write | None) -> Reporter:
    """Return what tells a feed's published result; only order flows and recordings have one.

    `write` takes the report, `write_more` the final book of a benchmark flow.
    """
    match feed:
        case FlashFeed():
            return FlashReport(write)
        case FlowFeed():
            return FlowReport(write, write_more)
        case BinanceFeed():
            return MarketDataReport(Path(name), write)
        case _:
            raise CannotRunError(f"{feed.name} has no published result to report")


def _open_file(path: Path, limit: int | None) -> Feed:
    if path.is_fifo() or path.is_char_device() or path.is_socket():
        found = "a device" if path.is_char_device() else "a pipe"
        raise CannotRunError(f"{path}: expected a file that can be read again, found {found}")
    try:
        number, line = next(numbered_lines(path), (0, b""))
    except TornTailError:
        beginning = path.read_bytes()[:_BEGINNING_BYTES]
        if beginning.startswith(XZ_MAGIC) or _may_begin_a_feed(beginning):
            raise
        raise _no_feed(path, beginning, "CR") from None
    if number == 0:
        raise CannotRunError(f"{path}: expected a feed, found an empty file")
    if line == FLASH_HEADER:
        return FlashFeed(path, limit)
    if _FLOW_START.fullmatch(line):
        return FlowFeed(str(path), flow_messages(path), limit)
    if FIRST_LINE.fullmatch(line):
        return BinanceFeed(path, limit)
    raise _no_feed(path, line, "CR LF")


def _may_begin_a_feed(beginning: bytes) -> bool:
    """Return whether a feed that was cut inside its first line may look like this."""
    return FLASH_HEADER.startswith(beginning) or bool(_CUT_FIRST_LINE.fullmatch(beginning))


def _no_feed(path: Path, line: bytes, line_end: str) -> CannotRunError:
    """Return the fault of a foreign file; `line_end` is what a CR in the line means."""
    text = shown(line)
    is_text = b"\r" in line and not text.startswith("bytes ")
    hint = f"; its lines end with {line_end}, expected LF" if is_text else ""
    return CannotRunError(
        f"{path}: line 1: expected the header of an order flow, a message of a benchmark flow or a "
        f"market data message after its receive time, found {text}{hint}"
    )

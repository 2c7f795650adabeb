"""Bytes as a feed file: an order flow or a recording, plain or in an xz container."""

import io
import json
import lzma
import random
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_kernel import LockstepError, initial
from lockstep_runtime import open_feed
from lockstep_runtime.feeds.lines import XZ_MAGIC, numbered_lines
from lockstep_runtime.flows import FLOWS, FlowGenerator
from tests.fuzz.mutation import EDGES, mutated_value
from tests.fuzz.scratch import scratch_folder
from tests.fuzz.target import Blind, agree

DICTIONARY = (
    *(b"seq,type,side,ioc,qty,order_id,price_ticks", b"0,0,1,0,88,814347,33721", b",N,0,1,1,B,"),
    *(
        b"depthUpdate",
        b"trade",
        b"lastUpdateId",
        b"bids",
        b"asks",
        b'"pu":',
        b"1723161255030314667",
    ),
    *(b"\xfd7zXZ\x00", b"61800.20", b"\r\n", b"0.00000001", b"999999999999.99999999"),
)
_EXAMPLES = Path(__file__).parents[2] / "examples" / "data"
_FLASH = _EXAMPLES / "order-flow" / "normal-50k.csv.xz"
_RECORDING = _EXAMPLES / "binance-usdm-btcusdt" / "usdm_btcusdt_20240808_first12000.jsonl.xz"
_LEVELS = 3
_ITEMS_MAX = 3_000
_DIFFERENT_NUMBER = re.compile(rb"\d+")
_RECORDED_LINES = 100
_STREAMS = ("depthUpdate", "trade")


def seeds() -> dict[str, bytes]:
    """Return the beginnings of real feeds, and one of them in a container."""
    flash = _beginning(_FLASH, 25)
    messages = islice(FlowGenerator(next(iter(FLOWS.values()))).messages(), 30)
    flow = b"".join(",".join(map(str, message)).encode() + b"\n" for message in messages)
    return {
        "flash": flash,
        "flash-xz": _packed(flash),
        "flash-two-xz": _packed(flash[:200]) + _packed(flash[200:]),
        "flow": flow,
        "recording": recording(),
    }


def recording() -> bytes:
    """Return the beginning of the recording, with a few levels of each message."""
    lines: list[bytes] = []
    for line in _beginning(_RECORDING, _RECORDED_LINES).splitlines():
        ts_ns, _, text = line.partition(b" ")
        message: dict[str, Any] = json.loads(text)
        data = message.get("data", message)
        if data.get("e", "depthUpdate") not in _STREAMS:
            continue
        for name in ("bids", "asks", "b", "a"):
            if isinstance(data.get(name), list):
                data[name] = data[name][:_LEVELS]
        lines.append(ts_ns + b" " + json.dumps(message, separators=(",", ":")).encode() + b"\n")
    return b"".join(lines)


def check(data: bytes) -> None:
    """Read twice; every command encodes, and time never goes back."""
    with scratch_folder() as folder:
        path = folder / "feed"
        path.write_bytes(data)
        first, second = _items(path), _items(path)
    agree(first, second, "read again")
    times = [ts_ns for ts_ns, _body in first[0]]
    agree(sorted(times), times, "the times of the commands")


def mutate(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change one line; a container is opened for it and closed again."""
    if data.startswith(XZ_MAGIC):
        try:
            text = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data, 1 << 16)
        except lzma.LZMAError:
            return blind(data)
        return blind(data) if draw.randrange(3) == 0 else _packed(_mutated(text, draw, blind))
    return _mutated(data, draw, blind)


def _items(path: Path) -> tuple[list[tuple[int, bytes]], str]:
    """Return (time, body) of every command, and the fault that ended the reading."""
    found: list[tuple[int, bytes]] = []
    try:
        feed = open_feed(str(path))
        initial(EXCHANGE, feed.genesis())
        for chunk in feed.chunks():
            for ts_ns, command in chunk:
                found.append((ts_ns, EXCHANGE.codec.sequence(ts_ns, command).body))
            if len(found) > _ITEMS_MAX:
                break
    except LockstepError as error:
        agree(True, bool(str(error)), "a refusal says why")
        return found, f"{type(error).__name__}: {error}"
    return found, ""


def _mutated(text: bytes, draw: random.Random, blind: Blind) -> bytes:
    lines = text.splitlines(keepends=True)
    if not lines or draw.randrange(6) == 0:
        return blind(text)
    index = draw.randrange(len(lines))
    match draw.randrange(6):
        case 0:
            del lines[index]
        case 1:
            lines.insert(index, lines[index])
        case 2:
            lines[index : index + 2] = lines[index : index + 2][::-1]
        case _:
            lines[index] = _mutated_line(lines[index], draw, blind)
    return b"".join(_renumbered(lines)) if draw.randrange(4) else b"".join(lines)


def _mutated_line(line: bytes, draw: random.Random, blind: Blind) -> bytes:
    ts_ns, _, text = line.rstrip(b"\n").partition(b" ")
    if text.startswith(b"{") and draw.randrange(4):
        try:
            return ts_ns + b" " + _mutated_json(json.loads(text), draw) + b"\n"
        except (ValueError, RecursionError, TypeError):
            return blind(line)
    numbers = list(_DIFFERENT_NUMBER.finditer(line))
    if not numbers or draw.randrange(4) == 0:
        return blind(line)
    chosen = draw.choice(numbers)
    return line[: chosen.start()] + b"%d" % draw.choice(EDGES) + line[chosen.end() :]


def _mutated_json(value: Any, draw: random.Random) -> bytes:
    """Return JSON with one place changed, some levels down."""
    place = value
    while isinstance(place, dict) and place:
        name = draw.choice(sorted(place))
        if not isinstance(place[name], dict) or draw.randrange(4) == 0:
            place[name] = mutated_value(place[name], draw)
            break
        place = place[name]
    return json.dumps(value, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _renumbered(lines: list[bytes]) -> Iterator[bytes]:
    """Give the lines of an order flow the numbers that must stand before them."""
    number = 0
    for line in lines:
        first, comma, rest = line.partition(b",")
        if comma and first.lstrip(b"-").isdigit():
            yield b"%d,%b" % (number, rest)
            number += 1
        else:
            yield line
            number = 0


def _beginning(path: Path, count: int) -> bytes:
    return b"".join(line + b"\n" for _number, line in islice(numbered_lines(path), count))


def _packed(text: bytes) -> bytes:
    output = io.BytesIO()
    with lzma.open(output, "wb", preset=0) as file:
        file.write(text)
    return output.getvalue()

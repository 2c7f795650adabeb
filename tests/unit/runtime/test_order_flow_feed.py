"""Order flows through the exchange come to what independent models say."""

import lzma
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from lockstep_engine.codes import SelfTradeMode
from lockstep_engine.commands import AmendOrder, PlaceOrder
from lockstep_engine.events import CommandRejected, OrderRejected
from lockstep_kernel import CannotRunError, DamagedError, Fault, TornTailError
from lockstep_runtime.feeds import Feed, open_feed
from lockstep_runtime.feeds.order_flow import FlashFeed, FlowFeed
from lockstep_runtime.flows import FlowGenerator, FlowSpec, flow_line
from lockstep_runtime.reports import FlashReport, FlowReport
from tests.unit.runtime.driving import NORMAL, Kept, drive, items_of

SMALL = FlowSpec("small", 7, 3, 40, 3_000, 8)
HEADER = "seq,type,side,ioc,qty,order_id,price_ticks\n"


def flash_lines() -> list[str]:
    with lzma.open(NORMAL, "rt") as file:
        return file.read().splitlines()[1:]


def canonical_reports(lines: list[str]) -> str:
    """Return the canonical report text of a flow, from a model that knows no exchange."""
    live: dict[int, list[int]] = {}
    text: list[str] = []
    for line in lines:
        seq, kind, side, ioc, qty, order_id, price = map(int, line.split(","))
        old = live.pop(order_id, None) if kind else None
        if kind and old is None:
            text.append(f"{3 + kind},{seq},{order_id}")
            continue
        if kind == 1:
            text.append(f"2,{seq},{side},{order_id},{old[1] if old else 0}")
            continue
        reports = [] if kind else [f"0,{seq},{side},{order_id},{price},{qty}"]
        left = qty
        for maker_id, maker in by_priority(live, side, price):
            filled = min(left, maker[2])
            left -= filled
            maker[2] -= filled
            reports.append(f"1,{seq},{maker[1]},{filled},{maker_id},{order_id}")
            if not maker[2]:
                del live[maker_id]
            if not left:
                break
        if left and ioc:
            reports.append(f"2,{seq},{side},{order_id},{price}")
        elif left:
            live[order_id] = [side, price, left]
        text += reports + ([f"3,{seq},{side},{order_id},{price},{qty}"] if kind else [])
    return "\n".join(text)


def by_priority(
    live: dict[int, list[int]], side: int, price: int
) -> Iterator[tuple[int, list[int]]]:
    """Yield what an order meets; a dict keeps the order of arrival, a sort is stable."""
    sign = -1 if side else 1
    met = [(i, o) for i, o in live.items() if o[0] != side and o[1] * sign <= price * sign]
    yield from sorted(met, key=lambda pair: pair[1][1] * sign)


def test_the_report_text_of_a_flash_flow_is_the_models() -> None:
    text = canonical_reports(flash_lines())
    written: list[bytes] = []
    report = FlashReport(written.append)
    drive(FlashFeed(NORMAL), report)
    figures = report.finish()
    assert text == b"".join(written).decode()
    assert 20_000 == figures["messages"]
    assert sha256(text.encode()).hexdigest() == figures["report sha256"]
    assert {"0", "1", "2", "3", "4", "5"} == {line[0] for line in text.split("\n")}


def test_an_order_id_may_be_zero(tmp_path: Path) -> None:
    path = tmp_path / "zero.csv"
    path.write_text(HEADER + "0,0,0,0,5,0,100\n1,2,0,0,6,0,101\n2,0,1,1,6,3,101\n3,1,0,0,6,0,101\n")
    written: list[bytes] = []
    drive(open_feed(str(path)), FlashReport(written.append))
    expected = "0,0,0,0,100,5\n3,1,0,0,101,6\n0,2,1,3,101,6\n1,2,101,6,0,3\n4,3,0"
    assert expected == b"".join(written).decode()


def test_trades_and_final_book_of_a_flow_are_the_oracles() -> None:
    generator = FlowGenerator(SMALL)
    trades: list[bytes] = []
    orders: list[bytes] = []
    report, kept = FlowReport(trades.append, orders.append), Kept()
    drive(FlowFeed("small", generator.messages()), report, kept)
    oracle, figures = generator.oracle(), report.finish()
    assert oracle.trades_sha256 == figures["trades sha256"]
    assert oracle.book_sha256 == figures["book sha256"]
    assert oracle.trades == len(trades)
    assert oracle.resting == len(orders) == figures["orders left"]
    refused = [event for event in kept.all() if isinstance(event, CommandRejected | OrderRejected)]
    assert [] == refused


def test_a_flow_from_a_file_is_the_flow_from_its_generator(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_bytes(b"".join(map(flow_line, FlowGenerator(SMALL).messages())))
    generated = FlowFeed("small", FlowGenerator(SMALL).messages())
    assert items_of(generated) == items_of(open_feed(str(path)))


def test_every_order_of_a_flow_allows_self_trades_and_amends_name_totals() -> None:
    feed = FlowFeed("small", FlowGenerator(SMALL).messages())
    actions = [command.action for _ts_ns, command in items_of(feed)]
    orders = [action for action in actions if isinstance(action, PlaceOrder)]
    assert {int(SelfTradeMode.ALLOW)} == {order.self_trade for order in orders}
    assert any(isinstance(action, AmendOrder) for action in actions)


def test_feeds_keep_only_live_orders() -> None:
    feed = FlashFeed(NORMAL)
    report = FlashReport()
    drive(feed, report)
    assert len(feed._book.orders) < 1_000


def test_a_limit_cuts_a_feed_and_nonces_rise() -> None:
    feed = open_feed(str(NORMAL), limit=10)
    items = items_of(feed)
    orders = [command for _ts_ns, command in items if command.account == 1]
    assert 10 == len(orders)
    assert sorted({command.nonce for command in orders}) == [c.nonce for c in orders]
    assert sorted(ts_ns for ts_ns, _command in items) == [ts_ns for ts_ns, _command in items]


def until_fault(feed: Feed) -> tuple[int, Fault]:
    """Return how many commands come before the fault, and the fault."""
    count = 0
    chunks = feed.chunks()
    while True:
        try:
            count += len(next(chunks))
        except Fault as fault:
            return count, fault


def write(path: Path, data: str | bytes) -> str:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


GOOD = "0,0,0,0,5,7,100\n"
SET_UP = 10
"""How many commands the set-up of a flash flow has."""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1,3,0,0,5,8,100\n", "whole numbers"),
        ("1,0,0,0,5,8\n", "whole numbers"),
        ("1,0,0,0,-5,8,100\n", "whole numbers"),
        ("1,0,0,0,5.0,8,100\n", "whole numbers"),
        ("\n", "whole numbers"),
        ("2,0,0,0,5,8,100\n", "expected seq 1"),
        ("1,0,0,0,0,8,100\n", "a quantity from 1"),
        ("1,0,0,0,5,8,0\n", "a price from 1"),
        ("1,0,0,0,5,7,100\n", "another order_id than the live 7"),
        ("1,0,0,0,5,\u0667,100\n", "whole numbers"),
    ],
)
def test_a_bad_line_of_a_flash_flow_is_named(tmp_path: Path, line: str, expected: str) -> None:
    path = write(tmp_path / "bad.csv", HEADER + GOOD + line)
    count, fault = until_fault(open_feed(path))
    assert SET_UP + 1 == count
    assert isinstance(fault, CannotRunError)
    assert f"{path}: line 3: expected" in str(fault)
    assert expected in str(fault)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2,X,0,2,1,B,100,5\n", "seq,op,sym"),
        ("3,N,0,2,1,B,100,5\n", "expected seq 2"),
        ("2,N,0,3,1,B,100,5\n", "expected order 2, the next new one"),
        ("2,N,0,2,101,B,100,5\n", "an account from 1 to 100"),
        ("2,N,0,2,1,B,0,5\n", "a price from 1"),
        ("2,N,0,2,1,B,100,0\n", "a quantity from 1"),
        ("2,C,0,9,1,B,0,0\n", "a live order of account 1"),
        ("2,C,0,1,2,B,0,0\n", "a live order of account 2"),
        ("2,R,0,1,1,B,100,5\n", "fewer lots than the 5 that are left"),
        ("2,A,0,1,1,B,100,5\n", "another price than 100"),
    ],
)
def test_a_bad_line_of_a_benchmark_flow_is_named(tmp_path: Path, line: str, expected: str) -> None:
    path = write(tmp_path / "bad.csv", "1,N,0,1,1,B,100,5\n" + line)
    count, fault = until_fault(open_feed(path))
    assert 4 + 200 + 4 + 1 == count
    assert isinstance(fault, CannotRunError)
    assert f"{path}: line 2" in str(fault)
    assert expected in str(fault)


def test_half_a_line_at_the_end_is_torn(tmp_path: Path) -> None:
    path = write(tmp_path / "half.csv", HEADER + GOOD + "1,0,0,0,5,8,10")
    count, fault = until_fault(open_feed(path))
    assert SET_UP + 1 == count
    assert isinstance(fault, TornTailError)
    assert f"{path}: line 3: the file ends inside this line: '1,0,0,0,5,8,10'" == str(fault)


def test_a_truncated_xz_file_gives_its_whole_lines_first(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.csv.xz", NORMAL.read_bytes()[:60_000])
    count, fault = until_fault(open_feed(path))
    assert isinstance(fault, TornTailError)
    assert f"{path}: line {count - SET_UP + 2}: the xz file is cut off here" == str(fault)
    assert count > 5_000


def test_a_corrupt_xz_file_is_damaged(tmp_path: Path) -> None:
    data = bytearray(NORMAL.read_bytes())
    data[50_000] ^= 1
    path = write(tmp_path / "corrupt.csv.xz", bytes(data))
    _count, fault = until_fault(open_feed(path))
    assert isinstance(fault, DamagedError)
    assert "the xz file is corrupt" in str(fault)


def test_several_xz_streams_are_one_file(tmp_path: Path) -> None:
    parts = (HEADER, GOOD, "1,1,0,0,5,7,100\n")
    path = write(tmp_path / "parts.xz", b"".join(lzma.compress(part.encode()) for part in parts))
    assert SET_UP + 2 == len(items_of(open_feed(path)))


@pytest.mark.parametrize(
    "data", ["", "hello\n", "seq;type\n", "\n", '{"stream":1}\n', b"\x00\xff" * 100 + b"\n"]
)
def test_what_is_no_feed_is_refused_with_the_file_named(tmp_path: Path, data: str | bytes) -> None:
    path = write(tmp_path / "other", data)
    with pytest.raises(CannotRunError, match=f"^{path}: "):
        open_feed(path)


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(CannotRunError, match="no/such/file: cannot be read: No such file"):
        open_feed("no/such/file")


@pytest.mark.parametrize("name", ["market:", "market:x", "market:1:", "flow:w2k", "flow:"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(CannotRunError, match="expected market:SEED"):
        open_feed(name)

"""Candles from a seed, and events from the recording."""

import lzma
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.pipeline import Span, SplitMix64, Walk, candles, recorded
from lockstep_desk.pipeline.recording import decimal
from lockstep_desk.strategy import Candle, MarketTrade, Quote
from lockstep_desk.types import Side
from lockstep_kernel import CannotRunError, DamagedError, TornTailError

E9 = 10**9
SPAN = Span(0, E9)
FEED = (
    Path(__file__).parents[4]
    / "examples/data/binance-usdm-btcusdt/usdm_btcusdt_20240808_first12000.jsonl.xz"
)


@pytest.mark.desk("PIPE-D10")
def test_the_random_numbers_are_those_of_splitmix64() -> None:
    # The first outputs of the reference implementation for the seed 1234567.
    random = SplitMix64(1234567)
    assert [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ] == [random.next() for _ in range(5)]


@pytest.mark.desk("PIPE-D10")
@given(st.integers(0, 2**64), st.integers(1, 50), st.integers(1, 100))
def test_candles_are_coherent_and_connected(seed: int, start: int, step: int) -> None:
    last: Candle | None = None
    for each in candles(seed, [Walk("A", 10, start, step)], SPAN, 30):
        prices = (each.open_e9, each.close_e9)
        assert 0 < each.low_e9 <= min(prices) <= max(prices) <= each.high_e9
        assert 0 == each.low_e9 % 10
        assert each.volume_e8 > 0
        assert last is None or (last.close_e9, last.ts_ns + E9) == (each.open_e9, each.ts_ns)
        last = each


@pytest.mark.desk("PIPE-D10")
def test_a_seed_gives_the_same_candles() -> None:
    walks = [Walk("A", E9, 100), Walk("B", E9, 2000)]
    first, again = list(candles(7, walks, SPAN, 50)), list(candles(7, walks, SPAN, 50))
    assert first == again
    assert first != list(candles(8, walks, SPAN, 50))
    # Written down once: a change of these is a change of what every seed means.
    assert Candle("A", E9, 100 * E9, 121 * E9, 100 * E9, 121 * E9, 348058502) == first[0]


@pytest.mark.desk("PIPE-D10")
def test_a_walk_does_not_depend_on_those_behind_it() -> None:
    alone = list(candles(7, [Walk("A", E9, 100)], SPAN, 20))
    both = candles(7, [Walk("A", E9, 100), Walk("B", E9, 5)], SPAN, 20)
    assert alone == [each for each in both if each.instrument == "A"]


def test_candles_without_a_count_have_no_end() -> None:
    endless = candles(7, [Walk("A", E9, 100)], SPAN)
    assert 1000 * E9 == list(islice(endless, 1000))[-1].ts_ns


def test_the_recording_is_read() -> None:
    events = list(recorded(FEED))
    quotes = [each for each in events if isinstance(each, Quote)]
    trades = [each for each in events if isinstance(each, MarketTrade)]
    # What examples/data/README.md says of the file.
    assert (9178, 1920) == (len(quotes), len(trades))
    assert {"BTCUSDT"} == {each.instrument for each in events}
    assert all(each.bid_e9 < each.ask_e9 for each in quotes)
    assert sorted(each.ts_ns for each in events) == [each.ts_ns for each in events]


def test_prices_are_taken_from_their_text() -> None:
    first = next(each for each in recorded(FEED) if isinstance(each, MarketTrade))
    assert (61_800_300_000_000, 600_000, Side.BUY) == (
        first.price_e9,
        first.qty_e8,
        first.side,
    )


@pytest.mark.parametrize(
    ("text", "expected"), [("1", E9), ("0.000000001", 1), ("61800.20", 61_800_200_000_000)]
)
def test_a_decimal_text_is_exact(text: str, expected: int) -> None:
    assert expected == decimal(text, 9)


@pytest.mark.parametrize("bad", ["1.5e3", "-1", "", "1,5", "NaN", None, 1.5, "0.00000000011"])
def test_a_number_that_is_no_decimal_text_is_refused(bad: object) -> None:
    with pytest.raises(InvalidValueError, match="expected"):
        decimal(bad, 9)


TRADE = b'1 {"data":{"e":"trade","s":"X","p":"5","q":"1","m":true}}\n'


def broken(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "feed"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", CannotRunError, "expected quotes or trades of a recorded feed, found none"),
        (TRADE + b"nonsense\n", DamagedError, "line 2: expected a time in ns and a JSON object"),
        (TRADE + b"2 {]}\n", DamagedError, "line 2: expected a message of the feed"),
        (TRADE[:-1], TornTailError, "line 1: the file ends inside it"),
        (TRADE + b"17", TornTailError, "line 2: the file ends inside it"),
        (b"\x00\xff" * 100, DamagedError, "line 1: expected a time in ns and a JSON object, found"),
        (TRADE + b"17 [", DamagedError, "line 2: expected a time in ns and a JSON object, found"),
        (TRADE.replace(b'"5"', b'"-5"'), DamagedError, "found '-5'"),
        (TRADE.replace(b'"5"', b"5"), DamagedError, "decimal number as text, found 5"),
        (lzma.compress(TRADE * 9)[:-30], TornTailError, "the xz file is cut off"),
        (lzma.compress(TRADE)[:20] + b"x" * 90, DamagedError, "the xz file is corrupt"),
        (lzma.compress(TRADE)[:4], TornTailError, "the xz file is cut off"),
    ],
)
def test_a_broken_recording_is_named_with_file_and_line(
    tmp_path: Path, content: bytes, error: type[Exception], words: str
) -> None:
    path = broken(tmp_path, content)
    with pytest.raises(error, match=words) as raised:
        list(recorded(path))
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("late", [TRADE, b'1 {"data":{"e":"other"}}\n'])
def test_a_line_that_is_older_than_the_one_before_is_damage(tmp_path: Path, late: bytes) -> None:
    """Whoever reads a recording takes its times for those of the world: they never go back."""
    later = TRADE.replace(b"1 ", b"2 ", 1)
    assert 2 == len(list(recorded(broken(tmp_path, later * 2))))
    words = r"feed: line 3: expected a time from 2 ns on, that of the line before, found 1"
    with pytest.raises(DamagedError, match=words):
        list(recorded(broken(tmp_path, later * 2 + late)))


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotRunError, match="cannot be read: No such file"):
        list(recorded(tmp_path / "nothing"))


def test_a_limit_counts_lines(tmp_path: Path) -> None:
    assert 2 == len(list(recorded(broken(tmp_path, TRADE * 5), 2)))

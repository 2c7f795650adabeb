"""The parser of symbols by itself: every date, and the way back ([INS-1], [INS-2])."""

from datetime import UTC, datetime, timedelta

import pytest

from lockstep_engine.codes import InstrumentKind
from lockstep_engine.symbols import Symbol, expiry_of, is_underlying_name, parse_symbol

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
DAYS = (datetime(2099, 12, 31, tzinfo=UTC) - FIRST).days + 1
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()


def test_every_day_of_the_century_parses_in_both_spellings() -> None:
    for number in range(DAYS):
        date = FIRST + timedelta(days=number)
        long = f"X-{date:%Y%m%d}"
        short = f"X-{date.day}{MONTHS[date.month - 1]}{date:%y}"
        expected = Symbol(long, "X", InstrumentKind.FUTURE, 10_957 + number, 0)
        assert (expected, expected) == (parse_symbol(long), parse_symbol(short))


def test_no_other_eight_digits_parse() -> None:
    days = {f"{FIRST + timedelta(days=number):%Y%m%d}" for number in range(DAYS)}
    for year in (1999, 2000, 2001, 2023, 2024, 2099, 2100):
        for rest in range(10_000):
            text = f"{year}{rest:04d}"
            assert (text in days) == (parse_symbol(f"X-{text}") is not None)


def test_the_expiry_is_that_day_in_utc() -> None:
    symbol = parse_symbol("BTC-29FEB28-1-C")
    assert symbol is not None
    expected = int(datetime(2028, 2, 29, 8, tzinfo=UTC).timestamp()) * 10**9
    assert expected == expiry_of(symbol, 28_800)


def test_a_perpetual_has_no_expiry() -> None:
    symbol = parse_symbol("BTC-PERPETUAL")
    assert symbol == Symbol("BTC-PERP", "BTC", InstrumentKind.PERPETUAL, -1, 0)
    assert 0 == expiry_of(symbol, 28_800)


@pytest.mark.parametrize("text", ["BTC-PERP", "BTC-20261225", "BTC-20261225-5-C", "A-20000101-1-P"])
def test_the_canonical_form_parses_to_itself(text: str) -> None:
    symbol = parse_symbol(text)
    assert symbol is not None
    assert text == symbol.canonical
    assert symbol == parse_symbol(symbol.canonical)


def test_no_character_but_capitals_and_digits_makes_a_name() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for number in [*range(0x300), 0x410, 0x661, 0xFF21, 0x1D400]:
        character = chr(number)
        assert (character in letters) == is_underlying_name(character)
        expected = character in letters or character in "0123456789"
        assert expected == is_underlying_name(f"A{character}")

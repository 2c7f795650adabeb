"""Symbols mean contracts, in two spellings and no third."""

import pytest

from lockstep_engine.codes import InstrumentKind
from lockstep_naive.symbols import Date, parse

DAY_NS = 86_400 * 10**9


@pytest.mark.rule("INS-1")
@pytest.mark.parametrize(
    ("canonical", "other"),
    [
        ("BTC-PERP", "BTC-PERPETUAL"),
        ("BTC-20261225", "BTC-25DEC26"),
        ("BTC-20261225-100000-C", "BTC-25DEC26-100000-C"),
        ("BTC-20261225-100000-P", "BTC-25DEC26-100000-P"),
        ("A-20000101", "A-1JAN00"),
        ("Z9Z9Z9Z9Z9Z9Z9Z9-20991231-1000000000-C", "Z9Z9Z9Z9Z9Z9Z9Z9-31DEC99-1000000000-C"),
        ("BTC-20240229", "BTC-29FEB24"),
    ],
)
def test_both_spellings_mean_one_contract(canonical: str, other: str) -> None:
    contract = parse(canonical)
    assert contract is not None
    assert contract == parse(other)
    assert canonical == contract.symbol


@pytest.mark.rule("INS-1")
def test_a_contract_has_its_parts() -> None:
    call = parse("BTC-5MAR26-100000-C")
    assert call is not None
    assert ("BTC", InstrumentKind.CALL, Date(2026, 3, 5), 100_000) == tuple(call)
    assert 100_000_000_000 == call.strike_e6
    kinds = [parse(symbol).kind for symbol in ("X-PERP", "X-20260305", "X-20260305-1-P")]
    assert [InstrumentKind.PERPETUAL, InstrumentKind.FUTURE, InstrumentKind.PUT] == kinds


@pytest.mark.rule("INS-1")
@pytest.mark.parametrize(
    "symbol",
    [
        *("", "BTC", "BTC-", "-PERP", "btc-PERP", "BTC-PERP-", "BTC-PERP-1-C", "BTC-perp"),
        *("1BTC-PERP", "BTCBTCBTCBTCBTCBT-PERP", "B.C-PERP", "BTC-PERP ", "BTC-PERP\n"),
        *("BTC-20260230", "BTC-20261301", "BTC-20260100", "BTC-19991231", "BTC-21000101"),
        *("BTC-20250229", "BTC-05MAR26", "BTC-5MAR2026", "BTC-31JUN26", "BTC-0MAR26"),
        *("BTC-5mar26", "BTC-5XYZ26", "BTC-2026122", "BTC-202612255", "BTC-٢0261225"),
        *("BTC-20261225-C", "BTC-20261225-100", "BTC-20261225-0-C", "BTC-20261225-01-C"),
        *("BTC-20261225-1000000001-C", "BTC-20261225-1.5-C", "BTC-20261225--1-C"),
        *("BTC-20261225-100-X", "BTC-20261225-100-c", "BTC-20261225-100-C-C", "BTC-PERP-PERP"),
        *("BTC-5MAR26\n", "BTC-20261225-100\n-C"),
    ],
)
def test_nothing_else_parses(symbol: str) -> None:
    assert parse(symbol) is None


@pytest.mark.rule("INS-2")
@pytest.mark.parametrize(
    ("symbol", "days"),
    [
        ("X-20000101", 10_957),
        ("X-20000301", 11_017),
        ("X-20261225", 20_812),
        ("X-20991231", 47_481),
    ],
)
def test_expiry_is_midnight_utc_plus_the_time_of_the_underlying(symbol: str, days: int) -> None:
    contract = parse(symbol)
    assert contract is not None
    assert days * DAY_NS + 28_800 * 10**9 == contract.expiry_ns(28_800)


@pytest.mark.rule("INS-2")
def test_a_perpetual_never_expires() -> None:
    contract = parse("BTC-PERP")
    assert contract is not None
    assert 0 == contract.expiry_ns(28_800)

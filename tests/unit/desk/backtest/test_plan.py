"""Configurations of backtests, and the moves that a market is made of."""

from pathlib import Path

import pytest

from lockstep_desk.adapters.exchange.venue import FundingRate, Listing, VenueAccount
from lockstep_desk.backtest import load_plan, parse_plan
from lockstep_desk.backtest.moves import moves, rates, with_rates
from lockstep_desk.core.commands import Limits
from lockstep_desk.pipeline import ConfigError
from lockstep_desk.strategy import Candle, MarketTrade, Quote
from lockstep_desk.types import HaltAction, Side
from lockstep_kernel import CannotRunError
from tests.unit.desk.backtest.support import CATALOG, FLAT, RSI, SHARED, SMA, run_text
from tests.unit.runtime.driving import ROOT

ETH = '[[instrument]]\nname = "ETH-PERP"\ntick_e9 = 10_000_000\nlot_e8 = 1_000_000\n'
TEXT = SHARED.format(count=10) + run_text("a", RSI, SMA) + run_text("b", FLAT)


@pytest.mark.desk("DESK-79")
def test_runs_share_constants_and_have_traders_and_risk_of_their_own() -> None:
    text = TEXT.replace(
        "[[run]]", "[risk]\nmax_order_cents = 7\nmax_position_cents = 9\n[[run]]", 1
    )
    text += '[[run]]\nid = "c"\nrisk_free_e9 = 5\n'
    text += '[run.risk]\nmax_order_cents = 8\nhalt_action = "hard_halt"\n'
    text += run_text("c", FLAT).split("\n", 2)[2]
    plan = parse_plan(text, "x", CATALOG)
    assert ["a", "b", "c"] == [run.run_id for run in plan.runs]
    assert [2, 1, 1] == [len(run.traders) for run in plan.runs]
    assert [0, 0, 5] == [run.risk_free_e9 for run in plan.runs]
    assert Limits(9, 7, 1_000) == plan.runs[0].limits
    assert Limits(9, 8, 1_000, HaltAction.HARD_HALT) == plan.runs[2].limits
    assert 1_000_000 == plan.shared.one_way_ns


def test_the_example_is_a_plan() -> None:
    plan = load_plan(ROOT / "examples" / "desk" / "backtest.toml")
    assert ["rsi-7", "rsi-14", "trend-and-quotes"] == [run.run_id for run in plan.runs]


def test_accounts_have_capital_of_their_own_or_that_of_all() -> None:
    assert (VenueAccount("main", 10_000_000),) == parse_plan(
        TEXT, "x", CATALOG
    ).shared.venue.accounts
    text = '[[account]]\nname = "left"\n[[account]]\nname = "right"\ncapital_cents = 7\n'
    text += SHARED.format(count=10) + run_text("a", RSI, (*SMA, "right"))
    plan = parse_plan(text, "x", CATALOG)
    assert (
        VenueAccount("left", 10_000_000),
        VenueAccount("right", 7),
    ) == plan.shared.venue.accounts
    assert ["left", "right"] == [named.trader.account for named in plan.runs[0].traders]


def test_funding_is_a_schedule_of_rates() -> None:
    text = SHARED.format(count=10) + "[[instrument.funding]]\nrate_e9 = 100_000\n"
    text += "[[instrument.funding]]\nfrom_ns = 5\nrate_e9 = -7\ninterval_s = 3_600\n"
    plan = parse_plan(text + run_text("a", RSI), "x", CATALOG)
    (listing,) = plan.shared.venue.listings
    assert (FundingRate(0, 100_000, 28_800), FundingRate(5, -7, 3_600)) == listing.funding


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "funding[0].rate_e9: expected an integer, found no such key"),
        ("rate = 5\n", "line 20: instrument[0].funding[0].rate: expected an integer, found 'rate'"),
        ("rate_e9 = 5\nrate = 5\n", "(did you mean 'rate_e9'?)"),
        (
            "rate_e9 = 200_000_000\n",
            "line 20: instrument[0].funding[0].rate_e9: expected an integer",
        ),
        ("rate_e9 = 0.01\n", "expected an integer from -100000000 to 100000000, found 0.01"),
        ("rate_e9 = 1\ninterval_s = 60\n", "interval_s: expected an integer from 3600 to 604800"),
        ("rate_e9 = 1\n[[instrument.funding]]\nrate_e9 = 1\n", "from_ns: expected a time after"),
    ],
)
def test_a_mistake_in_funding_is_named_by_its_key(more: str, said: str) -> None:
    text = SHARED.format(count=10) + "[[instrument.funding]]\n" + more + run_text("a", RSI)
    with pytest.raises(ConfigError) as error:
        parse_plan(text, "x.toml", CATALOG)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "line 1: account[0].name: expected a text, found no such key"),
        ('name = "../up"\n', "account[0].name: expected up to 64 of letters"),
        ('name = "a"\n[[account]]\nname = "a"\n', "account[1].name: expected a name of its own"),
        ('name = "a"\ncapital_cents = 0\n', "account[0].capital_cents: expected an integer from 1"),
        ('name = "a"\ncapital = 5\n', "(did you mean 'capital_cents'?)"),
        ('name = "mine"\n', "trader[0].account: expected one of mine, found 'mire' (did you mean"),
        ('name = "mire"\n', "trader[1].name: expected a name of its own, as sheets are called by"),
    ],
)
def test_a_mistake_in_accounts_is_named_by_its_key(more: str, said: str) -> None:
    text = "[[account]]\n" + more + SHARED.format(count=10)
    text += run_text("a", (*RSI, "mire"), SMA).replace('"sma_cross"', '"account mire"', 1)
    with pytest.raises(ConfigError) as error:
        parse_plan(text, "x.toml", CATALOG)
    assert said in str(error.value)


def test_how_the_gates_of_a_run_count_is_said_by_flags() -> None:
    text = SHARED.format(count=10) + "[risk]\nstrict = true\nsliding = true\n"
    text += run_text("a", RSI) + run_text("b", RSI, risk="caps_open = true\nstrict = false")
    of_all, of_b = (run.limits for run in parse_plan(text, "x", CATALOG).runs)
    assert (True, True, False) == (of_all.is_strict, of_all.is_sliding, of_all.caps_open)
    assert (False, True, True) == (of_b.is_strict, of_b.is_sliding, of_b.caps_open)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[venue]", "[checks]\nmax_notional = 1\n[venue]", "(did you mean 'max_notional_cents'?)"),
        ("[venue]", "[checks]\nmax_notional_cents = 0\n[venue]", "from 1 on, found 0"),
        ("[venue]", "[venue]\nmmp_qty_e8 = 0", "venue.mmp_qty_e8: expected an integer from 1 to"),
        ("[venue]", "[venue]\nmmp_frozen = 5", "(did you mean 'mmp_frozen_ms'?)"),
        ("[venue]", "[risk]\nstrict = 1\n[venue]", "risk.strict: expected true or false, found 1"),
        ("[venue]", '[risk]\nsliding = "no"\n[venue]', "risk.sliding: expected true or false"),
        ("[venue]", "[risk]\ncap_open = true\n[venue]", "(did you mean 'caps_open'?)"),
        ("[venue]", "[risk]\nmax_order_cents = true\n[venue]", "from 1 to 10"),
        ("count = 10\n", "", "line 2: feed.count: expected how many candles"),
        ('id = "b"', 'id = "A"', "run[1].id: expected an id of its own, found 'A' again"),
        ('id = "b"', 'id = "../b"', "run[1].id: expected up to 64 of letters"),
        ('id = "b"', 'id = "b"\nlatency = 3', "run[1].latency: expected one of checks, id, risk"),
        ("latency_us", "latency_u", "venue.latency_u: expected one of"),
        ("latency_us", "latency_u", "(did you mean 'latency_us'?)"),
        ("latency_us = 2_000", "latency_us = 0", "venue.latency_us: expected an integer from 1"),
        ("capital_cents = 10_000_000", "capital_cents = 0", "venue.capital_cents: expected"),
        ('name = "BTC-PERP"', 'name = "BTC-20301225"', "instrument[0].name: expected a perpetual"),
        ('name = "BTC-PERP"', 'name = "ETH-PERP"', "feed.walk[0].instrument: expected the source"),
        ("tick_e9 = 100_000_000\nlot", "tick_e9 = 1_500\nlot", "tick_e9: expected a multiple"),
        ("lot_e8 = 100_000", "lot_e8 = 7", "instrument[0].lot_e8: expected a lot of which one"),
        ("half_spread_ticks = 5", "price_max_ticks = 1_000_000_000_000", "price_max_ticks: exp"),
        ('name = "rsi"', 'name = "portfolio"', "run[0].trader[0].name: expected a name of its own"),
        ("[venue]", "[venu]", "x.toml: line 11: venu: expected one of account, checks, failures"),
        ("[venue]", "[[venue]]", "line 11: venue: expected a table, found an array of tables"),
        ("qty_e8 = 1_000_000", "qty_e8 = 1_000_001", "qty_e8: expected a multiple of 100000, the"),
        (
            "qty_e8 = 1_000_000",
            "qty_e8 = -1",
            "options.qty_e8: expected an integer from 0 on, found",
        ),
        ('name = "BTC-PERP"', 'name = "BTC-20301225-1-C"', "options and dated futures cannot be"),
        ('strategy = "rsi"', 'strategy = "rsj"', "(did you mean 'rsi'?)"),
        ("period = 3", "periods = 3", "run[0].trader[0].options.periods"),
        ("[venue]", '[statistics]\nsample = "weekly"\n[venue]', "statistics.sample: expected one"),
        ("[venue]", "[risk]\nmax_order_cents = 0\n[venue]", "risk.max_order_cents: expected"),
        ('instrument = "BTC-PERP"\nstrategy', 'instrument = "X"\nstrategy', "trader[0].instrument"),
    ],
)
def test_a_mistake_is_named_by_its_key(old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(ConfigError) as error:
        parse_plan(TEXT.replace(old, new, 1), "x.toml", CATALOG)
    assert str(error.value).startswith("x.toml: line ")
    assert said in str(error.value)


def test_runs_that_are_called_otherwise_are_named_by_their_first_heading() -> None:
    text = SHARED.format(count=10) + run_text("a", RSI).replace("[[run]]", "[[runs]]")
    with pytest.raises(ConfigError, match=r"x: line 19: runs: .*\(did you mean 'run'\?\)"):
        parse_plan(text, "x", CATALOG)


def test_two_deployments_of_one_id_are_refused_with_both_lines() -> None:
    text = SHARED.format(count=10) + run_text("a", RSI, RSI)
    with pytest.raises(ConfigError, match=r"line 27: run\[0\].trader\[1\].name: .* of line 22$"):
        parse_plan(text, "x.toml", CATALOG)


def test_a_trader_of_what_no_walk_moves_is_refused() -> None:
    text = TEXT.replace(
        '[[instrument]]\nname = "BTC-PERP"', f'{ETH}[[instrument]]\nname = "BTC-PERP"'
    )
    trader = text.index('instrument = "BTC-PERP"\nstrategy')
    text = text[:trader] + text[trader:].replace("BTC-PERP", "ETH-PERP", 1)
    with pytest.raises(ConfigError) as error:
        parse_plan(text, "x.toml", CATALOG)
    assert str(error.value).endswith(
        "trader[0].instrument: expected one with a [[feed.walk]] (BTC-PERP), found 'ETH-PERP'"
    )


def test_the_line_of_a_trader_is_counted_within_its_run() -> None:
    text = TEXT.replace("qty_e8 = 300_000", "qty = 300_000")
    line = text[: text.index("qty = 300_000")].count("\n") + 1
    with pytest.raises(ConfigError, match=rf"line {line}: run\[1\]\.trader\[0\]\.options"):
        parse_plan(text, "x.toml", CATALOG)


@pytest.mark.parametrize("section", ["[[run]]", "[[instrument]]"])
def test_a_plan_without_runs_or_instruments_is_refused(section: str) -> None:
    with pytest.raises(ConfigError, match="at least, found none"):
        parse_plan(TEXT[: TEXT.index(section)], "x.toml", CATALOG)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotRunError, match=r"none\.toml: cannot be read"):
        load_plan(tmp_path / "none.toml")


def candle(ts_ns: int, name: str, *prices: int) -> Candle:
    return Candle(name, ts_ns, *prices, 1)


def test_a_candle_is_a_path_of_four_prices_that_ends_with_it() -> None:
    rising, falling = candle(400, "A", 10, 14, 8, 12), candle(800, "A", 12, 14, 7, 9)
    found = [(move.due_ns, move.price_e9) for move in moves([rising, falling], {"A": "A"}, 400)]
    first = [(100, 10), (200, 8), (300, 14), (400, 12)]
    assert [*first, (500, 12), (600, 14), (700, 7), (800, 9)] == found


def test_paths_of_one_moment_run_side_by_side_and_others_are_left_out() -> None:
    events = [candle(400, name, 10, 14, 8, 12) for name in ("A", "X", "B")]
    found = list(moves(events, {"A": "A-PERP", "B": "B-PERP"}, 400))
    assert ["A-PERP", "B-PERP"] * 4 == [move.instrument for move in found]
    assert [events[0], events[2]] == [move.event for move in found if move.event]


def test_rates_hold_from_their_times_and_none_after_the_end() -> None:
    listing = Listing("A", 1_000, 1, funding=tuple(FundingRate(ns, ns, 3_600) for ns in (1, 7, 9)))
    path = list(moves([Quote("A", ns, 1, 1, 2, 1) for ns in (5, 7, 8)], {"A": "A"}, 400))
    found = [(move.due_ns, move.event) for move in with_rates(path, rates([listing], 5))]
    first, second, _late = listing.funding
    quotes = [move.event for move in path]
    assert [(5, first), (5, quotes[0]), (7, second), (7, quotes[1]), (8, quotes[2])] == found


def test_quotes_and_trades_happen_when_they_were_recorded() -> None:
    events = [Quote("A", 5, 1, 1, 2, 1), MarketTrade("A", 7, 2, 1, Side.BUY)]
    found = list(moves(events, {"A": "A-PERP"}, 400))
    assert [(5, events[0]), (7, events[1])] == [(move.due_ns, move.event) for move in found]

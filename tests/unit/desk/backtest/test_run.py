"""One backtest: real matching, time of the data alone, nothing lost at the end, honest books."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from lockstep_desk.adapters.exchange.venue import Protection, VenueAccount
from lockstep_desk.backtest import BacktestResult, Plan, parse_plan, run, run_one
from lockstep_desk.core.machine import MACHINE as DESK
from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_kernel import CannotRunError, Machine
from lockstep_replay import recover
from tests.unit.desk.backtest.support import (
    CATALOG,
    FLAT,
    RSI,
    SHARED,
    SMA,
    plan_of,
    run_text,
)
from tests.unit.runtime.driving import SAMPLE

E9_PER_CENT = 10**7


def result_of(*traders: tuple[str, str], count: int = 120, risk: str = "") -> BacktestResult:
    return run_one(plan_of(run_text("one", *traders, risk=risk), count=count), 0, None, CATALOG)


@pytest.mark.desk("DESK-79", "DESK-D15")
def test_orders_fill_at_the_exchange_and_the_cash_there_is_what_the_sheets_say() -> None:
    turns = ("turns", "number = 4")
    found = result_of(turns, count=43)
    (cash,) = found.summary.assets
    sheet = found.portfolio
    assert ("usd", 40, 20) == (cash.name, found.fills, sheet.trades.count)
    assert cash.balance_end_e9 - 10**7 * E9_PER_CENT == sheet.pnl_e9
    assert sheet.trades.gross_profit_e9 - sheet.trades.gross_loss_e9 == sheet.pnl_e9


def test_the_portfolio_is_the_sum_of_its_traders() -> None:
    found = result_of(RSI, SMA, count=400)
    sheets = {sheet.name: sheet for sheet in found.summary.sheets}
    assert ["portfolio", "rsi", "sma_cross"] == list(sheets)
    whole, rsi, sma = sheets.values()
    assert abs(whole.pnl_e9 - rsi.pnl_e9 - sma.pnl_e9) <= 1
    assert whole.trades.count == rsi.trades.count + sma.trades.count > 10
    assert ["portfolio", "rsi", "sma_cross"] == [curve.name for curve in found.curves]


def test_what_is_bought_and_not_sold_costs_its_fee_and_is_worth_the_price_now() -> None:
    found = result_of(("buys_at", "number = 3"), count=3)
    (cash,) = found.summary.assets
    sheet = found.portfolio
    assert (1, 0) == (found.fills, sheet.trades.count)
    fee_e9 = 10**7 * E9_PER_CENT - cash.balance_end_e9
    # 5 bps of one lot of 0.001 at about 60,000.
    assert 25 * 10**6 < fee_e9 < 35 * 10**6
    # Half the spread, 0.50 by 0.001, is lost at once, beside the fee.
    assert -fee_e9 - 2 * 10**6 < sheet.pnl_e9 < -fee_e9


@pytest.mark.desk("DESK-D13", "DESK-79")
def test_a_run_depends_on_its_plan_alone_to_the_hash() -> None:
    first, again = result_of(RSI, SMA), result_of(RSI, SMA)
    assert first == again
    assert first.summary.end_ns < 121 * 60 * 10**9
    plan = plan_of(run_text("one", RSI, SMA))
    other = msgspec.structs.replace(plan.shared.venue, seed=2)
    plan = replace(plan, shared=replace(plan.shared, venue=other))
    assert first.exchange_hash != run_one(plan, 0, None, CATALOG).exchange_hash


@pytest.mark.desk("I15")
@pytest.mark.parametrize("pool", ["thread", "process"])
def test_the_pool_of_a_run_can_be_seen_in_no_result(pool: str) -> None:
    text = run_text("one", RSI, SMA)
    more = f'[pool]\nkind = "{pool}"\nworkers = 2\n'
    expected = run_one(plan_of(text, count=30), 0, None, CATALOG)
    assert expected == run_one(plan_of(text, count=30, more=more), 0, None, CATALOG)


@pytest.mark.desk("DESK-D14", "DESK-78")
def test_an_order_for_the_last_candle_is_filled_after_the_data_ended() -> None:
    found = result_of(("buys_at", "number = 5"), count=5)
    assert (1, 1) == (found.intents, found.fills)
    last_candle_ns = 5 * 60 * 10**9
    # There and back twice by a millisecond: candle, order, fill.
    assert last_candle_ns + 3 * 10**6 == found.summary.end_ns


@pytest.mark.desk("DESK-79")
def test_no_data_is_an_error_that_says_of_what() -> None:
    text = SHARED.replace("[feed]\nseed = 7\ncount = {count}\nevery_ms = 60_000\n", "[feed]\n")
    text = text.replace("[feed]", f'[feed]\npath = "{SAMPLE}"\nlimit = 50')
    walk = text[text.index("[[feed.walk]]") : text.index("[venue]")]
    plan = parse_plan(text.replace(walk, "") + run_text("one", FLAT), "plan.toml", CATALOG)
    with pytest.raises(CannotRunError, match="expected market data of BTC-PERP, found none"):
        run_one(plan, 0, None, CATALOG)


def test_a_recording_without_what_a_trader_trades_is_an_error() -> None:
    text = SHARED[SHARED.index("[venue]") :].replace(
        'name = "BTC-PERP"', 'name = "BTC-PERP"\nsource = "BTCUSDT"'
    )
    text += '[[instrument]]\nname = "ETH-PERP"\ntick_e9 = 10_000_000\nlot_e8 = 1_000_000\n'
    text += "[[instrument.funding]]\nrate_e9 = 1\n" + run_text("one", FLAT, SMA)
    feed = f'[feed]\npath = "{SAMPLE}"\nlimit = 100\n'
    last = text.rindex('instrument = "BTC-PERP"')
    plan = parse_plan(
        feed + text[:last] + text[last:].replace("BTC-PERP", "ETH-PERP", 1), "plan.toml", CATALOG
    )
    with pytest.raises(CannotRunError, match="expected market data of ETH-PERP, found none in the"):
        run_one(plan, 0, None, CATALOG)


def test_orders_that_the_exchange_does_not_take_are_counted() -> None:
    poor = plan_of(run_text("one", ("buys_twice_at", "number = 2")), count=3)
    accounts = (VenueAccount(capital_cents=1),)
    venue = msgspec.structs.replace(poor.shared.venue, accounts=accounts)
    poor = replace(poor, shared=replace(poor.shared, venue=venue))
    found = run_one(poor, 0, None, CATALOG)
    assert (0, 0, 2) == (found.fills, found.refused, found.rejected)
    assert (("exchange: balance insufficient", 2),) == found.refusals


def test_a_recorded_market_is_quoted_and_traded_as_it_was() -> None:
    text = SHARED[SHARED.index("[venue]") :].replace(
        'name = "BTC-PERP"', 'name = "BTC-PERP"\nsource = "BTCUSDT"'
    )
    feed = f'[feed]\npath = "{SAMPLE}"\nlimit = 1_500\n'
    plan = parse_plan(feed + text + run_text("one", FLAT), "plan.toml", CATALOG)
    found = run_one(plan, 0, None, CATALOG)
    assert found.events > 500
    assert (1, 1) == (found.intents, found.fills)
    assert found == run_one(plan, 0, None, CATALOG)


@pytest.mark.desk("PIPE-19")
def test_a_strategy_that_fails_is_halted_and_the_others_trade() -> None:
    more = "[failures]\nfirst_ms = 0\ncap_ms = 0\nfailures_max = 1\n"
    plan = plan_of(run_text("one", ("raises_at", "number = 2"), RSI), more=more)
    found = run_one(plan, 0, None, CATALOG)
    assert (1, 1) == (found.failures, found.halts)
    assert found.fills > 2


def test_the_risk_of_a_run_is_held() -> None:
    free, held = result_of(RSI), result_of(RSI, risk="max_order_cents = 1_000")
    assert free.refused == 0 < free.fills
    assert held.fills == 0 < held.refused


@pytest.mark.desk("F2")
@pytest.mark.parametrize(
    ("action", "halts", "fills", "held_e8"),
    [("warn", 0, 2, 2 * 10**5), ("soft_halt", 1, 1, 10**5), ("liquidate", 1, 2, 0)],
)
def test_a_breach_is_carried_out_as_its_limit_says(
    action: str, halts: int, fills: int, held_e8: int
) -> None:
    risk = f'max_orders_per_sec = 1\nhalt_action = "{action}"'
    found = run_one(
        plan_of(run_text("one", ("buys_twice_at", "number = 2"), risk=risk), count=9),
        0,
        None,
        CATALOG,
    )
    (books,) = found.books
    assert (halts, fills) == (found.halts, found.fills)
    told = "warning" if action == "warn" else "gate"
    assert ((f"{told}: orders per second", 1),) == found.refusals
    assert held_e8 == sum(qty_e8 for _name, qty_e8 in books.positions)


@pytest.mark.desk("DESK-50", "DESK-53")
def test_what_the_checks_of_a_run_refuse_is_counted_by_the_check() -> None:
    # A lot of 0.001 at about 60,000 is worth 6,000 cents, two orders of it are apart.
    twice = run_text("one", ("buys_twice_at", "number = 2"), risk="max_orders_per_sec = 1")
    free, (held, capped) = plan_of(twice, count=3), checked_plans(twice)
    assert (("gate: orders per second", 1),) == run_one(free, 0, None, CATALOG).refusals
    found = run_one(held, 0, None, CATALOG)
    assert (0, 2, (("risk: order notional", 2),)) == (found.fills, found.refused, found.refusals)
    assert {"risk: order notional": 2} == found.plain()["refusals"]
    assert 1 == run_one(capped, 0, None, CATALOG).fills


def checked_plans(text: str) -> tuple[Plan, Plan]:
    """Return the plan with a check that holds its orders, and with one of the run's own over it."""
    top = "[checks]\nmax_notional_cents = 5_000\nmax_deviation_bps = 50\n"
    own = "[run.checks]\nmax_notional_cents = 7_000\n[[run.trader]]"
    return (
        plan_of(text, count=3, more=top),
        plan_of(text.replace("[[run.trader]]", own), count=3, more=top),
    )


MAKER = "qty_e8 = 1_000_000, tick_e9 = 100_000_000, half_spread_bps = 2"


def test_a_market_maker_trades_under_the_protection_of_its_account() -> None:
    text = run_text("one", ("market_maker", MAKER)).replace(
        "strategy =", "cadence_ms = 60_000\nstrategy ="
    )
    plan = plan_of(text, count=60)
    free = run_one(plan, 0, None, CATALOG)
    assert free.fills > 20
    # One fill freezes it for a day, and what it wants meanwhile the exchange refuses.
    tight = Protection(qty_e8=1_000_000, frozen_ms=86_400_000)
    venue = msgspec.structs.replace(plan.shared.venue, protection=tight)
    held = run_one(replace(plan, shared=replace(plan.shared, venue=venue)), 0, None, CATALOG)
    assert 0 < held.fills < 5
    assert held.rejected > free.rejected


def test_a_price_far_from_that_of_now_is_refused_by_the_check() -> None:
    quotes = MAKER.replace("= 2", "= 30")
    text = run_text("one", ("market_maker", quotes)).replace(
        "strategy =", "cadence_ms = 600_000\nstrategy ="
    )
    more = "[checks]\nmax_deviation_bps = 20\n"
    found = run_one(plan_of(text, count=30, more=more), 0, None, CATALOG)
    assert [("risk: price deviation", found.refused)] == list(found.refusals)
    assert 0 < found.refused


def test_a_strict_gate_binds_closing_orders_too() -> None:
    turns, loss = ("turns", "number = 2"), "max_daily_loss_cents = 1\n"
    assert 2 == result_of(turns, count=5, risk=loss).fills
    assert 1 == result_of(turns, count=5, risk=loss + "strict = true").fills


def test_working_orders_count_if_the_gate_caps_them() -> None:
    # A lot of 0.001 at about 60,000: the cap is one and a half of them.
    twice, cap = ("buys_twice_at", "number = 2"), "max_position_cents = 9_000\n"
    assert (2, 0) == filled_and_refused(result_of(twice, count=3, risk=cap))
    capped = result_of(twice, count=3, risk=cap + "caps_open = true")
    assert (1, 1) == filled_and_refused(capped)


def filled_and_refused(found: BacktestResult) -> tuple[int, int]:
    return found.fills, found.refused


@pytest.mark.parametrize(("most", "found"), [(599_000, "6000"), (600_002, "60000")])
def test_a_price_beyond_what_was_listed_is_named(most: int, found: str) -> None:
    """Of a candle's path, or of the quote around it."""
    plan = plan_of(run_text("one", FLAT))
    (listing,) = plan.shared.venue.listings
    low = msgspec.structs.replace(listing, price_max_ticks=most)
    venue = msgspec.structs.replace(plan.shared.venue, listings=(low,))
    plan = replace(plan, shared=replace(plan.shared, venue=venue))
    with pytest.raises(CannotRunError, match=f"up to its price_max_ticks {most}, found {found}"):
        run_one(plan, 0, None, CATALOG)


def test_traders_that_answer_themselves_without_end_are_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "_REPORTS_MAX", 500)
    with pytest.raises(CannotRunError, match="between two moves of the market"):
        result_of(("answers", ""), count=2)


def test_the_journals_of_a_run_lead_to_its_hashes(tmp_path: Path) -> None:
    plan = plan_of(run_text("one", RSI, SMA), count=40)
    found = run_one(plan, 0, tmp_path / "one", CATALOG)
    assert found == run_one(plan, 0, None, CATALOG)
    assert (found.desk_seq, found.desk_hash) == recovered(tmp_path / "one" / "desk", DESK)
    exchange = recovered(tmp_path / "one" / "exchange", EXCHANGE)
    assert (found.exchange_seq, found.exchange_hash) == exchange
    with pytest.raises(CannotRunError, match="exchange"):
        run_one(plan, 0, tmp_path / "one", CATALOG)


def recovered(folder: Path, machine: Machine) -> tuple[int, str]:
    state = recover(folder, machine)[0]
    return state.seq, state.hash.hex()

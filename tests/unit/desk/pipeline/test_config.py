"""Configurations: of a bad one file, line, key and the nearest word are named."""

from pathlib import Path

import pytest

from lockstep_desk.ids import deployment_id, version_id
from lockstep_desk.pipeline import (
    ConfigError,
    FailurePolicy,
    LiveOptions,
    Lockstep,
    Overflow,
    PoolConfig,
    ProcessPool,
    Span,
    Walk,
    load_config,
    parse_config,
)
from lockstep_desk.strategy import STRATEGIES, StrategySpec
from lockstep_kernel import CannotRunError
from tests.unit.desk.pipeline.support import MarketDesk

GOOD = """\
mode = "live"
batch = 4

[feed]
seed = 7
count = 30
every_ms = 500

[[feed.walk]]
instrument = "BTC-PERP"
tick_e9 = 10_000_000
start_ticks = 6_000_000

[[feed.walk]]
instrument = "ETH-PERP"
tick_e9 = 10_000_000
start_ticks = 300_000
step_max = 5

[pool]
kind = "process"
workers = 3

[channels]
market_overflow = "conflate"
orders_capacity = 64

[failures]
first_ms = 10
failures_max = 2

[[trader]]
name = "mean"
instrument = "BTC-PERP"
strategy = "rsi"
cadence_ms = 2000
options = { qty_e8 = 1000, period = 7 }

[[trader]]
name = "cross"
ordinal = 2
instrument = "ETH-PERP"
strategy = "sma_cross"

[trader.options]
qty_e8 = 1000
fast = 3
slow = 9
"""


def test_a_whole_configuration_is_read() -> None:
    found = parse_config(GOOD, "desk.toml")
    assert ("live", 4, PoolConfig("process", 3)) == (found.mode, found.batch, found.pool)
    assert (7, 30, Span(0, 500_000_000)) == (found.feed.seed, found.feed.count, found.feed.span)
    assert Walk("ETH-PERP", 10_000_000, 300_000, 5) == found.feed.walks[1]
    assert (
        LiveOptions(orders_capacity=64, failures=FailurePolicy(10_000_000, failures_max=2))
        == found.live
    )
    assert Overflow.DROP_OLDEST is found.live.market_overflow
    mean, cross = found.traders
    assert StrategySpec("rsi", (("qty_e8", 1000), ("period", 7))) == mean.strategy
    assert ("BTC-PERP", 2_000_000_000) == (mean.instrument, mean.cadence_ns)
    assert deployment_id("cross", version_id(b"sma_cross 1"), 2) == cross.deployment_id


@pytest.mark.desk("PIPE-D11", "PIPE-09")
def test_a_configuration_that_was_read_runs() -> None:
    found = parse_config(GOOD.replace('"process"', '"inline"'), "desk.toml")
    pool = found.pool.pool(STRATEGIES, is_lockstep=True)
    pool.start(found.traders)
    totals = Lockstep(found.router(), pool, MarketDesk(), batch=found.batch).run(
        found.feed.events()
    )
    assert (60, 0) == (totals.events, totals.unrouted)
    assert totals.tasks > 30
    assert isinstance(parse_config(GOOD, "x").pool.pool(STRATEGIES, is_lockstep=True), ProcessPool)


def changed(old: str, new: str) -> str:
    assert 1 == GOOD.count(old), old
    return GOOD.replace(old, new)


@pytest.mark.desk("PIPE-D11")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            changed("count = 30", "cuont = 30"),
            (
                "line 6: feed.cuont: expected one of count, every_ms, path, seed, start_ns, walk, "
                "found 'cuont' (did you mean 'count'?)"
            ),
        ),
        (
            changed('"rsi"', '"rsj"'),
            (
                "line 35: trader[0].strategy: expected one of buy_when_flat, heikin_ashi, "
                "market_maker, rsi, sma_cross, found 'rsj' (did you mean 'rsi'?)"
            ),
        ),
        (
            changed("fast = 3", "fsat = 3"),
            (
                "line 47: trader[1].options.fsat: expected one of fast, qty_e8, slow, found 'fsat' "
                "(did you mean 'fast'?)"
            ),
        ),
        (
            changed("slow = 9", "slow = 3"),
            "line 45: trader[1].options: slow: expected more than fast, which is 3, found 3",
        ),
        (
            changed("period = 7", "period = 1.5"),
            "line 37: trader[0].options.period: expected an integer from 0 on, found 1.5",
        ),
        (
            changed("qty_e8 = 1000, period", "period"),
            "line 37: trader[0].options.qty_e8: expected an integer, found no such key",
        ),
        (
            changed("workers = 3", "workers = 0"),
            "line 22: pool.workers: expected an integer from 1 to 256, found 0",
        ),
        (
            changed("workers = 3", "workers = true"),
            "line 22: pool.workers: expected an integer from 1 to 256, found true",
        ),
        (
            changed('kind = "process"', 'kind = "processes"'),
            (
                "line 21: pool.kind: expected one of inline, thread, process, found 'processes' "
                "(did you mean 'process'?)"
            ),
        ),
        (
            changed('"conflate"', '"drop"'),
            (
                "line 25: channels.market_overflow: expected one of conflate, block, drop_oldest, "
                "drop_newest, raise, found 'drop' (did you mean 'drop_oldest'?)"
            ),
        ),
        (
            changed('mode = "live"', 'mood = "live"'),
            (
                "line 1: mood: expected one of batch, channels, checks, failures, feed, mode, "
                "pool, trader, found 'mood' (did you mean 'mode'?)"
            ),
        ),
        (
            changed('instrument = "ETH-PERP"\nstrategy', "strategy"),
            "line 39: trader[1].instrument: expected a text, found no such key",
        ),
        (
            changed("step_max = 5", "step_max = -5"),
            "line 18: feed.walk[1].step_max: expected an integer from 1 on, found -5",
        ),
        (GOOD[: GOOD.index("[[trader]]")], "line 1: trader: expected a [[trader]] at least"),
        (
            changed("[feed]\n", '[feed]\npath = "x"\n'),
            "line 6: feed.seed: expected one of limit, path, found 'seed'",
        ),
        ("[feed]\n", "line 1: feed.walk: expected a path, or a [[feed.walk]] at least, found"),
        (changed("[pool]", "[pol]"), "line 20: pol: expected one of batch, channels, checks,"),
        (
            changed("[pool]", "[[pool]]"),
            "line 20: pool: expected a table, found an array of tables",
        ),
        ("[[feed.walks]]\n", "line 1: feed.walks: expected a path, or a [[feed.walk]] at least"),
        (changed("[pool]", "['pol']"), "line 20: pol: expected one of batch, channels, checks,"),
        (changed("workers", "'wrkers'"), "line 22: pool.wrkers: expected one of kind, workers"),
        ("[feed]\n[trader.x]\n", "line 1: feed.walk: expected"),
        ("feed = 3\n", "line 1: feed: expected a table, found 3"),
        ("trader = 3\n[[feed.walk]]\n", "line 2: feed.walk[0].instrument: expected a text, found"),
        ("a = \n", "expected TOML: "),
    ],
)
def test_a_mistake_is_named_with_line_key_and_the_nearest_word(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_config(text, "desk.toml")
    assert str(raised.value).startswith(f"desk.toml: {message}"), str(raised.value)


@pytest.mark.desk("PIPE-D11")
@pytest.mark.desk("PIPE-D11")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[feed.walk]]", "[[feed.wlak]]", r"line 9: feed.wlak: expected a path, or .*'walk'\?"),
        ("trader", "tradr", r"line 32: tradr: expected a \[\[trader\]\] .*'trader'\?"),
        (
            "instrument",
            "instrumnt",
            r"line 10: feed.walk\[0\].instrumnt: .* found 'instrumnt' \(did",
        ),
        ("start_ticks", "ticks", r"line 9: feed.walk\[0\].start_ticks: .*, found no such key$"),
    ],
)
def test_a_misspelt_key_in_place_of_one_that_must_be_there_is_named(
    old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(GOOD.replace(old, new), "desk.toml")


def test_two_traders_of_one_deployment_are_refused_with_both_lines() -> None:
    twice = (
        GOOD + '[[trader]]\nname = "mean"\ninstrument = "X"\nstrategy = "rsi"\noptions.qty_e8 = 1\n'
    )
    with pytest.raises(ConfigError, match=r"line 50: trader\[2\].name: .*found that of line 33"):
        parse_config(twice, "desk.toml")


def test_a_recording_is_found_beside_the_file(tmp_path: Path) -> None:
    text = (
        GOOD[: GOOD.index("[feed]")] + '[feed]\npath = "x.jsonl"\n' + GOOD[GOOD.index("[pool]") :]
    )
    (tmp_path / "desk.toml").write_text(text, "utf-8")
    (tmp_path / "x.jsonl").write_text(
        '1 {"data":{"e":"trade","s":"BTC-PERP","p":"5","q":"1","m":true}}\n', "utf-8"
    )
    found = load_config(tmp_path / "desk.toml")
    assert ["BTC-PERP"] == [event.instrument for event in found.feed.events()]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotRunError, match=r"nothing\.toml: cannot be read: No such file"):
        load_config(tmp_path / "nothing.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"bytes\.toml: expected UTF-8 text"):
        load_config(tmp_path / "bytes.toml")


def test_the_example_runs() -> None:
    found = load_config(Path(__file__).parents[4] / "examples" / "desk" / "portfolio.toml")
    pool = PoolConfig("inline").pool(STRATEGIES, is_lockstep=True)
    pool.start(found.traders)
    desk = MarketDesk()
    totals = Lockstep(found.router(), pool, desk).run(found.feed.events())
    assert (1000, 0, 0) == (totals.events, totals.unrouted, totals.failures)
    traded = {line.split()[2] for line in desk.log if line.startswith("answer")}
    assert {"0)", "1)", "2)", "3)"} == traded

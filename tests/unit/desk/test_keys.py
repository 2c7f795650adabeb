"""Every key that a configuration may have is in the tables of the pages, and nothing else is.

A key that nobody knows is refused with all that are known: that answer is compared with the page.
"""

import re
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path

import pytest

from lockstep_desk.backtest import parse_plan
from lockstep_desk.pipeline import ConfigError, parse_config
from lockstep_desk.strategy import STRATEGIES

DESK = Path(__file__).parents[3] / "desk" / "lockstep_desk"
UNKNOWN = "nobody_knows"
WALKS = """
[feed]
count = 5
[[feed.walk]]
instrument = "BTC-PERP"
tick_e9 = 100_000_000
start_ticks = 600_000
"""
RECORDING = '[feed]\npath = "feed.jsonl"\n'
TRADER = 'name = "one"\ninstrument = "BTC-PERP"\nstrategy = "rsi"\noptions = { qty_e8 = 100_000 }\n'
PORTFOLIO = f"{WALKS}[pool]\n[channels]\n[failures]\n[checks]\n[[trader]]\n{TRADER}"
BACKTEST = f"""{WALKS}
[venue]
[[account]]
name = "main"
[[instrument]]
name = "BTC-PERP"
tick_e9 = 100_000_000
lot_e8 = 100_000
[[instrument.funding]]
rate_e9 = 1
[statistics]
[pool]
[failures]
[risk]
[checks]
[[run]]
id = "one"
[run.risk]
[run.checks]
[[run.trader]]
{TRADER}"""


def read_portfolio(text: str) -> object:
    return parse_config(text, "desk.toml")


def read_backtest(text: str) -> object:
    return parse_plan(text, "backtest.toml")


def known(read: Callable[[str], object], text: str, table: str) -> set[str]:
    """Return the keys of a table that are no tables themselves, as the reader tells them."""
    heading = rf"^(\[\[?{re.escape(table)}\]\]?)$" if table else r"\A()"
    asked, times = re.subn(heading, rf"\1\n{UNKNOWN} = 1", text, count=1, flags=re.MULTILINE)
    assert 1 == times, table
    with pytest.raises(ConfigError) as told:
        read(asked)
    found = re.search(rf"expected one of (.*), found '{UNKNOWN}'", str(told.value))
    assert found is not None, str(told.value)
    named = {f"{table}.{key}".lstrip(".") for key in found[1].split(", ")}
    return {key for key in named - set(headings(text)) if not key.endswith(".options")}


def headings(text: str) -> list[str]:
    """Return the names of all tables, in their order."""
    return re.findall(r"^\[\[?([\w.]+)\]\]?$", text, re.MULTILINE)


def all_known(read: Callable[[str], object], text: str) -> set[str]:
    """Return all keys of a reader, with those of a recording beside those of walks."""
    keys = set().union(*(known(read, text, table) for table in ("", *headings(text))))
    return keys | known(read, text.replace(WALKS, RECORDING), "feed")


def on_page(part: str) -> set[str]:
    """Return the keys in the key table of a page; `b` after `a.one` in a row is `a.b`."""
    page = (DESK / part / "README.md").read_text("utf-8")
    table = page.partition("| key | default |")[2].partition("\n\n")[0]
    keys: set[str] = set()
    for row in table.splitlines()[2:]:
        before = ""
        for key in re.findall(r"`([\w.*]+)`", row.split("|")[1]):
            named = key if "." in key else f"{before}.{key}".lstrip(".")
            before = named.rpartition(".")[0]
            keys.add(named)
    return keys - {"trader.options"}


def test_every_key_of_a_portfolio_is_on_its_page() -> None:
    assert all_known(read_portfolio, PORTFOLIO) == on_page("pipeline")


def test_every_key_of_a_backtest_is_on_its_page_or_the_pipelines() -> None:
    own, shared = on_page("backtest"), ("feed.", "pool.", "failures.", "checks.", "trader.")
    keys = {key.replace("run.trader.", "trader.") for key in all_known(read_backtest, BACKTEST)}
    over = {key for key in keys if key.startswith(("run.risk.", "run.checks."))}
    assert over == {f"run.{key}" for key in keys if key.startswith(("risk.", "checks."))}
    assert {"run.risk.*", "run.checks.*"} <= own
    pipeline = {key for key in on_page("pipeline") if key.startswith(shared)}
    assert keys - over == (own - {"run.risk.*", "run.checks.*"}) | pipeline


def test_a_backtest_page_says_how_to_read_a_recording() -> None:
    assert {"feed.path", "feed.limit"} <= on_page("backtest")


def test_every_option_of_a_strategy_is_on_the_page_with_its_default() -> None:
    page = (DESK / "strategy" / "README.md").read_text("utf-8")
    table = page.partition("| strategy | options |\n|---|---|\n")[2]
    expected = [
        f"| `{name}` | " + ", ".join(map(shown_option, fields(entry.options))) + " |"
        for name, entry in sorted(STRATEGIES.items())
    ]
    assert expected == table.splitlines()


def shown_option(field: Field[int]) -> str:
    return f"`{field.name}`" + ("" if field.default is MISSING else f" {field.default:,}")

"""The examples run as they stand; the README shows exactly the first, docs/desk.md the desk's."""

import subprocess
import sys
from pathlib import Path

import pytest

from lockstep_desk.core.machine import MACHINE
from lockstep_replay import recover
from tests.unit.runtime.driving import ROOT, environment

EMBED, CHAIN = (ROOT / "examples" / name for name in ("embed.py", "options_chain.py"))
DESK = ROOT / "examples" / "desk" / "in_process.py"


def run(example: Path, folder: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, str(example)],
        env=environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "" == done.stderr
    return done.stdout


def test_the_example_trades_forks_and_verifies(tmp_path: Path) -> None:
    output = run(EMBED, tmp_path)
    assert "Trade(trade_id=1, instrument=1, price_ticks=120010, qty_lots=20" in output
    assert "best bid and ask here (0, 120010) and in the fork (0, 0)" in output


def test_the_chain_is_quoted_traded_and_margined(tmp_path: Path) -> None:
    """The second fill of 20 lots goes beyond the 35 that the maker gives in a second."""
    output = run(CHAIN, tmp_path)
    assert "SELL 20 BTC-20260327-60000-C at 7,010.00: ACCEPTED" in output
    first, _, second = output.partition("BUY 20 BTC-20260327-64000-C")
    assert "protected" not in first
    assert "initial margin 2,407.39 -> 400.42" in second
    assert "the maker of account 1 is protected: its quotes are gone" in second
    assert "collateral 19,960.62, free 19,560.20" in second
    assert "worst is index x 1.16 with volatility DOWN: -213.68" in second


@pytest.mark.parametrize("example", [EMBED, CHAIN], ids=lambda example: example.stem)
def test_an_example_says_the_same_every_time(tmp_path: Path, example: Path) -> None:
    assert run(example, tmp_path) == run(example, tmp_path, "-O")


def test_a_desk_of_ones_own_trades_sweeps_and_tells_its_profit(tmp_path: Path) -> None:
    """0.1 bought at 58,900.1 and sold at 61,099.9, less 6 dollars of fees."""
    output = run(DESK, tmp_path)
    assert "side=<Side.BUY: 0>, qty_e8=10000000, price_e9=58900100000000" in output
    assert "side=<Side.SELL: 1>, qty_e8=10000000, price_e9=61099900000000" in output
    assert "standing=0, ended=0, synced_seq=2)" in output
    assert "realized_e17=21398000000000000000, unrealized_e17=0" in output
    recovered = recover(tmp_path / "data" / "desk", MACHINE)[0]
    assert f"last hash {recovered.hash.hex()}\n" == output[output.index("last hash") :]


def test_the_desk_of_ones_own_says_the_same_every_time(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert run(DESK, one) == run(DESK, other, "-O")


def test_the_desk_of_ones_own_does_not_write_over_a_journal(tmp_path: Path) -> None:
    run(DESK, tmp_path)
    with pytest.raises(subprocess.CalledProcessError) as again:
        run(DESK, tmp_path)
    assert "data/desk: expected no journal, found one\n" == again.value.stderr


@pytest.mark.parametrize(
    ("page", "name", "example"),
    [("README.md", "embedding", EMBED), ("docs/desk.md", "desk", DESK)],
    ids=lambda value: str(value).rpartition("/")[2],
)
def test_a_page_shows_its_example_as_it_is(page: str, name: str, example: Path) -> None:
    text = (ROOT / page).read_text("utf-8")
    begin, end = f"<!-- {name} example: begin -->", f"<!-- {name} example: end -->"
    shown = text.partition(begin)[2].partition(end)[0]
    assert f"```python\n{example.read_text('utf-8')}```" == shown.strip()


def test_the_readme_links_every_example() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.py"))
    assert files == [name for name in files if f"({name})" in readme]

"""The examples run as they stand, and the README shows exactly the first."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.runtime.driving import ROOT, environment

EMBED, CHAIN = (ROOT / "examples" / name for name in ("embed.py", "options_chain.py"))
BEGIN, END = "<!-- embedding example: begin -->", "<!-- embedding example: end -->"


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


def test_the_readme_shows_the_embedding_and_links_every_example() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = readme.partition(BEGIN)[2].partition(END)[0]
    assert f"```python\n{EMBED.read_text('utf-8')}```" == shown.strip()
    files = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
    assert files == [name for name in files if f"(examples/{name})" in readme]

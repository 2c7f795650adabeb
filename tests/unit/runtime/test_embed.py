"""The embedding example runs as it stands, and the README shows exactly it."""

import subprocess
import sys
from pathlib import Path

from tests.unit.runtime.driving import ROOT, environment

EXAMPLE = ROOT / "examples" / "embed.py"
BEGIN, END = "<!-- embedding example: begin -->", "<!-- embedding example: end -->"


def run(folder: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, str(EXAMPLE)],
        env=environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "" == done.stderr
    return done.stdout


def test_the_example_trades_forks_and_verifies(tmp_path: Path) -> None:
    output = run(tmp_path)
    assert "Trade(trade_id=1, instrument=1, price_ticks=120010, qty_lots=20" in output
    assert "best bid and ask here (0, 120010) and in the fork (0, 0)" in output


def test_the_example_says_the_same_every_time(tmp_path: Path) -> None:
    assert run(tmp_path) == run(tmp_path, "-O")


def test_the_readme_shows_the_example() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = readme.partition(BEGIN)[2].partition(END)[0]
    assert f"```python\n{EXAMPLE.read_text('utf-8')}```" == shown.strip()

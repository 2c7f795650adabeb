"""The table of a running demo: it fits a terminal of 80 columns and 24 lines."""

from pathlib import Path

import pytest
from rich.console import Console

from lockstep_desk.demo.folder import Note, opened
from lockstep_desk.demo.messages import Depth, Mark, Marks, Row, Status
from lockstep_desk.demo.screen import Lines, Table, watching
from lockstep_desk.demo.script import KILLED
from lockstep_desk.types import E8

E9 = 10**9


ROWS = tuple(
    Row(name, "BTC-PERP", -(10**4) * E8, 60_000 * E9, -99_999 * E9, 2, 64)
    for name in ("rsi", "crossing", "heikin-ashi", "maker")
)
CHANNELS = tuple(
    Depth(name, 2_048, 2_048, 999_999, 99_999)
    for name in ("from the exchange", "BTC-PERP", "SOL-PERP", "ETH-PERP", "orders")
)


def status(moved: int = 10, *, is_linked: bool = True, seq: int = 1_000_000) -> Status:
    marks = Marks(Mark(seq, "a" * 32), Mark(seq, "b" * 32))
    return Status(marks, moved, seq, is_linked, is_linked, ROWS, CHANNELS, (1, 2, 3, 4), 1)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    folder = opened(tmp_path / "demo", is_quick=True, seed=None)
    return Table(folder, Console(width=80, height=24))


def test_the_table_fits_a_terminal_of_eighty_columns_and_24_lines(table: Table) -> None:
    for second in range(30):
        table(Note("swept", "sweep as the link is back: differs: 2, fills booked: 2", second + 100))
    table(status())
    table(status())
    lines = table.lines()
    assert [] == [line for line in lines if len(line) > 80]
    assert len(lines) <= 24
    assert "129.0 s" in lines[-1]


def test_the_table_shows_positions_orders_profit_and_depths(table: Table) -> None:
    table(status(576))
    text = "\n".join(table.lines())
    for words in ("50 %   link up   trading on", "heikin-ashi", "-99,999.00", "-399,996.00"):
        assert words in text
    for words in ("from the exchange   2,048  2,048   999,999   99,999", "desk at 1,000,000"):
        assert words in text


def test_a_lost_link_and_a_dead_host_are_seen(table: Table) -> None:
    table.begin("starting")
    assert "starting" in table.lines()[0]
    table(status(is_linked=False))
    assert "link LOST   trading stopped" in table.lines()[0]
    table(Note(KILLED, "host killed by SIGKILL", 8.1))
    assert "host killed, recovering" in table.lines()[0]
    assert "heikin-ashi" in "\n".join(table.lines())
    table(status())
    assert "link up" in table.lines()[0]


def test_without_a_terminal_each_note_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = opened(tmp_path / "demo", is_quick=True, seed=None)
    with watching(folder, is_plain=False) as watch:
        assert isinstance(watch, Lines)
        watch(status())
        watch(Note("lost", "link to the broker lost", 5.04))
    said = capsys.readouterr()
    assert ("", "lockstep desk demo:   5.0 s  link to the broker lost\n") == (said.out, said.err)

"""What is seen of a demo while it runs: a table that is drawn again, or a line for what happens.

Owns the screen. Where stdout is a terminal the table lives there until the demo is over; otherwise
each part of the script is a line on stderr.
"""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from lockstep_desk.demo.folder import Folder, Note
from lockstep_desk.demo.messages import Message, Row, Status
from lockstep_desk.demo.script import KILLED
from lockstep_desk.demo.words import clock, price, quantity, share
from lockstep_desk.stats.display import money

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_LINES_BESIDE_NOTES: Final = 20
_WINDOW_S: Final = 2.0
_HZ: Final = 5
_HEADING: Final = (
    f"{'deployment':<12} {'instrument':<10} {'position':>11} {'price':>11} {'profit':>11} "
    f"{'orders':>7} {'mailbox':>8}"
)
_CHANNELS: Final = f"{'channel':<18} {'depth':>6} {'most':>6} {'through':>9} {'dropped':>8}"


class Lines:
    """A line on stderr for each note."""

    def __call__(self, news: Message | Note) -> None:
        """Say what happened."""
        if isinstance(news, Note):
            print(f"lockstep desk demo: {shown(news)}", file=sys.stderr, flush=True)


class Table:
    """The table: how every deployment stands, the channels, and what happened last."""

    def __init__(self, folder: Folder, console: "Console") -> None:
        self._plan = folder.plan
        self._console = console
        self._notes = folder.notes()
        self._status: Status | None = None
        self._started_s = time.monotonic()
        self._past: list[tuple[float, int, int]] = []
        self._activity = "starting"

    def __call__(self, news: Message | Note) -> None:
        """Take news."""
        if isinstance(news, Note):
            self._notes.append(news)
            if news.part == KILLED:
                self.begin("host killed, recovering")
        elif isinstance(news, Status):
            self._activity = ""
            self._status = news
            self._count(news)

    def begin(self, activity: str) -> None:
        """Say what is done while no host runs; how all stood before stays to be seen."""
        self._activity = activity
        self._past = []

    def __rich__(self) -> "Text":
        """Return the table as it is now."""
        from rich.text import Text

        body = Text("\n".join(self.lines()), no_wrap=True, overflow="ellipsis")
        body.highlight_regex(r"(?m)^lockstep desk demo", "bold")
        body.highlight_regex(r"link LOST|trading stopped|host killed|CRITICAL", "bold red")
        body.highlight_regex(r"link up|trading on", "green")
        body.highlight_regex(r"(?m)^(deployment|channel) .*$", "dim")
        return body

    def lines(self) -> list[str]:
        """Return the lines, as many as the terminal has room for."""
        room = max(self._console.height - _LINES_BESIDE_NOTES, 3)
        notes = [shown(note) for note in self._notes[-room:]]
        return [self._title(), "", *self._middle(), "", *notes]

    def _title(self) -> str:
        passed = clock(time.monotonic() - self._started_s)
        title = f"lockstep desk demo   seed {self._plan.seed}   {passed}"
        status = self._status
        if status is None or self._activity:
            return f"{title}   {self._activity}"
        link = "link up" if status.is_linked else "link LOST"
        trading = "trading on" if status.is_trading else "trading stopped"
        return f"{title}   {share(status.moved, self._plan.total)}   {link}   {trading}"

    def _middle(self) -> list[str]:
        status = self._status
        if status is None:
            return []
        rows = [_row(row) for row in status.rows]
        total_e9 = sum(row.pnl_e9 for row in status.rows)
        orders = sum(row.orders for row in status.rows)
        together = f"{'all':<12} {'':<10} {'':>11} {'':>11} {money(total_e9):>11} {orders:>7}"
        channels = [
            f"{one.name:<18} {one.depth:>6,} {one.high_water:>6,} {one.put:>9,} {one.dropped:>8,}"
            for one in status.channels
        ]
        return [_HEADING, *rows, together, "", _CHANNELS, *channels, "", self._speed(status)]

    def _speed(self, status: Status) -> str:
        events, commands = self._rates()
        marks = status.marks
        return (
            f"{events:,} events/s, {commands:,} commands/s; "
            f"desk at {marks.desk.seq:,}, exchange at {marks.exchange.seq:,}"
        )

    def _count(self, status: Status) -> None:
        now_s = time.monotonic()
        self._past = [one for one in self._past if now_s - one[0] <= _WINDOW_S]
        self._past.append((now_s, status.events, status.marks.desk.seq))

    def _rates(self) -> tuple[int, int]:
        """Return events and commands in a second, over the last two."""
        if len(self._past) < 2:  # a speed takes two looks
            return 0, 0
        first_s, events, commands = self._past[0]
        last_s, now_events, now_commands = self._past[-1]
        passed_s = max(last_s - first_s, 1e-9)
        return int((now_events - events) / passed_s), int((now_commands - commands) / passed_s)


@contextmanager
def watching(folder: Folder, is_plain: bool) -> Generator[Lines | Table]:
    """Yield what shows a demo; the table is gone from the screen at the end."""
    if is_plain or not sys.stdout.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.live import Live

    console = Console()
    if console.is_dumb_terminal:
        yield Lines()
        return
    table = Table(folder, console)
    with Live(table, console=console, refresh_per_second=_HZ, transient=True):
        yield table


def shown(note: Note) -> str:
    """Return a note as a line."""
    return f"{note.second:>5.1f} s  {note.text}"


def _row(row: Row) -> str:
    return (
        f"{row.name:<12} {row.instrument:<10} {quantity(row.qty_e8):>11} {price(row.mark_e9):>11} "
        f"{money(row.pnl_e9):>11} {row.orders:>7,} {row.waiting:>8,}"
    )

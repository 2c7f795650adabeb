"""Charts as SVG text, drawn with integers: the same numbers give the same bytes.

Owns the geometry. A chart has a fixed size, an axis on the left with a few round labels, and no
script; colours come from the page's style by class.
"""

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from lockstep_kernel.arith import div_ceil, div_floor, div_half_even

WIDTH, HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 96, 12, 12, 28
_PLOT_WIDTH = WIDTH - _LEFT - _RIGHT
_PLOT_HEIGHT = HEIGHT - _TOP - _BOTTOM
_LABELS = 4
_BAR_HEIGHT, _BAR_GAP = 18, 8
_NAME_MAX = 28

Shown = Callable[[int], str]
"""Turns a value into the text of a label."""


class Line(NamedTuple):
    """A line by its class in the style, and its points (x, y) in any integer units."""

    name: str
    points: Sequence[tuple[int, int]]


class Band(NamedTuple):
    """An area between a lower and an upper y, at each x."""

    points: Sequence[tuple[int, int, int]]


class Bar(NamedTuple):
    """A horizontal bar from zero."""

    name: str
    value: int


class _Scale(NamedTuple):
    """Maps [low, high] onto a stretch of the drawing."""

    low: int
    high: int
    start: int
    length: int

    def at(self, value: int) -> int:
        """Return the place of a value."""
        span = self.high - self.low
        if span <= 0:
            return self.start + self.length // 2
        return self.start + div_half_even((value - self.low) * self.length, span)


def line_chart(
    title: str,
    lines: Sequence[Line],
    bands: Sequence[Band],
    shown: Shown,
    ends: tuple[str, str] = ("", ""),
) -> str:
    """Return lines over time, bands behind them; without points a chart that says so.

    `ends` are written below the first and the last point.
    """
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    ys += [y for band in bands for _, low, high in band.points for y in (low, high)]
    if not xs:
        return _drawing(title, HEIGHT, [_text(WIDTH // 2, HEIGHT // 2, "no points", "middle")])
    across = _Scale(min(xs), max(xs), _LEFT, _PLOT_WIDTH)
    step = _round_step(min(ys), max(ys))
    low, high = div_floor(min(ys), step) * step, div_ceil(max(ys), step) * step
    # Upwards: a greater value stands higher, that is at a lesser y.
    up = _Scale(-high, -low, _TOP, _PLOT_HEIGHT)
    parts = [_level(up.at(-y), shown(y)) for y in range(low, high + 1, step)]
    parts += [_area(band, across, up) for band in bands]
    for line in lines:
        points = " ".join(f"{across.at(x)},{up.at(-y)}" for x, y in line.points)
        parts.append(f'<polyline class="{escape(line.name)}" points="{points}"/>')
    parts.append(_text(_LEFT, HEIGHT - 8, ends[0], "start"))
    parts.append(_text(WIDTH - _RIGHT, HEIGHT - 8, ends[1], "end"))
    return _drawing(title, HEIGHT, parts)


def bar_chart(title: str, bars: Sequence[Bar], shown: Shown) -> str:
    """Return one bar per value, below each other, from one line of zero."""
    if not bars:
        return _drawing(title, HEIGHT, [_text(WIDTH // 2, HEIGHT // 2, "no values", "middle")])
    values = [0, *(bar.value for bar in bars)]
    across = _Scale(min(values), max(values), 2 * _LEFT, WIDTH - 2 * _LEFT - _RIGHT - _LEFT)
    zero = across.at(0) if any(values) else across.start
    height = _TOP + len(bars) * (_BAR_HEIGHT + _BAR_GAP) + _BOTTOM // 2
    parts = [f'<line class="zero" x1="{zero}" y1="0" x2="{zero}" y2="{height}"/>']
    for place, bar in enumerate(bars):
        top = _TOP + place * (_BAR_HEIGHT + _BAR_GAP)
        end = across.at(bar.value) if any(values) else zero
        kind = "loss" if bar.value < 0 else "gain"
        parts += [
            (
                f'<rect class="{kind}" x="{min(zero, end)}" y="{top}" '
                f'width="{abs(end - zero)}" height="{_BAR_HEIGHT}"/>'
            ),
            _text(2 * _LEFT - 8, top + 14, _fitting(bar.name), "end"),
            _text(max(zero, end) + 6, top + 14, shown(bar.value), "start"),
        ]
    return _drawing(title, height, parts)


def _fitting(name: str) -> str:
    """Return a name, or both ends of one that there is no room for beside a bar."""
    if len(name) <= _NAME_MAX:
        return name
    return f"{name[: _NAME_MAX // 2 - 1]}…{name[-_NAME_MAX // 2 :]}"


def _round_step(low: int, high: int) -> int:
    """Return the distance of labels: 1, 2 or 5 times a power of ten, so that there are few."""
    wanted = div_ceil(max(high - low, 1), _LABELS)
    power = int("1" + "0" * (len(str(wanted)) - 1))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= wanted)


def _level(y: int, label: str) -> str:
    line = f'<line class="level" x1="{_LEFT}" y1="{y}" x2="{WIDTH - _RIGHT}" y2="{y}"/>'
    return line + _text(_LEFT - 8, y + 4, label, "end")


def _area(band: Band, across: _Scale, up: _Scale) -> str:
    forth = [f"{across.at(x)},{up.at(-high)}" for x, _, high in band.points]
    back = [f"{across.at(x)},{up.at(-low)}" for x, low, _ in reversed(band.points)]
    return f'<polygon class="band" points="{" ".join((*forth, *back))}"/>'


def _text(x: int, y: int, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _drawing(title: str, height: int, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">\n'
        f"<title>{escape(title)}</title>\n{body}\n</svg>"
    )

"""The plot of a run: shares of the floor per flow and build, with the lowest and highest round."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lockstep_kernel import CannotRunError
from lockstep_runtime.bench.builds import COMPILED, INTERPRETED
from lockstep_runtime.bench.summary import FlowFigures, Spread, Summary
from lockstep_runtime.bench.workload import UNIT_FLOW

_COLOURS = {
    (INTERPRETED, "apply"): "#0072b2",
    (INTERPRETED, "durable"): "#56b4e9",
    (COMPILED, "apply"): "#d55e00",
    (COMPILED, "durable"): "#e6a35c",
}
_GROUP_WIDTH = 0.84
_AT_THE_FOOT: dict[str, Any] = {
    "xytext": (0, 4),
    "textcoords": "offset points",
    "ha": "center",
    "fontsize": 9,
    "bbox": {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
}


def check_plot(path: Path) -> None:
    """Raise `CannotRunError` unless a plot can be drawn there."""
    if not path.absolute().parent.is_dir():
        raise CannotRunError(f"{path}: expected a folder for it, found none")
    if find_spec("matplotlib") is None:
        raise CannotRunError(
            "expected matplotlib for --plot: pip install 'lockstep-exchange[plot]'"
        )


def write_plot(path: Path, summary: Summary) -> None:
    """Draw the plot into a file, whose name says the format."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # matplotlib's own types are incomplete.
    figure: Any = Figure(figsize=(9.6, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    flows = list(dict.fromkeys(one.flow for one in summary.flows))
    series = [(build, way) for build in summary.builds for way in ("apply", "durable")]
    width = _GROUP_WIDTH / len(series)
    for index, (build, way) in enumerate(series):
        shift = (index - (len(series) - 1) / 2) * width
        chosen = [one for one in summary.flows if one.build == build]
        places = [flows.index(one.flow) + shift for one in chosen]
        spreads = [_percent(one, way) for one in chosen]
        axes.bar(
            *(places, [spread.median for spread in spreads], width * 0.94),
            color=_COLOURS[build, way],
            label=f"{build}, {way if way == 'apply' else f'durable, {summary.batch:,} per sync'}",
            yerr=_whiskers(spreads),
            error_kw={"capsize": 3, "elinewidth": 1.2, "ecolor": "#333333"},
        )
        for place, spread in zip(places, spreads, strict=True):
            axes.annotate(_percent_text(spread.median), (place, 0), **_AT_THE_FOOT)
    axes.set_xticks(range(len(flows)), [_flow_label(name, summary) for name in flows])
    _dress(axes, summary)
    figure.legend(loc="outside lower center", ncols=len(series), frameon=False, fontsize=9)
    metadata = {"Software": None} if path.suffix == ".png" else None
    try:
        figure.savefig(path, dpi=125, metadata=metadata)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CannotRunError(f"{path}: cannot be drawn: {reason}") from None


def _dress(axes: Any, summary: Summary) -> None:
    axes.set_ylabel(f"percent of the floor's speed on {UNIT_FLOW}")
    axes.set_title(
        f"Everything on, against a bare interpreted matcher "
        f"(median of {summary.rounds} rounds; whiskers: lowest and highest)",
        fontsize=11,
    )
    axes.margins(y=0.06)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)


def _whiskers(spreads: Sequence[Spread]) -> list[list[float]]:
    """Return how far each lowest round lies below its median, and each highest above."""
    below = [spread.median - spread.low for spread in spreads]
    return [below, [spread.high - spread.median for spread in spreads]]


def _percent(figures: FlowFigures, way: str) -> Spread:
    spread = figures.share.apply if way == "apply" else figures.share.durable
    return Spread(100 * spread.median, 100 * spread.low, 100 * spread.high)


def _percent_text(percent: float) -> str:
    """Return a share in percent: with one decimal, or two where it is a small one."""
    return f"{percent:.1f}" if percent >= 1 else f"{percent:.2f}"


def _flow_label(name: str, summary: Summary) -> str:
    first, last = next(one.live_orders for one in summary.flows if one.flow == name)
    return f"{name}\n{first:,} to {last:,}\nlive orders"

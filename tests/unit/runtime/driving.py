"""Runs feeds in tests: in memory, and as a user does with the program."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from lockstep_engine.exchange import MACHINE
from lockstep_kernel import Applied, EventSink, State, apply_batch, initial
from lockstep_runtime.feeds.base import Feed
from lockstep_runtime.signing import Item

ROOT = Path(__file__).parents[3]
DATA = Path(__file__).parent / "data"
NORMAL = DATA / "normal-20k.csv.xz"
SAMPLE = ROOT / "examples/data/binance-usdm-btcusdt/usdm_btcusdt_20240808_first12000.jsonl.xz"
FOLDERS = ("engine", "journal", "replay", "validator", "runtime", "desk")


class Kept:
    """An event sink that keeps everything."""

    def __init__(self) -> None:
        self.emitted: list[tuple[int, Sequence[msgspec.Struct]]] = []

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        self.emitted.append((seq, events))

    def all(self) -> list[msgspec.Struct]:
        return [event for _seq, events in self.emitted for event in events]


def applied_chunks(feed: Feed) -> Iterator[tuple[State, list[Applied]]]:
    """Apply a feed chunk by chunk, telling it what happened."""
    state = initial(MACHINE, feed.genesis())
    for chunk in feed.chunks():
        commands = [MACHINE.codec.sequence(ts_ns, command) for ts_ns, command in chunk]
        state, applied = apply_batch(state, commands)
        for done in applied:
            feed.listen(done[3])
        yield state, applied


def drive(feed: Feed, *sinks: EventSink) -> State:
    """Apply a whole feed in memory."""
    last = initial(MACHINE, feed.genesis())
    for state, applied in applied_chunks(feed):
        last = state
        for done in applied:
            for sink in sinks:
                sink.emit(done[0], done[3])
    return last


def items_of(feed: Feed) -> list[Item]:
    """Return all commands of a feed that does not listen."""
    return [item for chunk in feed.chunks() for item in chunk]


def install(folder: Path) -> Path:
    """Write the metadata that an installation of this project has into a folder."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    install_points(folder, project["name"], "\n".join(lines))
    return folder


def install_points(folder: Path, name: str, points: str) -> None:
    """Write the metadata of a distribution with these entry points."""
    info = folder / f"{name.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(points)


def environment(site: Path) -> dict[str, str]:
    """Return the environment in which a child finds the modules and metadata of this process."""
    found = [str(site), *(path for path in sys.path if path)]
    found += [str(ROOT / folder) for folder in FOLDERS]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(found)}


def lockstep(site: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run the program `lockstep`."""
    return subprocess.run(
        [sys.executable, "-m", "lockstep_runtime", *map(str, arguments)],
        env=environment(site),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

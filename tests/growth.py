"""How fast a journal grows: bytes per command of the journal's records, and of its file.

    python -m tests.growth [--commands N] [--directory DIR]

Each flow is written with and without kept events and snapshots, in batches of 1,000, and once of
10; then the file is compacted. docs/operations.md has the figures.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lockstep_engine.exchange import MACHINE
from lockstep_journal import Sequencer, SnapshotPolicy, compact, open_reader, statistics
from lockstep_replay import LiveOptions
from lockstep_replay.live import begin
from lockstep_runtime.feeds.base import Feed
from lockstep_runtime.feeds.opening import open_feed
from lockstep_runtime.signing import Item

BATCH = 1_000
EVERY = 10_000
NONE = SnapshotPolicy()


class Way(NamedTuple):
    """One way to write a journal."""

    name: str
    batch: int = BATCH
    keeps_events: bool = False
    snapshots: SnapshotPolicy = NONE


WAYS = (
    Way("commands only"),
    Way("commands only, 10 a commit", 10),
    Way("with events", keeps_events=True),
    Way(f"a snapshot every {EVERY:,}, 2 kept", snapshots=SnapshotPolicy(EVERY, keep=2)),
)


class Growth(NamedTuple):
    """What a journal weighs: bytes of its parts, of its file, and of its file when compact."""

    commands: int
    record_bytes: int
    event_bytes: int
    snapshot_bytes: int
    file_bytes: int
    compact_bytes: int


def grown(flow: str, commands: int, way: Way, directory: Path) -> Growth:
    """Write a flow into a journal and weigh it."""
    feed = open_feed(flow, commands)
    options = LiveOptions(snapshots=way.snapshots, keeps_events=way.keeps_events)
    with begin(directory, MACHINE, feed.genesis(), lambda: 0, options) as live:
        for chunk in feed.chunks():
            _play(live.sequencer, feed, chunk, way.batch)
    with open_reader(directory) as journal:
        seen = statistics(journal)
    done = compact(directory)
    return Growth(
        seen.records,
        seen.record_bytes,
        seen.event_bytes,
        seen.snapshot_bytes,
        done.file_bytes_before,
        done.file_bytes_after,
    )


def _play(sequencer: Sequencer, feed: Feed, chunk: list[Item], batch: int) -> None:
    for start in range(0, len(chunk), batch):
        results = sequencer.submit(chunk[start : start + batch])
        for done in results if feed.listens else ():
            if isinstance(done, tuple):
                feed.listen(done[1])


def rows(flows: list[str], commands: int, folder: Path) -> Iterator[str]:
    """Yield a row of the table for each flow and way."""
    for number, (flow, way) in enumerate((flow, way) for flow in flows for way in WAYS):
        found = grown(flow, commands, way, folder / str(number))
        each = (size / found.commands for size in found[1:])
        yield " | ".join(
            [f"| {flow}", way.name, f"{found.commands:,}", *(f"{size:,.0f}" for size in each), ""]
        ).rstrip()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="How fast a journal grows.")
    parser.add_argument("--commands", type=int, default=50_000)
    parser.add_argument("--directory", type=Path, default=None, help="on the disk to measure")
    parser.add_argument("flows", nargs="*", default=["flow:w1k", "market:7"])
    asked = parser.parse_args()
    print("| flow | journal | commands | record | events | snapshots | file | compact file |")
    with tempfile.TemporaryDirectory(prefix="lockstep-growth-", dir=asked.directory) as name:
        for row in rows(asked.flows, asked.commands, Path(name)):
            print(row, flush=True)


if __name__ == "__main__":
    main()

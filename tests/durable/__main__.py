"""Durable rate and commit latency of two versions of the sources, in alternating pairs.

    python -m tests.durable BEFORE [AFTER] [--pairs N] [--batch N] [--directory DIR]

A version is a commit, or a folder with the packages: a checkout or a compiled build. The default
for AFTER is this checkout. A pair is one run of each, one right after the other, and every other
pair begins with AFTER; a run plays the same market into a journal in DIR, on the disk to measure,
by default `build`. In a tmpfs a sync costs nothing: the ratio shows the rest of a commit alone.

The ratio of a pair is above 1 if AFTER is better. Printed are medians, and of the ratio the
interval in which its median lies with at least 95 %, by the ranks of the pairs alone. Processor
time tells more than the clock while the machine does other work. Exit 1 if the median of a ratio
is below 0.95.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from tests.faults.programs import FOLDERS, ROOT
from tests.faults.tape import record_tape

PAIRS = 20
RATIO_MIN = 0.95
WORKS = {1: 1_000, 20: 6_000}
"""Commands of a batch, and of a run: one client that waits, and group commits."""
FIGURES = (
    ("per_second", "commands/s", True),
    ("p99_us", "p99 of a commit, us", False),
    ("computing_us", "computing a command, us", False),
)
"""(name, words, whether more is better) of what is compared."""
_SEED = 5
Pair = tuple[dict[str, Any], dict[str, Any]]
"""What the runs before and after measured."""
_PACKAGES = tuple(folder for folder in FOLDERS if folder != ".")


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.durable")
    parser.add_argument("before", metavar="BEFORE")
    parser.add_argument("after", metavar="AFTER", nargs="?", default=str(ROOT))
    parser.add_argument("--pairs", type=int, default=PAIRS, metavar="N")
    parser.add_argument("--batch", type=int, choices=WORKS, action="append", metavar="N")
    parser.add_argument("--directory", type=Path, default=ROOT / "build", metavar="DIR")
    asked = parser.parse_args(arguments)
    worst = math.inf
    asked.directory.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lockstep-durable-", dir=asked.directory) as place:
        scratch = Path(place).absolute()
        before, after = sources(asked.before, scratch), sources(asked.after, scratch)
        tape = scratch / "tape"
        record_tape(_SEED, max(WORKS.values())).save(tape)
        print(f"{'batch':<33}{'before':>10}{'after':>10}{'ratio':>8}  interval of its median")
        for batch in asked.batch or WORKS:
            words = [str(tape), str(scratch / "journal"), str(batch), str(WORKS[batch])]
            pairs = [_pair(before, after, words, number) for number in range(asked.pairs)]
            for name, what, is_more_better in FIGURES:
                worst = min(worst, _show(batch, name, what, pairs, is_more_better))
    return 0 if worst >= RATIO_MIN else 1


def sources(version: str, scratch: Path) -> list[Path]:
    """Return the folders from which a version is imported; a commit is taken out of git."""
    folder = Path(version).absolute()
    if not folder.is_dir():
        folder = scratch / version.replace("/", "-")
        listed = ["git", "ls-tree", "--name-only", version]
        there = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True)
        parts = [part for part in _PACKAGES if part in there.stdout.splitlines()]
        command = ["git", "archive", "--format=tar", version, *parts]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
    apart = [folder / part for part in _PACKAGES if (folder / part).is_dir()]
    return apart or [folder]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return two of the values between which the median lies with at least 95 %.

    With n independent values, fewer than k lie below the median with the probability of fewer than
    k heads in n throws. Below 6 values no two are enough: the smallest and largest are returned.
    """
    ordered, count = sorted(values), len(values)
    below, rank = 0.0, 0
    while rank < count // 2 and below + math.comb(count, rank) / 2**count <= 0.025:
        below += math.comb(count, rank) / 2**count
        rank += 1
    place = max(rank - 1, 0)
    return ordered[place], ordered[count - 1 - place]


def _pair(before: list[Path], after: list[Path], words: list[str], number: int) -> Pair:
    """Run both versions; return what they measured, before and after."""
    if number % 2:
        new = _run(after, words)
        old = _run(before, words)
    else:
        old = _run(before, words)
        new = _run(after, words)
    if old["hash"] != new["hash"]:
        print(f"the hashes differ: {old['hash']} before, {new['hash']} after", file=sys.stderr)
    return old, new


def _run(folders: list[Path], words: list[str]) -> dict[str, Any]:
    """Play once with the packages in these folders."""
    path = os.pathsep.join(map(str, folders))
    done = subprocess.run(
        [sys.executable, "-m", "tests.durable.child", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    shutil.rmtree(words[1], ignore_errors=True)
    if done.returncode:
        raise SystemExit(f"a run failed in {path}: {done.stderr[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    if not any(found["origin"].startswith(f"{folder}{os.sep}") for folder in folders):
        raise SystemExit(f"expected the packages of {path}, found {found['origin']}")
    return found


def _show(batch: int, name: str, what: str, pairs: Sequence[Pair], is_more_better: bool) -> float:
    """Print one line and return the median of the ratios."""
    sides = [(old[name], new[name]) for old, new in pairs]
    ratios = [new / old if is_more_better else old / new for old, new in sides]
    before, after = (statistics.median(side) for side in zip(*sides, strict=True))
    ratio, (low, high) = statistics.median(ratios), interval(ratios)
    print(
        f"{batch:<7}{what:<26}{before:>10,.0f}{after:>10,.0f}{ratio:>8.3f}  "
        f"{low:.3f} to {high:.3f}, {len(ratios)} pairs",
        flush=True,
    )
    return ratio


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

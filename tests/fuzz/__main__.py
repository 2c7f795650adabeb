"""Fuzz every target for a time each, or some of them, and say what came of it.

    python -m tests.fuzz [--seconds 60] [--only NAME]... [--nice 19]

It needs the extra `fuzz`. What libFuzzer learns stays in build/fuzz/NAME/corpus and is the start of
the next run; what it finds is build/fuzz/NAME/crash-... (or timeout-, oom-). The exit code is 1 if
anything was found.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.catalogue import TARGETS
from tests.fuzz.target import Target

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "fuzz"
SECONDS_PER_INPUT = 30
MEMORY_MB = 2_048
_DONE = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)")
_LINE = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)")


class Outcome(NamedTuple):
    """What one target's run came to."""

    executions: int
    edges: int
    features: int
    corpus: int
    seconds: float
    code: int
    found: list[Path]


def main(arguments: list[str] | None = None) -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    names = [target.name for target in TARGETS]
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--only", action="append", choices=names, help="only these targets")
    parser.add_argument("--nice", type=int, default=19, help="how low its priority is")
    options = parser.parse_args(arguments)
    os.nice(options.nice)
    is_bad = False
    print(f"{'target':18} {'executions':>10} {'per s':>7} {'edges':>6} {'corpus':>6}  found")
    for target in TARGETS:
        if options.only and target.name not in options.only:
            continue
        outcome = fuzz(target, options.seconds)
        is_bad |= bool(outcome.code or outcome.found)
        print(_row(target, outcome), flush=True)
    return int(is_bad)


def fuzz(target: Target, seconds: int) -> Outcome:
    """Run one target in a child and read what it says."""
    folder = BUILD / target.name
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*-*"))
    command = [
        *(sys.executable, "-m", "tests.fuzz.guided", target.name),
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_PER_INPUT}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={folder}/",
        *_dictionary(target, folder),
        *("-print_final_stats=1", str(folder / "corpus"), str(target.folder)),
    ]
    started_s = time.monotonic()
    with (folder / "log").open("w+", encoding="utf-8", errors="replace") as log:
        done = subprocess.run(command, stdout=log, stderr=log, check=False, cwd=ROOT)
        log.seek(0)
        said = log.read()
    lines = _DONE.findall(said) or _LINE.findall(said) or [("0", "0", "0", "0")]
    numbers = [int(number) for number in lines[-1]]
    found = sorted(set(folder.glob("*-*")) - before)
    return Outcome(*numbers, time.monotonic() - started_s, done.returncode, found)


def _dictionary(target: Target, folder: Path) -> list[str]:
    """Write the words of a target as libFuzzer reads them, and return its option for them."""
    words = target.harness().DICTIONARY
    if not words:
        return []
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in words)
    path = folder / "words.dict"
    path.write_text("".join(f'"{word}"\n' for word in quoted), encoding="ascii")
    return [f"-dict={path}"]


def _row(target: Target, outcome: Outcome) -> str:
    rate = outcome.executions / max(outcome.seconds, 1)
    found = ", ".join(path.name for path in outcome.found)
    if outcome.code and not outcome.found:
        found = f"exit code {outcome.code}, see build/fuzz/{target.name}/log"
    return (
        f"{target.name:18} {outcome.executions:>10,} {rate:>7,.0f} {outcome.edges:>6,} "
        f"{outcome.corpus:>6,}  {found or 'nothing'}"
    )


if __name__ == "__main__":
    sys.exit(main())

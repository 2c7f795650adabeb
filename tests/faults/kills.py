"""The SIGKILL proof: a writer dies at random moments, and nothing acknowledged is ever lost.

    python -m tests.faults.kills [--kills N] [--seed N] [--folder DIR]

After each kill the journal must recover to what was acknowledged or beyond, to the hash of an
uninterrupted run of the same commands, and take new commands at once. Journals are gone on with and
begun anew in turn. Exit 1 if anything does not hold, or if too few kills hit a batch in flight.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lockstep_engine.exchange import MACHINE
from lockstep_replay import LiveOptions, begin
from tests.faults.referee import NEW_COMMANDS, Kill, Summary, kill_once, summary
from tests.faults.tape import Tape, record_tape
from tests.faults.writer import GROWING, SNAPSHOTS

DEFAULT_KILLS, DEFAULT_SEED, TAPE_LENGTH = 40, 1, 40_000
_HEAD = (
    f"{'kill':>4} {'journal':<8}{'after s':>8} {'where it fell':<18}{'batch':>6}{'acked':>8}"
    f"{'found':>8}{'kept':>6}{'from':>8}{'recovery':>10}{'accepts':>9}  verdict"
)


def prove(kills: int, seed: int, folder: Path, length: int = TAPE_LENGTH) -> Iterator[Kill]:
    """Yield the kills one after the other, in a folder for tape and journals."""
    tape = record_tape(seed, length)
    path = folder / "tape"
    tape.save(path)
    journal = folder / "journal"
    known_seq = 0
    for number in range(kills):
        if number % 2 == 0:
            _begin(journal, tape)
            known_seq = 0
        kill = kill_once(journal, path, tape, known_seq, 1_000 * seed + number)
        known_seq = kill.recovered_seq + NEW_COMMANDS
        yield kill


def _begin(journal: Path, tape: Tape) -> None:
    """Make an empty journal in the place of the one before."""
    shutil.rmtree(journal, ignore_errors=True)
    options = LiveOptions(snapshots=SNAPSHOTS, map_policy=GROWING)
    begin(journal, MACHINE, tape.genesis, lambda: 0, options).close()


def row(number: int, kill: Kill) -> str:
    """Return one line of the table; `kept` counts commands that were durable, but not yet acked."""
    heard = kill.heard
    journal = "same" if number % 2 else "fresh"
    return (
        f"{number + 1:>4} {journal:<8}{kill.seconds:>8.3f} {heard.phase:<18}{heard.in_flight:>6}"
        f"{heard.acked_seq:>8}{kill.recovered_seq:>8}{kill.recovered_seq - heard.acked_seq:>6}"
        f"{kill.snapshot_seq:>8}{kill.recovery_ms:>8.0f}ms{kill.accept_ms:>7.0f}ms  "
        f"{kill.fault or 'ok'}"
    )


def report(found: Summary, seconds: float) -> str:
    """Return the lines below the table."""
    bounds = (1, 10, 100, 1_000)
    counts: list[str] = []
    low = 1
    for high in bounds:
        count = sum(1 for size in found.sizes if low <= size <= high)
        counts.append(f"{low}-{high}: {count}" if low < high else f"{high}: {count}")
        low = high + 1
    phases = ", ".join(f"{phase} {count}" for phase, count in sorted(found.phases.items()))
    return (
        f"\n{found.kills} kills in {seconds:.0f} s, {found.faults} faults\n"
        f"where they fell: {phases}\n"
        f"with a batch in flight: {found.in_flight}; by its size: {', '.join(counts)}"
    )


def main(arguments: list[str]) -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kills")
    parser.add_argument("--kills", type=int, default=DEFAULT_KILLS)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--folder", type=Path, help="where journals are made; default: temporary")
    asked = parser.parse_args(arguments)
    started = time.perf_counter()
    kills: list[Kill] = []
    with tempfile.TemporaryDirectory(prefix="lockstep-kills-", dir=asked.folder) as name:
        print(_HEAD, flush=True)
        for kill in prove(asked.kills, asked.seed, Path(name)):
            print(row(len(kills), kill), flush=True)
            kills.append(kill)
    found = summary(kills)
    print(report(found, time.perf_counter() - started))
    wanted = min(10, asked.kills // 2)
    if found.in_flight < wanted:
        print(f"expected at least {wanted} kills with a batch in flight")
    return 1 if found.faults or found.in_flight < wanted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Kills a compaction and a repair at every system call that changes a file.

    python -m tests.faults.replacing

After each kill the journal must be the old one or the new one, byte for byte the one or whole the
other, and the next run must come through. Needs strace. Exit code 1 if anything failed.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lockstep_journal import RepairOptions, compact, layout, open_reader, repair, verify
from lockstep_kernel import LockstepError
from tests.faults.processes import SYNCS, WRITES, counted, injected, run_child
from tests.machines.histories import write_journal
from tests.unit.journal.damage import copy_of, data_of, edit

NAMES = (
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir"),
    *("chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "copy_file_range"),
    "sendfile",
)
CALLS = (*WRITES, *SYNCS, *NAMES)
COUNT = 200


class Work(NamedTuple):
    """What is killed, on which journal, and which it must then be if it is not the old one."""

    name: str
    directory: Path
    action: Callable[[Path], int]


def kill_everywhere(work: Work, folder: Path) -> tuple[int, list[str]]:
    """Return how many kills there were, and what was wrong after them."""
    directory = copy_of(work.directory, folder / "j")
    trace = run_child(lambda: work.action(directory), ["-e", f"trace={','.join(CALLS)}"]).trace
    expected, kills, failures = _content(directory), 0, list[str]()
    for call, count in counted(_own(trace), CALLS).items():
        for number in range(1, count + 1):
            _reset(work, folder)
            what = injected(call, f"signal=KILL:when={number}")
            ended = run_child(lambda: work.action(directory), what)
            kills += ended.code == -9
            failures += _judged(work, directory, expected, f"{work.name}: {call} {number}")
    return kills, failures


def _own(trace: str) -> str:
    """Return the lines of the process that is watched, without those of its children."""
    lines = trace.splitlines(keepends=True)
    process = lines[0].split(" ", 1)[0] if lines else ""
    return "".join(line for line in lines if line.split(" ", 1)[0] == process)


def _judged(work: Work, directory: Path, expected: list[bytes], where: str) -> list[str]:
    old = data_of(work.directory).read_bytes()
    failures: list[str] = []
    if data_of(directory).read_bytes() != old and _content(directory) != expected:
        failures.append(f"{where}: neither the old journal nor the new one")
    try:
        work.action(directory)
    except LockstepError as error:
        failures.append(f"{where}: the next run: {error}")
    if _content(directory) != expected:
        failures.append(f"{where}: the next run came to another end")
    return failures


def _content(directory: Path) -> list[bytes]:
    """Return all records of a whole journal; none of one that is not."""
    try:
        with open_reader(directory) as journal:
            is_whole = verify(journal).first is None
            return [raw for raws, _ in journal.pages() for raw in raws] if is_whole else []
    except LockstepError:
        return []


def _reset(work: Work, folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    copy_of(work.directory, folder / "j")


def _repaired(directory: Path) -> int:
    repair(directory, RepairOptions())
    return 0


def _compacted(directory: Path) -> int:
    compact(directory)
    return 0


def main() -> int:
    """Kill both everywhere and say what came of it."""
    failed = False
    with tempfile.TemporaryDirectory(prefix="lockstep-replacing-") as name:
        base = Path(name)
        write_journal(base / "whole", COUNT, snapshot_every=50, keep_events=True)
        bad = copy_of(base / "whole", base / "bad")
        edit(bad, layout.SNAPSHOTS, {50: b"no snapshot"})
        for work in (
            Work("compact", base / "whole", _compacted),
            Work("repair", bad, _repaired),
        ):
            (base / "at").mkdir(exist_ok=True)
            kills, failures = kill_everywhere(work, base / "at")
            print(f"{work.name}: {kills} kills, {len(failures)} failures", flush=True)
            for failure in failures[:9]:
                print(f"  {failure}")
            failed = failed or bool(failures) or not kills
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

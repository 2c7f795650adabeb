"""What the commands of the journal do, in the child process that may die of a damaged file."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lockstep_journal.archiving import archive as archive_records
from lockstep_journal.archiving import backup as copy_journal
from lockstep_journal.child import Work, say, serve
from lockstep_journal.cli.output import Progress, put_report, put_table
from lockstep_journal.compacting import compact as compact_journal
from lockstep_journal.errors import located
from lockstep_journal.repairing import RepairOptions
from lockstep_journal.repairing import repair as repair_journal
from lockstep_journal.stats import Statistics, statistics
from lockstep_journal.stats import status as status_of
from lockstep_journal.store import open_reader
from lockstep_journal.values import plain_struct
from lockstep_journal.verification import Verification
from lockstep_journal.verification import verify as verify_journal
from lockstep_journal.writer import open_owner
from lockstep_kernel import find_machine
from lockstep_kernel.errors import EXIT_CANNOT_RUN, EXIT_DAMAGED, EXIT_OK


def verify(directory: str, is_json: bool, is_first_only: bool) -> int:
    """Verify a journal and report every finding."""
    progress = Progress("verify")
    with open_reader(directory) as journal:
        found = verify_journal(journal, is_first_only, progress)
    progress.close()
    _put_verification(found, is_json)
    first = found.first
    if first is None:
        return EXIT_OK
    where = "header" if first.seq is None else f"sequence {first.seq}"
    if len(found.findings) == 1:
        say(f"{directory}: 1 finding, at {where}: {first.what}")
    else:
        say(f"{directory}: {len(found.findings)} findings, the first at {where}: {first.what}")
    return EXIT_DAMAGED if found.is_damaged else EXIT_CANNOT_RUN


def stats(directory: str, is_json: bool) -> int:
    """Weigh a journal."""
    with open_reader(directory) as journal:
        _put_statistics(statistics(journal), is_json)
    return EXIT_OK


def backup(directory: str, destination: str, is_json: bool, is_compact: bool) -> int:
    """Copy a journal while it may be written, and verify the copy."""
    progress = Progress("verifying the copy")
    with open_reader(directory) as journal:
        found = copy_journal(journal, destination, is_compact, progress)
    progress.close()
    _put_verification(found, is_json)
    return EXIT_OK


def archive(directory: str, destination: str, below_seq: int, is_json: bool) -> int:
    """Move old records into a stream file."""
    with open_owner(directory) as owner:
        machine = find_machine(owner.genesis.machine)
        owner.check_end()
        done = archive_records(owner, machine, below_seq, destination)
    put_report(plain_struct(done, has_types=False), is_json)
    return EXIT_OK


def compact(directory: str, is_json: bool) -> int:
    """Leave the free pages out of a journal's file."""
    progress = Progress("verifying the copy")
    done = compact_journal(directory, progress)
    progress.close()
    put_report(plain_struct(done, has_types=False), is_json)
    return EXIT_OK


def repair(
    directory: str,
    is_json: bool,
    is_dry_run: bool,
    acknowledged_seq: int | None,
    backup: str | None,
) -> int:
    """Rebuild a journal from what is good, or say what would be done."""
    done = repair_journal(directory, RepairOptions(is_dry_run, acknowledged_seq, backup))
    report = plain_struct(done, has_types=False)
    if is_json:
        put_report(report, is_json)
        return EXIT_OK
    for name in ("cut", "dropped_snapshots", "findings"):
        rows = report[name]
        if isinstance(rows, list):
            report[name] = len(rows)
            put_table([row for row in rows if isinstance(row, dict)], name)
    put_report(report, is_json)
    if not done.is_changed:
        say(f"{directory}: there is nothing to repair")
    return EXIT_OK


def status(directory: str, is_json: bool) -> int:
    """Say what a journal holds and who writes it."""
    seen = status_of(directory)
    report = plain_struct(seen, has_types=False)
    if not is_json:
        report["owner_pid"] = _owner(seen.owner_pid)
    put_report(report, is_json)
    return EXIT_OK


def _owner(pid: int | None) -> str:
    if pid is None:
        return "nobody"
    return f"process {pid}" if pid else "a live process"


def _put_verification(found: Verification, is_json: bool) -> None:
    report = plain_struct(found, has_types=False)
    if is_json:
        put_report(report, is_json)
        return
    report["findings"] = len(found.findings)
    put_report(report, is_json)
    if found.findings:
        put_table([{"seq": one.seq, "what": one.what} for one in found.findings], "findings")


def _put_statistics(seen: Statistics, is_json: bool) -> None:
    report = plain_struct(seen, has_types=False)
    if not is_json:
        report.pop("status")
        report = {**plain_struct(seen.status, has_types=False), **report}
    put_report(report, is_json)


def main(argv: Sequence[str]) -> int:
    """Do what the parent asked for."""
    works: dict[str, Work] = {
        "verify": verify,
        "stats": stats,
        "backup": backup,
        "archive": archive,
        "compact": compact,
        "repair": repair,
        "status": status,
    }
    return serve({name: partial(_named, work) for name, work in works.items()}, argv)


def _named(work: Work, directory: str, **arguments: Any) -> int:
    """Do a work on a directory, which every fault of its data names."""
    with located([str(Path(directory))]):
        return work(directory=directory, **arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

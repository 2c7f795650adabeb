"""The commands `lockstep journal ...` and `lockstep status`.

A command checks nothing itself: a child process does the work, because a truncated data file kills
whoever reads it. Only click is loaded here.
"""

from typing import Any

import click

from lockstep_journal.child import run

_EXIT_CODES = """
Exit codes: 0 ok, 2 damaged, 3 could not run, 130 interrupted (Ctrl-C),
143 ended by SIGTERM, 129 by SIGHUP, 141 the reader of the output went away.
"""

_directory = click.argument("directory", metavar="DIR")
_json = click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")


@click.group(epilog=_EXIT_CODES)
def journal() -> None:
    """Look after a journal: verify, measure, back up, archive, compact, repair."""


@journal.command(epilog="Example: lockstep journal verify data/journal")
@_directory
@_json
@click.option("--first", "is_first_only", is_flag=True, help="Stop at the first finding.")
@click.pass_context
def verify(context: click.Context, directory: str, is_json: bool, is_first_only: bool) -> None:
    """Check every record, link, event and snapshot of the journal in DIR.

    It may be written meanwhile. Bytes and links are checked and nothing is executed: for that see
    `lockstep replay recover` and `lockstep-validator`.
    """
    _run(context, directory, directory=directory, is_json=is_json, is_first_only=is_first_only)


@journal.command(epilog="Example: lockstep journal stats data/journal --json")
@_directory
@_json
@click.pass_context
def stats(context: click.Context, directory: str, is_json: bool) -> None:
    """Read the journal in DIR once and say what its parts weigh."""
    _run(context, directory, directory=directory, is_json=is_json)


@journal.command(epilog="Example: lockstep journal backup data/journal data/journal-copy")
@_directory
@click.argument("destination", metavar="NEW_DIR")
@_json
@click.option("--compact", "is_compact", is_flag=True, help="Leave free pages out of the copy.")
@click.pass_context
def backup(
    context: click.Context, directory: str, destination: str, is_json: bool, is_compact: bool
) -> None:
    """Copy the journal in DIR to NEW_DIR while it may be written, and verify the copy.

    NEW_DIR lies in a directory that is there, and outside every journal.
    """
    _run(
        context,
        directory,
        directory=directory,
        destination=destination,
        is_json=is_json,
        is_compact=is_compact,
    )


@journal.command(epilog="Example: lockstep journal archive data/journal --below 1000000 old.stream")
@_directory
@click.argument("destination", metavar="NEW_FILE")
@click.option(
    "--below",
    "below_seq",
    type=click.IntRange(min=0),
    required=True,
    metavar="SEQ",
    help="Archive up to the newest snapshot at or below SEQ.",
)
@_json
@click.pass_context
def archive(
    context: click.Context, directory: str, destination: str, below_seq: int, is_json: bool
) -> None:
    """Move old records of the journal in DIR into the stream NEW_FILE.

    They are deleted only when the file was synced and read back. Nobody may write the journal
    meanwhile. `lockstep replay import` makes one journal of the file and the rest again. NEW_FILE
    lies in a directory that is there, and outside every journal.
    """
    _run(
        context,
        directory,
        directory=directory,
        destination=destination,
        below_seq=below_seq,
        is_json=is_json,
    )


@journal.command(epilog="Example: lockstep journal compact data/journal")
@_directory
@_json
@click.pass_context
def compact(context: click.Context, directory: str, is_json: bool) -> None:
    """Leave the free pages out of the file of the journal in DIR.

    A compact copy is made inside DIR, verified and compared with the original, and takes its place
    only then. Nobody may have the journal open meanwhile, and the disk needs room for the copy.
    """
    _run(context, directory, directory=directory, is_json=is_json)


@journal.command(epilog="Example: lockstep journal repair data/journal --dry-run")
@_directory
@click.option(
    "--dry-run",
    "is_dry_run",
    is_flag=True,
    help="Say what would be done and leave DIR alone; copies of its file are made beside it in "
    "DIR.dry-run-* and removed.",
)
@click.option(
    "--acknowledged",
    "acknowledged_seq",
    type=click.IntRange(min=0),
    metavar="SEQ",
    help="No client and no replica ever heard of anything after SEQ.",
)
@click.option(
    "--backup",
    metavar="NEW_DIR",
    help="Where the old file is kept.  [default: DIR.before-repair]",
)
@_json
@click.pass_context
def repair(context: click.Context, /, directory: str, **options: Any) -> None:
    """Rebuild the journal in DIR from all that is good in it, and cut a damaged end.

    What was committed may have been acknowledged: without --acknowledged nothing is cut that the
    journal ever held, and with it nothing at or before SEQ, nor anything that was there before the
    last transaction. The old file is copied to NEW_DIR first. Exit code 2: it cannot be repaired
    so, and nothing was changed. docs/operations.md says what to do then.
    """
    _run(context, directory, directory=directory, **options)


@click.command(epilog="Example: lockstep status data/journal --json")
@_directory
@_json
@click.pass_context
def status(context: click.Context, directory: str, is_json: bool) -> None:
    """Say what the journal in DIR holds, who writes it, and how full it is."""
    _run(context, directory, directory=directory, is_json=is_json)


def _run(context: click.Context, subject: str, **arguments: Any) -> None:
    group = "lockstep" if context.command is status else "lockstep journal"
    name = f"{group} {context.command.name}"
    context.exit(run("lockstep_journal.cli.work", name, arguments, subject))

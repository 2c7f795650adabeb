"""The commands `lockstep replay ...`.

A command checks nothing itself: a child process does the work, because a truncated data file kills
whoever reads it. Only click is loaded here.
"""

from typing import Any

import click

from lockstep_journal.child import run

_EXIT_CODES = """
Exit codes: 0 ok, 1 diverged, 2 damaged, 3 could not run, 4 torn, 130 interrupted, 143 ended by
SIGTERM, 129 by SIGHUP, 141 the reader of the output went away.
"""

_directory = click.argument("directory", metavar="DIR")
_json = click.option("--json", "is_json", is_flag=True, help="Print JSON.")
_machine = click.option(
    "--machine",
    "machine_name",
    metavar="NAME",
    help="Run this implementation instead of the one that the genesis names.",
)


def _numbers(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Return identifiers as the fields show them."""
    for value in values:
        if not (value.isascii() and value.isdecimal()):
            raise click.BadParameter(f"expected a number, found '{value}'")
    return tuple(str(int(value)) for value in values)


@click.group(epilog=_EXIT_CODES)
def replay() -> None:
    """Recover a journal, look into its past, compare two, move it."""


@replay.command(epilog="Example: lockstep replay recover data/journal")
@_directory
@click.option("--seq", type=int, metavar="SEQ", help="Recover the state after SEQ.")
@_json
@_machine
@click.pass_context
def recover(
    context: click.Context, directory: str, seq: int | None, is_json: bool, machine_name: str | None
) -> None:
    """Rebuild the state of the journal in DIR and compare every hash on the way."""
    _run(
        context,
        directory,
        directory=directory,
        seq=seq,
        is_json=is_json,
        machine_name=machine_name,
    )


@replay.command(
    epilog="Examples: lockstep replay show data/journal --from 100 --to 200 --account 7; "
    "lockstep replay show data/journal --type OrderCancelled --field reason=LIQUIDATION"
)
@_directory
@click.option("--from", "first_seq", type=int, metavar="SEQ", help="First record to show.")
@click.option("--to", "last_seq", type=int, metavar="SEQ", help="Last record to show.")
@click.option(
    "--account",
    multiple=True,
    metavar="ID",
    callback=_numbers,
    help="Only steps that name an account.",
)
@click.option(
    "--instrument",
    multiple=True,
    metavar="ID",
    callback=_numbers,
    help="Only steps of an instrument.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only steps with this value in a field of the command or an event.",
)
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="NAME",
    help="Only steps with such a command or event.",
)
@_json
@_machine
@click.pass_context
def show(
    context: click.Context,
    directory: str,
    first_seq: int | None,
    last_seq: int | None,
    account: tuple[str, ...],
    instrument: tuple[str, ...],
    fields: tuple[str, ...],
    types: tuple[str, ...],
    is_json: bool,
    machine_name: str | None,
) -> None:
    """Show commands with their events, one a line with --json.

    Options that name the same field add up; different fields must all be hit. A value is a number
    or the name that is shown for it. Types add up.
    """
    pairs = [f"account={value}" for value in account]
    pairs += [f"instrument={value}" for value in instrument]
    _run(
        context,
        directory,
        directory=directory,
        first_seq=first_seq,
        last_seq=last_seq,
        wanted={"fields": [*pairs, *fields], "types": list(types)},
        is_json=is_json,
        machine_name=machine_name,
    )


@replay.command(
    epilog="Examples: lockstep replay at data/journal 1000 --view book; "
    "lockstep replay at data/journal 1000 --account 7"
)
@_directory
@click.argument("seq", type=int)
@click.option("--view", "views", multiple=True, metavar="NAME", help="Only these tables.")
@click.option("--account", metavar="ID", help="What made this account's margin, instead.")
@_json
@_machine
@click.pass_context
def at(
    context: click.Context,
    directory: str,
    seq: int,
    views: tuple[str, ...],
    account: str | None,
    is_json: bool,
    machine_name: str | None,
) -> None:
    """Show the state after SEQ: book, accounts, positions, as the machine has tables for it.

    With --account, show what made the numbers of that account: its margin, down to each position,
    scenario and order.
    """
    _run(
        context,
        directory,
        directory=directory,
        seq=seq,
        views=list(views),
        account=account,
        is_json=is_json,
        machine_name=machine_name,
    )


@replay.command(
    epilog="Examples: lockstep replay diff data/journal 100 200; lockstep replay diff data/a data/b"
)
@_directory
@click.argument("others", nargs=-1, required=True, metavar="(SEQ SEQ | OTHER_DIR)")
@_json
@_machine
@click.pass_context
def diff(
    context: click.Context,
    directory: str,
    others: tuple[str, ...],
    is_json: bool,
    machine_name: str | None,
) -> None:
    """Say what changed between two sequence numbers, or where two journals part.

    Two journals that part end with exit code 1; that one is a prefix of the other is said.
    """
    _run(
        context,
        directory,
        directory=directory,
        others=list(others),
        is_json=is_json,
        machine_name=machine_name,
    )


@replay.command(epilog="Example: lockstep replay stats data/journal")
@_directory
@_json
@_machine
@click.pass_context
def stats(context: click.Context, directory: str, is_json: bool, machine_name: str | None) -> None:
    """Re-execute the journal in DIR and count its commands and events by type."""
    _run(context, directory, directory=directory, is_json=is_json, machine_name=machine_name)


@replay.command(epilog="Example: lockstep replay export data/journal day.stream --events")
@_directory
@click.argument("destination", metavar="NEW_FILE")
@click.option("--from", "from_seq", type=int, metavar="SEQ", help="Record SEQ must be in it.")
@click.option("--to", "to_seq", type=int, metavar="SEQ", help="End the stream after record SEQ.")
@click.option("--events", "has_events", is_flag=True, help="With events, recomputed if not kept.")
@click.option("--heads", metavar="HEADS", help="With the signed heads of this directory.")
@_json
@_machine
@click.pass_context
def export(
    context: click.Context,
    directory: str,
    destination: str,
    from_seq: int | None,
    to_seq: int | None,
    has_events: bool,
    heads: str | None,
    is_json: bool,
    machine_name: str | None,
) -> None:
    """Write the journal in DIR as a portable stream to NEW_FILE, or to stdout if that is `-`.

    With --to the stream ends after record SEQ, as whole as any other. The records behind it are not
    read: so what stands before damage is saved.
    NEW_FILE lies in a directory that is there, and outside every journal.
    """
    _run(
        context,
        directory,
        directory=directory,
        destination=destination,
        from_seq=from_seq,
        to_seq=to_seq,
        has_events=has_events,
        heads=heads,
        is_json=is_json,
        machine_name=machine_name,
    )


@replay.command("import", epilog="Example: lockstep replay import data/new old.stream day.stream")
@click.argument("directory", metavar="NEW_DIR")
@click.argument("sources", nargs=-1, required=True, metavar="STREAM...")
@click.option("--trust-hashes", "is_trusting", is_flag=True, help="Check bytes and links only.")
@_json
@_machine
@click.pass_context
def import_(
    context: click.Context,
    directory: str,
    sources: tuple[str, ...],
    is_trusting: bool,
    is_json: bool,
    machine_name: str | None,
) -> None:
    """Make the journal NEW_DIR of streams that follow each other; `-` is stdin.

    Every hash is recomputed, and the journal appears only if all is well. NEW_DIR lies in a
    directory that is there, and outside every other journal.
    """
    _run(
        context,
        directory,
        directory=directory,
        sources=list(sources),
        is_trusting=is_trusting,
        is_json=is_json,
        machine_name=machine_name,
    )


def _run(context: click.Context, subject: str, **arguments: Any) -> None:
    name = f"lockstep replay {context.command.name}"
    context.exit(run("lockstep_replay.cli.work", name, arguments, subject))

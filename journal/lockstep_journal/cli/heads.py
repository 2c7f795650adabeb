"""The commands `lockstep head ...`: keys, and signed tree heads of a journal."""

from typing import Any

import click

from lockstep_journal.child import run

_EXIT_CODES = """
Exit codes: 0 ok, 1 the journal is not the one that a published head signs, 2 damaged, 3 could not
run, 130 interrupted (Ctrl-C), 143 ended by SIGTERM, 129 by SIGHUP, 141 the reader of the output
went away.
"""

_json = click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")


@click.group(epilog=_EXIT_CODES)
def head() -> None:
    """Sign what a journal holds, so that it can be held against its writer."""


@head.command(epilog="Example: lockstep head keygen exchange.example/main head.key")
@click.argument("origin", metavar="ORIGIN")
@click.argument("key", metavar="NEW_FILE")
@_json
@click.pass_context
def keygen(context: click.Context, origin: str, key: str, is_json: bool) -> None:
    """Make a key that signs heads of the history ORIGIN.

    NEW_FILE is readable by its owner alone and never printed. The public half, which check-proof
    needs, is printed and goes to NEW_FILE.pub. ORIGIN is a name in the manner of a web address,
    without spaces and +; one history keeps one origin for ever.
    """
    _run(context, key, origin=origin, key=key, is_json=is_json)


@head.command(epilog="Example: lockstep head publish data/journal heads --key head.key --snapshots")
@click.argument("directory", metavar="DIR")
@click.argument("heads", metavar="HEADS")
@click.option("--key", required=True, metavar="FILE", help="The private key that signs.")
@click.option(
    "--at", type=click.IntRange(min=0), metavar="SEQ", help="Sign at SEQ, not at the last record."
)
@click.option("--snapshots", "has_snapshots", is_flag=True, help="Sign at each snapshot, too.")
@click.option("--machine", "machine_name", metavar="NAME", help="Run this implementation.")
@_json
@click.pass_context
def publish(
    context: click.Context,
    directory: str,
    heads: str,
    key: str,
    at: int | None,
    has_snapshots: bool,
    machine_name: str | None,
    is_json: bool,
) -> None:
    """Sign a head of the journal in DIR and write it to the directory HEADS, which is there.

    The journal may be written meanwhile. Hashes, rules and state are recomputed before anything is
    signed, from genesis or from a state that a head of this key in HEADS binds. No head is signed
    that contradicts one in HEADS; once first records are archived, the newest one is compared.
    """
    _run(
        context,
        directory,
        directory=directory,
        heads=heads,
        key=key,
        at=at,
        has_snapshots=has_snapshots,
        machine_name=machine_name,
        is_json=is_json,
    )


def _run(context: click.Context, subject: str, **arguments: Any) -> None:
    name = f"lockstep head {context.command.name}"
    context.exit(run("lockstep_journal.cli.heads_work", name, arguments, subject))

"""The program `lockstep`: a group whose commands are entry points of group `lockstep.commands`.

Each package brings its own; a command is imported when it is called, so help is fast and a package
that is broken spoils its own commands only. The guard around everything turns usage errors and
exceptions into one sentence and an exit code: never a traceback.
"""

import os
import sys
from collections.abc import Sequence
from importlib import metadata

import click

from lockstep_kernel import CannotRunError, LockstepError
from lockstep_kernel.errors import EXIT_CANNOT_RUN, EXIT_OK
from lockstep_kernel.note import is_private, without_keys
from lockstep_runtime.endings import EXIT_SIGNALLED, EndedError, taken_endings

NAME = "lockstep"
GROUP = "lockstep.commands"
DISTRIBUTION = "lockstep-exchange"
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141

_SUMMARIES = {
    "bench": "Measure speed against a bare matcher on the same machine.",
    "demo": "Trade, kill the writer, recover, validate: a table of what happened.",
    "desk": "Trade: a demo and backtests of the desk on the exchange core, and how fast it runs.",
    "head": "Sign what a journal holds, so that it can be held against its writer.",
    "journal": "Look after a journal: verify, measure, back up, archive, compact, repair.",
    "replay": "Recover a journal, look into its past, compare two, move it.",
    "run": "Run a feed through sequencer, engine and journal.",
    "simulate": "Simulate clients, sequencer, journal and disk under faults: a seed repeats a run.",
    "status": "Say what the journal in DIR holds, who writes it, and how full it is.",
}
"""What help says of the commands of this distribution, so that it need not import them."""

_GROUPS = ("desk", "head", "journal", "replay")
"""The commands that have commands."""

_EPILOG = """
\b
Examples:
  lockstep demo
  lockstep run market:7:50000 --journal data/market
  lockstep replay recover data/market
  lockstep journal verify data/market

\b
Exit codes: 0 ok, 1 diverged, 2 damaged, 3 could not run, 4 torn tail, 130 interrupted,
143 ended by SIGTERM, 129 by SIGHUP, 141 the reader of the output went away.
With --json a refusal is an object with `error` and `exit_code` on stdout, too.
"""


class EntryPointGroup(click.Group):
    """Knows the names of its commands from metadata, and loads one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, sorted."""
        return sorted({point.name for point in metadata.entry_points(group=GROUP)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; raise `CannotRunError` if its package cannot be imported."""
        for point in metadata.entry_points(group=GROUP, name=cmd_name):
            try:
                loaded = point.load()
            except Exception as error:
                raise CannotRunError(
                    f"the command '{cmd_name}' cannot be loaded from {point.value}: "
                    f"{type(error).__name__}: {error}"
                ) from error
            if not isinstance(loaded, click.Command):
                raise CannotRunError(f"expected a command at {point.value}, found another object")
            return loaded
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and summaries without loading anything."""
        rows = [(name, _SUMMARIES.get(name, "")) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows or [("(none installed)", "")])


def _show_version(ctx: click.Context, parameter: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        print(f"lockstep {version()}")
        ctx.exit()


@click.command(
    cls=EntryPointGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def lockstep() -> None:
    """Run and look into a deterministic, event-sourced exchange.

    Every change of state is recomputable: commands go through a pure core into a durable journal,
    and whoever has the commands can prove every state, event and hash.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code; never raises."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _replace_closed_stdout()
        with taken_endings():
            code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter must not flush again.
        _drop_output()
        return EXIT_CLOSED_PIPE
    except EndedError as ending:
        return _fail(given, ending.sentence, EXIT_SIGNALLED + ending.number)
    except KeyboardInterrupt:
        return _fail(given, "interrupted", EXIT_INTERRUPTED)
    except LockstepError as error:
        return _fail(given, str(error), error.exit_code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(given, f"{where}{error.strerror or error}", EXIT_CANNOT_RUN)
    except Exception as error:  # noqa: BLE001  # the top guard: one sentence, no traceback
        sentence = f"internal error: {type(error).__name__}: {error}"
        return _fail(given, sentence, EXIT_CANNOT_RUN)
    return code


def _replace_closed_stdout() -> None:
    """Write to nowhere if the caller closed stdout: nobody wants to see anything."""
    if getattr(sys, "stdout", None) is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open to the end


def version() -> str:
    """Return the installed version, or "unknown" when it runs from sources alone."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"


def _run(given: Sequence[str]) -> int:
    if any(map(is_private, given)):
        raise CannotRunError(
            "expected the name of a key's file, found the private key itself: keep it secret, "
            "and make a new one if others could see it here"
        )
    try:
        # Not `lockstep.main`: it has exit codes of its own.
        with lockstep.make_context("lockstep", list(given)) as context:
            result = lockstep.invoke(context)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        return _fail(given, "interrupted", EXIT_INTERRUPTED)
    except click.UsageError as error:
        return _misused(given, error)
    except click.ClickException as error:
        return _fail(given, error.format_message(), EXIT_CANNOT_RUN)
    return result if isinstance(result, int) else EXIT_OK


def _misused(given: Sequence[str], error: click.UsageError) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message(), file=sys.stderr)
        return EXIT_CANNOT_RUN
    where = error.ctx.command_path if error.ctx is not None else NAME
    sentence = without_keys(error.format_message())
    return _refuse(given, where, f"{sentence} (see '{where} --help')")


def _fail(given: Sequence[str], sentence: str, code: int) -> int:
    """Say why the program ends: `lockstep COMMAND: ...`, and as JSON if that was asked for."""
    return _refuse(given, _speaker(given), sentence, code)


def _refuse(given: Sequence[str], speaker: str, sentence: str, code: int = EXIT_CANNOT_RUN) -> int:
    # Only here: help loads nothing of the other packages.
    from lockstep_journal.refusal import refuse

    return refuse(speaker, sentence, code, is_json="--json" in given)


def _speaker(given: Sequence[str]) -> str:
    """Return the name of the command that was called, with that of its group.

    >>> _speaker(["run", "market:1"]), _speaker(["--help"])
    ('lockstep run', 'lockstep')
    """
    name = next(iter(given), "")
    if not metadata.entry_points(group=GROUP, name=name):
        return NAME
    if name in _GROUPS and len(given) > 1 and given[1].isalpha():
        return f"{NAME} {name} {given[1]}"
    return f"{NAME} {name}"


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

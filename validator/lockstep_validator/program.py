"""The program `lockstep-validator`: arguments in, verdict on standard output, exit code out.

Progress and the sentence of a failure go to standard error. Nothing raises past `main`. The exit
code is the verdict's even if nobody reads the output any more: it is what the caller came for.
"""

import argparse
import io
import os
import signal
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import FrameType

from lockstep_kernel import CannotRunError
from lockstep_kernel.errors import EXIT_OK
from lockstep_kernel.note import is_private
from lockstep_validator.console import PROGRAM, Parser, drop_output, fail, put, say
from lockstep_validator.evidence.keys import read_keys
from lockstep_validator.options import Options, parse_mark
from lockstep_validator.report import as_json, as_text
from lockstep_validator.session import validate
from lockstep_validator.verdict import Status, Verdict

DISTRIBUTION = "lockstep-exchange"
EXIT_INTERRUPTED = 130
PROGRESS_INTERVAL_S = 0.2
EVIDENCE_COMMANDS = ("prove", "check-proof")

DESCRIPTION = """\
Re-execute every command of a stream or journal and compare every hash.

SOURCE is a stream file, a journal directory, or - for standard input. `prove` and `check-proof`
in its place write and check proofs about signed heads: lockstep-validator prove --help."""

EPILOG = """\
examples:
  lockstep-validator day.stream
  lockstep-validator ./journal --machine exchange.naive
  lockstep-validator ./journal --follow
  xz -dc day.stream.xz | lockstep-validator - --json
  lockstep-validator day.stream --key head.key.pub
  lockstep-validator day.stream --trust 50000:0123456789abcdef0123456789abcdef
  lockstep-validator day.stream --until 120 --expect 120:0123456789abcdef0123456789abcdef

exit codes:
  0  every hash is equal
  1  diverged: a recomputed hash, event or snapshot differs; the report names the first
  2  damaged: corrupt, missing, reordered or foreign data
  3  could not run: usage, missing, newer format or rules, other machine, internal error
  4  torn: the data ends in the middle
  130  interrupted (Ctrl-C) before a verdict, or followed and stopped before the first record
A reader of the output that goes away (lockstep ends with 141) changes none of them: the verdict is
worth more than the pipe."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    _replace_closed_stdout()
    _reconfigure()
    try:
        code = _run(arguments)
    except SystemExit:
        # Only help ends so; its text is flushed now, where a full disk can be told.
        code = EXIT_OK
    except KeyboardInterrupt:
        code = fail("interrupted before a verdict", EXIT_INTERRUPTED)
    except CannotRunError as error:
        code = fail(str(error))
    except BrokenPipeError:
        # Only help and version come here: nobody reads them any more.
        code = EXIT_OK
    except OSError as error:
        drop_output()
        code = fail(f"could not write the output: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001  # the top guard: one sentence, no traceback
        code = fail(f"internal error: {type(error).__name__}: {error}")
    wrong = _flush()
    return fail(f"could not write the output: {wrong}") if wrong else code


class Progress:
    """A line on a terminal that says how far the validation is; nothing anywhere else."""

    def __init__(self, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._started_s = self._shown_s = time.monotonic()
        self._first_seq: int = 0
        self._seq: int = 0
        self._shown_seq: int = 0

    def advance(self, seq: int) -> None:
        """Take the last validated sequence number."""
        if not self._first_seq:
            self._first_seq = seq
        self._seq = seq
        self.show()

    def show(self) -> None:
        """Write the line anew if it is old and wrong."""
        now_s = time.monotonic()
        is_due = now_s - self._shown_s >= PROGRESS_INTERVAL_S and self._seq != self._shown_seq
        if not (self._is_shown and is_due):
            return
        self._shown_s, self._shown_seq = now_s, self._seq
        rate = (self._seq - self._first_seq) / (now_s - self._started_s)
        line = f"validated to {self._seq:,}, {rate:,.0f}/s"
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the line."""
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _run(arguments: Sequence[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else list(arguments)
    if any(map(is_private, given)):
        raise CannotRunError("expected a public key, found a private one: keep it secret")
    if given and given[0] in EVIDENCE_COMMANDS:
        # Only these need the library of signatures.
        from lockstep_validator.evidence.command import run

        return run(given)
    chosen = _parser().parse_args(arguments)
    if chosen.version:
        print(f"{PROGRAM} {_version()}")
        return EXIT_OK
    if chosen.source is None:
        raise CannotRunError(f"expected a SOURCE, found none (see {PROGRAM} --help)")
    progress = Progress(sys.stderr.isatty() and not chosen.quiet)
    with _stop_on_signals(chosen.follow) as signals:

        def should_stop() -> bool:
            progress.show()
            return bool(signals)

        options = Options(
            keys=read_keys(chosen.key) if chosen.key else None,
            machine=chosen.machine,
            trust=None if chosen.trust is None else parse_mark(chosen.trust),
            expect=tuple(parse_mark(text) for text in chosen.expect),
            until=chosen.until,
            is_following=chosen.follow,
            has_events=chosen.events,
            on_progress=progress.advance,
            should_stop=should_stop,
        )
        try:
            verdict = validate(chosen.source, options)
        finally:
            progress.clear()
        if signals and verdict.seq is None and verdict.status is Status.COULD_NOT_RUN:
            return fail("interrupted before the first record", EXIT_INTERRUPTED)
    _print_verdict(verdict, chosen.json, chosen.quiet)
    return verdict.exit_code


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "source",
        metavar="SOURCE",
        nargs="?",
        help="stream file, journal directory, or - for standard input",
    )
    add("--trust", metavar="SEQ:HASH", help="start from the snapshot at SEQ if its hash is HASH")
    add(
        "--expect",
        metavar="SEQ:HASH",
        action="append",
        default=[],
        help="the recomputed hash at SEQ must be HASH; may be repeated",
    )
    add("--until", metavar="SEQ", type=_sequence, help="stop after SEQ, which must be reached")
    add("--machine", metavar="NAME", help="run this installed machine, not the one in the genesis")
    add(
        "--key",
        metavar="KEY",
        action="append",
        default=[],
        help="check the signed heads in the stream; a public key or a file of them",
    )
    add("--follow", action="store_true", help="wait for more until SIGINT or SIGTERM")
    add("--events", action="store_true", help="compare the events that a journal keeps, too")
    add("--json", action="store_true", help="print the verdict as one JSON object")
    add("--quiet", action="store_true", help="print no verdict and no progress")
    add("--version", action="store_true", help="print the version and exit")
    return parser


def _version() -> str:
    """Return the installed version, or "unknown" when it runs from sources alone."""
    from importlib import metadata

    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"


def _sequence(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise argparse.ArgumentTypeError(f"expected a sequence number, found '{text}'")
    return int(text)


@contextmanager
def _stop_on_signals(is_following: bool) -> Generator[list[int]]:
    """Collect SIGINT and SIGTERM while a stream is followed, instead of dying of them."""
    received: list[int] = []
    if not is_following:
        yield received
        return
    numbers = (signal.SIGINT, signal.SIGTERM)

    def receive(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = [signal.signal(number, receive) for number in numbers]
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _print_verdict(verdict: Verdict, is_json: bool, is_quiet: bool) -> None:
    if is_json:
        put(as_json(verdict), "the verdict")
    elif not is_quiet and verdict.status is not Status.COULD_NOT_RUN:
        put(as_text(verdict), "the verdict")
    if verdict.status is not Status.OK:
        say(verdict.message)


def _replace_closed_stdout() -> None:
    """Write to nowhere if the caller closed stdout: nobody wants to see anything."""
    if getattr(sys, "stdout", None) is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open to the end


def _reconfigure() -> None:
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")


def _flush() -> str:
    """Write what is left and return why it cannot be written; "" also if nobody reads it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()
    except OSError as error:
        drop_output()
        return error.strerror or str(error)
    return ""

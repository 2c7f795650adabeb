"""Work on a journal in a child process, because a truncated LMDB file kills whoever reads it.

`run` is the parent's side: it turns the death of the child into an exit code and a sentence, and
passes on to it whatever shall end the work: no child goes on alone.
`serve` is the child's side: it turns every exception into the same.
"""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from lockstep_journal.errors import told
from lockstep_journal.refusal import drop_output, refuse
from lockstep_kernel import LockstepError
from lockstep_kernel.errors import EXIT_CANNOT_RUN, EXIT_DAMAGED

EXIT_INTERRUPTED = 130
EXIT_SIGNALLED = 128
"""Plus the number of the signal, as a shell shows it: 143 for SIGTERM, 129 for SIGHUP."""
EXIT_CLOSED_PIPE = 141
"""What a shell shows of a program that SIGPIPE killed."""

Work = Callable[..., int]
"""Does the work of one command with keyword arguments that JSON can hold; returns the exit code."""

_speaker = ["lockstep"]
"""The command that `serve` does."""

_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)
"""End the work as Ctrl-C does, with another exit code."""

_DEADLY = frozenset({signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})


def run(module: str, command: str, arguments: Mapping[str, Any], subject: str) -> int:
    """Run `command` of `module`, which calls `serve`, in a child; return the exit code.

    `command` is what the user called, as `lockstep journal verify`: its last word names the work,
    and it stands before every sentence. The child has this process's input, output and terminal.
    `subject` names the data for the sentence that is printed if reading it kills the child. Only
    for the main thread.
    """
    argv = [*python_command(module), command, json.dumps(arguments)]
    is_json = bool(arguments.get("is_json"))
    relay = _Relay()
    with relay.taking():
        code = _run(argv, relay)
    if code >= 0:
        return code
    if -code in relay.came:
        return _refuse_ended(command, -code, is_json)
    return _report_death(-code, command, subject, is_json)


def serve(works: Mapping[str, Work], argv: Sequence[str]) -> int:
    """Do the work that `run` asked for and return the exit code; never raises.

    A signal that comes when the work is done and told changes nothing any more.
    """
    command, arguments = argv[0], json.loads(argv[1])
    _speaker[:] = [command]
    # A stream on stdout is no place for an object.
    is_json = bool(arguments.get("is_json")) and arguments.get("destination") != "-"
    try:
        _take_interrupts()
        code = _served(works, command, arguments, is_json)
        _ignore_interrupts()
    except _EndedError as ending:
        return _refuse_ended(command, ending.number, is_json)
    except KeyboardInterrupt:
        return refuse(command, "interrupted", EXIT_INTERRUPTED, is_json)
    return code


def _served(
    works: Mapping[str, Work], command: str, arguments: Mapping[str, Any], is_json: bool
) -> int:
    """Do the work and return the exit code; raises nothing but an interrupt."""
    try:
        _show_any_name()
        code = works[command.rpartition(" ")[2]](**arguments)
        sys.stdout.flush()
    except LockstepError as error:
        return refuse(command, str(error), error.exit_code, is_json)
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        drop_output()
        return EXIT_CLOSED_PIPE
    except OSError as error:
        return refuse(command, told(error), EXIT_CANNOT_RUN, is_json)
    except Exception as error:  # noqa: BLE001  # the top guard: one sentence, no traceback
        sentence = f"internal error: {type(error).__name__}: {error}"
        return refuse(command, sentence, EXIT_CANNOT_RUN, is_json)
    return code


def say(sentence: str) -> None:
    """Write a message of the command that `serve` does."""
    print(f"{_speaker[0]}: {sentence}", file=sys.stderr)


def death_sentence(number: int) -> str | None:
    """Return what a reader's death of a signal says of the data; None if it says nothing."""
    if number not in _DEADLY:
        return None
    name = signal.Signals(number).name
    return (
        f"reading it killed the reader with {name}: data.mdb is truncated or its pages are damaged"
    )


def python_command(module: str) -> list[str]:
    """Return the command line of a child that runs a module of this installation."""
    # -P: the directory we happen to stand in must never lend its modules.
    flags = ["-P", "-O"] if sys.flags.optimize else ["-P"]
    return [sys.executable, *flags, "-m", module]


def python_environment() -> dict[str, str]:
    """Return the environment in which a child finds the modules that this process finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class _EndedError(KeyboardInterrupt):
    """SIGTERM or SIGHUP came; all that cleans up after Ctrl-C cleans up after it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Relay:
    """Passes SIGTERM and SIGHUP on to a child, also what comes before there is one."""

    def __init__(self) -> None:
        self.came: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def taking(self) -> Generator[None]:
        """Take both signals meanwhile, unless the one who started us ignores them (nohup)."""
        before = {number: signal.getsignal(number) for number in _ENDINGS}
        taken = [number for number in _ENDINGS if before[number] != signal.SIG_IGN]
        for number in taken:
            signal.signal(number, self._take)
        try:
            yield
        finally:
            for number in taken:
                signal.signal(number, before[number])

    def lead_to(self, process: "subprocess.Popen[bytes]") -> None:
        """Name the child."""
        self._process = process
        for number in self.came:
            process.send_signal(number)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self.came.append(number)
        if self._process is not None:
            self._process.send_signal(number)


def _run(argv: Sequence[str], relay: _Relay) -> int:
    """Return how a child ended."""
    # The child takes Ctrl-C only from `serve` on, which can say so and clean up.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen(argv, env=python_environment())  # noqa: S603  # our own module
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    with process:
        relay.lead_to(process)
        return _wait(process, before)


def _wait(process: "subprocess.Popen[bytes]", mask: Iterable[int]) -> int:
    """Return how the child ended, in the signal mask `mask`; pass every interrupt on to it."""
    is_masked = True
    while True:
        try:
            if is_masked:
                is_masked = False
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)


def _take_interrupts() -> None:
    """Raise `KeyboardInterrupt` at the first signal to end and none later: cleaning up must end."""
    for number in (signal.SIGINT, *_ENDINGS):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _show_any_name() -> None:
    """Let a name of a file that is no text be printed all the same."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _ignore_interrupts() -> None:
    for number in (signal.SIGINT, *_ENDINGS):
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _ignore_interrupts()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise _EndedError(number)


def _refuse_ended(command: str, number: int, is_json: bool) -> int:
    """Say which signal ended the work; return the exit code that a shell shows for it."""
    sentence = f"ended by {signal.Signals(number).name}"
    return refuse(command, sentence, EXIT_SIGNALLED + number, is_json)


def _report_death(number: int, command: str, subject: str, is_json: bool) -> int:
    sentence = death_sentence(number)
    if sentence is not None:
        return refuse(command, f"{subject}: {sentence}", EXIT_DAMAGED, is_json)
    name = signal.Signals(number).name
    return refuse(command, f"{subject}: the process was ended by {name}", EXIT_CANNOT_RUN, is_json)

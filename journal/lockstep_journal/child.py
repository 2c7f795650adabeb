"""Work on a journal in a child process, because a truncated LMDB file kills whoever reads it.

`run` is the parent's side: it turns the death of the child into an exit code and a sentence.
`serve` is the child's side: it turns every exception into the same.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lockstep_kernel import LockstepError
from lockstep_kernel.errors import EXIT_CANNOT_RUN, EXIT_DAMAGED

Work = Callable[..., int]
"""Does the work of one command with keyword arguments that JSON can hold; returns the exit code."""

_DEADLY = frozenset({signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})


def run(module: str, command: str, arguments: Mapping[str, Any], subject: str) -> int:
    """Run `command` of `module`, which calls `serve`, in a child; return the exit code.

    The child has this process's input, output and terminal. `subject` names the data for the
    sentence that is printed if reading it kills the child.
    """
    argv = [*_python(module), command, json.dumps(arguments)]
    with subprocess.Popen(argv, env=_environment()) as process:  # noqa: S603  # our own module
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.wait()
            return EXIT_CANNOT_RUN
    if code >= 0:
        return code
    return _report_death(-code, command, subject)


def dies_reading(directory: Path) -> bool:
    """Return whether reading all pages of a journal kills the process that does it."""
    argv = [*_python("lockstep_journal.probe"), str(directory)]
    finished = subprocess.run(  # noqa: S603  # our own module
        argv, env=_environment(), capture_output=True, check=False
    )
    return -finished.returncode in _DEADLY


def serve(works: Mapping[str, Work], argv: Sequence[str]) -> int:
    """Do the work that `run` asked for and return the exit code; never raises."""
    command, arguments = argv
    try:
        code = works[command](**json.loads(arguments))
        sys.stdout.flush()
    except LockstepError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter must not flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_CANNOT_RUN
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
        return EXIT_CANNOT_RUN
    except OSError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    except Exception as error:  # noqa: BLE001  # the top guard: one sentence, no traceback
        print(f"{command}: internal error: {type(error).__name__}: {error}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    return code


def _report_death(number: int, command: str, subject: str) -> int:
    name = signal.Signals(number).name
    if number in _DEADLY:
        print(
            f"{command}: {subject}: reading it killed the reader with {name}: "
            f"data.mdb is truncated or its pages are damaged",
            file=sys.stderr,
        )
        return EXIT_DAMAGED
    print(f"{command}: {subject}: the process was ended by {name}", file=sys.stderr)
    return EXIT_CANNOT_RUN


def _python(module: str) -> list[str]:
    # -P: the directory we happen to stand in must never lend its modules.
    flags = ["-P", "-O"] if sys.flags.optimize else ["-P"]
    return [sys.executable, *flags, "-m", module]


def _environment() -> dict[str, str]:
    """Return the environment in which a child finds the modules that this process finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

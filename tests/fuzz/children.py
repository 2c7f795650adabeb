"""Runs a function in a child made by fork, since what it reads may kill it."""

import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from typing import NamedTuple

DEADLY = frozenset({signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})
"""How LMDB may end the process that reads a damaged file."""

RAISED = 99
"""The exit code of a child whose function raised; what it raised is in its messages."""

SECONDS_MAX = 20
_MEMORY_BYTES_MAX = 4 << 30


class End(NamedTuple):
    """How a child ended: `code` is its exit code, or less the number of the signal."""

    code: int
    output: bytes
    messages: str

    @property
    def is_killed(self) -> bool:
        """Whether the file killed the child, as it may."""
        return -self.code in DEADLY


def in_child(work: Callable[[], int]) -> End:
    """Fork, run, and wait; a child that takes too long is ended by SIGALRM."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
        with warnings.catch_warnings():
            # Python warns of threads; the child uses none and never returns from here.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _run(work, output.fileno(), messages.fileno())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        output.seek(0)
        messages.seek(0)
        return End(code, output.read(), messages.read().decode(errors="replace"))


def _run(work: Callable[[], int], output: int, messages: int) -> None:
    code = RAISED
    try:
        for number in (*DEADLY, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, SECONDS_MAX)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, _MEMORY_BYTES_MAX))
        os.dup2(output, 1)
        os.dup2(messages, 2)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # to the end
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # to the end
        code = work()
    except BaseException:  # noqa: BLE001  # nothing may return into the parent's stack
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

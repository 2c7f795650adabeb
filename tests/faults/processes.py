"""Child processes of the scorecard: forked ones, held at a gate until strace watches them.

A forked child has everything loaded, so one fault costs milliseconds; the code it runs is that of
the product. What it says comes through a pipe to this process, which is never killed.
"""

import contextlib
import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from lockstep_kernel import LockstepError

WRITES = ("pwrite64", "pwritev", "writev", "ftruncate", "truncate", "fallocate", "msync")
SYNCS = ("fdatasync", "fsync")
_ALLOW_ANY_TRACER = (0x59616D61, ctypes.c_ulong(-1))
"""prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY): where only parents may trace, any process may."""


class Ended(NamedTuple):
    """How a child ended: exit code, or minus the signal; what it said; what strace saw."""

    code: int
    said: str
    trace: str

    @property
    def fired(self) -> int:
        """How many system calls strace tampered with."""
        return self.trace.count("(INJECTED") + self.trace.count("(DELAYED)")


class Held:
    """A forked child that waits for `release`."""

    def __init__(self, body: Callable[[], int]) -> None:
        gate_read, self._gate = os.pipe()
        self._output, output_write = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._gate)
            _be_child(body, gate_read, output_write)
        os.close(gate_read)
        os.close(output_write)

    def release(self) -> None:
        """Let the child run."""
        os.write(self._gate, b"x")
        os.close(self._gate)

    def read_line(self) -> str:
        """Return the next line that the child says, "" at its end."""
        line = b""
        while not line.endswith(b"\n"):
            more = os.read(self._output, 1)
            if not more:
                break
            line += more
        return line.decode()

    def read_until(self, word: str) -> str:
        """Return all lines up to one that begins with the word, or to the end."""
        said = ""
        while True:
            line = self.read_line()
            said += line
            if not line or line.startswith(word):
                return said

    def finish(self) -> tuple[int, str]:
        """Return the exit code (or minus the signal) and the rest of what the child said."""
        said = b""
        while more := os.read(self._output, 1 << 16):
            said += more
        os.close(self._output)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), said.decode()


def run_child(body: Callable[[], int], strace: Sequence[str] = ()) -> Ended:
    """Run a function in a forked child to its end, watched by strace with these arguments."""
    child = Held(body)
    if not strace:
        child.release()
        return Ended(*child.finish(), "")
    with tempfile.NamedTemporaryFile(prefix="lockstep-strace-") as log:
        watcher = watch(child.pid, strace, Path(log.name))
        child.release()
        code, said = child.finish()
        watcher.communicate()
        return Ended(code, said, Path(log.name).read_text(errors="replace"))


def watch(pid: int, strace: Sequence[str], log: Path) -> "subprocess.Popen[str]":
    """Attach strace to a process and return when it watches."""
    command = ["strace", "-f", "-p", str(pid), "-o", str(log), *strace]
    watcher = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert watcher.stderr is not None
    line = watcher.stderr.readline()
    if "attached" not in line:
        watcher.kill()
        watcher.wait()
        raise OSError(f"strace could not watch a process: {line.strip()}")
    return watcher


def injected(calls: Sequence[str] | str, what: str) -> list[str]:
    """Return strace arguments that inject `what` into these system calls."""
    names = calls if isinstance(calls, str) else ",".join(calls)
    return ["-e", f"trace={names}", "-e", f"inject={names}:{what}"]


def counted(trace: str, names: Sequence[str]) -> dict[str, int]:
    """Return how often each system call was made, those never made left out."""
    calls = [line.split(" ", 1)[-1].lstrip().split("(", 1)[0] for line in trace.splitlines()]
    counts = {name: calls.count(name) for name in names}
    return {name: count for name, count in counts.items() if count}


def say(*words: object) -> None:
    """Write one line, whole and at once."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def _be_child(body: Callable[[], int], gate: int, output: int) -> None:
    """Run the body and end the process; never return."""
    code = 3
    try:
        os.dup2(output, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # LMDB's own words before it aborts
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(*_ALLOW_ANY_TRACER, 0, 0, 0)
        os.read(gate, 1)
        code = body()
    except LockstepError as error:
        say("fault", type(error).__name__, error)
        code = error.exit_code
    except BaseException as error:  # noqa: BLE001  # a child must never run on as its parent
        say("uncaught", type(error).__name__, error)
    finally:
        os._exit(code)

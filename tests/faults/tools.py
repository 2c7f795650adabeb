"""The tools that faults need, whether they work here, and a disk that is small."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.faults.processes import run_child

STRACE, FAKETIME, TMPFS = "strace", "faketime", "tmpfs"


@contextmanager
def small_disk(folder: Path, size: int) -> Generator[Path]:
    """Mount a tmpfs of so many bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        _run("umount", str(folder))


def enter_namespace(arguments: Sequence[str]) -> None:
    """Start again as root of a namespace of its own if this process may not mount; else return."""
    if os.geteuid() == 0 or shutil.which("unshare") is None:
        return
    command = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
        again = [*command, sys.executable, "-m", "tests.faults", *arguments]
        os.execvp("unshare", again)  # noqa: S606  # a program of the system, found on PATH


@cache
def missing(tool: str) -> str:
    """Return why a tool does not work here, "" if it does."""
    return _TRIALS[tool]()


def _try_strace() -> str:
    if shutil.which("strace") is None:
        return "strace is not installed"
    try:
        run_child(lambda: 0, ["-e", "trace=none"])
    except OSError as error:
        return str(error)
    return ""


def _try_faketime() -> str:
    return "" if shutil.which("faketime") else "faketime is not installed"


def _try_tmpfs() -> str:
    with tempfile.TemporaryDirectory(prefix="lockstep-disk-") as name:
        try:
            with small_disk(Path(name), 1 << 20):
                return ""
        except (subprocess.CalledProcessError, OSError) as error:
            return f"a tmpfs cannot be mounted: {getattr(error, 'stderr', b'') or error}"


_TRIALS: dict[str, Callable[[], str]] = {
    STRACE: _try_strace,
    FAKETIME: _try_faketime,
    TMPFS: _try_tmpfs,
}


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)

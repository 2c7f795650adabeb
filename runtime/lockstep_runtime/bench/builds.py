"""Which build a process runs, and how to start a child that runs a given one.

Told apart by the files that the hot modules were loaded from, not by what anybody claims.
"""

import os
import sys
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import msgspec

from lockstep_kernel import CannotRunError

COMPILED_FOLDER = "LOCKSTEP_COMPILED"
"""Environment variable: the folder that holds the compiled build; `make bench` sets it."""

INTERPRETED, COMPILED = "interpreted", "compiled"
_HOT_MODULES = (
    *("lockstep_kernel.chain", "lockstep_engine.step", "lockstep_engine.state"),
    *("lockstep_engine.book.queue", "lockstep_engine.matching.sweep"),
)
_FLOOR_MODULE = "lockstep_runtime.bench.floor"


class Build(msgspec.Struct, frozen=True):
    """A build to measure. `folder` goes first on the path; empty: what this process runs."""

    label: str
    folder: str = ""

    def environment(self) -> dict[str, str]:
        """Return the environment in which a child finds this build."""
        paths = [self.folder, *sys.path] if self.folder else sys.path
        return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}

    def check_running(self) -> None:
        """Raise `CannotRunError` unless this process runs this build, out of its folder."""
        found = running_label()
        if found != self.label:
            raise CannotRunError(f"expected the {self.label} build, found the {found} one")
        for name in _HOT_MODULES if self.folder else ():
            file = _file_of(name)
            if not file.is_relative_to(Path(self.folder).resolve()):
                raise CannotRunError(f"expected {name} in {self.folder}, found {file}")


def check_floor_interpreted() -> None:
    """Raise `CannotRunError` unless the floor runs from its source, whatever the build is."""
    file = _file_of(_FLOOR_MODULE)
    if file.suffix != ".py":
        raise CannotRunError(f"expected an interpreted floor, found {file}")


def running_label() -> str:
    """Return which build this process runs; raise `CannotRunError` if it is a mixture."""
    suffixes = tuple(EXTENSION_SUFFIXES)
    labels = {
        name: COMPILED if _file_of(name).name.endswith(suffixes) else INTERPRETED
        for name in _HOT_MODULES
    }
    first = labels[_HOT_MODULES[0]]
    for name, label in labels.items():
        if label != first:
            raise CannotRunError(f"expected one build, found {_HOT_MODULES[0]} {first}, {name} not")
    return first


def builds_to_measure() -> tuple[list[Build], list[str]]:
    """Return the builds that can be measured side by side, and sentences about what is missing."""
    own = Build(running_label())
    if own.label == COMPILED:
        return [own], ["Only the compiled build was measured: this program runs it itself."]
    folder = os.environ.get(COMPILED_FOLDER, "")
    if not folder:
        missing = f"{COMPILED_FOLDER} names no compiled build (`make bench` makes one)"
        return [own], [f"Only the interpreted build was measured: {missing}."]
    if not Path(folder).is_dir():
        raise CannotRunError(f"expected the compiled build in {folder}, found no such folder")
    return [own, Build(COMPILED, str(Path(folder).resolve()))], []


def _file_of(name: str) -> Path:
    return Path(import_module(name).__file__ or "").resolve()

"""The machine that was measured, as far as a reader of the figures must know it."""

import os
import platform
from pathlib import Path

import msgspec

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_IDLE_LOAD_MAX = 0.5


class MachineFacts(msgspec.Struct, frozen=True):
    """Processor, cores, interpreter, system, and the file system that held the journals."""

    cpu: str
    cores: int
    python: str
    system: str
    file_system: str
    load_average: float

    def warnings(self) -> list[str]:
        """Return sentences about what spoils a measurement here."""
        found: list[str] = []
        if self.file_system in _IN_MEMORY:
            found.append(f"Journals lay on {self.file_system}: a sync costs nothing there.")
        if self.load_average > _IDLE_LOAD_MAX:
            found.append("The machine was not idle: expect wide spreads and long tails.")
        return found

    def text(self) -> str:
        """Return one line."""
        return (
            f"{self.cpu}, {self.cores} cores, {self.python}, {self.system}, journals on "
            f"{self.file_system}, load average {self.load_average:.2f} at the start"
        )


def machine_facts(directory: Path) -> MachineFacts:
    """Look at this machine; `directory` is where journals are written."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    system = f"{platform.system()} {platform.machine()}"
    load = os.getloadavg()[0]
    return MachineFacts(_cpu(), os.cpu_count() or 1, python, system, _file_system(directory), load)


def _cpu() -> str:
    for line in _lines("/proc/cpuinfo"):
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown processor"


def _file_system(directory: Path) -> str:
    """Return the type of the mount that holds a directory: the longest one, the last of equals."""
    path, best, found = directory.resolve(), -1, "unknown file system"
    for line in _lines("/proc/mounts"):
        _device, place, kind, *_rest = line.split(" ")
        mount = place.replace("\\040", " ")
        if path.is_relative_to(mount) and len(mount) >= best:
            best, found = len(mount), kind
    return found


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []

"""Finds a machine by the name of its entry point; a stream or journal can never name code.

Entry points of group `lockstep.machines` are installed by whoever runs the program. An
implementation of machine `exchange` is called `exchange` or `exchange.<variant>`.
"""

from importlib.metadata import entry_points

from lockstep_kernel.errors import UnsupportedError
from lockstep_kernel.machine import Machine

GROUP = "lockstep.machines"


def machine_names() -> list[str]:
    """Return the names of all installed machines, sorted."""
    return sorted(point.name for point in entry_points(group=GROUP))


def find_machine(name: str) -> Machine:
    """Load the installed machine of that name; raise `UnsupportedError` if there is none."""
    for point in entry_points(group=GROUP, name=name):
        machine: Machine = point.load()
        return machine
    installed = ", ".join(machine_names()) or "none"
    raise UnsupportedError(f"expected one of the machines {installed}, found '{name}'")

"""What a planted bug is: a patch of one source file."""

from typing import NamedTuple


class Bug(NamedTuple):
    """A mistake: in `file` the text `old`, which stands there once, becomes `new`.

    Whoever plants it says below which folder the file lies.
    """

    name: str
    file: str
    old: str
    new: str


class CannotPlantError(Exception):
    """The patch does not fit the sources."""


def patched(bug: Bug, source: str) -> str:
    """Return the source of the bug's file with the bug in it."""
    found = source.count(bug.old)
    if found != 1:
        raise CannotPlantError(
            f"'{bug.name}': expected its old text once in {bug.file}, found it {found} times"
        )
    return source.replace(bug.old, bug.new)

"""Where a new file or journal may be written: a free name, in a directory, outside every journal.

A copy inside the journal that it is a copy of is lost with it. Nothing here creates a directory.
"""

from pathlib import Path

from lockstep_journal.environment import DATA_NAME
from lockstep_kernel import CannotRunError


def check_place(path: Path) -> None:
    """Raise `CannotRunError` if the directory of `path` is missing, or is or lies in a journal."""
    parent = path.absolute().parent
    if not parent.is_dir():
        found = "something else" if parent.exists() else "nothing"
        raise CannotRunError(f"{path}: expected the directory {parent}, found {found}: create it")
    place = parent.resolve()
    for directory in (place, *place.parents):
        if (directory / DATA_NAME).exists():
            raise CannotRunError(
                f"{path}: expected a place outside every journal, found it inside {directory}"
            )

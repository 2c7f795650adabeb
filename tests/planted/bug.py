"""What a planted bug is: a patch of one file of the engine."""

from typing import NamedTuple


class Bug(NamedTuple):
    """A mistake: in `file` (below engine/) the text `old` becomes `new`."""

    name: str
    file: str
    old: str
    new: str

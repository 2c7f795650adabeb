"""The faults of the journal, with what an operator does about each.

CannotRunError              3
  JournalFailed             3   a commit failed, or another owner took over
    MapFull                 3   the map reached its limit
  OutletFailed              3   a sink or publisher raised; the commands are durable
"""

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from lockstep_kernel import CannotRunError, DamagedError, DivergedError, TornTailError


class JournalFailed(CannotRunError):
    """The writer has ended for good: a commit failed, or a newer owner wrote.

    Nothing of the batch was published. The operator mends the cause (disk, space, a second owner)
    and starts the program again: it recovers from what is durable.
    """


class MapFull(JournalFailed):
    """The journal's map cannot grow: it is at its limit.

    The operator archives below a snapshot, or starts with a larger limit.
    """


class OutletFailed(CannotRunError):
    """A sink or publisher raised; it was detached, the batch is durable and the others have it.

    `results` are those that `submit` would have returned, `seq` the first command that the outlet
    did not take. The operator mends the outlet and sends it the journal from `seq` on.
    """

    def __init__(self, message: str, seq: int, results: Sequence[object]) -> None:
        super().__init__(message)
        self.seq = seq
        self.results = results


def told(error: Exception) -> str:
    """Return what an error says, one of the operating system without its number.

    >>> told(FileNotFoundError(2, "No such file or directory", "a/b"))
    'a/b: No such file or directory'
    """
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


@contextmanager
def located(place: Sequence[str]) -> Generator[None]:
    """Have every fault of data name the place that `place` holds then.

    >>> with located(["data/j"]):
    ...     raise DamagedError("record 7: check does not match its bytes", 7)
    Traceback (most recent call last):
    lockstep_kernel.errors.DamagedError: data/j: record 7: check does not match its bytes
    """
    try:
        yield
    except DivergedError as fault:
        raise DivergedError(_with_place(place[0], fault), fault.seq) from fault
    except DamagedError as fault:
        raise DamagedError(_with_place(place[0], fault), fault.seq) from fault
    except TornTailError as fault:
        raise TornTailError(_with_place(place[0], fault), fault.seq) from fault


def _with_place(place: str, fault: Exception) -> str:
    named = re.search(rf"(?<![^\s'(]){re.escape(place)}(?![^\s:/,.)'])", str(fault))
    return str(fault) if named or not place else f"{place}: {fault}"

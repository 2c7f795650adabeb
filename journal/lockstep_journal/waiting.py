"""Says so when a process has to wait for another one inside LMDB, where it can do nothing else.

Only one process at a time is inside a write transaction, and LMDB makes the next one wait for it,
without end and deaf to Ctrl-C. The lock file keeps a second owner from ever coming so far; if it
was deleted under an owner that stands still in the middle of a commit, its successor waits here.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import lmdb

from lockstep_journal.environment import data_path, opening_fault

Tell = Callable[[str], object]
"""Takes a sentence for the operator, in a thread of its own."""

TOLD_AFTER_S = 3.0


def wait_for_writer(environment: lmdb.Environment, directory: Path, tell: Tell) -> None:
    """Return as soon as no process is inside a write transaction; tell if that takes long."""
    sentence = (
        f"{directory}: waits for a process that is inside a transaction without holding the lock "
        f"file, and cannot be interrupted: let that process go on or kill it, "
        f"`fuser {data_path(directory)}` names it"
    )
    timer = threading.Timer(TOLD_AFTER_S, tell, [sentence])
    timer.daemon = True
    timer.start()
    try:
        environment.begin(write=True).abort()
    except lmdb.Error as error:
        raise opening_fault(directory, error) from None
    finally:
        timer.cancel()

"""Reads every page of a journal: whoever starts it learns from its death that the file is short.

python -m lockstep_journal.probe DIR
"""

import sys
from pathlib import Path

import lmdb

from lockstep_journal.environment import open_for_reading
from lockstep_journal.layout import DATABASES
from lockstep_kernel import LockstepError


def read_all(directory: Path) -> int:
    """Touch every value of every database and return how many there are."""
    environment, _has_slot = open_for_reading(directory)
    count = 0
    for name in DATABASES:
        database = environment.open_db(name, create=False)
        with environment.begin(buffers=True) as txn:
            for _key, value in txn.cursor(database):
                count += bytes(value)[-1:] != b""
    return count


if __name__ == "__main__":
    try:
        read_all(Path(sys.argv[1]))
    except (LockstepError, lmdb.Error):
        # Only death counts here; the reader that follows names any other damage.
        sys.exit(2)

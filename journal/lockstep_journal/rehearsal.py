"""Reads a whole journal in a child before a program opens it in its own process.

    python -m lockstep_journal.rehearsal DIR

LMDB ends the process that follows a damaged page. So whoever must not end so lets a child go first:
through every record, event and snapshot, and through every page, the list of free ones too. What
the child finds it keeps to itself; whoever opens the journal afterwards names it.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lockstep_journal.child import death_sentence, python_command, python_environment
from lockstep_journal.environment import data_path
from lockstep_journal.store import open_reader
from lockstep_journal.verification import verify
from lockstep_kernel import DamagedError, LockstepError


def rehearse(directory: str | Path) -> None:
    """Raise `DamagedError` if reading the journal kills the reader; O(bytes of the journal).

    Nothing is raised for anything else that is wrong with it, nor if there is none.
    """
    if not data_path(Path(directory)).exists():
        return
    command = [*python_command("lockstep_journal.rehearsal"), str(directory)]
    done = subprocess.run(  # noqa: S603  # our own module
        command, env=python_environment(), stderr=subprocess.DEVNULL, check=False
    )
    sentence = death_sentence(-done.returncode)
    if sentence is not None:
        raise DamagedError(f"{directory}: {sentence}", None)


def main(argv: Sequence[str]) -> int:
    """Read all of a journal, and say nothing of it."""
    try:
        with open_reader(argv[0]) as journal:
            verify(journal)
            journal.walk_pages()
    except (LockstepError, OSError):
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

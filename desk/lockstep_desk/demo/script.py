"""The parts of the script, by the names under which they are noted."""

from typing import Final

STARTED: Final = "started"
WORKER: Final = "worker"
LOST: Final = "lost"
STOPPED_OUT: Final = "stopped out"
FOUND: Final = "found"
KILLED: Final = "killed"
RECOVERED: Final = "recovered"
SWEPT: Final = "swept"
DIVERGED: Final = "diverged"
RESUMED: Final = "resumed"
ENDED: Final = "ended"

SILENT: Final = "silent"
"""No part of the script, and only shown: a host may hang."""

PARTS: Final = frozenset(
    {
        *(STARTED, WORKER, LOST, STOPPED_OUT, FOUND, KILLED),
        *(RECOVERED, SWEPT, DIVERGED, RESUMED, ENDED),
    }
)
"""All parts of the script: a note of anything else is damaged."""

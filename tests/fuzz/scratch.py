"""Where targets write files: in memory if the system has such a place."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108  # a file system in memory; the folder in it is our own


@contextmanager
def scratch_folder() -> Generator[Path]:
    """Give an empty folder that is gone afterwards."""
    place = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="lockstep-fuzz-", dir=place) as folder:
        yield Path(folder)

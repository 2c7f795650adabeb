"""Switches the syncs of LMDB off, in the test's own writer: the product has no such option.

Only a child that is about to end calls this; it shows what the power-loss check must find.
"""

from typing import Any

import lmdb

from lockstep_journal import environment


class _Unsynced:
    """Stands in for the library in the one module that opens environments."""

    def __getattr__(self, name: str) -> Any:
        return getattr(lmdb, name)

    def open(self, path: str, **options: Any) -> lmdb.Environment:
        """Open without any sync."""
        return lmdb.open(path, **(options | {"sync": False, "metasync": False}))


def switch_off_syncs() -> None:
    """Make every environment that this process opens from now on an unsynced one."""
    environment.lmdb = _Unsynced()

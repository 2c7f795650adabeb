"""A disk in memory that loses, tears, reorders and flips, and processes that die on it.

A write is seen at once by every process, and is on the disk for good only after a sync; a meta page
is one sector, written with a sync of its own, whole or not at all. A killed process leaves what it
wrote; a power loss leaves a drawn part of what was not synced. A device may also lie: it says that
a write is done and did not do it, or changes what it holds.
"""

from collections.abc import Callable

import lmdb

from lockstep_runtime.simulate.faults import Board, Fault

PAGE_BYTES = 4096
META_SLOTS = (0, 1)
_SECTOR_BYTES = 512
_EIO = "Input/output error"
_ENOSPC = "No space left on device"

Pages = Callable[[int], bytes | None]
"""What a page holds, None if it was never written."""


class Crash(BaseException):
    """The process is gone, or the power. No code of the product may catch it and go on."""


class Process:
    """One process: it takes steps, and dies at the one that was drawn."""

    def __init__(self) -> None:
        self.is_alive = True
        self._steps_left = 0

    def die_in(self, steps: int) -> None:
        """Die at the step after so many."""
        self._steps_left = steps

    def die(self) -> Crash:
        """Die now; the caller raises what this returns."""
        self.is_alive = False
        return Crash()

    def step(self) -> None:
        """Take a step; raise `Crash` if this was the last one, or the process is dead."""
        if self.is_alive and self._steps_left:
            self._steps_left -= 1
            self.is_alive = self._steps_left > 0
        if not self.is_alive:
            raise Crash


class Disk:
    """The pages of one journal."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._pages: dict[int, bytes] = {}
        self._before: dict[int, bytes | None] = {}
        self._unsynced: list[tuple[int, bytes]] = []
        self._unwritten: dict[int, bytes | None] = {}
        self._lies: dict[int, bytes | None] = {}
        self.has_lied = False

    def page(self, number: int) -> bytes | None:
        """Return what every process sees."""
        return self._pages.get(number)

    def claimed(self, number: int) -> bytes | None:
        """Return what the device says that it holds for good."""
        for held in (self._before, self._unwritten):
            if number in held:
                return held[number]
        return self._pages.get(number)

    def numbers(self) -> list[int]:
        """Return the numbers of all pages."""
        return sorted(self._pages)

    def write(self, process: Process, number: int, data: bytes) -> None:
        """Write a page; raise LMDB's error if it fails."""
        process.step()
        if self._board.fires(Fault.WRITE_FAILS):
            raise lmdb.Error(f"mdb_txn_commit: {_EIO}")
        if self._board.fires(Fault.DISK_FULL):
            raise lmdb.DiskError(f"mdb_txn_commit: {_ENOSPC}")
        self._put(number, data)

    def sync(self, process: Process) -> None:
        """Make all writes durable, or raise LMDB's error and forget that they are not."""
        process.step()
        if self._board.fires(Fault.SYNC_FAILS):
            self._forget_unsynced()
            raise lmdb.DiskError(f"mdb_txn_commit: {_EIO}")
        for number, data in dict(self._unsynced).items():
            self._maybe_lie(number, data)
        self._settled()
        process.step()

    def settle(self, process: Process) -> None:
        """Sync without a change of one's own, as a reader does."""
        process.step()
        self._settled()

    def write_meta(self, process: Process, slot: int, data: bytes) -> None:
        """Write a meta page and sync it. If that fails LMDB puts the old one back."""
        process.step()
        if self._board.fires(Fault.META_FAILS):
            raise lmdb.DiskError(f"mdb_env_write_meta: {_EIO}")
        self._put(slot, data)
        process.step()
        self._settled()
        process.step()

    def lose_power(self) -> None:
        """Keep a drawn part of what was not synced, and lose what the device never wrote."""
        dice, board = self._board.dice, self._board
        writes, before = self._unsynced, self._before
        self._unsynced, self._before = [], {}
        for number, data in before.items():
            self._set(number, data)
        kept = dice.randrange(len(writes) + 1)
        is_reordering = board.is_armed(Fault.REORDER) and len(writes) > 1
        if is_reordering:
            board.count(Fault.REORDER)
        for index, (number, data) in enumerate(writes):
            if dice.randrange(2) if is_reordering else index < kept:
                self._set(number, data)
            elif board.is_armed(Fault.TEAR) and number not in META_SLOTS and dice.randrange(2):
                board.count(Fault.TEAR)
                self._set(number, self._torn(self._pages.get(number, b""), data))
        for held in (self._unwritten, self._lies):
            for number, data in held.items():
                self._set(number, data)
            held.clear()

    def flip(self, number: int) -> None:
        """Flip one drawn bit of a page."""
        data = bytearray(self._pages[number])
        bit = self._board.dice.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        self._pages[number] = bytes(data)
        self.has_lied = True

    def is_root(self, number: int) -> bool:
        """Whether a page is one from which all others are found."""
        return self._is_root(self._pages[number])

    def replace(self) -> None:
        """Put a new, empty device in place of this one."""
        self._pages.clear()
        self._before.clear()
        self._unsynced.clear()
        self._unwritten.clear()
        self._lies.clear()
        self.has_lied = False

    def _put(self, number: int, data: bytes) -> None:
        self._before.setdefault(number, self._held(number))
        self._unsynced.append((number, data))
        self._pages[number] = data

    def _held(self, number: int) -> bytes | None:
        """Return what is really on the device of a page that is about to be written."""
        for held in (self._unwritten, self._lies):
            if number in held:
                return held.pop(number)
        return self._pages.get(number)

    def _set(self, number: int, data: bytes | None) -> None:
        if data is None:
            self._pages.pop(number, None)
        else:
            self._pages[number] = data

    def _settled(self) -> None:
        self._unsynced.clear()
        self._before.clear()

    def _forget_unsynced(self) -> None:
        """Leave the writes where processes see them, and never write them: what Linux does."""
        for number, data in self._before.items():
            if number not in META_SLOTS:
                self._unwritten.setdefault(number, data)
        self._settled()

    def _maybe_lie(self, number: int, data: bytes) -> None:
        """Lose a write that was called durable, or write it to another page as well.

        Not the first page of a tree: a device that loses that one takes the last commit back whole,
        which no journal can know of itself.
        """
        if number in META_SLOTS or self._is_root(data):
            return
        if self._board.fires(Fault.LOST_WRITE):
            self._lies[number] = self._before.get(number)
            self.has_lied = True
        elif self._board.fires(Fault.STRAY_WRITE):
            others = [n for n in self._pages if n not in META_SLOTS and n not in self._before]
            others = [n for n in others if not self._is_root(self._pages[n])]
            if others:
                self._pages[self._board.dice.choice(sorted(others))] = data
                self.has_lied = True

    def _torn(self, old: bytes, new: bytes) -> bytes:
        """Return a mixture of sectors."""
        sectors = range(0, max(len(old), len(new)), _SECTOR_BYTES)
        return b"".join(
            (new if self._board.dice.randrange(2) else old)[start : start + _SECTOR_BYTES]
            for start in sectors
        )

    @staticmethod
    def _is_root(data: bytes) -> bool:
        return data.startswith(ROOT_MARK)


ROOT_MARK = b"\x92\xa4root"
"""How the page begins from which all others are found."""

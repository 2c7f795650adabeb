"""The simulated disk keeps, loses, tears, reorders and lies as its documentation says."""

from random import Random

import lmdb
import pytest

from lockstep_runtime.simulate.disk import Crash, Disk, Process
from lockstep_runtime.simulate.faults import Board, Fault, Plan

ALWAYS = 1000
OLD, NEW = b"o" * 2000, b"n" * 2000


def disk_with(*armed: Fault, seed: int = 1) -> Disk:
    return Disk(Board(Plan(dict.fromkeys(armed, ALWAYS)), Random(seed)))


def test_a_synced_write_survives_a_power_loss() -> None:
    disk, process = disk_with(Fault.TEAR, Fault.REORDER), Process()
    disk.write(process, 5, OLD)
    disk.sync(process)
    disk.lose_power()
    assert OLD == disk.page(5) == disk.claimed(5)


def test_an_unsynced_write_is_seen_but_not_claimed() -> None:
    disk, process = disk_with(), Process()
    disk.write(process, 5, OLD)
    disk.sync(process)
    disk.write(process, 5, NEW)
    assert (NEW, OLD) == (disk.page(5), disk.claimed(5))


def outcomes(disk_of_seed: object, pages: tuple[int, ...]) -> set[tuple[bool, ...]]:
    found = set()
    for seed in range(60):
        disk, process = disk_of_seed(seed), Process()
        for page in pages:
            disk.write(process, page, NEW)
        disk.lose_power()
        found.add(tuple(disk.page(page) == NEW for page in pages))
    return found


def test_without_reordering_a_power_loss_keeps_the_first_writes() -> None:
    found = outcomes(lambda seed: disk_with(seed=seed), (5, 6, 7))
    t, f = True, False
    assert {(f, f, f), (t, f, f), (t, t, f), (t, t, t)} == found


def test_with_reordering_a_power_loss_may_keep_any_of_them() -> None:
    assert 8 == len(outcomes(lambda seed: disk_with(Fault.REORDER, seed=seed), (5, 6, 7)))


def test_a_torn_page_is_a_mixture_of_sectors() -> None:
    found = set()
    for seed in range(40):
        disk, process = disk_with(Fault.TEAR, seed=seed), Process()
        disk.write(process, 5, OLD)
        disk.sync(process)
        disk.write(process, 5, NEW)
        disk.lose_power()
        found.add(disk.page(5))
    assert {OLD, NEW} < found
    assert all(page[:512] in {OLD[:512], NEW[:512]} for page in found)


def test_a_failed_sync_raises_and_claims_nothing_even_after_the_next() -> None:
    disk, process = disk_with(), Process()
    disk.write(process, 5, OLD)
    disk._board.plan.armed[Fault.SYNC_FAILS] = ALWAYS
    with pytest.raises(lmdb.DiskError):
        disk.sync(process)
    del disk._board.plan.armed[Fault.SYNC_FAILS]
    disk.sync(process)
    assert OLD == disk.page(5)
    disk.lose_power()
    assert None is disk.page(5)


def test_a_lost_write_is_seen_until_the_power_goes() -> None:
    disk, process = disk_with(Fault.LOST_WRITE), Process()
    disk.write(process, 5, OLD)
    disk.sync(process)
    assert OLD == disk.page(5) == disk.claimed(5)
    assert disk.has_lied
    disk.lose_power()
    assert None is disk.page(5)


def test_a_flip_changes_one_bit() -> None:
    disk, process = disk_with(), Process()
    disk.write(process, 5, OLD)
    disk.sync(process)
    disk.flip(5)
    found = disk.page(5)
    assert found is not None
    assert 1 == sum((a ^ b).bit_count() for a, b in zip(OLD, found, strict=True))


def test_a_process_dies_at_the_step_that_was_drawn_and_stays_dead() -> None:
    disk, process = disk_with(), Process()
    process.die_in(2)
    disk.write(process, 5, OLD)
    with pytest.raises(Crash):
        disk.write(process, 6, OLD)
    with pytest.raises(Crash):
        disk.write(process, 7, OLD)
    assert [OLD, None, None] == [disk.page(number) for number in (5, 6, 7)]

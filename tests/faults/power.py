"""W2: power loss. A traced writer gives the sequence of writes, syncs and acknowledgements; from it
every image is built that the disk might hold, and each is opened by the product in a child.

What a disk may do with writes that no sync followed: keep any of them, in any order, and of each
any of its sectors of 512 bytes. A write to a descriptor opened with O_DSYNC is durable when it has
returned; a sync makes everything before it durable, the length of the file too.
"""

import random
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lockstep_journal import SnapshotPolicy
from tests.faults.playing import Look, Plan, fresh, look, perform
from tests.faults.processes import run_child
from tests.faults.registry import Bench, Outcome
from tests.faults.tape import Tape
from tests.faults.unsynced import switch_off_syncs

SECTOR = 512
SEED = 11
IMAGES_MIN = 1_000
LOST_PLAN = Plan(batches=20, batch=3, snapshots=SnapshotPolicy(every=12, keep=1))
_TRACED = "openat,pwrite64,pwritev,writev,lseek,ftruncate,truncate,fdatasync,fsync,msync,write"
_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class Write(NamedTuple):
    """Bytes at a place of the data file; durable when the call returned if `is_durable`."""

    offset: int
    data: bytes
    is_durable: bool


class Size(NamedTuple):
    """The file got this length."""

    size: int


class Sync(NamedTuple):
    """Everything before is durable."""


class Said(NamedTuple):
    """The writer said that a batch of so many begins (acknowledged 0), or acknowledged one."""

    in_flight: int
    acked_seq: int


Step = Write | Size | Sync | Said


def lost(bench: Bench) -> Outcome:
    """Build and open images of a writer with syncs: none is bad; and without: some must be."""
    outcome = Outcome()
    for is_synced in (True, False):
        base = fresh(bench.folder / "j", bench.tape)
        before = (base / "data.mdb").read_bytes()
        steps = traced(base, bench.tape, is_synced=is_synced)
        built = images_of(before, steps, bench.size if is_synced else bench.size // 4)
        images = list({(image.data, image.said): image for image in built}.values())
        bad = [fault for fault in map(partial(_open, bench, is_synced), images) if fault]
        outcome.runs += len(images)
        if is_synced:
            outcome.fired += len(images)
            outcome.failures += bad
            is_enough = len(images) >= IMAGES_MIN or not bench.is_full
            outcome.expect(is_enough, f"expected {IMAGES_MIN:,} images, built {len(images):,}")
            outcome.notes.append(
                f"{len(images):,} different images with syncs on, {len(bad):,} bad"
            )
        else:
            outcome.expect(bool(bad), "with syncs off no image was bad: the check is blind")
            outcome.notes.append(
                f"{len(images):,} different images with syncs off, {len(bad):,} bad"
            )
    return outcome


def traced(directory: Path, tape: Tape, *, is_synced: bool) -> list[Step]:
    """Let a writer play, and return what it wrote, synced and said, in order."""

    def body() -> int:
        if not is_synced:
            switch_off_syncs()
        return perform(directory, tape, LOST_PLAN)

    ended = run_child(body, ["-xx", "-s", "10000000", "-e", f"trace={_TRACED}"])
    assert ended.code == 0, ended.said
    return list(steps_of(ended.trace))


def steps_of(trace: str) -> Iterator[Step]:
    """Read a trace of strace: what was done to the data file, and what was said."""
    data, durable, at = set[str](), set[str](), dict[str, int]()
    for line in trace.splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        call, arguments, result = match[1], match[2], match[3]
        first, _comma, rest = arguments.partition(", ")
        if call == "openat":
            _opened(rest, result, data, durable)
        elif call == "lseek" and first in data:
            at[first] = int(result)
        elif call == "write" and first == "1":
            yield from _said(_bytes(rest))
        elif call == "truncate" and _bytes(first).endswith(b"data.mdb"):
            yield Size(int(rest))
        elif first in data:
            yield from _step(call, rest, at.get(first, 0), first in durable)


def images_of(before: bytes, steps: Sequence[Step], count: int) -> Iterator["Image"]:
    """Yield about `count` images, spread over all moments between the first step and the last."""
    dice = random.Random(SEED)
    moments = [index for index, step in enumerate(steps) if not isinstance(step, Said)]
    each = max(1, -(-count // len(moments)))
    chosen = moments if count >= len(moments) else moments[:: -(-len(moments) // count)]
    disk, pending = bytearray(before), list[Write | Size]()
    said = Said(0, 0)
    for index, step in enumerate(steps):
        if isinstance(step, Said):
            said = _later(said, step)
        elif isinstance(step, Sync):
            _settle(disk, pending)
        elif isinstance(step, Size) or not step.is_durable:
            pending.append(step)
        else:
            if index in chosen:
                # Lost while it was being written, with all, none or some of what is pending.
                yield from _variants(disk, [*pending, step], said, each, dice)
            _settle(disk, [step])
        if index in chosen:
            yield from _variants(disk, pending, said, each, dice)


class Image(NamedTuple):
    """What a disk might hold, and what had been said before: acknowledged, and in flight."""

    data: bytes
    said: Said
    name: str


def _variants(
    disk: bytearray, pending: Sequence[Write | Size], said: Said, count: int, dice: random.Random
) -> Iterator[Image]:
    """Yield images of one moment: without anything pending, with all of it, with parts of it."""
    yield Image(bytes(disk), said, "nothing unsynced kept")
    if not pending:
        return
    yield Image(_with(disk, pending), said, "everything unsynced kept")
    for number in range(count):
        kept = [step for step in pending if dice.random() < 0.5]
        if number % 3 == 0:
            dice.shuffle(kept)
        if number % 2:
            kept = [torn for step in kept for torn in _torn(step, dice)]
        yield Image(_with(disk, kept), said, f"parts kept, variant {number} of {count}")


def _torn(step: Write | Size, dice: random.Random) -> list[Write | Size]:
    """Return some of the sectors of a write."""
    if isinstance(step, Size):
        return [step]
    sectors: list[Write | Size] = []
    start = step.offset
    while start < step.offset + len(step.data):
        end = min((start // SECTOR + 1) * SECTOR, step.offset + len(step.data))
        piece = step.data[start - step.offset : end - step.offset]
        if dice.random() < 0.7:
            sectors.append(Write(start, piece, is_durable=False))
        start = end
    return sectors


def _with(disk: bytearray, steps: Sequence[Write | Size]) -> bytes:
    copy = bytearray(disk)
    _settle(copy, list(steps))
    return bytes(copy)


def _settle(disk: bytearray, steps: list[Write | Size]) -> None:
    """Apply steps to a disk and forget them."""
    for step in steps:
        if isinstance(step, Size):
            del disk[step.size :]
            disk.extend(bytes(step.size - len(disk)))
            continue
        end = step.offset + len(step.data)
        if end > len(disk):
            disk.extend(bytes(end - len(disk)))
        disk[step.offset : end] = step.data
    steps.clear()


def _later(said: Said, step: Said) -> Said:
    """Return what is acknowledged and in flight after a word of the writer."""
    if step.acked_seq:
        return Said(0, step.acked_seq)
    return Said(step.in_flight, said.acked_seq)


def _open(bench: Bench, is_synced: bool, image: Image) -> str:
    """Put an image in place, open it, and return what is wrong with what is found."""
    directory = bench.folder / "image"
    directory.mkdir(exist_ok=True)
    (directory / "lock.mdb").unlink(missing_ok=True)
    (directory / "data.mdb").write_bytes(image.data)
    found = look(directory)
    fault = _fault(image, found, bench.tape)
    where = f"{image.name}, {image.said.acked_seq} acknowledged, seed {SEED}"
    return f"{where}: {fault}" if fault else ""


def _fault(image: Image, found: Look, tape: Tape) -> str:
    acked = image.said.acked_seq
    if found.seq < 0:
        return f"{found.code} {found.said}"
    if found.seq not in (acked, acked + image.said.in_flight):
        return f"recovered {found.seq}"
    if found.hash != tape.hashes[found.seq].hex():
        return f"recovered {found.seq} with another hash"
    return ""


def _opened(rest: str, result: str, data: set[str], durable: set[str]) -> None:
    path, _comma, flags = rest.partition(", ")
    data.discard(result)
    durable.discard(result)
    if _bytes(path).endswith(b"/data.mdb"):
        data.add(result)
        if "O_DSYNC" in flags or "O_SYNC" in flags:
            durable.add(result)


def _step(call: str, rest: str, at: int, is_durable: bool) -> Iterator[Step]:
    """Yield what one call on the data file did."""
    if call in ("fdatasync", "fsync", "msync"):
        yield Sync()
    elif call == "ftruncate":
        yield Size(int(rest))
    elif call == "pwrite64":
        yield Write(int(rest.rsplit(", ", 1)[1]), _bytes(rest), is_durable)
    elif call in ("writev", "pwritev"):
        at = int(rest.rsplit(", ", 1)[1]) if call == "pwritev" else at
        for match in _TEXT.finditer(rest):
            piece = _bytes(match[0])
            yield Write(at, piece, is_durable)
            at += len(piece)


def _said(text: bytes) -> Iterator[Said]:
    words = text.decode().split()
    if words[0] == "begin":
        yield Said(int(words[2]), 0)
    elif words[0] == "ack":
        yield Said(0, int(words[1]))


def _bytes(text: str) -> bytes:
    """Return the bytes of the first string of a trace in hexadecimal."""
    match = _TEXT.search(text)
    return bytes.fromhex(match[1].replace("\\x", "")) if match else b""

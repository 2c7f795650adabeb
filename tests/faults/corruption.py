"""C1 to C3: bits, pages and lengths of the file are wrong; whoever reads names it or sees no harm.

The journal holds 200 records of the exchange. What is opened is always a damaged copy, by a child:
LMDB itself ends a process that follows a damaged page, and no program of ours may end so.
"""

import mmap
import os
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lockstep_journal import SnapshotPolicy, layout, open_reader, verify
from lockstep_kernel import LockstepError
from tests.faults.playing import Look, Plan, look, written
from tests.faults.processes import run_child, say
from tests.faults.programs import Ran, lockstep, validator
from tests.faults.registry import Bench, Outcome
from tests.unit.journal.damage import PAGE, copy_of, data_of, value_of

RECORDS = 200
HISTORY = Plan(RECORDS // 10, 10, SnapshotPolicy(every=50, keep=3))
SEED = 3
_CHUNK = 4_000
_HEADER_BITS = 16 * 8
_DEADLY_TRIED = 12


class Flip(NamedTuple):
    """One bit of the file that belongs to record `seq`."""

    seq: int
    place: int
    mask: int


def every_bit(bench: Bench) -> Outcome:
    """C1: flip every bit of every live record; `verify` names the record that it belongs to."""
    outcome = Outcome()
    directory = compacted(bench)
    flips = bench.sampled(list(flips_of(directory)))
    for start in range(0, len(flips), _CHUNK):
        _flip_all(outcome, directory, flips[start : start + _CHUNK])
    for flip in bench.some(flips[:: max(1, len(flips) // 3)][:3]):
        _flip_for_a_user(outcome, bench, directory, flip)
    return outcome


def wrong_pages(bench: Bench) -> Outcome:
    """C2: pages are zeroed, swapped, overwritten, or have a wrong header: an error or no harm."""
    outcome = Outcome()
    pristine = written(bench.folder / "pristine", bench.tape, HISTORY)
    original = data_of(pristine).read_bytes()
    directory = copy_of(pristine, bench.folder / "j")
    deadly: list[tuple[str, bytes]] = []
    stale = 0
    for name, data in bench.sampled(list(damages(original))):
        damaged = data(original)
        data_of(directory).write_bytes(damaged)
        found = look(directory)
        outcome.runs += 1
        outcome.fired += damaged != original
        _judge_page(outcome, name, found, bench)
        stale += found.code == 0 and found.seq < RECORDS
        if found.code < 0:
            deadly.append((name, damaged))
    outcome.notes.append(f"{len(deadly)} ended the reading child by a signal")
    outcome.notes.append(f"{stale} led to an older state, found by the acknowledged hash")
    for name, damaged in bench.some(deadly[:_DEADLY_TRIED]):
        data_of(directory).write_bytes(damaged)
        _see_no_signal(outcome, bench, name, directory)
    return outcome


def cut_files(bench: Bench) -> Outcome:
    """C3: the file is cut at every page and beside; every program that reads it says so."""
    outcome = Outcome()
    pristine = written(bench.folder / "pristine", bench.tape, HISTORY)
    directory = copy_of(pristine, bench.folder / "j")
    original = data_of(pristine).read_bytes()
    pages = range(0, len(original), PAGE)
    sizes = sorted({*pages, *(size + 7 for size in pages), len(original) - 1})
    for size in bench.sampled(sizes):
        data_of(directory).write_bytes(original[:size])
        found = look(directory)
        outcome.runs += 1
        outcome.fired += 1
        outcome.same(2, found.code, f"cut at {size} of {len(original)}")
    eighths = sizes[:: max(1, len(sizes) // 8)]
    for size in bench.some([*eighths[4:], *eighths[:4]]):
        data_of(directory).write_bytes(original[:size])
        for name, ran in programs(bench, directory):
            outcome.runs += 1
            outcome.fired += 1
            _judge_program(outcome, f"{name}, cut at {size}", ran, {2})
    return outcome


def compacted(bench: Bench) -> Path:
    """Return a copy of a journal in which every byte of a record stands once."""
    source = written(bench.folder / "source", bench.tape, HISTORY)
    directory = bench.folder / "compact"
    done = lockstep("journal", "backup", source, directory, "--compact")
    assert done.code == 0, done.err
    return directory


def flips_of(directory: Path) -> Iterator[Flip]:
    """Yield every bit of every record, in the order of the records."""
    data = data_of(directory).read_bytes()
    for seq in range(1, RECORDS + 1):
        record = value_of(directory, layout.COMMANDS, seq)
        assert data.count(record) == 1, f"record {seq} stands in the file more than once"
        start = data.index(record)
        for place in range(start, start + len(record)):
            for bit in range(8):
                yield Flip(seq, place, 1 << bit)


def damages(original: bytes) -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """Yield (name, damage) for every page of a file."""
    dice = random.Random(SEED)
    count = len(original) // PAGE
    for page in range(count):
        other = dice.randrange(count - 1)
        other += other >= page
        yield f"page {page} zeroed", partial(_replaced, page=page, content=bytes(PAGE))
        yield f"pages {page} and {other} swapped", partial(_swapped, page=page, other=other)
        content = dice.randbytes(PAGE)
        yield f"page {page} random, seed {SEED}", partial(_replaced, page=page, content=content)
        yield f"page {page} from its middle on zeroed", partial(_torn, page=page)
        for bit in sorted(dice.sample(range(_HEADER_BITS), 6)):
            place = page * PAGE + bit // 8
            yield (
                f"bit {bit} of the header of page {page}",
                partial(_flipped, place=place, mask=1 << bit % 8),
            )


def programs(bench: Bench, directory: Path) -> Iterator[tuple[str, Ran]]:
    """Run every program that opens a journal on one; in the short form that which writes it."""
    calls: list[tuple[str, Callable[[], Ran]]] = [
        ("lockstep run", partial(lockstep, "run", "market:5:2000", "--journal", directory)),
        ("lockstep journal verify", partial(lockstep, "journal", "verify", directory)),
        ("lockstep replay recover", partial(lockstep, "replay", "recover", directory)),
        ("lockstep-validator", partial(validator, directory, "--quiet")),
    ]
    for name, call in bench.some(calls):
        yield name, call()


def _flip_all(outcome: Outcome, directory: Path, flips: Sequence[Flip]) -> None:
    """Flip one bit after the other in a child, which reads and puts it back."""
    at = mmap.mmap(-1, 8)
    ended = run_child(partial(_read_flipped, directory, flips, at))
    done = int.from_bytes(at[:8], "little")
    outcome.runs += done
    outcome.fired += done
    outcome.failures += ended.said.splitlines()
    outcome.expect(
        ended.code == 0 and done == len(flips), f"ended with {ended.code} at {flips[done - 1]}"
    )


def _read_flipped(directory: Path, flips: Sequence[Flip], at: mmap.mmap) -> int:
    descriptor = os.open(data_of(directory), os.O_RDWR)
    for number, (seq, place, mask) in enumerate(flips, 1):
        at[:8] = number.to_bytes(8, "little")
        (byte,) = os.pread(descriptor, 1, place)
        os.pwrite(descriptor, bytes([byte ^ mask]), place)
        found = _first_seq(directory)
        os.pwrite(descriptor, bytes([byte]), place)
        if found != seq:
            say(f"bit {mask} of byte {place}, in record {seq}: verify named {found}")
    return 0


def _first_seq(directory: Path) -> int | str | None:
    """Return the sequence number that is named first."""
    try:
        with open_reader(directory) as journal:
            first = verify(journal, is_first_only=True).first
    except LockstepError as error:
        return str(getattr(error, "seq", error))
    return "nothing" if first is None else first.seq


def _flip_for_a_user(outcome: Outcome, bench: Bench, directory: Path, flip: Flip) -> None:
    """Let the program name a flipped bit."""
    damaged = copy_of(directory, bench.folder / "flipped")
    data = data_of(damaged).read_bytes()
    data_of(damaged).write_bytes(_flipped(data, flip.place, flip.mask))
    ran = lockstep("journal", "verify", damaged)
    outcome.runs += 1
    outcome.fired += 1
    outcome.same(2, ran.code, f"lockstep journal verify, {flip}")
    outcome.expect(f"at sequence {flip.seq}:" in ran.err, f"{flip}: {ran.err}")


def _judge_page(outcome: Outcome, name: str, found: Look, bench: Bench) -> None:
    """Accept an error, the same data, or an older state of the same history; nothing else."""
    if found.code == 0:
        outcome.same(bench.tape.hashes[found.seq].hex(), found.hash, name)
    else:
        is_named = found.code in (1, 2) or "UnsupportedError" in found.said
        outcome.expect(is_named or found.code < 0, f"{name}: {found}")


def _see_no_signal(outcome: Outcome, bench: Bench, name: str, directory: Path) -> None:
    """Run the programs on a file that kills whoever reads it in its own process.

    A recovery begins at a snapshot: it may have no need of the page.
    """
    for program, ran in programs(bench, directory):
        outcome.runs += 1
        outcome.fired += 1
        codes = {0, 2} if program == "lockstep replay recover" else {2}
        _judge_program(outcome, f"{program}, {name}", ran, codes)


def _judge_program(outcome: Outcome, where: str, ran: Ran, codes: set[int]) -> None:
    outcome.expect(ran.code in codes, f"{where}: ended with {ran.code}: {ran.err.strip()[-200:]}")
    outcome.expect("Traceback" not in ran.err, f"{where}: {ran.err}")


def _replaced(data: bytes, page: int, content: bytes) -> bytes:
    return data[: page * PAGE] + content + data[(page + 1) * PAGE :]


def _swapped(data: bytes, page: int, other: int) -> bytes:
    first, second = (data[number * PAGE : (number + 1) * PAGE] for number in (page, other))
    return _replaced(_replaced(data, page, second), other, first)


def _torn(data: bytes, page: int) -> bytes:
    return _replaced(data, page, data[page * PAGE : page * PAGE + PAGE // 2] + bytes(PAGE // 2))


def _flipped(data: bytes, place: int, mask: int) -> bytes:
    return data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]

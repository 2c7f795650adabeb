"""A damaged or forged journal: opened by everything that opens journals, in children.

A child may die of what it reads, since LMDB follows every pointer; the programs turn that death
into exit code 2. It may not hang, fail in an undocumented way, or write.
"""

import io
import random
import sys
import zlib
from pathlib import Path

from lockstep_journal import Exporter, Journal, open_reader, reader, verify
from lockstep_journal.child import Work, serve
from lockstep_journal.cli import work
from lockstep_journal.environment import DATA_NAME
from lockstep_kernel import Fault, FrameType, LockstepError, StreamReader, unpack_record
from lockstep_replay import recover
from tests.fuzz.children import RAISED, End, in_child
from tests.fuzz.edits import (
    BASES,
    COPY,
    CUT,
    ENTRY,
    FLIP,
    GROW,
    PAGE,
    SET_2,
    SET_8,
    SWAP,
    ZERO,
    Edit,
    drawn_edit,
    write_edited,
)
from tests.fuzz.scratch import scratch_folder
from tests.fuzz.target import Blind, agree
from tests.machines.counter import COUNTER
from tests.unit.journal.programs import install_counter, run_command, run_python

DICTIONARY = ()
_EDIT_BYTES = 12
_EDITS_MAX = 20
_PROGRAMS_EVERY = 16
_CODES = (0, 1, 2, 3, 4)


def seeds() -> dict[str, bytes]:
    """Return the golden journals untouched, and one edit of every kind."""
    one = bytes([1]) + bytes(7)
    edits = {
        "flip": Edit(FLIP, 5, PAGE - 30, one),
        "set-root": Edit(SET_8, 0, 128, one),
        "set-flags": Edit(SET_2, 4, 10, b"\x00\x02" + bytes(6)),
        "zero": Edit(ZERO, 6, 0, one),
        "copy": Edit(COPY, 5, 0, one),
        "swap": Edit(SWAP, 5, 0, bytes([7]) + bytes(7)),
        "cut": Edit(CUT, 7, 0, one),
        "grow": Edit(GROW, 2, 0, one),
        "meta": Edit(ENTRY, 0, 1, b"entry 01"),
        "record": Edit(ENTRY, 1, 7, b"entry 02"),
        "events": Edit(ENTRY, 2, 7, b"entry 03"),
        "snapshot": Edit(ENTRY, 3, 0, b"entry 04"),
    }
    untouched = {base: bytes([number]) for number, base in enumerate(BASES)}
    return {**untouched, **{name: b"\x00" + edit.bytes() for name, edit in edits.items()}}


def check(data: bytes) -> None:
    """Verify, export and recover the journal, each in a child; compare what they say."""
    with scratch_folder() as folder:
        directory = folder / "journal"
        write_edited(data, directory)
        before = (directory / DATA_NAME).read_bytes()
        ends = [in_child(lambda job=job: job(directory)) for job in (_verify, _export, _recover)]
        for end in ends:
            _check_end(end)
        agree(before, (directory / DATA_NAME).read_bytes(), "the data file after reading it")
        verified, exported, _recovered = ends
        if verified.code == 0:
            agree(0, exported.code, f"the export of a good journal: {exported.messages}")
        if exported.code == 0:
            _check_stream(exported.output)
        if any(end.is_killed for end in ends) and zlib.crc32(data) % _PROGRAMS_EVERY == 0:
            check_programs(data)
        elif "atheris" in sys.modules and not any(end.is_killed for end in ends):
            # The fuzzer sees what is covered in its own process only.
            _read_here(directory)


def check_programs(data: bytes) -> None:
    """Run the real programs on the journal: none ends by a signal or without its sentence."""
    with scratch_folder() as folder:
        directory = folder / "journal"
        write_edited(data, directory)
        site = [install_counter(folder / "site")]
        for run in (
            run_command("lockstep_journal.cli:journal", ["verify", directory], site),
            run_command("lockstep_journal.cli:status", [directory], site),
            run_command("lockstep_replay.cli:replay", ["recover", directory], site),
            run_python(["-m", "lockstep_validator", directory, "--quiet"], site),
        ):
            agree(True, run.code in _CODES, f"the exit code {run.code}: {run.err}")
            agree(False, "Traceback" in run.err or "internal error" in run.err, run.err)
            agree(True, run.code == 0 or bool(run.err.strip()), "a program that refuses says why")


def mutate(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Add, replace or drop an edit."""
    if draw.randrange(8) == 0:
        return blind(data)
    head, body = data[:1] or b"\x00", data[1:]
    edits = [body[at : at + _EDIT_BYTES] for at in range(0, len(body), _EDIT_BYTES)]
    if edits and (draw.randrange(3) == 0 or len(edits) > _EDITS_MAX):
        edits.pop(draw.randrange(len(edits)))
    for _ in range(1 + draw.randrange(2)):
        edits.insert(draw.randrange(len(edits) + 1), drawn_edit(draw).bytes())
    if draw.randrange(8) == 0:
        head = bytes([draw.randrange(len(BASES))])
    return head + b"".join(edits)


def _check_end(end: End) -> None:
    agree(True, end.is_killed or end.code in _CODES, f"a child ended with {end.code}")
    bad = "Traceback" in end.messages or "internal error" in end.messages
    agree(False, bad or end.code == RAISED, end.messages)


def _check_stream(data: bytes) -> None:
    """Read an exported stream: it is whole, and its records link."""
    stream = StreamReader(io.BytesIO(data).read)
    for kind, seq, payload in stream.frames():
        if kind == FrameType.RECORD:
            unpack_record(payload, seq)
    stream.finish()


def _verify(directory: Path) -> int:
    works: dict[str, Work] = {"verify": work.verify}
    arguments = f'{{"directory": "{directory}", "is_json": false, "is_first_only": false}}'
    return serve(works, ["lockstep journal verify", arguments])


def _export(directory: Path) -> int:
    return reader.main([str(directory)])


def _recover(directory: Path) -> int:
    try:
        recover(directory, COUNTER)
    except LockstepError as error:
        print(f"recover: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _read_here(directory: Path) -> None:
    try:
        with open_reader(directory) as journal:
            _read(journal)
        recover(directory, COUNTER)
    except Fault:
        pass


def _read(journal: Journal) -> None:
    verify(journal)
    exporter = Exporter(journal, len)
    exporter.begin()
    exporter.send_to(journal.end().last_seq)
    exporter.finish()

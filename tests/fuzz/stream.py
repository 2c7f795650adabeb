"""Bytes as a portable stream: read, validated, imported, exported again."""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path

from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_journal import export, import_streams, open_reader, verify
from lockstep_kernel import (
    Frame,
    FrameType,
    Genesis,
    LockstepError,
    Machine,
    StreamReader,
    StreamWriter,
    apply_batch,
    dump,
    find_machine,
    initial,
    read_head,
    unpack_record,
)
from lockstep_replay import ImportVerifier
from lockstep_validator import Mark, Options, Status, Verdict, validate
from lockstep_validator.report import as_json, as_text
from tests.fuzz.frames import mutated_stream
from tests.fuzz.scratch import scratch_folder
from tests.fuzz.target import Blind, agree
from tests.golden.record import GOLDENS
from tests.machines.counter import COUNTER
from tests.unit.validator.streams import counter_stream, tail, timed

DICTIONARY = (b"LOCKSTEP\x00\x01", b"LKR\x01", b"LKSNAP\x00\x01", b"counter", b"exchange")
_PIECE_BYTES = (1, 7, 4_099)
_RECORDS_OF_EXCHANGE = 12


def seeds() -> dict[str, bytes]:
    """Return short streams: with and without events and snapshots, empty, archived, switching."""
    short = timed(count=4)
    whole = counter_stream()
    return {
        "counter": counter_stream(short, has_events=False, snapshots=()).data(),
        "counter-events": counter_stream(short, snapshots=(0, 2, 4)).data(),
        "counter-empty": counter_stream([], snapshots=(0,)).data(),
        "counter-switch": whole.data(),
        "counter-tail": tail(whole).data(),
        "exchange": exchange_stream(),
    }


def exchange_stream() -> bytes:
    """Return the beginning of the simulated market, with a snapshot."""
    (golden,) = (golden for golden in GOLDENS if golden.machine is EXCHANGE)
    with golden.path.open("rb") as file:
        reader = StreamReader(file.read)
        taken = [frame for frame in reader.frames() if frame[1] <= _RECORDS_OF_EXCHANGE]
    chunks: list[bytes] = []
    writer = StreamWriter(chunks.append, reader.genesis, has_events=True)
    state = initial(EXCHANGE, reader.genesis)
    for kind, seq, payload in taken:
        if kind == FrameType.RECORD:
            writer.record(seq, payload)
            record = unpack_record(payload, seq)
            command = EXCHANGE.codec.decode(record.ts_ns, record.body)
            state, _applied = apply_batch(state, [command])
        elif kind == FrameType.EVENTS:
            writer.events(seq, payload)
    writer.snapshot(state.seq, dump(state))
    writer.end(state.seq, state.hash)
    return b"".join(chunks)


def check(data: bytes) -> None:
    """Read in pieces, validate and import; all must come to the same."""
    first, *others = [_frames(data, size) for size in _PIECE_BYTES]
    for other in others:
        agree(first, other, "read in pieces of another size")
    options = Options(machine=_machine(data), trust=_start(first[0]))
    verdict = validate(io.BytesIO(data), options)
    agree(int(verdict.status), json.loads(as_json(verdict))["exit_code"], "the verdict as JSON")
    agree(True, bool(as_text(verdict)) and bool(verdict.message), "the verdict in words")
    with scratch_folder() as folder:
        _import(data, verdict, folder)


def mutate(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change one thing in the stream."""
    return mutated_stream(data, draw, blind)


def _import(data: bytes, verdict: Verdict, folder: Path) -> None:
    directory = folder / "journal"
    try:
        import_streams(directory, [io.BytesIO(data).read], ImportVerifier(_machine_of))
    except LockstepError as error:
        agree(False, verdict.status is Status.OK, f"a good stream is refused: {error}")
        agree([], sorted(folder.iterdir()), "what a refused import leaves behind")
        return
    agree(Status.OK, verdict.status, f"an imported stream: {verdict.message}")
    chunks: list[bytes] = []
    with open_reader(directory) as journal:
        agree((), tuple(verify(journal).findings), "findings in an imported journal")
        export(journal, chunks.append)
    exported = _frames(b"".join(chunks), _PIECE_BYTES[-1])[0]
    agree(_records(_frames(data, _PIECE_BYTES[-1])[0]), _records(exported), "exported records")


def _frames(data: bytes, piece_bytes: int) -> tuple[list[Frame], str]:
    """Return the frames that a reader gives, and the fault that ended it."""
    found: list[Frame] = []
    try:
        reader = StreamReader(_reading(data, piece_bytes))
        found.extend(reader.frames())
        reader.finish()
    except LockstepError as error:
        return found, f"{type(error).__name__}: {error}"
    return found, ""


def _start(frames: list[Frame]) -> Mark | None:
    """Return the snapshot with which an archived stream starts, to be trusted; else None."""
    if not frames or frames[0][0] != FrameType.SNAPSHOT or frames[0][1] == 0:
        return None
    try:
        return Mark(frames[0][1], read_head(frames[0][2]).hash)
    except LockstepError:
        return None


def _reading(data: bytes, piece_bytes: int) -> Callable[[int], bytes]:
    source = io.BytesIO(data)
    return lambda size: source.read(min(size, piece_bytes))


def _records(frames: list[Frame]) -> list[bytes]:
    return [payload for kind, _seq, payload in frames if kind == FrameType.RECORD]


def _machine(data: bytes) -> Machine | None:
    return COUNTER if b"counter" in data[:64] else None


def _machine_of(genesis: Genesis) -> Machine:
    return COUNTER if genesis.machine == "counter" else find_machine(genesis.machine)

"""Reads the records of a source for a proof: their bytes as they stand, from the first on."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from lockstep_kernel import (
    CannotRunError,
    Chain,
    FrameType,
    Genesis,
    Machine,
    MalformedCommand,
    State,
    StreamReader,
    check_activation,
    dump,
    initial,
    unpack_record,
)
from lockstep_validator.evidence.proofs import NotProved
from lockstep_validator.links import loaded
from lockstep_validator.options import Mark, Options
from lockstep_validator.source import Source, opened


class History:
    """The records of one source, read once and in order."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self.genesis: Genesis = reader.genesis

    def leaves(self, size: int) -> Iterator[bytes]:
        """Yield the first `size` records; raise `CannotRunError` if there are fewer."""
        seq = 0
        if size == 0:
            return
        for frame_type, at, payload in self._reader.frames():
            if frame_type == FrameType.SNAPSHOT and at > seq:
                raise CannotRunError(
                    f"expected records from 1 on, found them after a snapshot of {at}: "
                    f"join the archives with `lockstep replay import`"
                )
            if frame_type == FrameType.RECORD:
                seq = at
                yield payload
            if seq == size:
                return
        raise CannotRunError(f"expected records up to {size}, found them up to {seq}")


@contextmanager
def opened_history(source: Source) -> Generator[History]:
    """Open a stream file, a journal directory, `-` or an object with `read`."""
    with opened(source, Options()) as data:
        yield History(StreamReader(data.read))


def dump_at(source: Source, size: int, machine: Machine) -> bytes:
    """Return the snapshot after `size` records: the one in the source, else a recomputed one.

    Executing begins at the newest snapshot of a journal, or at genesis. What it is worth, the head
    that binds it tells.
    """
    if source == "-" or not isinstance(source, str | os.PathLike):
        raise CannotRunError("the source is read twice: proving from a head needs a file")
    options = Options(trust=Mark(size, b"")) if os.path.isdir(source) else Options()
    for find in (_stored, _recomputed):
        with opened(source, options) as data:
            found = find(StreamReader(data.read), size, machine)
        if found is not None:
            return found
    raise CannotRunError(f"expected records up to {size}, found fewer")


def _stored(reader: StreamReader, size: int, _machine: Machine) -> bytes | None:
    for frame_type, seq, payload in reader.frames():
        if frame_type == FrameType.SNAPSHOT and seq == size:
            return payload
        if seq > size:
            break
    return None


def _recomputed(reader: StreamReader, size: int, machine: Machine) -> bytes | None:
    chain = initial(machine, reader.genesis).take()
    for frame_type, seq, payload in reader.frames():
        if frame_type == FrameType.SNAPSHOT and seq > chain.seq:
            chain = loaded(machine, reader.genesis, payload, seq).take()
        if frame_type == FrameType.RECORD:
            _advance(chain, payload, seq)
        if chain.seq == size:
            return dump(State(chain))
    return None


def _advance(chain: Chain, payload: bytes, seq: int) -> None:
    record = unpack_record(payload, seq)
    try:
        command = chain.machine.codec.decode(record.ts_ns, record.body)
    except MalformedCommand as error:
        raise NotProved(
            f"record {seq} holds no command: prove fraud from an earlier head: {error}"
        ) from None
    check_activation(chain.machine, command)
    chain.advance(command)

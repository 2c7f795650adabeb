"""Makes the journal of a crooked operator: it records a command and does not execute it.

    python -m tests.evidence.forge HONEST NEW_JOURNAL --forget SEQ [--key FILE --heads HEADS]

HONEST is a stream file. Every hash of the new journal is recomputed by the crooked machine, so the
journal is whole, and only executing by the rules shows what was done. With a key, a head is signed.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from lockstep_journal import Sequencer, SnapshotPolicy, create
from lockstep_journal.heads import HeadDirectory, publish_heads
from lockstep_journal.keys import load_key
from lockstep_kernel import (
    Codec,
    Core,
    FrameType,
    Machine,
    Record,
    StreamReader,
    find_machine,
    initial,
    unpack_record,
)


class Forgetful:
    """A machine that does nothing for one command, and everything else like the one it wraps."""

    def __init__(self, machine: Machine, seq: int) -> None:
        self._machine = machine
        self._seq = seq
        self._steps = 0
        self.name = machine.name
        self.rules_versions = machine.rules_versions
        self.codec: Codec = machine.codec

    def genesis(self, rules_version: int, params: bytes) -> Core:
        self._steps = 0
        return self._machine.genesis(rules_version, params)

    def step(self, core: Core, ts_ns: int, command: msgspec.Struct) -> Sequence[msgspec.Struct]:
        self._steps += 1
        if self._steps == self._seq:
            return []
        return self._machine.step(core, ts_ns, command)

    def entities(self, core: Core) -> Iterable[Record]:
        return self._machine.entities(core)

    def restore(self, params: bytes, clocks: bytes, records: Iterable[Record]) -> Core:
        return self._machine.restore(params, clocks, records)

    def verify(self, core: Core) -> None:
        self._machine.verify(core)

    def rules_required(self, command: msgspec.Struct) -> int:
        return self._machine.rules_required(command)


def forge(honest: Path, directory: Path, seq: int) -> Forgetful:
    """Write the crooked journal of the commands in a stream; return its machine."""
    with honest.open("rb") as file:
        reader = StreamReader(file.read)
        machine = Forgetful(find_machine(reader.genesis.machine), seq)
        items = [
            (record.ts_ns, record.body)
            for frame_type, at, payload in reader.frames()
            if frame_type == FrameType.RECORD
            for record in (unpack_record(payload, at),)
        ]
    with create(directory, machine, reader.genesis) as owner:
        owner.claim()
        policy = SnapshotPolicy(0)
        state = initial(machine, reader.genesis)
        sequencer = Sequencer(state, owner, lambda: 0, snapshots=policy)
        for start in range(0, len(items), 100):
            sequencer.submit(items[start : start + 100])
    return machine


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="tests.evidence.forge", description=__doc__)
    parser.add_argument("honest", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--forget", type=int, required=True, metavar="SEQ")
    parser.add_argument("--key", type=Path)
    parser.add_argument("--heads", type=Path)
    chosen = parser.parse_args(arguments)
    machine = forge(chosen.honest, chosen.directory, chosen.forget)
    if chosen.key is not None:
        from lockstep_journal import open_reader

        with open_reader(chosen.directory) as journal:
            publish_heads(journal, machine, load_key(chosen.key), HeadDirectory(chosen.heads))
    return 0


if __name__ == "__main__":
    sys.exit(main())

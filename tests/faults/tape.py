"""The flow of the kill proof: recorded once, played by writers, and the reference for recovery.

An uninterrupted run of the flow in memory gives the hash after every command. A journal holds a
first part of the flow, whoever wrote it and however often they died, so its hash must be on it.
"""

from pathlib import Path

import msgspec

from lockstep_engine.exchange import MACHINE
from lockstep_kernel import Genesis, apply_batch, initial
from tests.property.recorded import items_of


class Tape(msgspec.Struct, frozen=True):
    """Commands with their times, which never go back, and the hash after each; [0] is genesis."""

    genesis: Genesis
    items: list[tuple[int, bytes]]
    hashes: list[bytes]

    def save(self, path: Path) -> None:
        """Write it to a file."""
        path.write_bytes(msgspec.msgpack.encode(self))


def load_tape(path: Path) -> Tape:
    """Read what `save` wrote."""
    return msgspec.msgpack.decode(path.read_bytes(), type=Tape)


def record_tape(seed: int, length: int) -> Tape:
    """Record a simulated market, and run it in memory without interruption."""
    genesis, source = items_of(f"market:{seed}", length)
    state = initial(MACHINE, genesis)
    items: list[tuple[int, bytes]] = []
    hashes = [state.hash]
    last_ns = 0
    for proposed_ns, command in source:
        last_ns = max(last_ns, proposed_ns)
        sequenced = MACHINE.codec.sequence(last_ns, command)
        state, ((*_head, hash_),) = apply_batch(state, [sequenced])
        items.append((last_ns, sequenced.body))
        hashes.append(hash_)
    return Tape(genesis, items, hashes)

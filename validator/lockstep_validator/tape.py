"""A way back: the state some commands ago, and the commands since.

`apply` works in place, so the state before a command is gone after it. A report of a divergence
needs it; the tape rebuilds it. Marking costs one encoding of all records, so the interval between
marks grows with the state and the cost stays at a few percent of applying.
"""

import msgspec

from lockstep_kernel import Chain, Record, restored, unpack_record

INTERVAL_MIN = 10_000
INTERVAL_PER_ENTITY = 5

_encode = msgspec.msgpack.Encoder().encode
_entities = msgspec.msgpack.Decoder(list[tuple[object, ...]])


class Tape:
    """Keeps the journal records since its last mark, as bytes: the least memory.

    Invariant: the marked state with the commands of `records` applied is the chain's state.
    """

    __slots__ = ("_entities", "_head", "interval", "records")

    def __init__(self, chain: Chain) -> None:
        self.records: list[bytes] = []
        self.mark(chain)

    def mark(self, chain: Chain) -> None:
        """Forget the records and start again from the chain's state now. O(entities)."""
        entities = list(chain.machine.entities(chain.core))
        self._entities = _encode(entities)
        self._head = chain.head()
        self.interval = max(INTERVAL_MIN, INTERVAL_PER_ENTITY * len(entities))
        self.records.clear()

    def before_last(self, chain: Chain, hash_: bytes) -> list[Record]:
        """Return all entities of the state before the last command, whose hash was `hash_`.

        Raises `LockstepError` or `ValueError` if the machine does not come back to that state.
        """
        machine, decode = chain.machine, chain.machine.codec.decode
        entities = _entities.decode(self._entities)
        state = restored(machine, chain.genesis, self._head, entities)
        rebuilt = state.take()
        for payload in self.records[:-1]:
            record = unpack_record(payload, rebuilt.seq + 1)
            rebuilt.advance(decode(record.ts_ns, record.body))
        if rebuilt.hash != hash_:
            raise ValueError(f"the second run came to hash {rebuilt.hash.hex()}")
        return list(machine.entities(rebuilt.core))

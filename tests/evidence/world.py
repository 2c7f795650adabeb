"""Histories of the counter with signed heads, honest and crooked, and keys that never change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockstep_journal.keys import SigningKey
from lockstep_kernel import (
    Genesis,
    Machine,
    Sequenced,
    StreamWriter,
    Tree,
    TreeHead,
    apply_batch,
    dump,
    genesis_digest,
    genesis_hash,
    initial,
    pack_record,
    state_digest,
    unpack_record,
)
from lockstep_validator import Keys, SignedHead
from tests.evidence.forge import Forgetful
from tests.machines.counter import COUNTER, counter_genesis
from tests.machines.histories import sequenced

_FILES = TemporaryDirectory(prefix="lockstep-evidence-")
ORIGIN = "exchange.example/main"
COUNT = 25
"""The twentieth command activates rules 2."""


def key_of(seed: int = 1, origin: str = ORIGIN) -> SigningKey:
    """Return the signing key with this number."""
    return SigningKey(origin, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def sign(seed: int, text: str) -> bytes:
    """Return the signature of any text by the key with this number."""
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).sign(text.encode())


KEY = key_of()
KEYS = Keys([KEY.public])


@dataclass(frozen=True)
class World:
    """The records of a history, with the dump and the rules after each number of them."""

    genesis: Genesis
    raws: tuple[bytes, ...]
    dumps: tuple[bytes, ...]
    rules: tuple[int, ...]

    def head(self, size: int, /, has_state: bool = True, **fields: object) -> TreeHead:
        """Return the head of the first records, with other fields where they are given."""
        tree = Tree()
        for raw in self.raws[:size]:
            tree.append(raw)
        state = state_digest(self.dumps[size]) if has_state else b""
        genesis = genesis_digest(self.genesis)
        head = TreeHead(ORIGIN, size, tree.root(), genesis, self.rules[size], state)
        return msgspec.structs.replace(head, **fields)

    def signed(self, size: int, /, **fields: object) -> SignedHead:
        """Return the signed head of the first records."""
        return KEYS.opened(KEY.sign(self.head(size, **fields)))

    def source(self, snapshots: Sequence[int] = (), heads: Sequence[SignedHead] = ()) -> BytesIO:
        """Return the history as a stream."""
        chunks: list[bytes] = []
        writer = StreamWriter(chunks.append, self.genesis)
        hash_ = genesis_hash(self.genesis)
        for head in heads:
            if not head.head.size:
                writer.head(0, head.note)
        for seq, raw in enumerate(self.raws, 1):
            writer.record(seq, raw)
            hash_ = raw[44:60]
            if seq in snapshots:
                writer.snapshot(seq, self.dumps[seq])
            for head in heads:
                if head.head.size == seq:
                    writer.head(seq, head.note)
        writer.end(len(self.raws), hash_)
        return BytesIO(b"".join(chunks))

    def file(self, *snapshots: int) -> Path:
        """Return a file with the history as a stream."""
        data = self.source(snapshots).getvalue()
        path = Path(_FILES.name) / f"{sha256(data).hexdigest()}.stream"
        if not path.exists():
            path.write_bytes(data)
        return path

    def with_record(self, seq: int, /, **fields: object) -> "World":
        """Return the history with another field in one record, its check recomputed."""
        found = msgspec.structs.replace(unpack_record(self.raws[seq - 1], seq), **fields)
        raw = pack_record(
            found.seq, found.epoch, found.ts_ns, found.previous, found.hash, found.body
        )
        return self.with_raw(seq, raw)

    def with_raw(self, seq: int, raw: bytes) -> "World":
        """Return the history with other bytes in the place of one record."""
        return replace(self, raws=(*self.raws[: seq - 1], raw, *self.raws[seq:]))


def world(
    commands: Sequence[Sequenced] | None = None,
    machine: Machine = COUNTER,
    genesis: Genesis | None = None,
) -> World:
    """Apply commands and keep everything; by default the first of the counter's history."""
    genesis = genesis or counter_genesis()
    state = initial(machine, genesis)
    raws: list[bytes] = []
    dumps, rules = [dump(state)], [state.core.rules_version()]
    for command in sequenced(COUNT) if commands is None else commands:
        state, ((seq, ts_ns, body, _events, _encoded, previous, hash_),) = apply_batch(
            state, [command]
        )
        raws.append(pack_record(seq, 1, ts_ns, previous, hash_, body))
        dumps.append(dump(state))
        rules.append(state.core.rules_version())
    return World(genesis, tuple(raws), tuple(dumps), tuple(rules))


HONEST = world()
OTHER = world(sequenced(COUNT, seed=2))
FORGETFUL_AT = 17
FORGETFUL = world(machine=Forgetful(COUNTER, FORGETFUL_AT))

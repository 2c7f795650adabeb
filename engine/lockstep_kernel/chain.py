"""The hash chain: `apply(state, command) -> (state, events, hash)` for any machine.

A `State` is affine: `apply` consumes the one that goes in, and only the one that comes out is
valid. Invariants after every command: `seq` counts the applied commands; `hash` binds the whole
history; the running digest plus what the touched list still owes equals the sum over all entities.
docs/format.md draws the framing of the hashes.
"""

import struct
from collections.abc import Sequence
from typing import Final

import msgspec
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from lockstep_kernel.entity import Record, name_of
from lockstep_kernel.errors import StaleStateError, UnsupportedError, check
from lockstep_kernel.machine import Core, Machine
from lockstep_kernel.values import Genesis, JournalRecord, Sequenced, SnapshotHead

HASH_BYTES: Final = 16
DIGEST_MASK: Final = (1 << 61) - 1

_GENESIS_DOMAIN: Final = b"LKSTEP\x00\x01"
_COMMAND_DOMAIN: Final = b"LKSTEP\x01\x01"
_GENESIS_HEAD: Final = struct.Struct(">8sIQII")
_BUFFER_BYTES: Final = 4096
_CLOCKS_BYTES_MAX: Final = (1 << 16) - 1
# Bound here once: the compiled build looks up any other global by name at each use.
_pack_head: Final = struct.Struct(">8sQ16sQQHII").pack
_encode: Final = msgspec.msgpack.Encoder().encode
_encode_into: Final = msgspec.msgpack.Encoder().encode_into
_hash64: Final = xxh3_64_intdigest
_hash128: Final = xxh3_128_digest

Applied = tuple[int, int, bytes, Sequence[msgspec.Struct], bytes, bytes, bytes]
"""(seq, ts_ns, body, events, encoded events, previous hash, hash) of one applied command."""


def genesis_hash(genesis: Genesis) -> bytes:
    """Return `hash_0`: the hash before the first command."""
    name = genesis.machine.encode()
    head = _GENESIS_HEAD.pack(
        _GENESIS_DOMAIN,
        genesis.rules_version,
        genesis.digest_every,
        len(name),
        len(genesis.params),
    )
    return _hash128(head + name + genesis.params)


def record_digest(record: object) -> int:
    """Return the 61-bit digest of one entity's record, or of any value that encodes."""
    return _hash64(_encode(record)) >> 3


def hash_after(
    record: JournalRecord, head: SnapshotHead, digest_every: int, events: bytes
) -> bytes:
    """Return the hash of a command that led to the clocks and the digest in `head`.

    `events` are its own, encoded. Nothing is returned for clocks that no command can have.
    """
    if len(head.clocks) > _CLOCKS_BYTES_MAX:
        return b""
    is_due = digest_every > 0 and record.seq % digest_every == 0
    packed = _pack_head(
        _COMMAND_DOMAIN,
        record.seq,
        record.previous,
        record.ts_ns,
        head.digest if is_due else 0,
        len(head.clocks),
        len(record.body),
        len(events),
    )
    return _hash128(b"".join((packed, head.clocks, record.body, events)))


class Chain:
    """The inside of a state: a machine's core, and the running hash and digest over it."""

    __slots__ = (
        "_buffer",
        "_digest",
        "_digest_every",
        "_step",
        "_touched",
        "core",
        "genesis",
        "hash",
        "machine",
        "seq",
        "ts_ns",
    )

    def __init__(
        self, machine: Machine, genesis: Genesis, core: Core, seq: int, ts_ns: int, hash_: bytes
    ) -> None:
        self.machine = machine
        self.genesis = genesis
        self.core = core
        self.seq = seq
        self.ts_ns = ts_ns
        self.hash = hash_
        self._digest = 0
        self._buffer = bytearray(_BUFFER_BYTES)
        self._digest_every = genesis.digest_every
        self._step = machine.step
        self._touched = core.touched
        self.settle()

    def settle(self) -> int:
        """Count the touched entities into the digest and return it. O(touched)."""
        total = self._digest
        touched = self._touched
        buffer = self._buffer
        for entity in touched:
            entity.is_touched = False
            record = entity.record()
            if record is None:
                total -= entity.digest
                entity.digest = 0
            else:
                _encode_into(record, buffer)
                new = _hash64(buffer) >> 3
                total += new - entity.digest
                entity.digest = new
        touched.clear()
        self._digest = total = total & DIGEST_MASK
        return total

    def head(self) -> SnapshotHead:
        """Return everything of the state but its entities."""
        return SnapshotHead(
            self.seq,
            self.ts_ns,
            self.hash,
            genesis_hash(self.genesis),
            self.settle(),
            self.core.clocks(),
        )

    def advance(self, command: Sequenced) -> tuple[Sequence[msgspec.Struct], bytes, bytes]:
        """Apply one command in place and return (events, encoded events, hash)."""
        core = self.core
        ts_ns = command.ts_ns
        events = self._step(core, ts_ns, command.command)
        body = command.body
        encoded = _encode(events)
        self.seq = seq = self.seq + 1
        digest = 0
        if self._digest_every == 1 or seq % self._digest_every == 0:
            digest = self.settle()
        clocks = core.clocks()
        head = _pack_head(
            _COMMAND_DOMAIN,
            seq,
            self.hash,
            ts_ns,
            digest,
            len(clocks),
            len(body),
            len(encoded),
        )
        self.ts_ns = ts_ns
        self.hash = hash_ = _hash128(b"".join((head, clocks, body, encoded)))
        return events, encoded, hash_


class State:
    """A handle on a machine's state after `seq` commands; valid until `apply` consumes it."""

    __slots__ = ("_chain",)

    def __init__(self, chain: Chain) -> None:
        self._chain: Chain | None = chain

    def take(self) -> Chain:
        """Consume this handle and return what it held; raise `StaleStateError` the second time."""
        chain = self._chain
        if chain is None:
            raise StaleStateError("this state was consumed by apply; use the state it returned")
        self._chain = None
        return chain

    def peek(self) -> Chain:
        """Return what the handle holds without consuming it; for reading only."""
        chain = self._chain
        if chain is None:
            raise StaleStateError("this state was consumed by apply; use the state it returned")
        return chain

    @property
    def seq(self) -> int:
        """How many commands were applied."""
        return self.peek().seq

    @property
    def ts_ns(self) -> int:
        """The time of the last command, 0 before the first."""
        return self.peek().ts_ns

    @property
    def hash(self) -> bytes:
        """The 16-byte hash of the whole history."""
        return self.peek().hash

    @property
    def digest(self) -> int:
        """The 61-bit digest of all entities."""
        return self.peek().settle()

    @property
    def genesis(self) -> Genesis:
        """The genesis of this history."""
        return self.peek().genesis

    @property
    def machine(self) -> Machine:
        """The machine that this state belongs to."""
        return self.peek().machine

    @property
    def core(self) -> Core:
        """The machine's own state: read it through the machine's views, never change it."""
        return self.peek().core

    def fork(self) -> "State":
        """Return an independent copy. O(entities)."""
        chain = self.peek()
        records = list(chain.machine.entities(chain.core))
        return restored(chain.machine, chain.genesis, self.head(), records)

    def at(self) -> tuple[int, int, bytes]:
        """Return (seq, ts_ns, hash)."""
        chain = self.peek()
        return chain.seq, chain.ts_ns, chain.hash

    def head(self) -> SnapshotHead:
        """Return everything of this state but its entities."""
        return self.peek().head()


def initial(machine: Machine, genesis: Genesis) -> State:
    """Return the state before the first command.

    Raises `UnsupportedError` for another machine, other rules or a digest interval below 1, and
    `MalformedCommand` for parameters that the machine refuses.
    """
    check_genesis(machine, genesis)
    core = machine.genesis(genesis.rules_version, genesis.params)
    return State(Chain(machine, genesis, core, 0, 0, genesis_hash(genesis)))


def restored(
    machine: Machine, genesis: Genesis, head: SnapshotHead, records: Sequence[Record]
) -> State:
    """Rebuild a state from its records; raise `InvariantError` if the digest differs.

    Raises `UnsupportedError` for another machine, or if this code lacks the rules then in force.
    """
    check_genesis(machine, genesis)
    core = machine.restore(genesis.params, head.clocks, records)
    check_rules(machine, core.rules_version())
    chain = Chain(machine, genesis, core, head.seq, head.ts_ns, head.hash)
    found = chain.settle()
    check(found == head.digest, f"restored digest is {found:#x}, expected {head.digest:#x}")
    return State(chain)


def check_genesis(machine: Machine, genesis: Genesis) -> None:
    """Raise `UnsupportedError` unless this machine can run a history with this genesis."""
    if genesis.machine != machine.name:
        raise UnsupportedError(
            f"expected a history of machine '{machine.name}', found '{genesis.machine}'"
        )
    if not 1 <= genesis.digest_every <= 1_000_000:
        raise UnsupportedError(
            f"expected digest_every from 1 to 1000000, found {genesis.digest_every}"
        )
    check_rules(machine, genesis.rules_version)


def check_rules(machine: Machine, rules_version: int) -> None:
    """Raise `UnsupportedError` unless this code runs that rules version."""
    versions = machine.rules_versions
    if rules_version not in versions:
        raise UnsupportedError(
            f"expected rules version {versions.start} to {versions.stop - 1} of machine "
            f"'{machine.name}', found {rules_version}: run a release that has it"
        )


def apply(state: State, command: Sequenced) -> tuple[State, Sequence[msgspec.Struct], bytes]:
    """Apply one sequenced command; consume `state` and return (state, events, hash).

    Raises `StaleStateError` for a consumed state and, consuming nothing, `UnsupportedError` for a
    command that activates rules this code does not have. `InvariantError` means a bug: the state
    is gone and the process must stop.
    """
    check_activation(state.peek().machine, command)
    chain = state.take()
    events, _encoded, hash_ = chain.advance(command)
    return State(chain), events, hash_


def apply_batch(state: State, commands: Sequence[Sequenced]) -> tuple[State, list[Applied]]:
    """Apply commands in order; like `apply` for each, with what a journal writes about it."""
    machine = state.peek().machine
    rules_required = machine.rules_required
    for command in commands:
        version = rules_required(command.command)
        if version:
            check_rules(machine, version)
    chain = state.take()
    applied: list[Applied] = []
    for command in commands:
        previous = chain.hash
        events, encoded, hash_ = chain.advance(command)
        body = command.body
        applied.append((chain.seq, chain.ts_ns, body, events, encoded, previous, hash_))
    return State(chain), applied


def check_activation(machine: Machine, command: Sequenced) -> None:
    """Raise `UnsupportedError` for a command that activates rules this code does not have.

    Whether rules exist must not depend on which release runs, or two releases would answer one
    command differently: so such a command never gets a sequence number from this release.
    """
    version = machine.rules_required(command.command)
    if version:
        check_rules(machine, version)


def recomputed_digest(state: State) -> int:
    """Hash every entity in every container from scratch; raise `InvariantError` on a twin."""
    chain = state.peek()
    total = 0
    seen: dict[object, None] = {}
    for record in chain.machine.entities(chain.core):
        name = name_of(record)
        check(name not in seen, f"two entities have kind and key {name}")
        seen[name] = None
        total += record_digest(record)
    return total & DIGEST_MASK


def verify(state: State) -> None:
    """Recompute the digest and all derived values; raise `InvariantError` on a difference."""
    chain = state.peek()
    expected, found = recomputed_digest(state), chain.settle()
    check(expected == found, f"running digest is {found:#x}, recomputed {expected:#x}")
    chain.machine.verify(chain.core)

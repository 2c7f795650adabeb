"""What must come out: every command executed a second time, by other code.

The machine is another implementation (the plain till, the naive exchange), the framing of the
hashes is the referee's own, and the digest is a sum over everything, each time.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any, NamedTuple, Protocol

import msgspec

from lockstep_kernel import Genesis
from lockstep_naive.machine import MACHINE as NAIVE
from lockstep_runtime.simulate.framing import Step, digest_of, encode, first_hash, next_hash
from lockstep_runtime.simulate.plain_till import PlainTill
from lockstep_runtime.simulate.till import COMMANDS, NAME, RULES, ActivateRules


class Expected(NamedTuple):
    """What a command must come to."""

    events: Sequence[msgspec.Struct]
    encoded: bytes
    hash: bytes


class Second(Protocol):
    """The other implementation of a machine, with its state."""

    def step(self, ts_ns: int, command: msgspec.Struct) -> Sequence[msgspec.Struct]:
        """Take a command and return its events."""
        ...

    def clocks(self) -> bytes:
        """Return clock and counters."""
        ...

    def rows(self) -> Iterable[Sequence[object]]:
        """Yield the record of every entity."""
        ...


class _NaiveExchange:
    """The naive exchange as a second implementation."""

    def __init__(self, genesis: Genesis) -> None:
        self._core = NAIVE.genesis(genesis.rules_version, genesis.params)

    def step(self, ts_ns: int, command: msgspec.Struct) -> Sequence[msgspec.Struct]:
        return NAIVE.step(self._core, ts_ns, command)

    def clocks(self) -> bytes:
        return self._core.clocks()

    def rows(self) -> Iterable[Sequence[object]]:
        return NAIVE.entities(self._core)


class Oracle:
    """The second execution of one history."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        is_till = genesis.machine == NAME
        self.second: Second = PlainTill() if is_till else _NaiveExchange(genesis)
        commands = COMMANDS if is_till else NAIVE.codec.commands
        self._decode = msgspec.msgpack.Decoder(_union(commands)).decode
        self.seq = 0
        self.hash = first_hash(
            genesis.machine, genesis.rules_version, genesis.digest_every, genesis.params
        )

    def is_command(self, body: bytes) -> bool:
        """Whether bytes are a command that gets a sequence number."""
        try:
            command = self._decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        if isinstance(command, ActivateRules) and command.rules_version not in RULES:
            return False
        return encode(command) == body

    def command(self, body: bytes) -> msgspec.Struct:
        """Return the command of good bytes."""
        command: msgspec.Struct = self._decode(body)
        return command

    def step(self, ts_ns: int, body: bytes) -> Expected:
        """Execute the next command."""
        events = list(self.second.step(ts_ns, self._decode(body)))
        encoded = encode(events)
        self.seq += 1
        digest = self.digest() if self.seq % self.genesis.digest_every == 0 else 0
        step = Step(self.seq, ts_ns, digest, self.second.clocks(), body, encoded)
        self.hash = next_hash(self.hash, step)
        return Expected(events, encoded, self.hash)

    def digest(self) -> int:
        """Return the digest, from everything."""
        return digest_of([encode(row) for row in self.second.rows()])

    def rows(self) -> bytes:
        """Return all records by kind and key, as a snapshot has them."""
        return encode(sorted(self.second.rows(), key=_name))


def _name(row: Sequence[Any]) -> tuple[Any, Any]:
    return row[0], row[1]


def _union(types: Sequence[type]) -> Any:
    return reduce(_either, types)


def _either(left: Any, right: Any) -> Any:
    return left | right

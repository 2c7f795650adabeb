"""Tree heads: what a sequencer signs about its records, as the text of a C2SP checkpoint.

A head binds the records by their Merkle root, the genesis and, where it says so, the state by
SHA-256, and the rules in force. docs/format.md draws the lines. One head has one text.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec

from lockstep_kernel.codec import TS_NS_MAX
from lockstep_kernel.errors import DamagedError
from lockstep_kernel.merkle import ROOT_BYTES
from lockstep_kernel.note import base64_text, is_key_name, unbase64
from lockstep_kernel.values import Genesis

_GENESIS: Final = "lockstep-genesis "
_RULES: Final = "lockstep-rules "
_STATE: Final = "lockstep-state "
_encode: Final = msgspec.msgpack.Encoder().encode


class TreeHead(msgspec.Struct, frozen=True):
    """The first `size` records of the history that `origin` names.

    `root` is their Merkle root, `genesis` the SHA-256 of the genesis, `rules_version` that in force
    after them, `state` the SHA-256 of the state's snapshot or empty.
    """

    origin: str
    size: int
    root: bytes
    genesis: bytes
    rules_version: int
    state: bytes = b""

    def as_text(self) -> str:
        """Return the text that is signed."""
        lines = [
            self.origin,
            str(self.size),
            base64_text(self.root),
            f"{_GENESIS}{base64_text(self.genesis)}",
            f"{_RULES}{self.rules_version}",
        ]
        if self.state:
            lines.append(f"{_STATE}{base64_text(self.state)}")
        return "\n".join(lines) + "\n"


def parse_head(text: str) -> TreeHead:
    """Return the head whose text this is; raise `DamagedError` for any other text.

    What it says may be false, its root of no records too: whoever signed that can be shown it.
    """
    lines = text.split("\n")
    _expect(6 <= len(lines) <= 7, "5 or 6 lines", f"{len(lines) - 1}")
    origin, size, root, genesis, rules_version, *rest = lines
    _expect(is_key_name(origin), "an origin without spaces and +", "another")
    head = TreeHead(
        origin,
        _number("a size", size),
        _hash("a root", root),
        _hash("a genesis", _after(_GENESIS, genesis)),
        _number("a rules version", _after(_RULES, rules_version)),
        b"" if len(rest) == 1 else _hash("a state", _after(_STATE, rest[0])),
    )
    _expect(head.as_text() == text, "a newline at the end", "something else")
    return head


def genesis_digest(genesis: Genesis) -> bytes:
    """Return the SHA-256 that a head says of a genesis."""
    return sha256(_encode(genesis)).digest()


def state_digest(snapshot: bytes) -> bytes:
    """Return the SHA-256 that a head says of a state, given its snapshot."""
    return sha256(snapshot).digest()


def contradictions(first: TreeHead, second: TreeHead) -> Sequence[str]:
    """Return what two heads of one origin say that cannot both be true, without any record.

    Heads of different sizes may contradict each other in their records only.
    """
    found: list[str] = []
    if first.genesis != second.genesis:
        found.append("genesis")
    if first.size == second.size:
        if first.root != second.root:
            found.append("records")
        if first.rules_version != second.rules_version:
            found.append("rules")
        if first.state and second.state and first.state != second.state:
            found.append("state")
    return found


def _number(what: str, text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= 19
    _expect(is_number and str(int(text)) == text and int(text) < TS_NS_MAX, what, "something else")
    return int(text)


def _hash(what: str, text: str) -> bytes:
    data = unbase64(text)
    _expect(len(data) == ROOT_BYTES, f"{what} of {ROOT_BYTES} bytes", f"{len(data)}")
    return data


def _after(prefix: str, line: str) -> str:
    _expect(line.startswith(prefix), f"the line '{prefix.strip()}'", "another")
    return line.removeprefix(prefix)


def _expect(condition: bool, expected: str, found: str) -> None:
    if not condition:
        raise DamagedError(f"head: expected {expected}, found {found}", None)

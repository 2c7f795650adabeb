"""Every id of the desk, each a pure function of what it names: a replay makes the same ones.

Owns the derivations. It never draws at random and never reads a clock. Parts are joined by `|`,
which no part may contain, so that two lists of parts never give one text.
"""

import hashlib

from lockstep_desk.errors import InvalidValueError, need_bytes, need_int, need_text

SEPARATOR = "|"
CLIENT_ORDER_ID_LENGTH = 23
"""115 bits: after 10**12 orders two share an id with a probability below 10**-10."""

_NAMESPACE = bytes.fromhex("6f1d2c52f2a95c1b8f0e3c1f5d0a7e64")
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def strategy_id(name: str) -> str:
    """Return the UUID of the strategy that was first called `name`."""
    return _uuid5("strategy", _part("name", name))


def version_id(code: bytes) -> str:
    """Return the id of an immutable strategy version: the SHA-256 of its code, in hex."""
    return hashlib.sha256(need_bytes("code", code)).hexdigest()


def deployment_id(name: str, version: str, ordinal: int) -> str:
    """Return the UUID of the deployment `ordinal` of a version under a name."""
    return _uuid5("deployment", _part("name", name), _part("version", version), _number(ordinal))


def client_order_id(deployment: str | None, instrument: str, ordinal: int) -> str:
    """Return the id of order `ordinal` of a deployment in an instrument; None is a manual order.

    23 characters of base32, fit for every venue that takes letters and digits.
    """
    parts = (_owner(deployment), _part("instrument", instrument), _number(ordinal))
    bits = int.from_bytes(_sha256(*parts), "big") >> (256 - 5 * CLIENT_ORDER_ID_LENGTH)
    shifts = range(5 * (CLIENT_ORDER_ID_LENGTH - 1), -1, -5)
    return "".join(_BASE32[bits >> shift & 31] for shift in shifts)


def position_id(account: str, instrument: str, deployment: str | None, open_seq: int) -> str:
    """Return the id of the position that sequence number `open_seq` opened."""
    return SEPARATOR.join(
        (
            _part("account", account),
            _part("instrument", instrument),
            _owner(deployment),
            _number(open_seq),
        )
    )


def fill_id(match_seq: int, leg: int) -> str:
    """Return the id of a leg of the match that happened at a sequence number."""
    return f"{_number(match_seq)}-{_number(leg)}"


def idempotency_key(position: str, event_type: str, ordinal: int) -> str:
    """Return the key under which event `ordinal` of a position has its one effect ([RECON-43]).

    The ordinal is the position's own count of events: two partial closes have two keys. A position
    id contains the separator itself, but nothing follows it that does: the text stays unambiguous.
    """
    parts = (need_text("position", position), _part("event_type", event_type), _number(ordinal))
    return _sha256(*parts).hex()


def repair_id(kind: str, *evidence: str) -> str:
    """Return the id of a repair, a function of its evidence: a repeated sweep makes it again.

    Evidence is any text, ids with separators too: each piece is preceded by its length.
    """
    pieces = (f"{len(need_text('evidence', piece))}:{piece}" for piece in evidence)
    return _sha256(_part("kind", kind), *pieces).hex()


def _part(name: str, value: str) -> str:
    if SEPARATOR in need_text(name, value):
        raise InvalidValueError(f"{name}: expected a text without {SEPARATOR!r}, found {value!r}")
    return value


def _owner(deployment: str | None) -> str:
    """Return what stands for a deployment: no deployment has an empty id, so None may be it."""
    return "" if deployment is None else _part("deployment", deployment)


def _number(ordinal: int) -> str:
    return str(need_int("ordinal", ordinal, 0))


def _sha256(*parts: str) -> bytes:
    return hashlib.sha256(_joined(*parts)).digest()


def _joined(*parts: str) -> bytes:
    text = SEPARATOR.join(parts)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidValueError(f"id: expected text that UTF-8 can write, found {text!r}") from None


def _uuid5(*parts: str) -> str:
    """Return the UUID version 5 (RFC 9562, section 5.5) of the parts in the desk's namespace."""
    digest = hashlib.sha1(_NAMESPACE + _joined(*parts), usedforsecurity=False).digest()
    bits = int.from_bytes(digest[:16], "big")
    bits = bits & ~(0xF << 76) | 5 << 76
    bits = bits & ~(0x3 << 62) | 2 << 62
    digits = f"{bits:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

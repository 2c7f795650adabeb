"""Renders a verdict as readable text and as JSON. Bytes are hex, structs carry their names."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import cast

import msgspec

from lockstep_kernel import Record
from lockstep_validator.verdict import Divergence, EntityChange, Status, Verdict


def as_json(verdict: Verdict) -> str:
    """Return the verdict as one line of JSON."""
    divergence = verdict.divergence
    fields = {
        "status": verdict.status.name.lower(),
        "exit_code": verdict.exit_code,
        "seq": verdict.seq,
        "hash": verdict.hash.hex(),
        "validated_seq": verdict.validated_seq,
        "commands": verdict.commands,
        "events": verdict.events,
        "machine": verdict.machine,
        "rules_version": verdict.rules_version,
        "message": verdict.message,
        "divergence": None if divergence is None else _divergence(divergence),
    }
    return json.dumps(fields)


def as_text(verdict: Verdict) -> str:
    """Return the verdict as lines for people, with the report of the divergence if there is one."""
    name = verdict.status.name.lower().replace("_", " ")
    if verdict.status is Status.OK:
        first = f"{name}: {printable(verdict.message)}"
    else:
        first = f"{name} at {'header' if verdict.seq is None else f'sequence {verdict.seq}'}"
    lines = [
        first,
        _line("validated", f"{verdict.commands} commands, {verdict.events} events"),
        _line("last good", _last_good(verdict)),
        _line("machine", _machine(verdict)),
    ]
    if verdict.divergence is not None:
        lines += _divergence_lines(verdict.divergence)
    return "\n".join(lines)


def plain(value: object) -> object:
    """Return a value as JSON has it: structs as objects with their type, bytes as hex."""
    if isinstance(value, msgspec.Struct):
        return {"type": type(value).__name__, **{n: plain(v) for n, v in _members(value)}}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("Sequence[object]", value)]
    if isinstance(value, dict):
        pairs = cast("dict[object, object]", value).items()
        return {str(plain(key)): plain(item) for key, item in pairs}
    return value


def readable(value: object) -> str:
    """Return a value on one line.

    >>> readable((b"\\x01", "a", [1, None]))
    "(01, 'a', [1, None])"
    """
    if isinstance(value, msgspec.Struct):
        members = ", ".join(f"{name}={readable(member)}" for name, member in _members(value))
        return f"{type(value).__name__}({members})"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list | tuple):
        items = ", ".join(readable(item) for item in cast("Sequence[object]", value))
        return f"[{items}]" if isinstance(value, list) else f"({items})"
    return repr(value)


def printable(text: str) -> str:
    """Return text that cannot steer a terminal: other characters are written as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _last_good(verdict: Verdict) -> str:
    divergence = verdict.divergence
    # Only a start that has another hash than the caller's is not good by itself.
    is_start = divergence is not None and divergence.reason == "expected"
    if not verdict.hash or (is_start and verdict.seq == verdict.validated_seq):
        return "none"
    return f"sequence {verdict.validated_seq}, hash {verdict.hash.hex()}"


def _machine(verdict: Verdict) -> str:
    """Return the machine and its rules, if a state came to be whose rules these are."""
    if not verdict.rules_version:
        return verdict.machine or "-"
    return f"{verdict.machine}, rules {verdict.rules_version}"


def _divergence(divergence: Divergence) -> dict[str, object]:
    return {
        "reason": divergence.reason,
        "seq": divergence.seq,
        "ts_ns": divergence.ts_ns,
        "command": plain(divergence.command),
        "body": divergence.body.hex(),
        "expected_hash": divergence.expected_hash.hex(),
        "computed_hash": plain(divergence.computed_hash),
        "expected_events": plain(divergence.expected_events),
        "computed_events": plain(divergence.computed_events),
        "entities": [_entity(change) for change in divergence.entities],
        "note": divergence.note,
    }


def _entity(change: EntityChange) -> dict[str, object]:
    return {
        "kind": plain(change.kind),
        "name": change.name,
        "key": plain(change.key),
        "before": None if change.before is None else plain(change.before[2:]),
        "after": None if change.after is None else plain(change.after[2:]),
    }


def _divergence_lines(divergence: Divergence) -> list[str]:
    lines = [_line("reason", divergence.reason)]
    if divergence.ts_ns is not None:
        lines.append(_line("time", f"{divergence.ts_ns} ns, {_utc(divergence.ts_ns)}"))
    if divergence.command is not None:
        lines.append(_line("command", readable(divergence.command)))
    elif divergence.body:
        lines.append(_line("body", divergence.body.hex()))
    computed = divergence.computed_hash
    lines.append(_line("hash", f"expected {divergence.expected_hash.hex()}"))
    lines.append(_line("", f"computed {'none' if computed is None else computed.hex()}"))
    if divergence.command is not None:
        lines += _events_lines("expected", divergence.expected_events)
        lines += _events_lines("computed", divergence.computed_events)
    for change in divergence.entities:
        lines.append(_line("entity", f"{change.name} {readable(change.key)}"))
        lines.append(_line("", f"before {_fields(change.before)}"))
        lines.append(_line("", f"after  {_fields(change.after)}"))
    if divergence.note:
        lines.append(_line("note", divergence.note))
    return lines


def _events_lines(side: str, events: Sequence[msgspec.Struct] | bytes | None) -> list[str]:
    if events is None:
        return [_line("events", f"{side}: not in the stream")]
    if isinstance(events, bytes):
        return [_line("events", f"{side}: bytes that do not decode, {events.hex()}")]
    if not events:
        return [_line("events", f"{side}: none")]
    return [_line("events", f"{side} {readable(event)}") for event in events]


def _fields(record: Record | None) -> str:
    return "absent" if record is None else readable(record[2:])


def _utc(ts_ns: int) -> str:
    seconds, nanoseconds = divmod(ts_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(min(seconds, 2**33), tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def _members(struct: msgspec.Struct) -> list[tuple[str, object]]:
    return [(name, getattr(struct, name)) for name in struct.__struct_fields__]


def _line(name: str, text: str) -> str:
    return f"  {name:<10}{printable(text)}"

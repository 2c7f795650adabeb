"""Values as JSON can hold them: structs by field, bytes in hex, enumerations by name."""

import json
from collections.abc import Callable, Sequence
from enum import Enum
from functools import cache
from typing import cast

import msgspec
from msgspec.structs import fields

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
"""What JSON can hold."""

Label = Callable[[str, str, int], str]
"""(name of a struct, of a field, number in it) -> what the number is called, empty if nothing."""


def no_label(_struct: str, _field: str, _value: int) -> str:
    """Call no number anything."""
    return ""


def plain(value: object, has_types: bool = True) -> Plain:
    """Return a value as JSON can hold it; with `has_types` a struct says which type it is.

    >>> plain((1, b"\\xff"))
    [1, 'ff']
    """
    match value:
        case msgspec.Struct():
            return plain_struct(value, has_types)
        case bytes():
            return value.hex()
        case Enum():
            return value.name
        case None | bool() | int() | float() | str():
            return value
        case dict():
            pairs = cast(dict[object, object], value).items()
            return {str(key): plain(item, has_types) for key, item in pairs}
        case list() | tuple():
            return [plain(item, has_types) for item in cast(Sequence[object], value)]
        case _:
            return str(value)


def plain_struct(struct: msgspec.Struct, has_types: bool = True) -> dict[str, Plain]:
    """Return the fields of a struct by name, in their order."""
    named: dict[str, Plain] = {"type": type(struct).__name__} if has_types else {}
    for name in struct.__struct_fields__:
        named[name] = plain(getattr(struct, name), has_types)
    return named


def compact(value: object, label: Label = no_label) -> str:
    """Return a value in one short line: a struct with its type and the fields not at defaults.

    >>> compact((1, b"\\xff", "a"))
    '[1, ff, "a"]'
    """
    match value:
        case msgspec.Struct():
            kind = type(value)
            named = [(name, getattr(value, name)) for name in value.__struct_fields__]
            shown = [(name, item) for name, item in named if not _is_default(kind, name, item)]
            texts = [f"{name}={_field(kind, name, item, label)}" for name, item in shown]
            return f"{kind.__name__}({', '.join(texts)})"
        case bytes() | Enum():
            return str(plain(value))
        case list() | tuple():
            items = cast(Sequence[object], value)
            return f"[{', '.join(compact(item, label) for item in items)}]"
        case _:
            return json.dumps(plain(value), ensure_ascii=False)


def _field(kind: type[msgspec.Struct], name: str, value: object, label: Label) -> str:
    called = label(kind.__name__, name, value) if type(value) is int else ""
    return called or compact(value, label)


def _is_default(kind: type[msgspec.Struct], name: str, value: object) -> bool:
    defaults = _defaults(kind)
    return name in defaults and defaults[name] == value


@cache
def _defaults(kind: type[msgspec.Struct]) -> dict[str, object]:
    found: dict[str, object] = {}
    for field in fields(kind):
        if field.default is not msgspec.NODEFAULT:
            found[field.name] = field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            found[field.name] = field.default_factory()
    return found

"""Values as JSON can hold them: structs by field, bytes in hex, enumerations by name."""

from collections.abc import Sequence
from enum import Enum
from typing import cast

import msgspec

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
"""What JSON can hold."""


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

"""What the desk's plain parts raise, and the checks of single values that raise it.

Owns the one error of a value that cannot be right. It imports nothing, so that `fund` stays usable
alone. A refusal of an order is none of these: it is a `Breach`, a value that is returned.

    ValueError
      InvalidValueError     3   a value of the caller: it says what was expected, what was found
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, TypeVar

_Member = TypeVar("_Member", bound=Enum)
_Kind = TypeVar("_Kind")

NAME_MAX = 64
"""How many characters a name in a command may have."""

INT_MAX = 2**63 - 1
"""The largest number in a single field: quantities, prices, fees, limits and times fit 63 bits."""


class InvalidValueError(ValueError):
    """A value that cannot be right: the caller corrects it. The message names the field."""

    exit_code = 3


def need_int(name: str, value: Any, least: int, most: int = INT_MAX) -> int:
    """Return `value` if it is an int in [least, most], else raise; a bool is not an int here."""
    if type(value) is bool or not isinstance(value, int):
        raise InvalidValueError(f"{name}: expected an integer, found {_shown(value)}")
    if not least <= value <= most:
        raise InvalidValueError(
            f"{name}: expected an integer from {least} to {most}, found {_shown(value)}"
        )
    return value


def need_text(name: str, value: Any) -> str:
    """Return `value` if it is a text that is not empty, else raise."""
    if not isinstance(value, str) or not value:
        raise InvalidValueError(f"{name}: expected a text that is not empty, found {_shown(value)}")
    return value


def need_string(name: str, value: Any) -> str:
    """Return `value` if it is a text, which may be empty, else raise."""
    if not isinstance(value, str):
        raise InvalidValueError(f"{name}: expected a text, found {_shown(value)}")
    return value


def need_kind(name: str, value: Any, kind: type[_Kind]) -> _Kind:
    """Return `value` if it is of a class, else raise."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise InvalidValueError(
            f"{name}: expected {article} {kind.__name__}, found {_shown(value)}"
        )
    return value


def need_mapping(name: str, value: Any) -> None:
    """Raise unless `value` is a mapping."""
    if not isinstance(value, Mapping):
        raise InvalidValueError(f"{name}: expected a mapping, found {_shown(value)}")


def each_of(name: str, value: Any, kind: type[_Kind]) -> Iterator[_Kind]:
    """Yield what `value` holds, each of which is of a class; raise if it cannot hold any."""
    if not isinstance(value, Iterable):
        raise InvalidValueError(
            f"{name}: expected an iterable of {kind.__name__}, found {_shown(value)}"
        )
    items: Iterable[Any] = value
    for one in items:
        yield need_kind(f"one of {name}", one, kind)


def need_callable(name: str, value: Any, what: str) -> None:
    """Raise unless `value` can be called; `what` says with what and for what."""
    if not callable(value):
        raise InvalidValueError(f"{name}: expected a callable, {what}, found {_shown(value)}")


def need_member(name: str, value: Any, kind: type[_Member]) -> _Member:
    """Return `value` if it is a member of the enum, else raise: an equal number is none."""
    if type(value) is not kind:
        members = ", ".join(member.name for member in kind)
        raise InvalidValueError(
            f"{name}: expected a {kind.__name__} ({members}), found {_shown(value)}"
        )
    return value


def need_flag(name: str, value: Any) -> bool:
    """Return `value` if it is True or False, else raise: nothing else stands for one."""
    if type(value) is not bool:
        raise InvalidValueError(f"{name}: expected True or False, found {_shown(value)}")
    return value


def need_name(name: str, value: Any) -> str:
    """Return `value` if it is a text of 1 to 64 characters that UTF-8 can write, else raise."""
    if type(value) is not str or not 0 < len(value) <= NAME_MAX:
        raise InvalidValueError(
            f"{name}: expected a text of 1 to {NAME_MAX} characters, found {_shown(value)}"
        )
    if not (value.isascii() or is_writable(value)):
        raise InvalidValueError(
            f"{name}: expected a text that UTF-8 can write, found {_shown(value)}"
        )
    return value


def is_writable(text: str) -> bool:
    """Return whether UTF-8 can write a text: one with half of a character it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """Return a text with what cannot be printed escaped, so that it can be written anywhere."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def need_bytes(name: str, value: Any) -> bytes:
    """Return `value` if it is bytes, else raise."""
    if not isinstance(value, bytes):
        raise InvalidValueError(f"{name}: expected bytes, found {_shown(value)}")
    return value


def _shown(value: object) -> str:
    """Return what a message shows of a value: never more than a line."""
    if isinstance(value, int) and abs(value) >= 10**60:
        return f"an integer of {value.bit_length()} bits"
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."

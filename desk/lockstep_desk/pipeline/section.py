"""One table of a TOML file, read key by key; what is left over at the end was a mistake.

Owns the messages: file, line, key, what was expected, what was found. TOML's parser keeps no lines,
so the line of a key is found in the text again: by its table's heading, then by the key.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from lockstep_desk.errors import INT_MAX, InvalidValueError

T = TypeVar("T")

_HEADING = re.compile(r"\s*(\[\[?)\s*([\w.\-\"' ]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*[\"']?([\w\-]+)[\"']?\s*(\.|=)")
_QUOTES = "\"'"
_MISSPELT = 0.7
_ABSENT = object()

Step = str | int
"""A key, or a place in an array of tables."""


class ConfigError(InvalidValueError):
    """A configuration that cannot be right. The operator corrects the line that is named."""


class Section:
    """A table, and where in the file it is."""

    def __init__(
        self, name: str, text: str, path: tuple[Step, ...], values: Mapping[str, Any]
    ) -> None:
        self._name = name
        self._text = text
        self._path = path
        self._values = values
        self._known: list[str] = []

    def has(self, key: str) -> bool:
        """Return whether a key is there; from now on it is one that may be."""
        self._known.append(key)
        return key in self._values

    def number(
        self, key: str, default: int | None = None, least: int = 0, most: int = INT_MAX
    ) -> int:
        """Return an integer in [least, most]; without a default it must be there."""
        value = self._value(key, default, "an integer")
        if type(value) is not int or not least <= value <= most:
            bounds = f"from {least}" + (f" to {most}" if most != INT_MAX else " on")
            raise self.error(key, f"expected an integer {bounds}, found {_shown(value)}")
        return value

    def optional_number(self, key: str, least: int) -> int | None:
        """Return an integer from `least` on, None if it is not there."""
        return self.number(key, least=least) if self.has(key) else None

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._value(key, default, "true or false")
        if type(value) is not bool:
            raise self.error(key, f"expected true or false, found {_shown(value)}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that is not empty."""
        value = self._value(key, default, "a text")
        if not isinstance(value, str) or not value:
            raise self.error(key, f"expected a text that is not empty, found {_shown(value)}")
        return value

    def word(self, key: str, words: Sequence[str], default: str | None = None) -> str:
        """Return one of some words; of another one the message names the nearest."""
        value = self.text(key, default)
        if value not in words:
            raise self.error(
                key, f"expected one of {', '.join(words)}, found '{value}'{_hint(value, words)}"
            )
        return value

    def section(self, key: str) -> "Section":
        """Return a table within this one, empty if it is not there."""
        self._known.append(key)
        value = self._values.get(key, {})
        if not isinstance(value, dict):
            raise self.error(key, f"expected a table, found {_shown(value)}")
        table = cast(dict[str, Any], value)
        return Section(self._name, self._text, (*self._path, key), table)

    def sections(self, key: str) -> "list[Section]":
        """Return the tables of an array of tables, none if it is not there."""
        self._known.append(key)
        value: object = self._values.get(key, [])
        if not isinstance(value, list):
            raise self.error(key, f"expected [[{key}]] tables, found {_shown(value)}")
        found: list[Section] = []
        for place, table in enumerate(cast(Sequence[object], value)):
            if not isinstance(table, dict):
                raise self.error(key, f"expected [[{key}]] tables, found {_shown(table)}")
            path = (*self._path, key, place)
            found.append(Section(self._name, self._text, path, cast(Mapping[str, Any], table)))
        return found

    def expect(self, *keys: str) -> None:
        """Let keys be there, and raise as `finish` does if another one is."""
        self._known += keys
        self.finish()

    def finish(self) -> None:
        """Raise if a key is left that nobody asked for; the message names the nearest known one."""
        for key in self._values:
            if key not in self._known:
                known = sorted(set(self._known))
                raise self.error(
                    key,
                    f"expected one of {', '.join(known) or 'nothing'}, found '{key}'"
                    f"{_hint(key, known)}",
                )

    def checked(self, key: str | None, build: Callable[[], T]) -> T:
        """Return what `build` returns; what it finds wrong is told with this section's place."""
        try:
            return build()
        except ConfigError:
            raise
        except InvalidValueError as error:
            raise self.error(key, str(error)) from None

    def missing(self, key: str, expected: str, found: str) -> ConfigError:
        """Return the error for a key that must be there; it names a misspelt one in its place.

        `found` is what to say if there is none that looks like it.
        """
        unread = [one for one in self._values if one not in self._known]
        for other in difflib.get_close_matches(key, unread, n=1, cutoff=_MISSPELT):
            return self.error(
                other, f"expected {expected}, found '{other}' (did you mean '{key}'?)"
            )
        return self.error(key, f"expected {expected}, found {found}")

    def error(self, key: str | None, message: str) -> ConfigError:
        """Return the error that names file, line and key."""
        path = self._path if key is None else (*self._path, key)
        return ConfigError(f"{self._name}: line {self.line(key)}: {_dotted(path)}: {message}")

    def line(self, key: str | None) -> int:
        """Return the line where a key or its table stands, or else its parent's heading, or 1."""
        return _line_of(self._text, self._path, key)

    def _value(self, key: str, default: object, expected: str) -> Any:
        self._known.append(key)
        value = self._values.get(key, _ABSENT)
        if value is not _ABSENT:
            return value
        if default is None:
            raise self.missing(key, expected, "no such key")
        return default


def _dotted(path: Sequence[Step]) -> str:
    """Return a path as `trader[1].options.period`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".")


def _line_of(text: str, path: tuple[Step, ...], key: str | None) -> int:
    """Return the line of a key in the table at `path`, of its heading, or of what holds it."""
    lines = text.splitlines()
    start, end = _table_lines(lines, path)
    for number in range(start, end):
        match = _KEY.match(lines[number])
        if match and match[1] == key:
            return number + 1
    heading = _heading_of(lines, path if key is None else (*path, key))
    if heading or start or not path:
        return heading or max(start, 1)
    # An inline table, or no table at all: the line of what holds it.
    parent = path[:-1] if isinstance(path[-1], str) else path[:-2]
    return _line_of(text, parent, str(path[len(parent)]))


def _table_lines(lines: Sequence[str], path: tuple[Step, ...]) -> tuple[int, int]:
    """Return (first, end) of the lines of a table; (0, 0) if it has no heading."""
    counts: dict[str, int] = {}
    at: tuple[Step, ...] = ()
    start = 0 if not path else -1
    for number, line in enumerate(lines):
        match = _HEADING.match(line)
        if match is None:
            continue
        if at == path:
            return max(start, 0), number
        at = _path_of(match[2], match[1] == "[[", counts)
        if at == path:
            start = number + 1
    return (max(start, 0), len(lines)) if at == path else (0, 0)


def _heading_of(lines: Sequence[str], path: tuple[Step, ...]) -> int:
    """Return the line of the first heading of what is at `path` or within it, 0 without one."""
    counts: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        match = _HEADING.match(line)
        if match and _path_of(match[2], match[1] == "[[", counts)[: len(path)] == path:
            return number
    return 0


def _path_of(heading: str, is_array: bool, counts: dict[str, int]) -> tuple[Step, ...]:
    """Return the path of a heading; `counts` says how many tables each array has by now."""
    if is_array:
        counts[heading] = counts.get(heading, -1) + 1
        # Arrays within this table begin anew with it.
        for inner in [name for name in counts if name.startswith(f"{heading}.")]:
            del counts[inner]
    path: list[Step] = []
    name = ""
    for part in heading.split("."):
        name = f"{name}.{part}".lstrip(".")
        path.append(part.strip().strip(_QUOTES))
        if name in counts:
            path.append(counts[name])
    return tuple(path)


def _hint(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _shown(value: object) -> str:
    """Return a value as TOML has it, cut if it is long; of tables only that they are some."""
    if isinstance(value, dict):
        return "a table"
    if _are_tables(value):
        return "an array of tables"
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _are_tables(value: object) -> bool:
    return isinstance(value, list) and any(
        isinstance(one, dict) for one in cast(Sequence[object], value)
    )

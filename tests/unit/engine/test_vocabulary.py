"""The vocabulary is a promise: tags, field names, their order and types, and all numbers.

Compared with tests/golden/vocabulary.txt. A released struct never changes and a number is never
reused; what may come is new. After a wanted change `make record` writes the file anew.
"""

import os
import re
import types
from difflib import unified_diff
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import msgspec

from lockstep_engine import codes, commands, events
from lockstep_engine.codes import EntityKind
from lockstep_engine.commands import (
    Action,
    BlockLeg,
    Command,
    ExchangeParams,
    MarginRates,
    OrderAction,
    PortfolioModel,
    Quote,
    RiskScenario,
    TradingLimits,
)
from lockstep_engine.events import BlockSide, DeleveragedSide, Event, InstrumentMark, TradeSide

PARTS_OF_COMMANDS = (TradingLimits, MarginRates, RiskScenario, PortfolioModel, Quote, BlockLeg)
PARTS_OF_EVENTS = (TradeSide, InstrumentMark, BlockSide, DeleveragedSide)
"""Structs that stand inside others."""

ROOT = Path(__file__).parents[3]
PINNED = ROOT / "tests" / "golden" / "vocabulary.txt"
RULES = ROOT / "docs" / "rules.md"
ROW = re.compile(r"^\| (\d+) ([A-Z_]+) \| ([^|]+) \|([^|]*)\| [^|]+ \|$", re.MULTILINE)
ALIASES = ("Auth", "Int", "Key", "Lineage", "Name", "RequestId")


def type_name(annotation: Any) -> str:
    """Return a type in words that do not depend on the Python version."""
    if annotation == Action:
        return "Action"
    for alias in ALIASES:
        if annotation == getattr(commands, alias):
            return alias
    if get_origin(annotation) is tuple:
        item = get_args(annotation)[0]
        inner = "OrderAction" if item == OrderAction else type_name(item)
        repeated = get_args(annotation)[-1] is Ellipsis
        return (
            f"tuple[{inner}, ...]" if repeated else f"tuple[{inner} x{len(get_args(annotation))}]"
        )
    if get_origin(annotation) in (Union, types.UnionType):
        return " | ".join(type_name(member) for member in get_args(annotation))
    name: str = annotation.__name__
    return name


def alias_lines() -> list[str]:
    return [f"type {alias} = {getattr(commands, alias)!r}" for alias in ALIASES]


def struct_lines(heading: str, struct: type[msgspec.Struct]) -> list[str]:
    """Return a struct with its tag, and each field with its place, type and default."""
    tag = struct.__struct_config__.tag
    lines = [f"{heading} {struct.__name__} tag={tag}"]
    for place, field in enumerate(msgspec.structs.fields(struct)):
        default = "" if field.required else f" = {field.default!r}"
        lines.append(f"  {place} {field.name}: {type_name(field.type)}{default}")
    return lines


def enum_lines(enum: type[IntEnum] | type[IntFlag]) -> list[str]:
    return [
        f"numbers {enum.__name__}",
        *(f"  {int(member)} {name}" for name, member in enum.__members__.items()),
    ]


def record_lines() -> list[str]:
    """Return the kinds of records as docs/rules.md says; test_records holds the machines to it."""
    return [
        f"record {kind} {name} key={key} fields={fields.strip() or '-'}"
        for kind, name, key, fields in ROW.findall(RULES.read_text("utf-8"))
    ]


def as_text() -> str:
    lines = alias_lines()
    for struct in (Command, ExchangeParams, *PARTS_OF_COMMANDS, *get_args(Action)):
        lines += struct_lines("command", struct)
    for struct in (*PARTS_OF_EVENTS, *get_args(Event)):
        lines += struct_lines("event", struct)
    for name in sorted(vars(codes)):
        value = getattr(codes, name)
        if isinstance(value, type) and value.__module__ == codes.__name__:
            lines += enum_lines(value)
    return "".join(f"{line}\n" for line in [*lines, *record_lines()])


def test_the_vocabulary_is_the_pinned_one() -> None:
    text = as_text()
    if os.environ.get("LOCKSTEP_RECORD") == "1":
        PINNED.write_text(text, encoding="utf-8")
    pinned = PINNED.read_text(encoding="utf-8") if PINNED.exists() else ""
    difference = "\n".join(
        unified_diff(pinned.splitlines(), text.splitlines(), "pinned", "found", n=0, lineterm="")
    )
    assert "" == difference, f"\n{difference}\nIf this is wanted, run `make record`."


def test_tags_are_used_once() -> None:
    for union in (Action, Event):
        tags = [struct.__struct_config__.tag for struct in get_args(union)]
        assert sorted(set(tags)) == sorted(tags)


def test_every_struct_of_the_modules_is_on_the_wire() -> None:
    """A struct that no union names could never be sent."""
    known = {Command, ExchangeParams, *PARTS_OF_COMMANDS, *PARTS_OF_EVENTS}
    known |= {*get_args(Action), *get_args(Event)}
    for module in (commands, events):
        found = {
            value
            for name, value in vars(module).items()
            if isinstance(value, type)
            and issubclass(value, msgspec.Struct)
            and not name.startswith("_")
        }
        assert set() == found - known


def test_structs_are_arrays_and_forbid_more_fields() -> None:
    structs = [Command, ExchangeParams, *PARTS_OF_COMMANDS, *PARTS_OF_EVENTS]
    for struct in [*structs, *get_args(Action), *get_args(Event)]:
        config = struct.__struct_config__
        assert (True, True, True) == (
            config.array_like,
            config.forbid_unknown_fields,
            config.frozen,
        )


def test_numbers_are_used_once() -> None:
    for name, value in vars(codes).items():
        if isinstance(value, type) and value.__module__ == codes.__name__:
            members = list(value.__members__.values())
            numbers = [int(member) for member in members]
            assert len(set(numbers)) == len(numbers), f"{name} uses a number twice"


def test_the_rules_page_lists_every_kind_of_record() -> None:
    rows = [(int(kind), name) for kind, name, *_rest in ROW.findall(RULES.read_text("utf-8"))]
    assert [(int(kind), kind.name) for kind in EntityKind] == rows

"""The desk's vocabulary is a promise: tags, fields, their order and types, and all numbers.

Compared with tests/golden/desk_vocabulary.txt and with the tables of docs/desk.md, which `make
record` writes anew after a wanted change.
"""

import os
import re
from difflib import unified_diff
from enum import IntEnum
from pathlib import Path

import msgspec

from lockstep_desk.core import codes, commands, events
from lockstep_desk.core.machine import MACHINE
from lockstep_desk.core.params import DeskParams
from lockstep_desk.oms import states

ROOT = Path(__file__).parents[4]
PINNED = ROOT / "tests" / "golden" / "desk_vocabulary.txt"
PAGE = ROOT / "docs" / "desk.md"
IS_RECORDING = os.environ.get("LOCKSTEP_RECORD") == "1"


def parts() -> list[type[msgspec.Struct]]:
    """Return the structs that stand inside commands and events."""
    known = (*MACHINE.codec.commands, *MACHINE.codec.events)
    found = [
        value
        for module in (states, commands, events)
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, msgspec.Struct)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and value not in known
    ]
    return [*found, DeskParams]


def enums() -> list[type[IntEnum]]:
    """Return the numbers of the desk's own modules."""
    return [
        value
        for module in (codes, states)
        for _name, value in sorted(vars(module).items())
        if isinstance(value, type)
        and issubclass(value, IntEnum)
        and value.__module__ == module.__name__
    ]


def type_name(annotation: object) -> str:
    """Return a type in words that do not depend on the Python version."""
    text = str(annotation) if not isinstance(annotation, type) else annotation.__name__
    text = re.sub(r"typing\.Annotated\[(\w+), [^\]]*\]", r"\1", text)
    text = re.sub(r"[a-z_]+(?:\.[a-z_]+)*\.", "", text)
    return re.sub(r"Optional\[(\w+)\]", r"\1 | None", text)


def struct_lines(heading: str, struct: type[msgspec.Struct]) -> list[str]:
    lines = [f"{heading} {struct.__name__} tag={struct.__struct_config__.tag}"]
    for place, field in enumerate(msgspec.structs.fields(struct)):
        default = "" if field.required else f" = {field.default!r}"
        lines.append(f"  {place} {field.name}: {type_name(field.type)}{default}")
    return lines


def as_text() -> str:
    lines: list[str] = []
    for struct in parts():
        lines += struct_lines("part", struct)
    for struct in MACHINE.codec.commands:
        lines += struct_lines("command", struct)
    for struct in MACHINE.codec.events:
        lines += struct_lines("event", struct)
    for enum in enums():
        lines += [f"numbers {enum.__name__}", *(f"  {int(one)} {one.name}" for one in enum)]
    return "".join(f"{line}\n" for line in lines)


def table(structs: tuple[type, ...]) -> str:
    """Return a table of the page: number, name, what it says."""
    rows = ["| tag | name | what it says |", "|---|---|---|"]
    for struct in structs:
        said = " ".join((struct.__doc__ or "").split("\n\n")[0].split()).replace("|", "\\|")
        rows.append(f"| {struct.__struct_config__.tag} | `{struct.__name__}` | {said} |")  # type: ignore[attr-defined]  # a struct's own configuration
    return "\n".join(rows)


def with_tables(page: str) -> str:
    """Return the page with its tables made anew."""
    for title, structs in (
        ("Commands", MACHINE.codec.commands),
        ("Events", MACHINE.codec.events),
    ):
        pattern = rf"(?<=## {title}\n\n).*?(?=\n\n## )"
        page = re.sub(pattern, table(structs).replace("\\", r"\\"), page, count=1, flags=re.DOTALL)
    return page


def test_the_vocabulary_is_the_pinned_one() -> None:
    text = as_text()
    if IS_RECORDING:
        PINNED.write_text(text, encoding="utf-8")
    pinned = PINNED.read_text(encoding="utf-8") if PINNED.exists() else ""
    lines = unified_diff(
        pinned.splitlines(), text.splitlines(), "pinned", "found", n=0, lineterm=""
    )
    difference = "\n".join(lines)
    assert "" == difference, f"\n{difference}\nIf this is wanted, run `make record`."


def test_the_page_lists_every_command_and_event_as_the_code_says_it() -> None:
    page = PAGE.read_text("utf-8")
    if IS_RECORDING:
        page = with_tables(page)
        PAGE.write_text(page, "utf-8")
    for structs in (MACHINE.codec.commands, MACHINE.codec.events):
        assert table(structs) in page, "If this is wanted, run `make record`."


def test_what_the_page_imports_is_there() -> None:
    lines = [line.strip() for line in PAGE.read_text("utf-8").splitlines()]
    imports = [line for line in lines if line.startswith("from lockstep_")]
    assert len(imports) > 5
    exec("\n".join(imports), {})  # noqa: S102 - the page's own example


def test_tags_are_used_once() -> None:
    for structs in (MACHINE.codec.commands, MACHINE.codec.events):
        tags = [struct.__struct_config__.tag for struct in structs]
        assert sorted(set(tags)) == sorted(tags)


def test_structs_are_arrays_and_forbid_more_fields() -> None:
    for struct in (*parts(), *MACHINE.codec.commands, *MACHINE.codec.events):
        config = struct.__struct_config__
        assert (True, True, True) == (
            *(config.array_like, config.forbid_unknown_fields, config.frozen),
        )


def test_every_amount_has_its_unit_in_its_name() -> None:
    amounts = re.compile(r"price|qty|fee|total|free|notional|tick|lot|realised|volume|time|expires")
    units = ("_e8", "_e9", "_ns", "_cents", "_bps", "realised_rest")
    names = [
        field.name
        for struct in (*parts(), *MACHINE.codec.commands, *MACHINE.codec.events)
        for field in msgspec.structs.fields(struct)
        if type_name(field.type) in ("int", "int | None") and amounts.search(field.name)
    ]
    assert len(names) > 50
    assert [] == [name for name in names if not name.endswith(units)]


def test_every_number_has_a_label() -> None:
    assert "BUY" == MACHINE.label("OrderRequested", "side", 0)
    assert "FILL_TOO_OLD" == MACHINE.label("DivergenceRecorded", "code", 3)
    assert "UNKNOWN_ORDER" == MACHINE.label("CancelRefused", "code", 13)
    assert "TERMINATED" == MACHINE.label("SendResult", "error", 2)
    assert "" == MACHINE.label("OrderRequested", "side", 7)
    assert "" == MACHINE.label("OrderRequested", "number", 1)

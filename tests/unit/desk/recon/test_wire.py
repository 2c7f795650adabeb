"""What stands in commands, events and records is pinned: fields in their order, tags, numbers.

Compared with tests/golden/recon_vocabulary.txt, which `make record` writes anew.
"""

import os
from enum import IntEnum
from pathlib import Path

import msgspec

from lockstep_desk.recon import config, findings, ledger, pages, reactive
from lockstep_desk.types import Fill, Liquidity, Side

PINNED = Path(__file__).parents[3] / "golden" / "recon_vocabulary.txt"
STRUCTS: tuple[type[msgspec.Struct], ...] = (
    *(pages.Unknown, pages.Page, pages.BrokerPosition, pages.BrokerOrder, pages.BrokerBalance),
    *(pages.OrderQuery, pages.BrokerPages, config.SweepConfig, findings.Divergence),
    *(findings.SyncPoint, ledger.Message, ledger.Entry, Fill),
)
NUMBERS: tuple[type[IntEnum], ...] = (
    *(pages.UnknownReason, pages.OrderStatus, findings.Kind, findings.Status),
    *(ledger.Verdict, reactive.PreState, Side, Liquidity),
)


def as_text() -> str:
    lines: list[str] = []
    for struct in STRUCTS:
        lines.append(f"struct {struct.__name__} tag={struct.__struct_config__.tag}")
        lines += [
            f"  {place} {field.name}" + ("" if field.required else f" = {field.default!r}")
            for place, field in enumerate(msgspec.structs.fields(struct))
        ]
    for numbers in NUMBERS:
        lines += [f"numbers {numbers.__name__}", *(f"  {int(one)} {one.name}" for one in numbers)]
    return "".join(f"{line}\n" for line in lines)


def test_fields_and_numbers_are_pinned() -> None:
    text = as_text()
    if os.environ.get("LOCKSTEP_RECORD") == "1":
        PINNED.write_text(text, encoding="utf-8")
    assert PINNED.read_text(encoding="utf-8") == text, "If this is wanted, run `make record`."


def test_structs_on_the_wire_are_arrays_but_the_fill() -> None:
    """A fill is shared by all parts of the desk, and written with its field names."""
    arrays = {struct for struct in STRUCTS if struct.__struct_config__.array_like}
    assert {Fill} == set(STRUCTS) - arrays

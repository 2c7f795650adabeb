"""The names of the numbers in commands and events."""

from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

import msgspec
import pytest

from lockstep_engine import codes
from lockstep_engine.commands import Command
from lockstep_engine.events import Event
from lockstep_engine.labels import label


@pytest.mark.parametrize(
    ("struct", "field", "value", "name"),
    [
        ("PlaceOrder", "side", 1, "SELL"),
        ("OrderCancelled", "reason", 12, "LIQUIDATION"),
        ("OrderAmended", "reason", 2, "REDUCE_ONLY"),
        ("CashMoved", "reason", 8, "INSURANCE"),
        ("OrderRejected", "action", 40, "PlaceOrder"),
        ("RoleGranted", "roles", 9, "ADMIN|RISK"),
        ("CancelAll", "side", -1, ""),
        ("RoleGranted", "roles", 0, ""),
        ("OrderRejected", "action", 7_777, ""),
        ("PlaceOrder", "qty_lots", 1, ""),
        ("MarginRates", "reason", 1, ""),
    ],
)
def test_a_number_is_called(struct: str, field: str, value: int, name: str) -> None:
    assert name == label(struct, field, value)


def test_every_number_of_the_vocabulary_is_called_by_its_name_somewhere() -> None:
    called = {
        (struct.__name__, field): {label(struct.__name__, field, value) for value in range(2_000)}
        for struct in set(_structs((Command, *get_args(Event))))
        for field in struct.__struct_fields__
    }
    for enumeration in vars(codes).values():
        if not isinstance(enumeration, type) or not issubclass(enumeration, Enum):
            continue
        names = {member.name for member in enumeration}
        is_record_kind = enumeration is codes.EntityKind
        assert is_record_kind or any(names <= found for found in called.values()), enumeration


def _structs(types: tuple[Any, ...]) -> Iterator[type[msgspec.Struct]]:
    """Yield the structs in these types and in the types of their fields, at any depth."""
    for each in types:
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            yield each
            yield from _structs(tuple(field.type for field in msgspec.structs.fields(each)))
        else:
            yield from _structs(get_args(each))

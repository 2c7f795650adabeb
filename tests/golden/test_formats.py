"""A format changes only with its version number: the bytes of every version are kept."""

import pytest

from lockstep_kernel import FrameType
from tests.golden import formats
from tests.golden.formats import examples, pinned
from tests.machines.counter import COUNTER

NAMES = ("hash", "journal", "record", "snapshot", "stream")


def test_every_format_writes_the_bytes_kept_for_its_version() -> None:
    kept = pinned()
    for name, data in examples().items():
        assert name in kept, f"{name} is new: make record"
        assert kept[name] == data, (
            f"the bytes of {name} have changed: give the new ones a new version number, "
            f"and keep reading the old ones"
        )


def test_every_version_since_the_first_is_kept() -> None:
    for name in NAMES:
        newest = max(int(row.split()[1]) for row in examples() if row.startswith(f"{name} "))
        assert [f"{name} {version}" for version in range(1, newest + 1)] == sorted(
            row for row in pinned() if row.startswith(f"{name} ")
        )


def test_recording_never_touches_the_bytes_of_a_kept_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    path = tmp_path / "formats.txt"
    path.write_text("record 1 00ff\n")
    monkeypatch.setattr(formats, "PINNED", path)
    assert "record 1" not in formats.record_formats()
    assert b"\x00\xff" == pinned()["record 1"]
    assert {"hash 1", "journal 1", "snapshot 1", "stream 1"} < pinned().keys()


def test_a_frame_type_keeps_its_number() -> None:
    numbers = {"GENESIS": 1, "RECORD": 2, "EVENTS": 3, "SNAPSHOT": 4, "END": 6}
    assert numbers.items() <= {kind.name: int(kind) for kind in FrameType}.items()


def test_the_counter_s_vocabulary_stands_still() -> None:
    names = [(kind.__name__, kind.__struct_fields__) for kind in COUNTER.codec.commands]
    assert [("Add", ("cell", "amount")), ("ActivateRules", ("rules_version",))] == names

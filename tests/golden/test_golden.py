"""Every golden stream replays to its pinned hash, with the machine of today."""

import pytest

from lockstep_desk.core.machine import MACHINE as DESK
from lockstep_kernel import FrameType, StreamReader, unpack_record
from lockstep_naive.machine import MACHINE as NAIVE
from lockstep_validator import Mark, Options, Status, validate
from tests.golden.record import FOLDER, GOLDENS, Golden, pinned, recorded
from tests.machines.counter import COUNTER

EACH_GOLDEN = pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)


@EACH_GOLDEN
def test_a_golden_stream_validates_to_its_pinned_hash(golden: Golden) -> None:
    seq, hash_ = pinned()[golden.name]
    verdict = validate(golden.path, Options(machine=golden.machine, expect=(Mark(seq, hash_),)))
    assert Status.OK is verdict.status, verdict.message
    assert (seq, hash_) == (verdict.validated_seq, verdict.hash)


@EACH_GOLDEN
def test_a_golden_stream_replays_from_each_of_its_snapshots(golden: Golden) -> None:
    _seq, hash_ = pinned()[golden.name]
    with golden.path.open("rb") as file:
        frames = list(StreamReader(file.read).frames())
    hashes = {s: unpack_record(data, s).hash for t, s, data in frames if t == FrameType.RECORD}
    for seq in golden.snapshots:
        options = Options(machine=golden.machine, trust=Mark(seq, hashes[seq]))
        verdict = validate(golden.path, options)
        assert (Status.OK, hash_) == (verdict.status, verdict.hash), verdict.message


@EACH_GOLDEN
def test_recording_a_golden_stream_again_gives_the_same_bytes(golden: Golden) -> None:
    if golden.is_released:
        pytest.skip("the recipe of a released golden may use commands that came later")
    assert golden.path.read_bytes() == recorded(golden).stream(), "if this is wanted: make record"


def test_the_goldens_are_all_there_and_no_others() -> None:
    names = {golden.name for golden in GOLDENS}
    assert names == pinned().keys()
    assert names == {path.stem for path in FOLDER.glob("*.stream")}


def test_one_golden_switches_the_rules_inside_the_journal() -> None:
    (golden,) = (golden for golden in GOLDENS if golden.name == "counter-switch")
    early = validate(golden.path, Options(machine=COUNTER, until=31))
    late = validate(golden.path, Options(machine=COUNTER))
    assert (1, 2) == (early.rules_version, late.rules_version)


def test_the_golden_desk_has_every_command_and_every_event_but_that_of_newer_rules() -> None:
    made = recorded(next(golden for golden in GOLDENS if golden.name == "desk-day"))
    decode = DESK.codec.decode
    commands = {type(decode(step[1], step[2]).command) for step in made.steps}
    events = {type(event) for step in made.steps for event in step[3]}
    assert [] == [kind.__name__ for kind in DESK.codec.commands if kind not in commands]
    missing = [kind.__name__ for kind in DESK.codec.events if kind not in events]
    assert ["RulesActivated"] == missing


def test_a_wrong_pin_would_be_seen() -> None:
    golden = GOLDENS[0]
    seq, hash_ = pinned()[golden.name]
    wrong = bytes([hash_[0] ^ 1]) + hash_[1:]
    verdict = validate(golden.path, Options(machine=COUNTER, expect=(Mark(seq, wrong),)))
    assert Status.DIVERGED is verdict.status


def test_the_naive_machine_comes_to_the_same_hash_as_the_engine() -> None:
    (golden,) = (golden for golden in GOLDENS if golden.name == "exchange-market")
    verdict = validate(golden.path, Options(machine=NAIVE))
    assert (Status.OK, pinned()[golden.name][1]) == (verdict.status, verdict.hash), verdict.message

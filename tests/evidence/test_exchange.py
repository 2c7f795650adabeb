"""Proofs about the exchange, checked by both of its machines."""

from io import BytesIO
from pathlib import Path

import pytest

from lockstep_engine.exchange import MACHINE
from lockstep_kernel import FrameType, Machine, Sequenced, StreamReader, unpack_record
from lockstep_naive.machine import MACHINE as NAIVE
from lockstep_validator import NotProved, check_proof, prove_fraud, prove_inclusion
from lockstep_validator.report import readable
from tests.evidence.forge import Forgetful
from tests.evidence.world import KEYS, World, world

GOLDEN = Path(__file__).parents[1] / "golden" / "exchange-market.stream"
COUNT = 120
START, FORGOTTEN = 80, 101


def recorded() -> tuple[StreamReader, list[Sequenced]]:
    reader = StreamReader(BytesIO(GOLDEN.read_bytes()).read)
    commands: list[Sequenced] = []
    for frame_type, seq, payload in reader.frames():
        if frame_type == FrameType.RECORD:
            record = unpack_record(payload, seq)
            commands.append(MACHINE.codec.decode(record.ts_ns, record.body))
        if len(commands) == COUNT:
            break
    return reader, commands


READER, COMMANDS = recorded()


@pytest.fixture(scope="module")
def honest() -> World:
    return world(COMMANDS, MACHINE, READER.genesis)


@pytest.fixture(scope="module")
def forgetful() -> World:
    return world(COMMANDS, Forgetful(MACHINE, FORGOTTEN), READER.genesis)


@pytest.mark.parametrize("machine", [MACHINE, NAIVE], ids=["engine", "naive"])
@pytest.mark.parametrize("start", [0, START])
def test_both_machines_see_a_command_that_was_not_executed(
    forgetful: World, machine: Machine, start: int
) -> None:
    head, old = forgetful.signed(COUNT), forgetful.signed(start) if start else None
    proved = prove_fraud(forgetful.file(START), KEYS, head, old, MACHINE)
    checked = check_proof(proved.data, KEYS, machine)
    assert (FORGOTTEN, proved.checked) == (checked.facts["seq"], checked)


@pytest.mark.parametrize("machine", [MACHINE, NAIVE], ids=["engine", "naive"])
def test_neither_machine_sees_fraud_in_an_honest_head(honest: World, machine: Machine) -> None:
    head, old = honest.signed(COUNT), honest.signed(START)
    with pytest.raises(NotProved, match="the rules yield all"):
        prove_fraud(honest.file(START), KEYS, head, old, machine)


def test_a_state_that_the_naive_machine_does_not_come_to_is_fraud(honest: World) -> None:
    head = honest.signed(COUNT, state=b"s" * 32)
    proved = prove_fraud(honest.file(START), KEYS, head, honest.signed(START), NAIVE)
    assert (COUNT, True) == (proved.checked.facts["seq"], "signs state" in proved.checked.claim)


def test_an_order_is_proved_with_its_command(honest: World) -> None:
    proved = prove_inclusion(honest.source(), KEYS, honest.signed(COUNT), 100)
    checked = check_proof(proved.data, KEYS, MACHINE)
    assert readable(COMMANDS[99].command) == checked.facts["command"]

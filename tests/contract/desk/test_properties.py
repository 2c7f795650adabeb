"""What holds of every history of a desk, on drawn commands, good and bad, in any order."""

import os
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lockstep_desk.core.codes import TradingState
from lockstep_desk.core.commands import OpenRequest, RecordFill, SetTradingState
from lockstep_desk.core.deployments import Deployment
from lockstep_desk.core.events import (
    CancelRequested,
    FillBooked,
    HoldingExited,
    OrderEnded,
    OrderRequested,
    PositionExited,
)
from lockstep_desk.core.machine import MACHINE
from lockstep_desk.core.outputs import FeedEnded, Processed
from lockstep_desk.core.positions import NET, joined
from lockstep_desk.core.replica import StateReplica
from lockstep_desk.fund import MANUAL, Admit, DeploymentGate, OrderIntent
from lockstep_desk.types import E8, Side
from lockstep_kernel import State, apply, dump, initial, load, recomputed_digest
from tests.support.desk import ACCOUNT, BTC, E9, GENESIS, Desk, Rig, standard_set_up
from tests.support.desk_day import Dice, Restless, traded_day

ROOT = Path(__file__).parents[3]
SEEDS = range(12)
STEPS = 120


class History:
    """A desk that drawn commands were sent to, all verified on the way."""

    def __init__(self, seed: int) -> None:
        self.desk = Desk()
        for command in standard_set_up():
            self.desk.send(command)
        self.dice = Dice(seed)
        self.events: list[msgspec.Struct] = []
        self.commands: list[msgspec.Struct] = []

    def step(self) -> list[msgspec.Struct]:
        command = self.dice.draw(self.desk.view)
        events = self.desk.send(command)
        self.commands.append(command)
        self.events += events
        return events


@pytest.mark.parametrize("seed", SEEDS)
def test_every_command_has_an_answer_and_every_state_verifies(seed: int) -> None:
    history = History(seed)
    for _ in range(STEPS):
        history.step()
    assert STEPS == len(history.commands)


@pytest.mark.desk("I4", "DESK-D19")
@pytest.mark.parametrize("seed", SEEDS)
def test_no_order_goes_that_a_gate_of_its_own_would_not_admit(seed: int) -> None:
    history = History(seed)
    for _ in range(STEPS):
        before = _gates(history.desk)
        now_ns = history.desk.now_ns + 10**6
        for event in history.step():
            if isinstance(event, OrderRequested):
                _admit(before[event.deployment or MANUAL], event, now_ns)


def _gates(desk: Desk) -> dict[str, DeploymentGate]:
    """Return copies of all gates, with the prices of now."""
    marks = {name: market.price_e9() for name, market in desk.core.markets.items()}
    return {name: _copy(deployment, marks) for name, deployment in desk.core.deployments.items()}


def _copy(deployment: Deployment, marks: dict[str, int | None]) -> DeploymentGate:
    gate = deployment.gate
    return DeploymentGate(gate.limits, gate.options, marks.get, gate.state())


def _admit(gate: DeploymentGate, event: OrderRequested, now_ns: int) -> None:
    intent = OrderIntent.priced(
        event.side, event.instrument, event.qty_e8, event.price_e9, event.client_order_id
    )
    limits = gate.limits
    if limits.max_daily_loss_cents is None:
        assert isinstance(gate.check(intent, now_ns), Admit)
    gate.record_submitted(now_ns, intent)


@pytest.mark.desk("I5")
@pytest.mark.parametrize("seed", SEEDS)
def test_asking_a_gate_leaves_the_hash_as_it_is(seed: int) -> None:
    history = History(seed)
    dice = random.Random(seed)
    for _ in range(STEPS // 4):
        history.step()
        before = (history.desk.state.hash, recomputed_digest(history.desk.state))
        for deployment in history.desk.core.deployments.values():
            side = dice.choice((Side.BUY, Side.SELL))
            intent = OrderIntent.priced(side, BTC, dice.randrange(1, 10**9), 10**13, "x")
            deployment.gate.check(intent, history.desk.now_ns)
            deployment.gate.check_all(intent, history.desk.now_ns)
        assert before == (history.desk.state.hash, recomputed_digest(history.desk.state))


@pytest.mark.desk("I3", "FUND-38")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_gate_counts_the_signed_value_of_its_fills(seed: int) -> None:
    history = History(seed)
    for _ in range(STEPS):
        history.step()
    booked = [event for event in history.events if isinstance(event, FillBooked)]
    core = history.desk.core
    for name, deployment in core.deployments.items():
        own = [fill for fill in booked if (fill.deployment or MANUAL) == name]
        signed = sum(fill.side.sign * fill.qty_e8 * fill.price_e9 for fill in own)
        assert signed == deployment.gate.state().position_e17


@pytest.mark.desk("I7", "DESK-D10")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_fill_is_booked_once_under_repeats_disorder_and_restarts(seed: int) -> None:
    history = History(seed)
    for _ in range(STEPS):
        history.step()
    fills = [one.fill for one in history.commands if isinstance(one, RecordFill)]
    desk = history.desk
    desk.state = load(MACHINE, GENESIS, dump(desk.state))
    random.Random(seed).shuffle(fills)
    for fill in fills:
        history.events += desk.send(RecordFill(ACCOUNT, fill))
    names = [event.fill_id for event in history.events if isinstance(event, FillBooked)]
    assert sorted(set(names)) == sorted(names)
    booked = [event for event in history.events if isinstance(event, FillBooked)]
    for instrument in desk.core.instruments:
        signed = sum(one.side.sign * one.qty_e8 for one in booked if one.instrument == instrument)
        assert signed == desk.core.net(ACCOUNT, instrument)


@pytest.mark.desk("I1", "FUND-5D")
@pytest.mark.parametrize("seed", SEEDS)
def test_exits_and_open_positions_together_are_the_cash_flow_of_the_fills(seed: int) -> None:
    history = History(seed)
    for _ in range(STEPS):
        history.step()
    booked = [event for event in history.events if isinstance(event, FillBooked)]
    for key, book in history.desk.core.books.items():
        own = [
            one for one in booked if one.instrument == key[1] and key[2] in (NET, one.deployment)
        ]
        flow = -sum(one.side.sign * one.qty_e8 * one.price_e9 + one.fee_e9 * E8 for one in own)
        assert flow == book.total_e17 + book.realised_e17 - book.cost_e17
        kind = PositionExited if key[2] == NET else HoldingExited
        exits = [
            joined(event.realised_e9, event.realised_rest)
            for event in history.events
            if isinstance(event, PositionExited | HoldingExited)
            and isinstance(event, kind)
            and event.instrument == key[1]
            and getattr(event, "deployment", NET) == key[2]
        ]
        assert sum(exits) == book.total_e17


@pytest.mark.desk("DESK-45")
@pytest.mark.parametrize("seed", SEEDS)
def test_no_order_is_asked_for_twice_and_none_is_cancelled_that_was_not(seed: int) -> None:
    history = History(seed)
    for _ in range(STEPS):
        history.step()
    asked = [event for event in history.events if isinstance(event, OrderRequested)]
    names = [event.client_order_id for event in asked]
    assert sorted(set(names)) == sorted(names)
    numbers = [event.number for event in asked]
    assert sorted(numbers) == numbers
    known = {*names, *(order for order in _strangers(history.desk))}
    cancels = [event for event in history.events if isinstance(event, CancelRequested)]
    ends = [event for event in history.events if isinstance(event, OrderEnded)]
    assert {event.client_order_id for event in (*cancels, *ends)} <= known


def _strangers(desk: Desk) -> list[str]:
    orders = (*desk.core.live.values(), *desk.core.ended.values())
    return [order.client_order_id for order in orders if order.client_order_id.startswith("str")]


@pytest.mark.desk("F6", "F5")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_from_any_dump_on_has_the_same_hashes(seed: int) -> None:
    history = History(seed)
    for _ in range(STEPS):
        history.step()
    commands = [*standard_set_up(), *history.commands]
    at = random.Random(seed).randrange(len(commands))
    state: State = initial(MACHINE, GENESIS)
    for number, command in enumerate(commands, 1):
        sequenced = MACHINE.codec.sequence(number * 10**6, command)
        state, _events, _hash = apply(state, sequenced)
        if number == at:
            state = load(MACHINE, GENESIS, dump(state))
    assert history.desk.state.hash == state.hash


def limit_at(side: Side, price: int, lots: int) -> OpenRequest:
    return OpenRequest(ACCOUNT, BTC, side, lots * 10**6, price * 100 * E9)


@pytest.mark.desk("I11", "I12", "DESK-64", "DESK-D12")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_replica_has_the_hash_of_the_engine_at_every_tick(seed: int) -> None:
    rig = Rig(algo=Restless(random.Random(seed), limit_at))
    rig.set_up(*standard_set_up())
    replica = StateReplica(rig.engine.snapshot())
    dice = Dice(seed)
    rig.engine.process(SetTradingState(TradingState.ENABLED))
    for _ in range(STEPS // 2):
        rig.clock.advance_ns(10**6)
        tick = rig.engine.process(dice.draw(rig.view))
        replica.follow(rig.audit.ticks)
        assert (tick.seq, tick.state_hash) == (replica.seq, replica.state.hash)
    rig.engine.end()
    replica.follow(rig.audit.ticks)
    assert list(range(len(rig.audit.ticks))) == [tick.seq for tick in rig.audit.ticks]
    assert recomputed_digest(rig.engine.state) == recomputed_digest(replica.state)
    assert replica.is_ended
    assert rig.sender.requests


def test_the_journaled_commands_of_all_ticks_are_the_journal() -> None:
    market = traded_day(3)
    seqs = [
        done.seq
        for tick in market.audit.ticks
        if isinstance(tick.event, Processed | FeedEnded)
        for done in tick.event.journaled
    ]
    last = market.engine.state.seq
    assert list(range(len(market.registrations()) + 1, last + 1)) == seqs


def test_one_seed_has_one_hash_in_every_process() -> None:
    code = (
        "from tests.support.desk_day import traded_day\n"
        "print(traded_day(5, 20).engine.state.hash.hex())"
    )
    hashes = {_run(code, seed) for seed in ("0", "1", "4242")}
    assert 1 == len(hashes)
    assert {traded_day(5, 20).engine.state.hash.hex()} == hashes


def _run(code: str, seed: str) -> str:
    path = os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()

"""One history has one hash: in every batch size, live and replayed, from every snapshot, in every
process and build.
"""

import importlib.machinery
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_engine.events import (
    AutoDeleveraged,
    BlockTraded,
    FundingPaid,
    LiquidationEnded,
    PositionSettled,
)
from lockstep_engine.exchange import MACHINE as ENGINE
from lockstep_journal import MemoryJournal, Outlets, Sequencer, SnapshotPolicy, open_reader
from lockstep_kernel import (
    Genesis,
    Machine,
    Sequenced,
    State,
    apply_batch,
    dump,
    initial,
    load,
    sorted_records,
)
from lockstep_naive.machine import MACHINE as NAIVE
from lockstep_replay import LiveOptions, begin, recover
from tests.property.recorded import items_of, record

ROOT = Path(__file__).parents[2]
SOURCES = [
    ROOT / folder for folder in ("engine", "journal", "replay", "validator", "runtime", "desk")
]
SMALL, MARKET, STEPS = "small:15", "market:11", 1_200
TOURS = ("tour:0", "tour:1", "tour:2")
MACHINES = pytest.mark.parametrize("machine", [ENGINE, NAIVE], ids=["engine", "naive"])
FLOWS = pytest.mark.parametrize("flow", [SMALL, MARKET])
WRITTEN = pytest.mark.parametrize("flow", TOURS)


def run(state: State, commands: list[Sequenced], size: int) -> State:
    """Apply the commands in batches of a size."""
    for start in range(0, len(commands), size):
        state, _applied = apply_batch(state, commands[start : start + size])
    return state


@FLOWS
@MACHINES
@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_the_batch_size_changes_nothing(flow: str, machine: Machine, size: int) -> None:
    recorded = record(flow, STEPS)
    state = run(initial(machine, recorded.genesis), recorded.commands, size)
    assert recorded.hashes[-1] == state.hash


@MACHINES
@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_a_sequencer_gives_the_hash_of_plain_application(machine: Machine, size: int) -> None:
    recorded = record(SMALL, STEPS)
    # The sequencer never stamps a time before the last one, so this history has none either.
    items = [(c.ts_ns, c.body) for c in forward_only(recorded.commands)]
    journal = MemoryJournal(recorded.genesis)
    sequencer = Sequencer(initial(machine, recorded.genesis), journal, lambda: 0, Outlets())
    for start in range(0, len(items), size):
        sequencer.submit(items[start : start + size])
    plain = run(initial(machine, recorded.genesis), forward_only(recorded.commands), 1)
    assert plain.hash == sequencer.state.hash


def forward_only(commands: list[Sequenced]) -> list[Sequenced]:
    """Return the commands with times that never go back, as a sequencer would stamp them."""
    last_ns = 0
    forward: list[Sequenced] = []
    for command in commands:
        last_ns = max(last_ns, command.ts_ns)
        forward.append(Sequenced(last_ns, command.command, command.body))
    return forward


@FLOWS
def test_a_live_history_recovers_from_genesis_and_from_every_snapshot(
    flow: str, tmp_path: Path
) -> None:
    recorded = record(flow, STEPS)
    options = LiveOptions(snapshots=SnapshotPolicy(every=150, keep=100))
    live = begin(tmp_path / "journal", ENGINE, recorded.genesis, lambda: 0, options)
    with live:
        for start in range(0, STEPS, 50):
            commands = recorded.commands[start : start + 50]
            live.sequencer.submit([(command.ts_ns, command.body) for command in commands])
        final = live.sequencer.state.hash
    state, recovery = recover(tmp_path / "journal", ENGINE)
    assert (final, STEPS, 1_200) == (state.hash, state.seq, recovery.snapshot_seq)
    with open_reader(tmp_path / "journal") as journal:
        seqs = journal.snapshot_seqs()
        assert list(range(150, STEPS + 1, 150)) == seqs
        snapshots = [journal.snapshot(seq) for seq in seqs]
    forward = forward_only(recorded.commands)
    for seq, snapshot in zip([0, *seqs], [b"", *snapshots], strict=True):
        state = _loaded(ENGINE, recorded.genesis, snapshot)
        assert final == run(state, forward[seq:], 1_000).hash


def _loaded(machine: Machine, genesis: Genesis, snapshot: bytes) -> State:
    return load(machine, genesis, snapshot) if snapshot else initial(machine, genesis)


@given(
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.tuples(st.integers(1, 399), st.sampled_from("dfe")), max_size=12),
)
def test_snapshots_and_restarts_at_random_sequences_change_nothing(
    seed: int, cuts: list[tuple[int, str]]
) -> None:
    recorded = record(f"small:{seed % 40}", 400)
    state = initial(ENGINE, recorded.genesis)
    for cut, way in sorted(cuts):
        state = run(state, recorded.commands[state.seq : cut], 1_000)
        assert recorded.hashes[cut] == state.hash
        state = restarted(state, way)
    assert recorded.hashes[-1] == run(state, recorded.commands[state.seq :], 1_000).hash


@WRITTEN
@pytest.mark.parametrize("way", "dfe")
def test_a_restart_after_every_command_changes_nothing(flow: str, way: str) -> None:
    recorded = record(flow, STEPS)
    state = initial(ENGINE, recorded.genesis)
    for number, command in enumerate(recorded.commands, 1):
        state, _applied = apply_batch(restarted(state, way), [command])
        assert recorded.hashes[number] == state.hash


def test_the_recorded_flow_holds_what_time_and_trouble_do() -> None:
    genesis, items = items_of(SMALL, STEPS)
    core = initial(ENGINE, genesis).core
    reached = {type(event) for item in items for event in ENGINE.step(core, *item)}
    expected = {AutoDeleveraged, BlockTraded, FundingPaid, LiquidationEnded, PositionSettled}
    assert set() == expected - reached


def restarted(state: State, way: str) -> State:
    """Return the state dumped and loaded, forked, or by way of the naive machine."""
    if way == "f":
        return state.fork()
    if way == "d":
        return load(ENGINE, state.genesis, dump(state))
    return load(ENGINE, state.genesis, dump(load(NAIVE, state.genesis, dump(state))))


@MACHINES
@pytest.mark.parametrize("every", [2, 7, 1_000])
def test_the_digest_interval_changes_hashes_and_nothing_else(machine: Machine, every: int) -> None:
    each, sparse = record(SMALL, 400), record(SMALL, 400, every)
    assert [c.body for c in each.commands] == [c.body for c in sparse.commands]
    assert each.events_hash == sparse.events_hash
    assert each.hashes[-1] != sparse.hashes[-1]
    states = [run(initial(machine, r.genesis), r.commands, 7) for r in (each, sparse)]
    assert sorted_records(states[0]) == sorted_records(states[1])
    assert states[0].digest == states[1].digest
    assert [r.hashes[-1] for r in (each, sparse)] == [state.hash for state in states]


def printed(flow: str, *options: str, **environment: str) -> tuple[str, str, str]:
    """Return what another process prints: final hash, hash of all events, place of the kernel."""
    done = subprocess.run(
        [sys.executable, *options, "-m", "tests.property.recorded", flow, str(STEPS)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    final, events, kernel = done.stdout.split(maxsplit=2)
    return final, events, kernel.strip()


def here(flow: str) -> tuple[str, str]:
    """Return the final hash and the hash of all events in this process."""
    recorded = record(flow, STEPS)
    return recorded.hashes[-1].hex(), recorded.events_hash


@FLOWS
@pytest.mark.parametrize("hash_seed", ["0", "1", "2", "3", "4", "5"])
def test_the_seed_of_python_hashes_changes_nothing(flow: str, hash_seed: str) -> None:
    assert here(flow) == printed(flow, PYTHONHASHSEED=hash_seed)[:2]


@WRITTEN
def test_the_tours_have_one_hash_under_another_hash_seed_without_asserts(flow: str) -> None:
    assert here(flow) == printed(flow, "-OO", PYTHONHASHSEED="3")[:2]


@FLOWS
def test_python_without_asserts_changes_nothing(flow: str) -> None:
    assert here(flow) == printed(flow, "-O")[:2]
    assert here(flow) == printed(flow, "-OO", PYTHONHASHSEED="3")[:2]


def other_build() -> str | None:
    """Return a PYTHONPATH for the build that this process does not run, None if there is none."""
    if os.environ.get("LOCKSTEP_EXPECT") == "compiled":
        return os.pathsep.join(str(folder) for folder in SOURCES)
    compiled = os.environ.get("LOCKSTEP_COMPILED")
    return None if compiled is None else os.pathsep.join([compiled, str(ROOT)])


@FLOWS
@pytest.mark.skipif(other_build() is None, reason="only one build: see LOCKSTEP_COMPILED")
def test_both_builds_give_one_hash(flow: str) -> None:
    path = other_build()
    assert path is not None
    final, events, kernel = printed(flow, PYTHONPATH=path)
    is_compiled = kernel.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
    assert (os.environ.get("LOCKSTEP_EXPECT") != "compiled") == is_compiled
    assert here(flow) == (final, events)

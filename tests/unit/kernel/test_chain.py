"""The hash chain: affine states, batches, digests, and what a hash binds."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lockstep_kernel import (
    Genesis,
    InvariantError,
    Sequenced,
    StaleStateError,
    State,
    UnsupportedError,
    apply,
    apply_batch,
    genesis_hash,
    initial,
    recomputed_digest,
    restored,
    sorted_records,
    verify,
)
from tests.machines.counter import COUNTER, ActivateRules, Add, Cell, counter_genesis
from tests.machines.histories import GENESIS, applied, sequenced, split

ADDITIONS = st.lists(
    st.builds(Add, st.sampled_from("abc"), st.integers(-(2**40), 2**40)), max_size=30
)


def start(digest_every: int = 1) -> State:
    return initial(COUNTER, counter_genesis(digest_every=digest_every))


def add(ts_ns: int = 1, cell: str = "a", amount: int = 5) -> Sequenced:
    return COUNTER.codec.sequence(ts_ns, Add(cell, amount))


def run(state: State, commands: list[Sequenced]) -> tuple[list[bytes], State]:
    hashes = []
    for command in commands:
        state, _events, hash_ = apply(state, command)
        hashes.append(hash_)
    return hashes, state


def test_a_consumed_state_is_refused_everywhere() -> None:
    state = start()
    after, _events, _hash = apply(state, add())
    for use in (lambda: apply(state, add()), lambda: apply_batch(state, []), state.fork):
        with pytest.raises(StaleStateError):
            use()
    for name in ("seq", "ts_ns", "hash", "digest", "core"):
        with pytest.raises(StaleStateError):
            getattr(state, name)
    assert 1 == after.seq


def test_a_fork_is_independent_and_has_the_same_future() -> None:
    _hashes, state = run(start(), sequenced(20))
    fork = state.fork()
    assert state.at() == fork.at()
    assert state.digest == fork.digest
    more = [add(10_000), add(10_001, "b", 7)]
    left, _ = run(state, more)
    assert 20 == fork.seq
    right, _ = run(fork, more)
    assert left == right


@given(ADDITIONS, st.lists(st.integers(0, 30), max_size=5))
def test_any_split_into_batches_gives_the_same_hashes(
    additions: list[Add], cuts: list[int]
) -> None:
    commands = [COUNTER.codec.sequence(i, one) for i, one in enumerate(additions)]
    expected, single = run(start(), commands)
    state, found = start(), []
    for batch in split(commands, cuts):
        state, done = apply_batch(state, batch)
        found += [one[6] for one in done]
    assert expected == found
    assert single.at() == state.at()
    assert single.digest == state.digest


@given(ADDITIONS)
def test_the_running_digest_equals_the_recomputed_one_after_every_command(
    additions: list[Add],
) -> None:
    state = start()
    for index, one in enumerate(additions):
        state, _events, _hash = apply(state, COUNTER.codec.sequence(index, one))
        assert recomputed_digest(state) == state.digest
        verify(state)


def test_a_sparse_digest_changes_hashes_but_no_state() -> None:
    commands = sequenced(20)
    every, left = run(start(1), commands)
    sparse, right = run(start(4), commands)
    assert every[-1] != sparse[-1]
    assert sorted_records(left) == sorted_records(right)
    assert left.digest == right.digest


@pytest.mark.parametrize(
    "other",
    [add(ts_ns=2), add(cell="b"), add(amount=6), COUNTER.codec.sequence(1, ActivateRules(2))],
)
def test_a_hash_binds_time_and_body(other: Sequenced) -> None:
    assert run(start(), [add()])[0] != run(start(), [other])[0]


def test_a_hash_binds_the_whole_history() -> None:
    tail = [add(9, "z", 1)]
    assert run(start(), [add(1), *tail])[0][-1] != run(start(), [add(2), *tail])[0][-1]


def test_the_genesis_hash_binds_every_field() -> None:
    base = Genesis("counter", 1, 1, b"")
    others = [
        Genesis("counter2", 1, 1, b""),
        Genesis("counter", 2, 1, b""),
        Genesis("counter", 1, 2, b""),
        Genesis("counter", 1, 1, b"x"),
        # The same bytes in sum, cut at another place.
        Genesis("counte", 1, 1, b"r"),
    ]
    hashes = [genesis_hash(genesis) for genesis in (base, *others)]
    assert len(hashes) == len(set(hashes))


@pytest.mark.parametrize(
    ("genesis", "words"),
    [
        (Genesis("exchange", 1, 1, b""), "machine 'counter', found 'exchange'"),
        (Genesis("counter", 3, 1, b""), "rules version 1 to 2"),
        (Genesis("counter", 0, 1, b""), "rules version 1 to 2"),
        (Genesis("counter", 1, 0, b""), "digest_every"),
        (Genesis("counter", 1, 1_000_001, b""), "digest_every"),
    ],
)
def test_a_genesis_that_this_code_cannot_run_is_refused(genesis: Genesis, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        initial(COUNTER, genesis)


def test_unknown_rules_are_refused_before_anything_changes() -> None:
    state = start()
    batch = [add(), COUNTER.codec.sequence(2, ActivateRules(3))]
    with pytest.raises(UnsupportedError, match="found 3"):
        apply(state, batch[1])
    with pytest.raises(UnsupportedError, match="found 3"):
        apply_batch(state, batch)
    assert (0, 0, genesis_hash(GENESIS)) == state.at()


def test_a_restored_state_with_unknown_rules_in_force_is_refused() -> None:
    state, _done = applied(10)
    clocks = bytearray(state.core.clocks())
    clocks[-1] = 9
    with pytest.raises(UnsupportedError, match="found 9"):
        restored(
            COUNTER, GENESIS, replace(state.head(), clocks=bytes(clocks)), sorted_records(state)
        )


def test_restored_records_with_another_digest_are_a_bug() -> None:
    state, _done = applied(10)
    with pytest.raises(InvariantError, match="digest"):
        restored(COUNTER, GENESIS, state.head(), [])


def test_an_entity_held_twice_is_a_bug() -> None:
    state, _done = applied(10)
    twin = Cell("cell1")
    twin.value = 5
    state.core.cells["another name"] = twin
    with pytest.raises(InvariantError, match="two entities"):
        recomputed_digest(state)


def test_a_hidden_change_of_an_entity_is_a_bug() -> None:
    state, _done = applied(10)
    next(iter(state.core.cells.values())).value += 1
    with pytest.raises(InvariantError, match="running digest"):
        verify(state)


def test_a_wrong_derived_value_is_a_bug() -> None:
    state, _done = applied(10)
    state.core.sum += 1
    with pytest.raises(InvariantError, match="sum is"):
        verify(state)


def test_applied_links_each_hash_to_the_one_before() -> None:
    _state, done = applied(10)
    assert [genesis_hash(GENESIS), *(one[6] for one in done[:-1])] == [one[5] for one in done]
    assert list(range(1, 11)) == [one[0] for one in done]
    assert [msgspec.msgpack.encode(one[3]) for one in done] == [one[4] for one in done]

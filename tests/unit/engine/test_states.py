"""States are affine handles: consumed by apply, copied by fork."""

import pytest

from lockstep_engine.commands import ActivateRules, CancelAll, PlaceOrder
from lockstep_engine.exchange import MACHINE
from lockstep_kernel import (
    Sequenced,
    StaleStateError,
    UnsupportedError,
    apply,
    apply_batch,
    dump,
    initial,
    sorted_records,
    verify,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    PERP,
    Exchange,
    bare_exchange,
    standard_market,
)


@pytest.fixture
def market() -> Exchange:
    """The standard market on the engine."""
    return standard_market(MACHINE)


def sequenced(market: Exchange, action: object, account: int = ALICE) -> Sequenced:
    return MACHINE.codec.sequence(market.now_ns, market.command(action, account))


ORDER = PlaceOrder(PERP, 0, 90, 5)


def test_a_consumed_state_is_refused_everywhere(market: Exchange) -> None:
    state = market.state
    command = sequenced(market, ORDER)
    following, _events, _hash = apply(state, command)
    uses = [
        lambda: apply(state, command),
        lambda: apply_batch(state, [command]),
        state.fork,
        lambda: state.seq,
        lambda: state.hash,
        lambda: state.digest,
        lambda: dump(state),
        lambda: verify(state),
        lambda: sorted_records(state),
    ]
    for use in uses:
        with pytest.raises(StaleStateError, match="was consumed by apply"):
            use()
    assert following.seq == following.fork().seq


def test_a_command_that_no_release_answers_consumes_nothing(market: Exchange) -> None:
    state = market.state
    before = (state.seq, state.hash, sorted_records(state))
    with pytest.raises(UnsupportedError):
        apply(state, sequenced(market, ActivateRules(2), 0))
    with pytest.raises(UnsupportedError):
        apply_batch(state, [sequenced(market, ORDER), sequenced(market, ActivateRules(2), 0)])
    assert before == (state.seq, state.hash, sorted_records(state))


def test_a_fork_and_its_origin_go_their_own_ways(market: Exchange) -> None:
    market.bid(ALICE, 90, 5)
    twin = market.fork()
    twin.do(CancelAll(), ALICE)
    twin.trade(ALICE, BOB, 100, 10)
    assert ([(90, 5)], []) == market.depth()
    assert (0, 0) == market.position(ALICE)
    market.bid(BOB, 91, 1)
    assert ([], []) == twin.depth()
    verify(market.state)
    verify(twin.state)


def test_a_fork_answers_as_its_origin_does(market: Exchange) -> None:
    market.bid(ALICE, 90, 5)
    market.trade(BOB, ALICE, 100, 3)
    twin = market.fork()
    assert market.state.hash == twin.state.hash
    for action in (PlaceOrder(PERP, 1, 90, 7), PlaceOrder(PERP, 0, 95, 2), CancelAll()):
        command = market.command(action, BOB)
        assert market.apply(command) == twin.apply(command)
        assert market.state.hash == twin.state.hash
        assert market.state.digest == twin.state.digest


def test_the_events_of_one_command_are_not_changed_by_the_next(market: Exchange) -> None:
    events = market.buy(ALICE, 90, 5)
    before = list(events)
    market.do(CancelAll(), ALICE)
    assert before == list(events)


def test_two_runs_of_the_same_commands_have_the_same_hash() -> None:
    hashes = []
    for _ in range(2):
        exchange = bare_exchange(MACHINE)
        exchange.send(ORDER, ALICE)
        hashes.append(exchange.state.hash)
    assert hashes[0] == hashes[1]
    assert bare_exchange(MACHINE).state.hash != hashes[0]


def test_a_batch_gives_the_same_as_one_command_at_a_time(market: Exchange) -> None:
    commands = [sequenced(market, PlaceOrder(PERP, 0, 90 - n, 1)) for n in range(10)]
    one_by_one = market.state.fork()
    for command in commands:
        one_by_one, _events, _hash = apply(one_by_one, command)
    at_once, applied = apply_batch(market.state, commands)
    assert one_by_one.hash == at_once.hash == applied[-1][-1]
    assert sorted_records(one_by_one) == sorted_records(at_once)


def test_a_fresh_state_has_sequence_number_0() -> None:
    exchange = bare_exchange(MACHINE)
    genesis = exchange.state.genesis
    assert (0, 0) == (exchange.state.seq, exchange.state.ts_ns)
    assert initial(MACHINE, genesis).hash == exchange.state.hash

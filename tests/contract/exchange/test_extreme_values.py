"""Whatever a well-formed command asks for, the answer is events ("Bad input").

Every integer of every action takes extreme values in turn. What is refused changes nothing but
burnt nonces; what is accepted leaves every amount below 2^62 and all invariants whole.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from lockstep_engine.codes import Code, EntityKind, OrderFlag
from lockstep_engine.commands import (
    AdvanceTime,
    Batch,
    BlockLeg,
    CancelAll,
    CancelOrder,
    Command,
    ExecuteBlock,
    MassQuote,
    Quote,
)
from lockstep_engine.events import CommandRejected, OrderRejected
from lockstep_kernel import Machine, UnsupportedError
from tests.contract.exchange.giants import GIANT_LOTS, giant_market
from tests.support.examples import ALL_EXAMPLES, EXAMPLES, account_of
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    DAY_NS,
    PERP,
    START_NS,
    Exchange,
    codes,
    root_of,
)

EXTREMES = (-(2**62) + 1, -(2**31), -1, 0, 1, 2**31, 2**50, 2**56 + 1, 2**62 - 1)


@pytest.fixture
def busy(market: Exchange) -> Exchange:
    """The standard market with positions and orders, so that the examples have something to do."""
    market.trade(ALICE, BOB, 100, 10)
    market.bid(ALICE, 90, 10, client_id=1)
    market.ask(ALICE, 110, 10)
    market.bid(CAROL, 91, 5)
    market.ask(CAROL, 111, 5)
    return market


def variants(value: Any) -> Iterator[Any]:
    """Yield the value with each of its integers, at any depth, replaced by each extreme."""
    if type(value) is int:
        yield from EXTREMES
    elif isinstance(value, tuple):
        for position, item in enumerate(value):
            for changed in variants(item):
                yield (*value[:position], changed, *value[position + 1 :])
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            for changed in variants(getattr(value, name)):
                yield msgspec.structs.replace(value, **{name: changed})


def integers(value: object) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from integers(item)


def assert_sane(exchange: Exchange, before: list[Any], events: Any) -> None:
    """Check that a refusal changed nothing, and that whatever happened kept amounts bounded."""
    refusals = (CommandRejected, OrderRejected)
    assert events
    after = exchange.records_but(EntityKind.NONCES)
    if all(isinstance(event, refusals) for event in events):
        assert before == after
    assert all(abs(n) < 2**62 for record in after for n in integers(record) if record[0] != 0)


@pytest.mark.parametrize("action", ALL_EXAMPLES, ids=lambda action: type(action).__name__)
def test_extreme_integers_are_answered(busy: Exchange, action: Any) -> None:
    before = busy.records_but(EntityKind.NONCES)
    for changed in variants(action):
        twin = busy.fork()
        try:
            events = twin.send(changed, account_of(action))
        except UnsupportedError:
            assert "ActivateRules" == type(action).__name__
            continue
        assert_sane(twin, before, events)


@pytest.mark.parametrize("action", ALL_EXAMPLES, ids=lambda action: type(action).__name__)
def test_extreme_envelopes_are_answered(busy: Exchange, action: Any) -> None:
    before = busy.records_but(EntityKind.NONCES)
    for extreme in EXTREMES:
        for changes in ({"account": extreme}, {"nonce": extreme}, {"signer": bytes(32)}):
            command: Command = busy.command(action, account_of(action))
            twin = busy.fork()
            events = twin.apply(msgspec.structs.replace(command, **changes))
            if changes.get("account") != account_of(action):
                assert [True] == [isinstance(event, CommandRejected) for event in events]
            assert_sane(twin, before, events)


@pytest.mark.parametrize("at", [0, 1, 2**62 - 1])
def test_extreme_times_are_answered(busy: Exchange, at: int) -> None:
    before = busy.records()
    assert 1 == len(busy.send(CancelOrder(1), ALICE, at=at))
    assert before == busy.records()


def test_a_body_of_almost_a_megabyte_is_refused_as_a_batch_or_quote(busy: Exchange) -> None:
    before = busy.records_but(EntityKind.NONCES)
    for action in (
        Batch((CancelOrder(2**61),) * 80_000),
        MassQuote(1, (Quote(2**61, 1, 1, 1, 1),) * 70_000),
    ):
        events = busy.send(action, ALICE)
        assert [True] == [isinstance(event, CommandRejected) for event in events]
        assert 1 == len(codes(events))
    assert before == busy.records_but(EntityKind.NONCES)


def test_the_same_command_twice_is_refused_by_its_nonce(busy: Exchange) -> None:
    for action in EXAMPLES:
        twin = busy.fork()
        command = twin.command(action, account_of(action))
        twin.apply(command)
        before = twin.records()
        (refused,) = twin.apply(command)
        assert isinstance(refused, CommandRejected)
        assert before == twin.records()


def test_the_examples_are_accepted(busy: Exchange) -> None:
    """Or the tests above would try refusals only."""
    refused = [
        type(action).__name__
        for action in EXAMPLES
        if codes(busy.fork().send(action, account_of(action)))
    ]
    early = ["ActivateRules", "SetSettlementPrice", "SettleExpiry", "Liquidate"]
    assert early == refused


@pytest.mark.rule("NUM-4", "ORD-5", "CMD-3")
def test_cash_out_of_its_bounds_takes_no_new_risk(machine: Machine) -> None:
    """Fundings leave Bob a little below 2^61; to buy back at 1 what he sold at 72,000 passes it."""
    market = giant_market(machine)
    market.do(AdvanceTime(), at=START_NS + 7 * DAY_NS)
    assert [] == codes(market.buy(BOB, 1, 1))
    market.do(CancelAll(), BOB)
    half = GIANT_LOTS // 2
    market.mark(1)
    block = (BlockLeg(PERP, 1, 1, half),)
    market.do(ExecuteBlock(BOB, root_of(BOB), market.now_ns // 10**6 + 501, block), ALICE)
    assert market.cash(BOB) > 2**61
    assert [Code.AMOUNT_ABOVE_LIMIT] == codes(market.sell(BOB, 1, 1))
    assert [Code.AMOUNT_ABOVE_LIMIT] == codes(market.buy(BOB, 1, half))
    reduce_only = int(OrderFlag.REDUCE_ONLY)
    assert [Code.AMOUNT_ABOVE_LIMIT] == codes(market.sell(BOB, 1, 1, flags=reduce_only))
    assert [] == codes(market.buy(BOB, 1, half, flags=reduce_only))
    again = ExecuteBlock(BOB, root_of(BOB), market.now_ns // 10**6 + 502, block)
    assert Code.AMOUNT_ABOVE_LIMIT == market.refusal(again, ALICE)

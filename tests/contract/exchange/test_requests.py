"""Repeats of a request: [NON-1] and [NON-4]."""

import msgspec
import pytest
from xxhash import xxh3_64_intdigest

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    AdvanceTime,
    AmendOrder,
    AuthorizeAgent,
    Batch,
    CancelAll,
    CancelOrder,
    CreateUnderlying,
    Deposit,
    MassQuote,
    OpenAccount,
    PlaceOrder,
    Quote,
    ReplaceOrder,
    UpdateIndexPrice,
    Withdraw,
)
from lockstep_engine.events import CommandRejected, DuplicateRequest
from lockstep_kernel import Machine
from tests.support.exchange import (
    ALICE,
    BOB,
    PERP,
    STAFF,
    START_NS,
    Exchange,
    accepted_id,
    codes,
    key,
    names,
    open_market,
    root_of,
    staffed_exchange,
)

NOW_MS = START_NS // 10**6
ORDER = PlaceOrder(PERP, 0, 90, 5)
BAD_ORDER = PlaceOrder(PERP, 0, 90, 0)


def payload_hash(action: msgspec.Struct) -> int:
    return xxh3_64_intdigest(msgspec.msgpack.encode(action)) >> 3


def outcome(exchange: Exchange, account: int, request_id: bytes) -> tuple[int, int] | None:
    """Return the remembered (code, order_id)."""
    fields = exchange.record(5, (account, request_id))
    return None if fields is None else (fields[1], fields[2])


@pytest.mark.rule("NON-1", "NON-4")
def test_a_repeat_gets_the_first_outcome_and_does_nothing_again(market: Exchange) -> None:
    order_id = accepted_id(market.send(ORDER, ALICE, request_id=b"r1"))
    before = market.records_but(4)
    events = market.send(ORDER, ALICE, request_id=b"r1")
    assert [DuplicateRequest(ALICE, b"r1", 0, order_id)] == events
    assert before == market.records_but(4)


@pytest.mark.rule("NON-1")
def test_a_repeat_of_a_refused_request_gets_its_code(market: Exchange) -> None:
    assert Code.SIZE_NOT_POSITIVE == market.refusal(BAD_ORDER, ALICE, request_id=b"r1")
    events = market.send(BAD_ORDER, ALICE, request_id=b"r1")
    assert [DuplicateRequest(ALICE, b"r1", Code.SIZE_NOT_POSITIVE, 0)] == events


@pytest.mark.rule("NON-1")
def test_a_repeat_burns_a_fresh_nonce(market: Exchange) -> None:
    market.send(ORDER, BOB, request_id=b"r1", nonce=NOW_MS + 500)
    market.send(ORDER, BOB, request_id=b"r1", nonce=NOW_MS + 501)
    assert (-1, [NOW_MS + 500, NOW_MS + 501]) == market.nonces(root_of(BOB))
    assert Code.NONCE_REUSED == market.refusal(BAD_ORDER, BOB, nonce=NOW_MS + 501)


@pytest.mark.rule("NON-1")
@pytest.mark.parametrize("nonce", [NOW_MS + 500, 0, 2**62 - 1], ids=["burnt", "old", "future"])
def test_a_repeat_with_a_nonce_that_does_not_pass_is_answered_and_burns_none(
    market: Exchange, nonce: int
) -> None:
    order_id = accepted_id(market.send(ORDER, ALICE, request_id=b"r1", nonce=NOW_MS + 500))
    before = market.records()
    events = market.send(ORDER, ALICE, request_id=b"r1", nonce=nonce)
    assert [DuplicateRequest(ALICE, b"r1", 0, order_id)] == events
    assert before == market.records()


@pytest.mark.rule("NON-1")
def test_another_payload_under_the_same_id_is_a_conflict_and_changes_nothing(
    market: Exchange,
) -> None:
    market.send(ORDER, ALICE, request_id=b"r1")
    before = market.records()
    other = PlaceOrder(PERP, 0, 90, 6)
    assert Code.REQUEST_ID_CONFLICT == market.refusal(other, ALICE, request_id=b"r1")
    assert before == market.records()


@pytest.mark.rule("NON-1")
def test_a_repeat_may_differ_in_nonce_signer_and_signature(market: Exchange) -> None:
    agent = key("agent")
    market.send(AuthorizeAgent(agent), ALICE)
    order_id = accepted_id(market.send(ORDER, ALICE, request_id=b"r1", auth=b"1"))
    events = market.send(ORDER, ALICE, request_id=b"r1", auth=b"2", signer=agent)
    assert [DuplicateRequest(ALICE, b"r1", 0, order_id)] == events


@pytest.mark.rule("NON-1")
def test_authority_is_checked_before_the_repeat(market: Exchange) -> None:
    market.send(ORDER, ALICE, request_id=b"r1")
    refused = market.refusal(ORDER, ALICE, request_id=b"r1", signer=key("nobody"))
    assert Code.UNKNOWN_SIGNER == refused


@pytest.mark.rule("NON-1")
def test_the_repeat_is_checked_before_the_nonce(market: Exchange) -> None:
    market.send(ORDER, ALICE, request_id=b"r1")
    refused = market.refusal(BAD_ORDER, ALICE, request_id=b"r1", nonce=0)
    assert Code.REQUEST_ID_CONFLICT == refused


@pytest.mark.rule("NON-1", "NON-4")
def test_requests_are_remembered_per_account(market: Exchange) -> None:
    first = accepted_id(market.send(ORDER, ALICE, request_id=b"same"))
    second = accepted_id(market.send(ORDER, BOB, request_id=b"same"))
    assert (0, first) == outcome(market, ALICE, b"same")
    assert (0, second) == outcome(market, BOB, b"same")


@pytest.mark.rule("NON-1", "NON-4")
def test_operator_requests_are_remembered_under_account_0(market: Exchange) -> None:
    deposit = Deposit(ALICE, 5)
    market.send(deposit, request_id=b"wire 17")
    cash = market.cash(ALICE)
    events = market.send(deposit, request_id=b"wire 17")
    assert [DuplicateRequest(0, b"wire 17", 0, 0)] == events
    assert cash == market.cash(ALICE)
    refused = market.refusal(Deposit(ALICE, 6), request_id=b"wire 17")
    assert Code.REQUEST_ID_CONFLICT == refused


@pytest.mark.rule("NON-4")
def test_an_empty_request_id_is_not_remembered(market: Exchange) -> None:
    first = accepted_id(market.send(ORDER, ALICE))
    second = accepted_id(market.send(ORDER, ALICE))
    assert first + 1 == second
    assert None is outcome(market, ALICE, b"")


@pytest.mark.rule("NON-1", "NON-4")
def test_a_request_is_recorded_with_hash_code_order_and_number(market: Exchange) -> None:
    order_id = accepted_id(market.send(ORDER, ALICE, request_id=b"a"))
    market.send(Withdraw(0), ALICE, request_id=b"b" * 32)
    assert (payload_hash(ORDER), 0, order_id, 1) == market.record(5, (ALICE, b"a"))
    refused = (payload_hash(Withdraw(0)), Code.AMOUNT_NOT_POSITIVE, 0, 2)
    assert refused == market.record(5, (ALICE, b"b" * 32))


@pytest.mark.rule("NON-4")
def test_only_a_successful_place_or_replace_is_remembered_with_an_order(market: Exchange) -> None:
    order_id = market.bid(BOB, 90, 5)
    accepted = {
        b"amend": AmendOrder(order_id, 91, 6),
        b"batch": Batch((ORDER,)),
        b"quote": MassQuote(1, (Quote(PERP, 80, 1, 0, 0),)),
        b"cancel all": CancelAll(side=1),
        b"withdraw": Withdraw(1),
    }
    for request_id, action in accepted.items():
        market.send(action, BOB, request_id=request_id)
        assert (0, 0) == outcome(market, BOB, request_id)
    new_id = accepted_id(market.send(ReplaceOrder(order_id, ORDER), BOB, request_id=b"replace"))
    assert (0, new_id) == outcome(market, BOB, b"replace")


@pytest.mark.rule("NON-4")
def test_a_placed_order_that_ended_at_once_is_remembered_as_accepted(market: Exchange) -> None:
    ioc = PlaceOrder(PERP, 0, 90, 5, tif=2)
    order_id = accepted_id(market.send(ioc, ALICE, request_id=b"ioc"))
    assert (0, order_id) == outcome(market, ALICE, b"ioc")


@pytest.mark.rule("NON-4")
def test_a_refused_replace_is_remembered_with_its_code_also_if_it_cancelled(
    market: Exchange,
) -> None:
    order_id = market.bid(ALICE, 90, 5)
    replace = ReplaceOrder(order_id, BAD_ORDER, cancel_on_reject=True)
    market.send(replace, ALICE, request_id=b"r")
    assert (Code.SIZE_NOT_POSITIVE, 0) == outcome(market, ALICE, b"r")
    assert None is market.order(order_id)


@pytest.mark.rule("NON-4")
def test_a_batch_or_quote_with_refused_parts_counts_as_accepted(market: Exchange) -> None:
    market.send(Batch((BAD_ORDER, CancelOrder(99))), ALICE, request_id=b"batch")
    assert (0, 0) == outcome(market, ALICE, b"batch")
    market.send(MassQuote(1, (Quote(99, 1, 1, 0, 0),)), ALICE, request_id=b"quote")
    assert (0, 0) == outcome(market, ALICE, b"quote")


@pytest.mark.rule("NON-4")
def test_a_batch_or_quote_refused_as_a_whole_is_remembered_with_its_code(
    market: Exchange,
) -> None:
    market.send(Batch(()), ALICE, request_id=b"batch")
    assert (Code.BAD_BATCH, 0) == outcome(market, ALICE, b"batch")
    market.send(MassQuote(0, ()), ALICE, request_id=b"quote")
    assert (Code.BAD_QUOTE, 0) == outcome(market, ALICE, b"quote")


@pytest.mark.rule("NON-4")
def test_what_authority_or_nonce_refuse_is_not_remembered(market: Exchange) -> None:
    market.send(ORDER, ALICE, request_id=b"a", signer=key("nobody"))
    market.send(ORDER, ALICE, request_id=b"a", nonce=0)
    assert None is outcome(market, ALICE, b"a")
    assert ["OrderAccepted", "BookChanged"] == names(market.send(ORDER, ALICE, request_id=b"a"))


@pytest.mark.rule("NON-4")
def test_above_capacity_the_oldest_request_of_the_account_is_forgotten(machine: Machine) -> None:
    market = open_market(machine, request_capacity=2)
    market.send(CancelOrder(1), BOB, request_id=b"bob")
    for request_id in (b"z", b"b", b"a"):
        market.send(CancelOrder(1), ALICE, request_id=request_id)
    remembered = [outcome(market, ALICE, request_id) for request_id in (b"z", b"b", b"a")]
    assert [None, (Code.UNKNOWN_ORDER, 0), (Code.UNKNOWN_ORDER, 0)] == remembered
    assert (Code.UNKNOWN_ORDER, 0) == outcome(market, BOB, b"bob")
    assert [Code.UNKNOWN_ORDER] == codes(market.send(CancelOrder(1), ALICE, request_id=b"z"))
    assert None is outcome(market, ALICE, b"b")


@pytest.mark.rule("NON-1", "NON-4")
def test_a_repeat_or_a_conflict_does_not_make_a_request_younger(machine: Machine) -> None:
    market = open_market(machine, request_capacity=2)
    market.send(CancelOrder(1), ALICE, request_id=b"old")
    market.send(CancelOrder(1), ALICE, request_id=b"new")
    market.send(CancelOrder(1), ALICE, request_id=b"old")
    market.send(CancelOrder(2), ALICE, request_id=b"old")
    market.send(CancelOrder(1), ALICE, request_id=b"newest")
    assert None is outcome(market, ALICE, b"old")
    assert (Code.UNKNOWN_ORDER, 0) == outcome(market, ALICE, b"new")


@pytest.mark.rule("NON-4")
def test_by_default_an_account_has_one_hundred_requests(machine: Machine) -> None:
    exchange = staffed_exchange(machine)
    for number in range(101):
        exchange.send(AdvanceTime(), request_id=b"%d" % number)
    assert None is outcome(exchange, 0, b"0")
    assert (0, 0) == outcome(exchange, 0, b"1")
    assert (0, 0) == outcome(exchange, 0, b"100")


@pytest.mark.rule("NON-4")
def test_requests_are_numbered_over_all_accounts(market: Exchange) -> None:
    market.send(CancelOrder(1), ALICE, request_id=b"x")
    market.send(UpdateIndexPrice("BTC", 10**8), request_id=b"x")
    market.send(CancelOrder(1), BOB, request_id=b"x")
    found = [market.record(5, (account, b"x")) for account in (ALICE, 0, BOB)]
    assert [1, 2, 3] == [fields[3] for fields in found if fields is not None]


@pytest.mark.rule("NON-1")
def test_a_conflict_is_a_rejected_command_for_order_actions_too(market: Exchange) -> None:
    market.send(ORDER, ALICE, request_id=b"r1")
    nonce = market.last_nonce + 1
    events = market.send(BAD_ORDER, ALICE, request_id=b"r1", nonce=nonce)
    code = Code.REQUEST_ID_CONFLICT
    assert [CommandRejected(root_of(ALICE), nonce, ALICE, 40, code)] == events


def test_a_request_of_an_account_that_does_not_exist_yet_is_not_remembered(
    market: Exchange,
) -> None:
    assert Code.UNKNOWN_ACCOUNT == market.refusal(Withdraw(1), 60, request_id=b"early")
    market.send(OpenAccount(60, root_of(60)))
    assert Code.INSUFFICIENT_FUNDS == market.refusal(Withdraw(1), 60, request_id=b"early")


def test_creating_twice_under_two_ids_is_refused_by_the_action(staffed: Exchange) -> None:
    staffed.send(CreateUnderlying("BTC", 1), request_id=b"1", signer=STAFF)
    refused = staffed.refusal(CreateUnderlying("BTC", 1), request_id=b"2")
    assert Code.ALREADY_EXISTS == refused

"""Nonces: the window, the set, the floor, and what burns one: [NON-2] and [NON-3]."""

import pytest

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    AdvanceTime,
    Batch,
    CancelAll,
    CancelOrder,
    CreateUnderlying,
    ExecuteBlock,
    GrantRole,
    MassQuote,
    OpenAccount,
    PlaceOrder,
    RevokeRole,
    Withdraw,
)
from lockstep_kernel import Machine
from tests.support.exchange import (
    ALICE,
    BOB,
    PERP,
    STAFF,
    START_NS,
    Exchange,
    bare_exchange,
    codes,
    key,
    open_market,
    root_of,
    staffed_exchange,
)

NOW_MS = START_NS // 10**6
PAST_MS, FUTURE_MS = 172_800_000, 86_400_000
SIGNER = key("oracle")


@pytest.fixture
def oracle(machine: Machine) -> Exchange:
    """An exchange with a signer that used no nonce yet and a set of three."""
    exchange = staffed_exchange(machine, nonce_capacity=3)
    exchange.send(GrantRole(SIGNER, 15))
    return exchange


def use(exchange: Exchange, nonce: int, at: int = START_NS) -> Code:
    """Send a harmless command with this nonce; return the code."""
    events = exchange.send(AdvanceTime(), signer=SIGNER, nonce=nonce, at=at)
    return codes(events)[0] if codes(events) else Code.ACCEPTED


@pytest.mark.rule("NON-2")
def test_both_ends_of_the_window_are_inside(oracle: Exchange) -> None:
    assert Code.ACCEPTED == use(oracle, NOW_MS - PAST_MS)
    assert Code.ACCEPTED == use(oracle, NOW_MS + FUTURE_MS)
    assert Code.NONCE_OUT_OF_WINDOW == use(oracle, NOW_MS - PAST_MS - 1)
    assert Code.NONCE_OUT_OF_WINDOW == use(oracle, NOW_MS + FUTURE_MS + 1)


@pytest.mark.rule("NON-2")
@pytest.mark.parametrize("nonce", [0, -1, -(2**62) + 1, 2**62 - 1])
def test_a_nonce_far_from_the_time_is_refused(oracle: Exchange, nonce: int) -> None:
    assert Code.NONCE_OUT_OF_WINDOW == use(oracle, nonce)


@pytest.mark.rule("NON-2")
def test_the_window_is_counted_from_whole_milliseconds_rounded_down(oracle: Exchange) -> None:
    assert Code.NONCE_OUT_OF_WINDOW == use(oracle, NOW_MS + FUTURE_MS + 1, START_NS + 999_999)
    assert Code.ACCEPTED == use(oracle, NOW_MS - PAST_MS, START_NS + 999_999)
    assert Code.ACCEPTED == use(oracle, NOW_MS + FUTURE_MS + 1, START_NS + 1_000_000)


@pytest.mark.rule("NON-2")
def test_the_window_is_a_parameter_of_the_genesis(machine: Machine) -> None:
    exchange = bare_exchange(machine, nonce_past_ms=0, nonce_future_ms=2)
    answers = [
        codes(exchange.send(GrantRole(STAFF, 1), nonce=NOW_MS + offset))
        for offset in (-1, 0, 1, 2, 3)
    ]
    outside = [Code.NONCE_OUT_OF_WINDOW]
    assert [outside, [], [], [], outside] == answers


@pytest.mark.rule("NON-2")
def test_a_nonce_is_accepted_once(oracle: Exchange) -> None:
    assert Code.ACCEPTED == use(oracle, NOW_MS + 5)
    assert Code.NONCE_REUSED == use(oracle, NOW_MS + 5)
    assert (-1, [NOW_MS + 5]) == oracle.nonces(SIGNER)


@pytest.mark.rule("NON-2")
def test_nonces_may_come_in_any_order(oracle: Exchange) -> None:
    for offset in (5, 3, 4):
        assert Code.ACCEPTED == use(oracle, NOW_MS + offset)
    assert (-1, [NOW_MS + 3, NOW_MS + 4, NOW_MS + 5]) == oracle.nonces(SIGNER)
    assert Code.NONCE_REUSED == use(oracle, NOW_MS + 3)
    assert Code.NONCE_REUSED == use(oracle, NOW_MS + 4)


@pytest.mark.rule("NON-2")
def test_above_capacity_the_smallest_is_dropped_and_becomes_the_floor(oracle: Exchange) -> None:
    for offset in (10, 20, 30):
        assert Code.ACCEPTED == use(oracle, NOW_MS + offset)
    assert Code.ACCEPTED == use(oracle, NOW_MS + 25)
    assert (NOW_MS + 10, [NOW_MS + 20, NOW_MS + 25, NOW_MS + 30]) == oracle.nonces(SIGNER)
    assert Code.NONCE_TOO_OLD == use(oracle, NOW_MS + 10)
    assert Code.NONCE_TOO_OLD == use(oracle, NOW_MS + 9)
    assert Code.ACCEPTED == use(oracle, NOW_MS + 11)


@pytest.mark.rule("NON-2")
def test_the_dropped_nonce_may_be_the_one_just_added(oracle: Exchange) -> None:
    for offset in (10, 20, 30):
        use(oracle, NOW_MS + offset)
    assert Code.ACCEPTED == use(oracle, NOW_MS + 7)
    assert (NOW_MS + 7, [NOW_MS + 10, NOW_MS + 20, NOW_MS + 30]) == oracle.nonces(SIGNER)
    assert Code.NONCE_TOO_OLD == use(oracle, NOW_MS + 7)
    assert Code.ACCEPTED == use(oracle, NOW_MS + 8)
    assert Code.NONCE_TOO_OLD == use(oracle, NOW_MS + 8)


@pytest.mark.rule("NON-2")
def test_by_default_a_signer_has_a_set_of_one_hundred(machine: Machine) -> None:
    exchange = staffed_exchange(machine)
    exchange.send(GrantRole(SIGNER, 15))
    for offset in range(100):
        assert Code.ACCEPTED == use(exchange, NOW_MS + offset)
    assert (-1, [NOW_MS + offset for offset in range(100)]) == exchange.nonces(SIGNER)
    assert Code.ACCEPTED == use(exchange, NOW_MS + 100)
    assert (NOW_MS, [NOW_MS + 1 + offset for offset in range(100)]) == exchange.nonces(SIGNER)
    assert Code.NONCE_TOO_OLD == use(exchange, NOW_MS)
    assert Code.NONCE_REUSED == use(exchange, NOW_MS + 1)


@pytest.mark.rule("NON-2")
def test_the_window_is_checked_before_the_floor_and_the_set(oracle: Exchange) -> None:
    low = NOW_MS - PAST_MS
    for nonce in (low, low + 1, low + 2, low + 3):
        assert Code.ACCEPTED == use(oracle, nonce)
    assert Code.NONCE_TOO_OLD == use(oracle, low)
    assert Code.NONCE_REUSED == use(oracle, low + 1)
    later = START_NS + 2 * 10**6
    assert Code.NONCE_OUT_OF_WINDOW == use(oracle, low, later)
    assert Code.NONCE_OUT_OF_WINDOW == use(oracle, low + 1, later)
    assert Code.NONCE_REUSED == use(oracle, low + 2, later)


@pytest.mark.rule("NON-2")
def test_a_new_signers_floor_is_minus_one(machine: Machine) -> None:
    exchange = bare_exchange(machine, start_ns=0, nonce_past_ms=10)
    low = [codes(exchange.send(GrantRole(STAFF, 1), nonce=nonce)) for nonce in (-11, -1, -10)]
    assert [[Code.NONCE_OUT_OF_WINDOW], [Code.NONCE_TOO_OLD], [Code.NONCE_TOO_OLD]] == low
    assert [] == codes(exchange.send(GrantRole(STAFF, 1), nonce=0))


@pytest.mark.rule("NON-2")
def test_signers_have_sets_of_their_own_across_accounts(market: Exchange) -> None:
    nonce = market.last_nonce + 1
    order = PlaceOrder(PERP, 0, 90, 1)
    assert [] == codes(market.send(order, ALICE, nonce=nonce))
    assert [] == codes(market.send(order, BOB, nonce=nonce))
    assert [] == codes(market.send(AdvanceTime(), nonce=nonce))


@pytest.mark.rule("NON-2")
def test_one_signer_has_one_set_for_all_that_it_signs(market: Exchange) -> None:
    market.send(GrantRole(root_of(ALICE), 15))
    nonce = market.last_nonce + 1
    assert [] == codes(market.send(Withdraw(1), ALICE, nonce=nonce))
    refused = market.refusal(AdvanceTime(), signer=root_of(ALICE), nonce=nonce)
    assert Code.NONCE_REUSED == refused


@pytest.mark.rule("NON-2")
def test_floor_and_set_outlive_the_revocation_of_a_role(oracle: Exchange) -> None:
    for offset in (1, 2, 3, 4):
        use(oracle, NOW_MS + offset)
    before = oracle.nonces(SIGNER)
    oracle.send(RevokeRole(SIGNER, 15))
    assert before == oracle.nonces(SIGNER)
    oracle.send(GrantRole(SIGNER, 1))
    assert Code.NONCE_TOO_OLD == use(oracle, NOW_MS + 1)
    assert Code.NONCE_REUSED == use(oracle, NOW_MS + 4)


@pytest.mark.rule("NON-3")
@pytest.mark.parametrize(
    ("action", "account", "expected"),
    [
        (CreateUnderlying("BTC", 1), 0, Code.ALREADY_EXISTS),
        (Withdraw(0), ALICE, Code.AMOUNT_NOT_POSITIVE),
        (PlaceOrder(PERP, 0, 0, 1), ALICE, Code.PRICE_NOT_POSITIVE),
        (CancelOrder(1), ALICE, Code.UNKNOWN_ORDER),
        (Batch(()), ALICE, Code.BAD_BATCH),
        (MassQuote(0, ()), ALICE, Code.BAD_QUOTE),
    ],
)
def test_a_refused_action_leaves_its_nonce_burnt(
    market: Exchange, action: object, account: int, expected: Code
) -> None:
    signer = root_of(account) if account else STAFF
    nonce = market.last_nonce + 1
    assert expected == market.refusal(action, account, nonce=nonce)
    burnt = market.nonces(signer)
    assert burnt is not None
    assert nonce == burnt[1][-1]
    assert Code.NONCE_REUSED == market.refusal(action, account, nonce=nonce)


@pytest.mark.rule("NON-3")
@pytest.mark.parametrize(
    ("nonce", "expected"),
    [
        (NOW_MS - PAST_MS - 1, Code.NONCE_OUT_OF_WINDOW),
        (NOW_MS + 4, Code.NONCE_REUSED),
        (NOW_MS + 1, Code.NONCE_TOO_OLD),
    ],
)
def test_a_failed_nonce_check_changes_nothing(machine: Machine, nonce: int, expected: Code) -> None:
    market = open_market(machine, nonce_capacity=3)
    market.send(GrantRole(SIGNER, 15))
    for offset in (1, 2, 3, 4):
        use(market, NOW_MS + offset)
    before = market.records()
    action = CreateUnderlying("SOL", 1)
    assert expected == market.refusal(action, signer=SIGNER, nonce=nonce, request_id=b"new")
    assert before == market.records()


@pytest.mark.rule("NON-2", "NON-3")
def test_a_batch_burns_one_nonce(market: Exchange) -> None:
    nonce = market.last_nonce + 1
    market.send(Batch((CancelOrder(1), CancelOrder(2), CancelOrder(3))), BOB, nonce=nonce)
    assert (-1, [nonce]) == market.nonces(root_of(BOB))


@pytest.mark.rule("NON-2")
@pytest.mark.parametrize("first", [40, 7])
def test_the_second_nonce_of_a_block_never_lowers_the_floor(machine: Machine, first: int) -> None:
    exchange = staffed_exchange(machine, nonce_capacity=3)
    for account in (ALICE, BOB):
        exchange.send(OpenAccount(account, SIGNER))
    for offset in (10, 20, 30):
        exchange.send(CancelAll(), ALICE, signer=SIGNER, nonce=NOW_MS + offset)
    block = ExecuteBlock(BOB, SIGNER, NOW_MS + 5, ())
    answer = exchange.send(block, ALICE, signer=SIGNER, nonce=NOW_MS + first)
    kept = sorted((first, 10, 20, 30))
    assert [Code.BAD_BLOCK] == codes(answer)
    assert (NOW_MS + kept[0], [NOW_MS + offset for offset in kept[1:]]) == exchange.nonces(SIGNER)

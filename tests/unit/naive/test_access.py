"""Authority, nonces, repeats and the clock: who may ask, how often, and when."""

import pytest

from lockstep_engine.codes import Code, Role
from lockstep_engine.commands import (
    AdvanceTime,
    AuthorizeAgent,
    Batch,
    CancelOrder,
    CreateUnderlying,
    DeleteMmpConfig,
    Deposit,
    FundInsurance,
    GrantRole,
    Liquidate,
    MarginRates,
    OpenAccount,
    PlaceOrder,
    PortfolioModel,
    ResetMmp,
    RevokeAgent,
    RevokeRole,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetMmpConfig,
    SetPortfolioModel,
    SetSettlementPrice,
    SettleExpiry,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
    Withdraw,
)
from lockstep_engine.events import (
    AgentAuthorized,
    AgentRevoked,
    CashMoved,
    CommandRejected,
    DuplicateRequest,
    MarginModeSet,
    MmpConfigSet,
    OrderAccepted,
    OrderRejected,
    RoleGranted,
    RoleRevoked,
    TimeAdvanced,
)
from tests.unit.naive.world import (
    PERP,
    ROOT,
    START_NS,
    USD,
    World,
    code_of,
    key,
    kinds,
    of,
    only,
)

KEY = b"k" * 32
AGENT = b"a" * 32
START_MS = START_NS // 10**6


@pytest.mark.rule("AUT-1")
@pytest.mark.parametrize(
    ("action", "roles"),
    [
        (CreateUnderlying("XRP", 10**6), Role.ADMIN),
        (SetInstrumentStatus(PERP, 1), Role.ADMIN | Role.RISK),
        (SetFeeTier(1, 0), Role.ADMIN),
        (SetMarginModel("BTC", MarginRates()), Role.ADMIN),
        (SetPortfolioModel("BTC", PortfolioModel(())), Role.ADMIN),
        (AdvanceTime(), Role.ADMIN | Role.ORACLE),
        (OpenAccount(9, KEY), Role.ADMIN),
        (UpdateIndexPrice("BTC", 1), Role.ORACLE),
        (UpdateMarkPrice(PERP, 1), Role.ORACLE),
        (UpdateVolSurface("BTC", 0, 0, ()), Role.ORACLE),
        (Deposit(1, 1), Role.TREASURY),
        (UpdateFundingRate(PERP, 1), Role.ORACLE),
        (SetSettlementPrice("BTC", 0, 1), Role.ORACLE),
        (SettleExpiry("BTC", 0), Role.ORACLE),
        (FundInsurance(1), Role.TREASURY),
        (Liquidate(1), Role.RISK),
    ],
)
def test_each_operator_action_needs_one_of_its_roles(action, roles: int) -> None:
    for role in (1, 2, 4, 8):
        world = World()
        world.operate(GrantRole(KEY, role))
        (event,) = world.do(0, action, signer=KEY)
        is_refused = isinstance(event, CommandRejected) and event.code == Code.NOT_AUTHORIZED
        assert is_refused != bool(role & roles), (action, role)


@pytest.mark.rule("AUT-1")
def test_operator_actions_need_account_0_before_a_known_signer() -> None:
    world = World()
    assert Code.BAD_PARAMETER == code_of(world.do(1, AdvanceTime()))
    assert Code.BAD_PARAMETER == code_of(world.do(1, UpdateVolSurface("?", 0, 0, ())))
    model = SetPortfolioModel("?", PortfolioModel(()))
    assert Code.BAD_PARAMETER == code_of(world.do(1, model))
    assert Code.UNKNOWN_SIGNER == code_of(world.do(0, AdvanceTime(), signer=KEY))
    assert Code.UNKNOWN_SIGNER == code_of(world.do(0, GrantRole(KEY, 1), signer=KEY))


@pytest.mark.rule("AUT-1")
def test_the_root_alone_grants_and_has_no_role_by_itself() -> None:
    world = World(is_empty=True)
    assert Code.NOT_AUTHORIZED == code_of(world.operate(AdvanceTime()))
    assert RoleGranted(KEY, 15) == world.operate(GrantRole(KEY, 15))
    assert Code.NOT_AUTHORIZED == code_of(world.do(0, GrantRole(KEY, 1), signer=KEY))


@pytest.mark.rule("AUT-1", "AUT-2")
def test_account_actions_need_the_root_key_or_an_agent() -> None:
    world = World()
    order = PlaceOrder(PERP, 0, 100, 1)
    assert Code.UNKNOWN_ACCOUNT == code_of(world.do(9, order))
    assert Code.UNKNOWN_ACCOUNT == code_of(world.do(0, order))
    assert Code.UNKNOWN_SIGNER == code_of(world.do(1, order, signer=AGENT))
    assert [AgentAuthorized(1, AGENT)] == world.do(1, AuthorizeAgent(AGENT))
    assert kinds(world.do(1, order, signer=AGENT, auth=b"anything")) == [
        "OrderAccepted",
        "BookChanged",
    ]
    assert Code.NOT_AUTHORIZED == code_of(world.do(1, Withdraw(1), signer=AGENT))
    assert Code.NOT_AUTHORIZED == code_of(world.do(1, AuthorizeAgent(KEY), signer=AGENT))
    assert Code.NOT_AUTHORIZED == code_of(world.do(1, SetMarginMode(1), signer=AGENT))
    assert Code.UNKNOWN_SIGNER == code_of(world.do(1, SetMarginMode(1), signer=KEY))
    assert [MarginModeSet(1, 1)] == world.do(1, SetMarginMode(1))
    assert Code.UNKNOWN_SIGNER == code_of(world.do(2, order, signer=AGENT))


@pytest.mark.rule("AUT-1", "EVT-1")
def test_an_agent_may_protect_and_a_refusal_of_that_is_of_the_command() -> None:
    world = World()
    world.do(1, AuthorizeAgent(AGENT))
    (event,) = world.do(1, SetMmpConfig("BTC", 1, 0, 1), signer=AGENT)
    assert isinstance(event, MmpConfigSet)
    assert ["MmpReset"] == kinds(world.do(1, ResetMmp("BTC"), signer=AGENT))
    assert ["MmpConfigDeleted"] == kinds(world.do(1, DeleteMmpConfig("BTC"), signer=AGENT))
    for tag, action in ((48, SetMmpConfig("?", 1, 0, 1)), (49, DeleteMmpConfig("BTC"))):
        (event,) = world.do(1, action, signer=AGENT)
        assert isinstance(event, CommandRejected)
        assert (AGENT, 1, tag) == (event.signer, event.account, event.action)


@pytest.mark.rule("AUT-1")
def test_a_refusal_of_authority_burns_no_nonce() -> None:
    world = World()
    world.do(1, Withdraw(1), signer=KEY, nonce=START_MS)
    assert world.core.nonces.get(KEY) is None


@pytest.mark.rule("AUT-4")
def test_agents_come_and_go_and_their_nonces_stay_burnt() -> None:
    world = World()
    assert Code.ALREADY_EXISTS == code_of(world.do(1, AuthorizeAgent(key(1))))
    assert Code.UNKNOWN_AGENT == code_of(world.do(1, RevokeAgent(AGENT)))
    world.do(1, AuthorizeAgent(AGENT))
    assert Code.ALREADY_EXISTS == code_of(world.do(1, AuthorizeAgent(AGENT)))
    world.do(1, PlaceOrder(PERP, 0, 100, 1), signer=AGENT, nonce=START_MS)
    assert [AgentRevoked(1, AGENT)] == world.do(1, RevokeAgent(AGENT))
    assert Code.UNKNOWN_SIGNER == code_of(world.do(1, CancelOrder(1), signer=AGENT))
    world.do(1, AuthorizeAgent(AGENT))
    reused = world.do(1, CancelOrder(1), signer=AGENT, nonce=START_MS)
    assert Code.NONCE_REUSED == code_of(reused)


@pytest.mark.rule("ADM-8")
def test_roles_add_up_and_the_event_says_what_the_key_has() -> None:
    world = World()
    assert RoleGranted(KEY, 1) == world.operate(GrantRole(KEY, 1))
    assert RoleGranted(KEY, 7) == world.operate(GrantRole(KEY, 6))
    assert RoleRevoked(KEY, 5) == world.operate(RevokeRole(KEY, 10))
    assert RoleRevoked(KEY, 0) == world.operate(RevokeRole(KEY, 15))
    assert world.core.roles.get(KEY) is None
    for roles in (0, -1, 16, 17, 2**61):
        assert Code.UNKNOWN_ROLE == code_of(world.operate(GrantRole(KEY, roles)))
        assert Code.UNKNOWN_ROLE == code_of(world.operate(RevokeRole(KEY, roles)))


@pytest.mark.rule("NON-2")
def test_a_nonce_is_good_within_the_window_of_the_commands_time() -> None:
    world = World(nonce_past_ms=10, nonce_future_ms=20)
    at_ms = START_MS + 1_000
    for nonce, code in (
        (at_ms - 11, Code.NONCE_OUT_OF_WINDOW),
        (at_ms + 21, Code.NONCE_OUT_OF_WINDOW),
        (at_ms - 10, Code.UNKNOWN_ORDER),
        (at_ms + 20, Code.UNKNOWN_ORDER),
        (at_ms + 20, Code.NONCE_REUSED),
    ):
        events = world.do(1, CancelOrder(1), at_ns=at_ms * 10**6, nonce=nonce)
        assert code == code_of(events)


@pytest.mark.rule("NON-2")
def test_above_capacity_the_smallest_nonce_becomes_the_floor() -> None:
    world = World(nonce_capacity=2)
    nonces = [START_MS + offset for offset in (50, 40, 30, 45, 20)]
    codes = [code_of(world.do(1, CancelOrder(1), nonce=nonce)) for nonce in nonces]
    # 50 and 40 fill the set; 30 is dropped at once and is the floor; 45 drops 40.
    assert [Code.UNKNOWN_ORDER] * 4 + [Code.NONCE_TOO_OLD] == codes
    assert START_MS + 40 == world.core.nonces.must(key(1)).floor
    assert Code.NONCE_TOO_OLD == code_of(world.do(1, CancelOrder(1), nonce=START_MS + 40))
    assert Code.NONCE_REUSED == code_of(world.do(1, CancelOrder(1), nonce=START_MS + 45))


@pytest.mark.rule("NON-2")
def test_a_new_signer_has_floor_minus_one() -> None:
    world = World(nonce_past_ms=10**12)
    world.core.time = world.core.time._replace(now_ns=0)
    for nonce, code in ((-1, Code.NONCE_TOO_OLD), (0, Code.UNKNOWN_ORDER)):
        assert code == code_of(world.do(1, CancelOrder(1), at_ns=10, nonce=nonce))


@pytest.mark.rule("NON-2", "NON-3")
def test_a_nonce_counts_for_the_signer_and_stays_burnt_when_the_action_is_refused() -> None:
    world = World()
    world.do(1, AuthorizeAgent(AGENT))
    world.do(2, AuthorizeAgent(AGENT))
    first = world.do(1, CancelOrder(7), signer=AGENT, nonce=START_MS)
    assert Code.UNKNOWN_ORDER == code_of(first)
    again = world.do(2, CancelOrder(7), signer=AGENT, nonce=START_MS)
    assert [CommandRejected(AGENT, START_MS, 2, 41, Code.NONCE_REUSED)] == again


@pytest.mark.rule("NON-1", "NON-4")
def test_a_repeat_is_answered_with_the_first_outcome_and_done_once() -> None:
    world = World()
    order = PlaceOrder(PERP, 0, 100, 1)
    order_id = only(world.do(1, order, request_id=b"r"), OrderAccepted).order_id
    nonce = world.nonce + 1
    assert [DuplicateRequest(1, b"r", 0, order_id)] == world.do(1, order, request_id=b"r")
    assert Code.NONCE_REUSED == code_of(world.do(1, order, nonce=nonce))
    bad_nonce = world.do(1, order, request_id=b"r", nonce=nonce)
    assert [DuplicateRequest(1, b"r", 0, order_id)] == bad_nonce
    assert 1 == len(world.core.orders.all())
    other_account = world.do(2, order, request_id=b"r")
    assert order_id + 1 == only(other_account, OrderAccepted).order_id


@pytest.mark.rule("NON-1")
def test_another_payload_under_a_remembered_id_is_a_conflict_and_burns_nothing() -> None:
    world = World()
    world.do(1, CancelOrder(1), request_id=b"r")
    conflict = world.do(1, CancelOrder(2), request_id=b"r", nonce=START_MS)
    assert Code.REQUEST_ID_CONFLICT == code_of(conflict)
    assert Code.UNKNOWN_ORDER == code_of(world.do(1, CancelOrder(2), nonce=START_MS))


@pytest.mark.rule("NON-4")
def test_what_is_remembered_is_the_code_of_the_refusal() -> None:
    world = World()
    empty, one = Batch(()), Batch((CancelOrder(5),))
    for name, action, code in (
        (b"refused", CancelOrder(5), Code.UNKNOWN_ORDER),
        (b"batch", one, 0),
        (b"empty", empty, Code.BAD_BATCH),
        (b"money", Withdraw(0), Code.AMOUNT_NOT_POSITIVE),
    ):
        world.do(1, action, request_id=name)
        assert [DuplicateRequest(1, name, code, 0)] == world.do(1, action, request_id=name)


@pytest.mark.rule("NON-4")
def test_above_capacity_the_oldest_request_of_the_account_is_forgotten() -> None:
    world = World(request_capacity=2)
    for name in (b"1", b"2", b"1", b"3"):
        world.do(1, CancelOrder(1), request_id=name)
    world.do(2, CancelOrder(1), request_id=b"9")
    names = [row.key for row in world.core.requests.all()]
    assert [(1, b"2"), (1, b"3"), (2, b"9")] == names
    assert [2, 3, 4] == [row.number for row in world.core.requests.all()]


@pytest.mark.rule("NON-4")
def test_a_command_refused_before_the_action_is_not_remembered() -> None:
    world = World()
    world.do(1, CancelOrder(1), request_id=b"r", nonce=0)
    world.do(1, CancelOrder(1), request_id=b"s", signer=KEY)
    assert [] == world.core.requests.all()


@pytest.mark.rule("TIM-1")
def test_time_never_goes_back_and_jumps_only_by_advance_time() -> None:
    world = World(max_step_ns=10**9)
    now_ns, clocks = world.now_ns, world.core.clocks()
    back = world.do(1, CancelOrder(1), at_ns=now_ns - 1, request_id=b"r")
    assert Code.TIME_REGRESSION == code_of(back)
    far_ns = now_ns + 10**9 + 1
    assert Code.CLOCK_STEP == code_of(world.do(1, CancelOrder(1), at_ns=far_ns, request_id=b"r"))
    assert clocks == world.core.clocks()
    assert [] == world.core.requests.all()
    assert TimeAdvanced(far_ns) == world.operate(AdvanceTime(), at_ns=far_ns)
    same_ns = world.do(1, CancelOrder(1), at_ns=far_ns + 10**9)
    assert Code.UNKNOWN_ORDER == code_of(same_ns)


@pytest.mark.rule("TIM-1")
def test_an_advance_time_steps_further_only_if_it_would_be_done() -> None:
    world = World(max_step_ns=10**9)
    far_ns = world.now_ns + 10**10
    start_ns = world.now_ns
    for fields in ({"signer": KEY}, {"nonce": 0}, {"signer": key(1), "account": 1}):
        event = world.do(fields.pop("account", 0), AdvanceTime(), at_ns=far_ns, **fields)
        assert Code.CLOCK_STEP == code_of(event)
    world.operate(AdvanceTime(), at_ns=start_ns, request_id=b"r")
    repeat = world.operate(AdvanceTime(), at_ns=far_ns, request_id=b"r")
    assert Code.CLOCK_STEP == code_of(repeat)


@pytest.mark.rule("EVT-1")
def test_refusals_of_order_actions_are_order_events_and_all_others_command_events() -> None:
    world = World()
    (order,) = world.do(1, CancelOrder(3))
    assert OrderRejected(1, 41, 0, 3, 0, Code.UNKNOWN_ORDER) == order
    (money,) = world.do(1, Withdraw(-5))
    expected = CommandRejected(key(1), world.nonce, 1, 30, Code.AMOUNT_NOT_POSITIVE)
    assert expected == money


@pytest.mark.rule("POS-4")
def test_deposits_are_limited_in_total_and_withdrawals_make_room() -> None:
    world = World(max_total_deposits_e6=4_000_001 * USD)
    assert Code.UNKNOWN_ACCOUNT == code_of(world.operate(Deposit(9, 1)))
    assert Code.AMOUNT_NOT_POSITIVE == code_of(world.operate(Deposit(1, 0)))
    assert Code.AMOUNT_ABOVE_LIMIT == code_of(world.operate(Deposit(1, USD + 1)))
    assert CashMoved(1, 1, USD, 1_000_001 * USD) == world.operate(Deposit(1, USD))
    assert Code.AMOUNT_ABOVE_LIMIT == code_of(world.operate(Deposit(1, 1)))
    world.do(2, Withdraw(5))
    assert CashMoved(1, 1, 5, 1_000_001 * USD + 5) == world.operate(Deposit(1, 5))
    assert ROOT == world.core.params.operator_root
    assert 1 == len(of(world.do(2, Withdraw(1)), CashMoved))

"""Who may do what: [AUT-1], [AUT-2] and agents, [AUT-4]."""

from typing import Any

import pytest

from lockstep_engine.codes import Code, Role
from lockstep_engine.commands import (
    ActivateRules,
    AdvanceTime,
    AmendOrder,
    AuthorizeAgent,
    Batch,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    CreateInstrument,
    CreateUnderlying,
    DeleteMmpConfig,
    Deposit,
    GrantRole,
    MarginRates,
    MassQuote,
    OpenAccount,
    PlaceOrder,
    PortfolioModel,
    Quote,
    ReplaceOrder,
    ResetMmp,
    RevokeAgent,
    RevokeRole,
    RiskScenario,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetMmpConfig,
    SetPortfolioModel,
    SetTradingLimits,
    Transfer,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
    Withdraw,
)
from lockstep_engine.events import AgentAuthorized, AgentRevoked
from tests.support.exchange import (
    ALICE,
    BOB,
    LIMITS,
    MARKET_EXPIRY_NS,
    PERP,
    ROOT,
    STAFF,
    Exchange,
    codes,
    key,
    root_of,
)

NOBODY = key("nobody")
AGENT = key("agent")
ADMIN_KEY, ORACLE_KEY, TREASURY_KEY, RISK_KEY = (
    key(name) for name in ("admin", "oracle", "treasury", "risk")
)
HOLDERS = {
    ADMIN_KEY: Role.ADMIN,
    ORACLE_KEY: Role.ORACLE,
    TREASURY_KEY: Role.TREASURY,
    RISK_KEY: Role.RISK,
}

MODEL = PortfolioModel((RiskScenario(10**9, 0, 10**9, 10**9),))
ADMIN_ACTIONS: list[Any] = [
    CreateUnderlying("SOL", 10**11),
    CreateInstrument(77, "ETH-20261225", 10**6, 10**5, 10**8, LIMITS),
    SetInstrumentStatus(PERP, 1),
    SetTradingLimits(PERP, LIMITS),
    SetFeeSchedule(1, 0, 0, 0, 0, 0, 0),
    SetFeeTier(ALICE, 0),
    SetMarginModel("BTC", MarginRates()),
    SetPortfolioModel("BTC", MODEL),
    ActivateRules(1),
    AdvanceTime(),
    OpenAccount(88, key("new root")),
]
SURFACE = UpdateVolSurface("BTC", MARKET_EXPIRY_NS, 10**8, ((10**8, 10**9),))
ORACLE_ACTIONS: list[Any] = [
    AdvanceTime(),
    UpdateIndexPrice("BTC", 10**8),
    UpdateMarkPrice(PERP, 10**8),
    SURFACE,
]
NEEDED: list[tuple[Any, Role]] = [
    *(
        (action, Role.ADMIN)
        for action in ADMIN_ACTIONS
        if type(action) not in (SetInstrumentStatus, AdvanceTime)
    ),
    (SetInstrumentStatus(PERP, 1), Role.ADMIN | Role.RISK),
    (AdvanceTime(), Role.ADMIN | Role.ORACLE),
    (UpdateIndexPrice("BTC", 10**8), Role.ORACLE),
    (UpdateMarkPrice(PERP, 10**8), Role.ORACLE),
    (SURFACE, Role.ORACLE),
    (Deposit(ALICE, 1), Role.TREASURY),
]
ROOT_ONLY: list[Any] = [GrantRole(NOBODY, 1), RevokeRole(NOBODY, 1)]
OPERATOR_ACTIONS: list[Any] = [*(action for action, _roles in NEEDED), *ROOT_ONLY]
ORDER = PlaceOrder(PERP, 0, 90, 1)
AGENT_ACTIONS: list[Any] = [
    ORDER,
    CancelOrder(1),
    CancelByClientId(1),
    CancelAll(),
    AmendOrder(1, 90, 1),
    ReplaceOrder(1, ORDER),
    MassQuote(1, (Quote(PERP, 90, 1, 0, 0),)),
    Batch((ORDER,)),
    SetMmpConfig("BTC", 1, 0, 1),
    DeleteMmpConfig("BTC"),
    ResetMmp("BTC"),
]
ROOT_KEY_ACTIONS: list[Any] = [
    Withdraw(1),
    Transfer(BOB, 1),
    AuthorizeAgent(key("another")),
    RevokeAgent(AGENT),
    SetMarginMode(1),
]


def by_type(value: object) -> str:
    """Name a case of a test by the type of its action."""
    return type(value).__name__


def may(exchange: Exchange, action: Any, account: int, signer: bytes) -> Code:
    """Return the code of authority: what the action itself refuses counts as passed."""
    events = exchange.fork().send(action, account, signer=signer)
    refusals = [code for code in codes(events) if 200 < code < 300]
    return refusals[0] if refusals else Code.ACCEPTED


@pytest.fixture
def staff(market: Exchange) -> Exchange:
    """The standard market with one key for every role, and an agent of Alice."""
    for holder, role in HOLDERS.items():
        market.send(GrantRole(holder, role))
    market.send(AuthorizeAgent(AGENT), ALICE)
    return market


@pytest.mark.rule("AUT-1")
@pytest.mark.parametrize(("action", "needed"), NEEDED, ids=by_type)
def test_an_operator_action_needs_one_of_its_roles(
    staff: Exchange, action: Any, needed: Role
) -> None:
    for holder, role in HOLDERS.items():
        expected = Code.ACCEPTED if role & needed else Code.NOT_AUTHORIZED
        assert expected == may(staff, action, 0, holder)


@pytest.mark.rule("AUT-1")
@pytest.mark.parametrize(("action", "_needed"), NEEDED, ids=by_type)
def test_the_operator_root_without_roles_is_not_authorised(
    staff: Exchange, action: Any, _needed: Role
) -> None:
    assert Code.NOT_AUTHORIZED == may(staff, action, 0, ROOT)


@pytest.mark.rule("AUT-1")
def test_the_operator_root_may_grant_itself_a_role(market: Exchange) -> None:
    market.send(GrantRole(ROOT, Role.TREASURY))
    assert Code.ACCEPTED == may(market, Deposit(ALICE, 1), 0, ROOT)


@pytest.mark.rule("AUT-1")
@pytest.mark.parametrize("action", OPERATOR_ACTIONS, ids=by_type)
def test_a_key_without_roles_is_an_unknown_signer(staff: Exchange, action: Any) -> None:
    assert Code.UNKNOWN_SIGNER == may(staff, action, 0, NOBODY)
    assert Code.UNKNOWN_SIGNER == may(staff, action, 0, root_of(ALICE))


@pytest.mark.rule("AUT-1")
@pytest.mark.parametrize("action", ROOT_ONLY, ids=by_type)
def test_roles_are_given_and_taken_by_the_operator_root_only(staff: Exchange, action: Any) -> None:
    assert Code.ACCEPTED == may(staff, action, 0, ROOT)
    assert Code.NOT_AUTHORIZED == may(staff, action, 0, STAFF)


@pytest.mark.rule("AUT-1")
def test_a_revoked_key_is_an_unknown_signer_again(staff: Exchange) -> None:
    staff.send(RevokeRole(TREASURY_KEY, Role.TREASURY))
    assert Code.UNKNOWN_SIGNER == may(staff, Deposit(ALICE, 1), 0, TREASURY_KEY)


@pytest.mark.rule("AUT-1")
@pytest.mark.parametrize("action", OPERATOR_ACTIONS, ids=by_type)
def test_an_operator_action_for_an_account_is_refused_before_its_signer_is_looked_at(
    staff: Exchange, action: Any
) -> None:
    for account in (ALICE, 999, -1):
        assert Code.BAD_PARAMETER == staff.refusal(action, account, signer=NOBODY)
        assert Code.BAD_PARAMETER == staff.refusal(action, account, signer=STAFF)


@pytest.mark.rule("AUT-1")
@pytest.mark.parametrize("action", [*AGENT_ACTIONS, *ROOT_KEY_ACTIONS], ids=by_type)
def test_an_account_action_needs_an_account_that_exists(staff: Exchange, action: Any) -> None:
    for account in (0, 999, -1):
        assert Code.UNKNOWN_ACCOUNT == staff.refusal(action, account, signer=root_of(ALICE))


@pytest.mark.rule("AUT-1")
@pytest.mark.parametrize("action", [*AGENT_ACTIONS, *ROOT_KEY_ACTIONS], ids=by_type)
def test_an_account_action_is_signed_by_the_root_key_or_an_agent(
    staff: Exchange, action: Any
) -> None:
    assert Code.ACCEPTED == may(staff, action, ALICE, root_of(ALICE))
    for signer in (NOBODY, root_of(BOB), ROOT, STAFF):
        assert Code.UNKNOWN_SIGNER == may(staff, action, ALICE, signer)
    assert Code.UNKNOWN_SIGNER == may(staff, action, BOB, AGENT)


@pytest.mark.rule("AUT-1")
@pytest.mark.parametrize("action", AGENT_ACTIONS, ids=by_type)
def test_an_agent_may_trade_and_cancel(staff: Exchange, action: Any) -> None:
    assert Code.ACCEPTED == may(staff, action, ALICE, AGENT)


@pytest.mark.rule("AUT-1")
@pytest.mark.parametrize("action", ROOT_KEY_ACTIONS, ids=by_type)
def test_an_agent_may_not_move_money_or_appoint_agents(staff: Exchange, action: Any) -> None:
    assert Code.NOT_AUTHORIZED == may(staff, action, ALICE, AGENT)


@pytest.mark.rule("AUT-1", "NON-3")
@pytest.mark.parametrize(
    ("action", "account", "signer"),
    [
        (Deposit(ALICE, 1), 0, NOBODY),
        (Deposit(ALICE, 1), 0, ADMIN_KEY),
        (Deposit(ALICE, 1), ALICE, TREASURY_KEY),
        (Withdraw(1), ALICE, NOBODY),
        (Withdraw(1), ALICE, AGENT),
        (Withdraw(1), 999, AGENT),
    ],
)
def test_a_refusal_of_authority_burns_no_nonce(
    staff: Exchange, action: Any, account: int, signer: bytes
) -> None:
    before = staff.records()
    staff.refusal(action, account, signer=signer)
    assert before == staff.records()


@pytest.mark.rule("AUT-1", "ADM-11")
def test_a_key_may_be_the_root_of_several_accounts(market: Exchange) -> None:
    market.send(OpenAccount(50, root_of(ALICE)))
    assert Code.ACCEPTED == may(market, ORDER, 50, root_of(ALICE))
    assert Code.ACCEPTED == may(market, ORDER, ALICE, root_of(ALICE))


@pytest.mark.rule("AUT-2")
def test_the_signature_is_hashed_and_never_interpreted(market: Exchange) -> None:
    twins = [market.fork() for _ in range(3)]
    auths = (b"", b"\x00", b"x" * 1024)
    nonce = market.last_nonce + 1
    answers = [
        twin.send(ORDER, ALICE, auth=auth, nonce=nonce)
        for twin, auth in zip(twins, auths, strict=True)
    ]
    assert answers[0] == answers[1] == answers[2]
    assert twins[0].records() == twins[1].records() == twins[2].records()
    assert 3 == len({twin.state.hash for twin in twins})


@pytest.mark.rule("AUT-4")
def test_an_agent_is_authorised_and_revoked_by_the_root_key(market: Exchange) -> None:
    assert [AgentAuthorized(ALICE, AGENT)] == market.send(AuthorizeAgent(AGENT), ALICE)
    assert () == market.record(2, (ALICE, AGENT))
    assert Code.ACCEPTED == may(market, ORDER, ALICE, AGENT)
    assert [AgentRevoked(ALICE, AGENT)] == market.send(RevokeAgent(AGENT), ALICE)
    assert None is market.record(2, (ALICE, AGENT))
    assert Code.UNKNOWN_SIGNER == may(market, ORDER, ALICE, AGENT)


@pytest.mark.rule("AUT-4")
def test_the_root_key_or_an_agent_cannot_be_authorised_again(market: Exchange) -> None:
    root = market.refusal(AuthorizeAgent(root_of(ALICE)), ALICE)
    market.send(AuthorizeAgent(AGENT), ALICE)
    again = market.refusal(AuthorizeAgent(AGENT), ALICE)
    assert [Code.ALREADY_EXISTS] * 2 == [root, again]


@pytest.mark.rule("AUT-4")
def test_who_is_no_agent_of_the_account_cannot_be_revoked(market: Exchange) -> None:
    market.send(AuthorizeAgent(AGENT), BOB)
    for stranger in (AGENT, root_of(ALICE), NOBODY):
        assert Code.UNKNOWN_AGENT == market.refusal(RevokeAgent(stranger), ALICE)
    market.send(RevokeAgent(AGENT), BOB)
    assert Code.UNKNOWN_AGENT == market.refusal(RevokeAgent(AGENT), BOB)


@pytest.mark.rule("AUT-4")
def test_one_key_may_be_an_agent_of_several_accounts(market: Exchange) -> None:
    market.send(AuthorizeAgent(AGENT), ALICE)
    market.send(AuthorizeAgent(AGENT), BOB)
    market.send(RevokeAgent(AGENT), ALICE)
    assert Code.UNKNOWN_SIGNER == may(market, ORDER, ALICE, AGENT)
    assert Code.ACCEPTED == may(market, ORDER, BOB, AGENT)


@pytest.mark.rule("AUT-4", "NON-2")
def test_an_agents_nonces_outlive_its_revocation(market: Exchange) -> None:
    market.send(AuthorizeAgent(AGENT), ALICE)
    nonce = market.last_nonce + 1
    market.send(ORDER, ALICE, signer=AGENT, nonce=nonce)
    market.send(RevokeAgent(AGENT), ALICE)
    assert (-1, [nonce]) == market.nonces(AGENT)
    market.send(AuthorizeAgent(AGENT), ALICE)
    assert Code.NONCE_REUSED == market.refusal(ORDER, ALICE, signer=AGENT, nonce=nonce)

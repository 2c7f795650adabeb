"""Fees, margin rates, roles, rules, accounts and genesis: [ADM-5] to [ADM-11], [GEN-1]."""

from typing import Any

import msgspec
import pytest

from lockstep_engine.codes import Code, Role
from lockstep_engine.commands import (
    ActivateRules,
    ExchangeParams,
    GrantRole,
    OpenAccount,
    RevokeRole,
    SetFeeSchedule,
    SetFeeTier,
)
from lockstep_engine.events import (
    AccountOpened,
    FeeScheduleSet,
    FeeTierSet,
    RoleGranted,
    RoleRevoked,
    RulesActivated,
)
from lockstep_kernel import Genesis, Machine, MalformedCommand, UnsupportedError, initial
from tests.support.exchange import (
    ALICE,
    ROOT,
    STAFF,
    START_NS,
    Exchange,
    codes,
    key,
    params,
    staffed_exchange,
)

KEY = key("somebody")


# Fees


@pytest.mark.rule("ADM-5")
def test_tier_0_exists_from_the_start(bare: Exchange) -> None:
    trading = (200_000, 500_000, 200_000, 500_000, 125_000_000, 0)
    others = (150_000, 125_000_000, 10_000_000, 300_000)
    assert [(11, 0, *trading, *others)] == bare.records()


@pytest.mark.rule("ADM-5")
@pytest.mark.parametrize("tier", [0, 1, 1000])
def test_a_fee_schedule_is_set_and_replaced(market: Exchange, tier: int) -> None:
    for rates in ((1, 2, 3, 4, 5, 6, 7, 8, 9, 10), (-6, -5, -4, -3, 2, 1, 0, 9, 8, 7)):
        events = market.send(SetFeeSchedule(tier, *rates))
        assert [FeeScheduleSet(tier, *rates)] == events
        assert rates == market.record(11, tier)


@pytest.mark.rule("ADM-5")
@pytest.mark.parametrize(
    ("position", "low", "high"),
    [
        (0, 0, 1000),
        (1, -(10**8), 10**8),
        (2, -(10**8), 10**8),
        (3, -(10**8), 10**8),
        (4, -(10**8), 10**8),
        (5, 0, 10**9),
        (6, 0, 10**4),
        (7, 0, 10**8),
        (8, 0, 10**9),
        (9, 0, 10**8),
        (10, 0, 10**8),
    ],
)
def test_the_bounds_of_a_fee_schedule(market: Exchange, position: int, low: int, high: int) -> None:
    for value, is_good in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        fields = [7, *(1,) * 10]
        fields[position] = value
        found = codes(market.send(SetFeeSchedule(*fields)))
        assert ([] if is_good else [Code.BAD_PARAMETER]) == found


@pytest.mark.rule("ADM-6")
def test_an_account_is_put_into_a_tier(market: Exchange) -> None:
    market.send(SetFeeSchedule(3, 1, 1, 1, 1, 1, 1))
    assert [FeeTierSet(ALICE, 3)] == market.send(SetFeeTier(ALICE, 3))
    fields = market.record(1, ALICE)
    assert fields is not None
    assert 3 == fields[2]
    assert [FeeTierSet(ALICE, 0)] == market.send(SetFeeTier(ALICE, 0))


@pytest.mark.rule("ADM-6")
def test_the_checks_of_a_fee_tier_stand_in_order(market: Exchange) -> None:
    assert Code.UNKNOWN_ACCOUNT == market.refusal(SetFeeTier(99, 99))
    for tier in (1, -1, 1001, 2**61):
        assert Code.UNKNOWN_FEE_TIER == market.refusal(SetFeeTier(ALICE, tier))


# Roles


@pytest.mark.rule("ADM-8")
def test_roles_add_up_and_are_taken_one_by_one(bare: Exchange) -> None:
    assert [RoleGranted(KEY, 1)] == bare.send(GrantRole(KEY, Role.ADMIN))
    assert [RoleGranted(KEY, 13)] == bare.send(GrantRole(KEY, Role.TREASURY | Role.RISK))
    assert [RoleGranted(KEY, 13)] == bare.send(GrantRole(KEY, Role.RISK))
    assert (13,) == bare.record(3, KEY)
    assert [RoleRevoked(KEY, 8)] == bare.send(RevokeRole(KEY, Role.ADMIN | Role.TREASURY))
    assert (8,) == bare.record(3, KEY)
    assert [RoleRevoked(KEY, 8)] == bare.send(RevokeRole(KEY, Role.ORACLE))
    assert [RoleRevoked(KEY, 0)] == bare.send(RevokeRole(KEY, 15))
    assert None is bare.record(3, KEY)
    assert [RoleRevoked(KEY, 0)] == bare.send(RevokeRole(KEY, 15))


@pytest.mark.rule("ADM-8")
@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_given_and_taken_alone(bare: Exchange, role: Role) -> None:
    assert [RoleGranted(KEY, role)] == bare.send(GrantRole(KEY, role))
    bare.do(GrantRole(KEY, 15))
    assert [RoleRevoked(KEY, 15 - role)] == bare.send(RevokeRole(KEY, role))


@pytest.mark.rule("ADM-8")
@pytest.mark.parametrize("roles", [0, -1, 16, 17, 31, 2**61, -(2**61)])
def test_roles_that_do_not_exist(bare: Exchange, roles: int) -> None:
    assert Code.UNKNOWN_ROLE == bare.refusal(GrantRole(KEY, roles))
    assert Code.UNKNOWN_ROLE == bare.refusal(RevokeRole(KEY, roles))


# Rules


@pytest.mark.rule("ADM-9", "GEN-1")
@pytest.mark.parametrize("version", [1, 0, -1, -(2**61)])
def test_rules_that_are_not_newer_are_refused(staffed: Exchange, version: int) -> None:
    assert Code.RULES_NOT_NEWER == staffed.refusal(ActivateRules(version))
    assert 1 == staffed.state.core.rules_version()


@pytest.mark.rule("GEN-1")
@pytest.mark.parametrize("version", [2, 2**61])
def test_rules_that_this_release_does_not_have_get_no_sequence_number(
    staffed: Exchange, version: int
) -> None:
    seq, hash_ = staffed.state.seq, staffed.state.hash
    with pytest.raises(UnsupportedError, match=f"rules version 1 to 1 .* found {version}"):
        staffed.send(ActivateRules(version))
    assert (seq, hash_) == (staffed.state.seq, staffed.state.hash)


class NextRelease:
    """The machine as a release with rules version 2 would be, with the rules of version 1."""

    rules_versions = range(1, 3)

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)


@pytest.mark.rule("ADM-9")
def test_newer_rules_are_in_force_from_the_next_command_on(machine: Machine) -> None:
    exchange = staffed_exchange(NextRelease(machine))
    assert [RulesActivated(2)] == exchange.send(ActivateRules(2))
    assert 2 == exchange.state.core.rules_version()
    for version in (2, 1):
        assert Code.RULES_NOT_NEWER == exchange.refusal(ActivateRules(version))
    assert 2 == exchange.fork().state.core.rules_version()


# Accounts


@pytest.mark.rule("ADM-11")
def test_an_account_opens_without_cash_in_tier_0(staffed: Exchange) -> None:
    events = staffed.send(OpenAccount(5, KEY, 9))
    assert [AccountOpened(5, KEY, 9)] == events
    assert (KEY, 9, 0, 0, 0, 0) == staffed.record(1, 5)


@pytest.mark.rule("ADM-11")
@pytest.mark.parametrize(
    ("account", "group", "is_good"),
    [
        (1, 0, True),
        (2**31 - 1, 2**31 - 1, True),
        (0, 0, False),
        (-1, 0, False),
        (2**31, 0, False),
        (1, -1, False),
        (1, 2**31, False),
    ],
)
def test_the_bounds_of_an_account(
    staffed: Exchange, account: int, group: int, is_good: bool
) -> None:
    found = codes(staffed.send(OpenAccount(account, KEY, group)))
    assert ([] if is_good else [Code.BAD_PARAMETER]) == found


@pytest.mark.rule("ADM-11")
def test_an_account_opens_once(staffed: Exchange) -> None:
    staffed.send(OpenAccount(5, KEY))
    assert Code.ALREADY_EXISTS == staffed.refusal(OpenAccount(5, STAFF))
    assert Code.BAD_PARAMETER == staffed.refusal(OpenAccount(5, STAFF, -1))


# Genesis


def start(machine: Machine, encoded: bytes) -> None:
    initial(machine, Genesis("exchange", 1, 1, encoded))


@pytest.mark.rule("GEN-1")
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("start_ns", 0, 2**62 - 1),
        ("max_step_ns", 1, 2**60),
        ("max_total_deposits_e6", 1, 2**60),
        ("nonce_past_ms", 0, 10**12),
        ("nonce_future_ms", 0, 10**12),
        ("nonce_capacity", 1, 1_000),
        ("request_capacity", 1, 10_000),
        ("max_mark_age_ns", 0, 2**60),
    ],
)
def test_the_bounds_of_the_genesis_parameters(
    machine: Machine, name: str, low: int, high: int
) -> None:
    for good in (low, high):
        start(machine, msgspec.msgpack.encode(params(**{name: good})))
    for bad in (low - 1, high + 1):
        with pytest.raises(MalformedCommand):
            start(machine, msgspec.msgpack.encode(params(**{name: bad})))


@pytest.mark.rule("GEN-1")
def test_the_default_parameters(machine: Machine) -> None:
    expected = [1, ROOT, START_NS, 3_600 * 10**9, 2**60, 172_800_000, 86_400_000, 100, 100, 0]
    encoded = msgspec.msgpack.encode(ExchangeParams(ROOT, START_NS))
    assert expected == msgspec.msgpack.decode(encoded)
    start(machine, encoded)


BAD_PARAMS: list[Any] = [
    b"",
    b"\xc0",
    msgspec.msgpack.encode([2, ROOT, START_NS, 1, 1, 1, 1, 1, 1, 1]),
    msgspec.msgpack.encode([1, ROOT[:31], START_NS, 1, 1, 1, 1, 1, 1, 1]),
    msgspec.msgpack.encode([1, ROOT, True, 1, 1, 1, 1, 1, 1, 1]),
    msgspec.msgpack.encode([1, ROOT, 1.0, 1, 1, 1, 1, 1, 1, 1]),
    msgspec.msgpack.encode([1, ROOT, START_NS]),
    msgspec.msgpack.encode([1, ROOT, START_NS, 1, 1, 1, 1, 1, 1]),
    msgspec.msgpack.encode([1, ROOT, START_NS, 1, 1, 1, 1, 1, 1, 1, 1]),
    msgspec.msgpack.encode(ExchangeParams(ROOT, START_NS)) + b"\x00",
]


@pytest.mark.rule("GEN-1")
@pytest.mark.parametrize("encoded", BAD_PARAMS, ids=range(len(BAD_PARAMS)))
def test_bytes_that_are_no_canonical_parameters(machine: Machine, encoded: bytes) -> None:
    with pytest.raises(MalformedCommand):
        start(machine, encoded)


@pytest.mark.rule("GEN-1")
@pytest.mark.parametrize("version", [0, 2])
def test_a_genesis_with_other_rules_is_refused(machine: Machine, version: int) -> None:
    encoded = msgspec.msgpack.encode(params())
    with pytest.raises(UnsupportedError):
        initial(machine, Genesis("exchange", version, 1, encoded))

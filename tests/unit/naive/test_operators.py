"""Operator actions: checks in their order, one event each."""

import msgspec
import pytest

from lockstep_engine.codes import Code, InstrumentKind
from lockstep_engine.commands import (
    ActivateRules,
    AdvanceTime,
    CreateInstrument,
    CreateUnderlying,
    MarginRates,
    OpenAccount,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginModel,
    SetTradingLimits,
    TradingLimits,
    UpdateMarkPrice,
)
from lockstep_engine.events import (
    AccountOpened,
    FeeScheduleSet,
    FeeTierSet,
    InstrumentCreated,
    InstrumentStatusChanged,
    MarginModelSet,
    TimeAdvanced,
    TradingLimitsSet,
    UnderlyingCreated,
)
from lockstep_kernel import UnsupportedError
from lockstep_naive import MACHINE
from tests.unit.naive.world import (
    FUTURE,
    FUTURE_EXPIRY_NS,
    PERP,
    START_NS,
    USD,
    World,
    code_of,
    key,
)

LIMITS = TradingLimits()


def create(number: int, symbol: str, *multipliers: int, **limits: int) -> CreateInstrument:
    tick_e6, lot_e8, size_e8 = multipliers or (USD, 10**8, 10**8)
    return CreateInstrument(number, symbol, tick_e6, lot_e8, size_e8, TradingLimits(**limits))


@pytest.mark.rule("ADM-1")
def test_an_underlying_is_created_with_its_default_margin_rates_and_no_index() -> None:
    world = World()
    created = world.operate(CreateUnderlying("XRP", 10**6))
    assert UnderlyingCreated("XRP", 10**6, 28_800, 30) == created
    futures = (20_000_000, 500_000_000, 0, 100_000_000)
    options = (150_000_000, 100_000_000, 75_000_000, 75_000_000)
    assert ("XRP", 10**6, 28_800, 30, 0, *futures, *options, 500) == tuple(
        world.core.underlyings.must("XRP")
    )
    most = CreateUnderlying("XMR", 2**50, 86_399, 10**6)
    assert UnderlyingCreated("XMR", 2**50, 86_399, 10**6) == world.operate(most)


@pytest.mark.rule("ADM-1")
@pytest.mark.parametrize(
    ("action", "code"),
    [
        (CreateUnderlying("BTC", 0), Code.ALREADY_EXISTS),
        (CreateUnderlying("xrp", 0), Code.BAD_SYMBOL),
        (CreateUnderlying("XRP", 0), Code.BAD_PARAMETER),
        (CreateUnderlying("XRP", 2**50 + 1), Code.BAD_PARAMETER),
        (CreateUnderlying("XRP", 1, -1), Code.BAD_PARAMETER),
        (CreateUnderlying("XRP", 1, 86_400), Code.BAD_PARAMETER),
        (CreateUnderlying("XRP", 1, 0, -1), Code.BAD_PARAMETER),
        (CreateUnderlying("XRP", 1, 0, 10**6 + 1), Code.BAD_PARAMETER),
    ],
)
def test_an_underlying_is_refused(action: CreateUnderlying, code: Code) -> None:
    assert code == code_of(World().operate(action))


@pytest.mark.rule("ADM-2", "INS-1", "INS-2")
def test_an_instrument_is_created_under_its_canonical_symbol() -> None:
    world = World()
    limits = TradingLimits(max_price_ticks=7)
    event = world.operate(CreateInstrument(9, "BTC-5MAR31-200-P", USD, 10**8, 10**8, limits, True))
    expiry_ns = (22_343 * 86_400 + 28_800) * 10**9
    assert (
        InstrumentCreated(
            9,
            "BTC-20310305-200-P",
            "BTC",
            InstrumentKind.PUT,
            expiry_ns,
            200 * USD,
            USD,
            10**8,
            10**8,
            limits,
            True,
        )
        == event
    )
    record = world.core.instruments.must(9)
    assert (9, "BTC-20310305-200-P", USD, 10**8, 10**8, True, 1, 1, 7) == tuple(record)[:9]
    assert world.core.marks.get(9) is None


@pytest.mark.rule("ADM-2", "NUM-1")
@pytest.mark.parametrize(
    ("action", "code"),
    [
        (create(0, "?"), Code.BAD_PARAMETER),
        (create(2**31, "?"), Code.BAD_PARAMETER),
        (create(PERP, "?"), Code.ALREADY_EXISTS),
        (create(9, "?"), Code.BAD_SYMBOL),
        (create(9, "XRP-PERP"), Code.UNKNOWN_UNDERLYING),
        (create(9, "BTC-PERPETUAL"), Code.ALREADY_EXISTS),
        (create(9, "BTC-25DEC30-100-C"), Code.ALREADY_EXISTS),
        (create(9, "BTC-20010909", 0, 1, 1), Code.INSTRUMENT_EXPIRED),
        (create(9, "BTC-20010908"), Code.INSTRUMENT_EXPIRED),
        (create(9, "BTC-20010910", 0, 1, 1), Code.BAD_PARAMETER),
        (create(9, "BTC-20010910", 1, 10**15 + 1, 1), Code.BAD_PARAMETER),
        (create(9, "BTC-20010910", 1, 1, -1), Code.BAD_PARAMETER),
        (create(9, "BTC-20010910", 1, 1, 10**15), Code.VALUE_NOT_WHOLE),
        (create(9, "BTC-20010910", 15, 10**8, 10**7), Code.VALUE_NOT_WHOLE),
        (create(9, "BTC-20010910", price_step_ticks=0), Code.BAD_PARAMETER),
    ],
)
def test_an_instrument_is_refused(action: CreateInstrument, code: Code) -> None:
    # The world starts on 2001-09-09 at 01:46:40.
    world = World()
    world.jump(START_NS + 7 * 3_600 * 10**9)
    assert code == code_of(world.operate(action))


@pytest.mark.rule("INS-3")
@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("price_step_ticks", (0, 100_001), (1, 100_000)),
        ("qty_step_lots", (0,), (1,)),
        ("min_order_lots", (0, 10_001), (1, 10_000)),
        ("max_order_lots", (0, 100_001), (1, 100_000)),
        ("min_notional_e6", (-1, 2**56 + 1), (0, 2**56)),
        ("max_open_orders", (0, 10**6 + 1), (1, 10**6)),
        ("price_band_bps", (-1, 10**6 + 1), (0, 10**6)),
        # 100,000 ticks x position x 10^6 <= 2^56 and 2 x 10^11 x position <= 2^56
        ("max_position_lots", (9_999, 360_288), (10_000, 360_287)),
        # price x 100,000 x 10^6 <= 2^56
        ("max_price_ticks", (0, 720_576), (1, 720_575)),
    ],
)
def test_limits_are_good_up_to_their_bounds(name: str, bad, good) -> None:
    world = World()
    base = {"max_price_ticks": 100_000}
    for value in good:
        action = SetTradingLimits(PERP, TradingLimits(**base | {name: value}))
        assert TradingLimitsSet(PERP, action.limits) == world.operate(action)
    for value in bad:
        action = SetTradingLimits(PERP, TradingLimits(**base | {name: value}))
        assert Code.BAD_PARAMETER == code_of(world.operate(action))


@pytest.mark.rule("INS-3", "NUM-4")
def test_an_options_strike_limits_its_position() -> None:
    world = World()
    # 10^9 dollars x 10^6 x 100 lots = 10^17 is above 2^56; 72 lots are not.
    limits = {"max_price_ticks": 10, "max_order_lots": 1}
    big = create(9, "BTC-20301225-1000000000-C", max_position_lots=73, **limits)
    assert Code.BAD_PARAMETER == code_of(world.operate(big))
    good = create(9, "BTC-20301225-1000000000-C", max_position_lots=72, **limits)
    assert isinstance(world.operate(good), InstrumentCreated)


@pytest.mark.rule("ADM-3")
def test_a_status_is_set_also_to_what_it_is() -> None:
    world = World()
    assert Code.UNKNOWN_INSTRUMENT == code_of(world.operate(SetInstrumentStatus(9, 9)))
    for status in (0, 4, -1):
        assert Code.BAD_PARAMETER == code_of(world.operate(SetInstrumentStatus(PERP, status)))
    for status in (1, 2, 3):
        event = world.operate(SetInstrumentStatus(PERP, status))
        assert InstrumentStatusChanged(PERP, status) == event
        assert status == world.core.instruments.must(PERP).status


@pytest.mark.rule("ADM-2", "ADM-3", "ADM-4", "MRK-1")
def test_an_expired_instrument_takes_no_change() -> None:
    world = World()
    world.jump(FUTURE_EXPIRY_NS)
    for action in (
        SetInstrumentStatus(FUTURE, 1),
        SetTradingLimits(FUTURE, TradingLimits(price_step_ticks=0)),
        UpdateMarkPrice(FUTURE, 0),
        create(9, "BTC-20301225-777-C"),
    ):
        assert Code.INSTRUMENT_EXPIRED == code_of(world.operate(action))


@pytest.mark.rule("ADM-4")
def test_limits_need_an_instrument() -> None:
    assert Code.UNKNOWN_INSTRUMENT == code_of(World().operate(SetTradingLimits(9, LIMITS)))


@pytest.mark.rule("ADM-5")
def test_tier_0_is_there_from_the_start_and_every_rate_has_bounds() -> None:
    world = World()
    default = (0, 200_000, 500_000, 200_000, 500_000, 125_000_000, 0)
    default = (*default, 150_000, 125_000_000, 10_000_000, 300_000)
    assert default == tuple(world.core.fee_schedules.must(0))
    good = (1000, -(10**8), 10**8, -(10**8), 10**8, 10**9, 10**4, 10**8, 10**9, 10**8, 10**8)
    assert FeeScheduleSet(*good) == world.operate(SetFeeSchedule(*good))
    others = (10**8 + 1, 10**9 + 1, 10**8 + 1, 10**8 + 1)
    for field, value in enumerate((1001, *[10**8 + 1] * 4, 10**9 + 1, 10**4 + 1, *others)):
        too_high = [*good[:field], value, *good[field + 1 :]]
        assert Code.BAD_PARAMETER == code_of(world.operate(SetFeeSchedule(*too_high)))
    for field, value in enumerate((-1, *[-(10**8) - 1] * 4, *[-1] * 6)):
        too_low = [*good[:field], value, *good[field + 1 :]]
        assert Code.BAD_PARAMETER == code_of(world.operate(SetFeeSchedule(*too_low)))


@pytest.mark.rule("ADM-6")
def test_an_account_changes_to_a_tier_that_was_set() -> None:
    world = World()
    assert Code.UNKNOWN_ACCOUNT == code_of(world.operate(SetFeeTier(9, 9)))
    assert Code.UNKNOWN_FEE_TIER == code_of(world.operate(SetFeeTier(1, 9)))
    world.operate(SetFeeSchedule(9, 0, 0, 0, 0, 0, 0))
    assert FeeTierSet(1, 9) == world.operate(SetFeeTier(1, 9))


@pytest.mark.rule("ADM-7")
@pytest.mark.parametrize("name", MarginRates.__struct_fields__)
def test_margin_rates_have_bounds(name: str) -> None:
    world = World()
    bounds = {"addon_bps": (0, 10**4), "addon_size_e8": (1, 10**18), "penalty_bps": (0, 10**4)}
    low, high = bounds.get(name, (0, 10**9))
    for value in (low - 1, high + 1):
        rates = MarginRates(**{name: value})
        assert Code.BAD_MARGIN_MODEL == code_of(world.operate(SetMarginModel("BTC", rates)))
    for value in (low, high):
        rates = MarginRates(**{name: value})
        assert MarginModelSet("BTC", rates) == world.operate(SetMarginModel("BTC", rates))
        assert value == getattr(world.core.underlyings.must("BTC"), name)
        assert msgspec.structs.astuple(rates) == tuple(world.core.underlyings.must("BTC"))[5:]


@pytest.mark.rule("ADM-7")
def test_margin_rates_need_an_underlying() -> None:
    action = SetMarginModel("XRP", MarginRates(-1))
    assert Code.UNKNOWN_UNDERLYING == code_of(World().operate(action))


@pytest.mark.rule("ADM-9")
def test_rules_activate_upwards_only_and_only_where_a_release_has_them() -> None:
    world = World()
    for version in (1, 0, -5, -(2**61)):
        assert Code.RULES_NOT_NEWER == code_of(world.operate(ActivateRules(version)))
    with pytest.raises(UnsupportedError):
        world.operate(ActivateRules(2))
    assert 0 == MACHINE.rules_required(world.command(ActivateRules(-1)))
    assert 0 == MACHINE.rules_required(world.command(AdvanceTime()))
    assert 7 == MACHINE.rules_required(world.command(ActivateRules(7)))


@pytest.mark.rule("ADM-10")
def test_advance_time_says_the_time() -> None:
    world = World()
    assert TimeAdvanced(world.now_ns + 5) == world.operate(AdvanceTime(), at_ns=world.now_ns + 5)


@pytest.mark.rule("ADM-11")
def test_an_account_is_opened_once() -> None:
    world = World()
    for bad in (0, -1, 2**31):
        assert Code.BAD_PARAMETER == code_of(world.operate(OpenAccount(bad, key(9))))
        group = bad or 2**31
        assert Code.BAD_PARAMETER == code_of(world.operate(OpenAccount(9, key(9), group)))
    assert Code.ALREADY_EXISTS == code_of(world.operate(OpenAccount(1, key(9))))
    event = world.operate(OpenAccount(2**31 - 1, key(1), 2**31 - 1))
    assert AccountOpened(2**31 - 1, key(1), 2**31 - 1) == event
    assert (2**31 - 1, key(1), 2**31 - 1, 0, 0, 0, 0) == tuple(world.core.accounts.must(2**31 - 1))


@pytest.mark.rule("ADM-4")
def test_a_mark_above_a_new_maximum_price_stays() -> None:
    world = World()
    order_id = world.rest(1, 0, 100, 1)
    world.operate(SetTradingLimits(PERP, TradingLimits(max_price_ticks=50)))
    assert 100 * USD == world.core.marks.must(PERP).price_e6
    assert world.order(order_id) is not None

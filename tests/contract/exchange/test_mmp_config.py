"""Setting, deleting and resetting a market-maker protection, and its freeze: [MMP-1], [MMP-3]."""

import pytest

from lockstep_engine.codes import CancelReason, Code, MmpOption, OrderFlag, TimeInForce
from lockstep_engine.commands import (
    AdvanceTime,
    AmendOrder,
    DeleteMmpConfig,
    Deposit,
    PlaceOrder,
    ReplaceOrder,
    ResetMmp,
    SetMmpConfig,
    SetTradingLimits,
    TradingLimits,
)
from lockstep_engine.events import (
    BookChanged,
    MmpConfigDeleted,
    MmpConfigSet,
    MmpReset,
    MmpThawed,
    MmpTriggered,
    OrderCancelled,
    OrderRejected,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    DAY_NS,
    ETH_PERP,
    FUTURE,
    LOT_E8,
    NEVER,
    PERP,
    START_NS,
    Exchange,
    codes,
    names,
    of,
)

MMP, GTD = OrderFlag.MMP, TimeInForce.GTD
MAKER_ONLY, EXCEEDING = MmpOption.MAKER_ONLY, MmpOption.EXCEEDING
MS_NS = 10**6
DAY_MS = 86_400_000
UNTIL = START_NS + 5_000 * MS_NS
"""When a freeze of 5,000 ms ends that began at once."""

ORDER = PlaceOrder(PERP, 0, 90, 1, flags=MMP)


@pytest.fixture
def guarded(market: Exchange) -> Exchange:
    """Alice's protection allows 8 lots in a second and freezes for 5."""
    market.protect(ALICE, qty_limit_e8=8 * LOT_E8)
    return market


def fill(market: Exchange, lots: int, instrument: int = PERP, account: int = ALICE) -> None:
    """Let a maker buy under MMP from Carol."""
    market.bid(account, 100, lots, instrument, flags=MMP)
    market.do(PlaceOrder(instrument, 1, 100, lots), CAROL)


def frozen_until(market: Exchange, underlying: str = "BTC", account: int = ALICE) -> int:
    """Return the field of the record: 0 not frozen, -1 until reset."""
    fields = market.record(15, (account, underlying))
    assert fields is not None
    until: int = fields[6]
    return until


def window(market: Exchange) -> list[tuple[int, int]]:
    """Return (number, lots) of all fills in windows."""
    return [(record[1][2], record[4]) for record in market.records() if record[0] == 16]


# Setting


@pytest.mark.rule("MMP-1")
def test_a_protection_is_set(market: Exchange) -> None:
    events = market.send(SetMmpConfig("BTC", 1_000, 500, 7, 8, 9, EXCEEDING), BOB)
    assert [MmpConfigSet(BOB, "BTC", 1_000, 500, 7, 8, 9, EXCEEDING)] == events
    assert (1_000, 500, 7, 8, 9, EXCEEDING, 0, 1) == market.record(15, (BOB, "BTC"))
    assert market.record(15, (BOB, "ETH")) is None


@pytest.mark.rule("MMP-1")
@pytest.mark.parametrize(
    "fields",
    [
        {"interval_ms": 0},
        {"interval_ms": -1},
        {"interval_ms": DAY_MS + 1},
        {"frozen_ms": -1},
        {"frozen_ms": DAY_MS + 1},
        {"qty_limit_e8": -1},
        {"delta_limit_e8": -1},
        {"vega_limit_e6": -1},
        {"qty_limit_e8": 0},
        {"options": -1},
        {"options": 8},
    ],
    ids=repr,
)
def test_a_protection_stands_within_its_bounds(market: Exchange, fields: dict[str, int]) -> None:
    good = {"interval_ms": 1_000, "frozen_ms": 500, "qty_limit_e8": 1}
    action = SetMmpConfig("BTC", **(good | fields))
    assert Code.BAD_MMP_CONFIG == market.refusal(action, BOB)
    unknown = SetMmpConfig("SOL", **(good | fields))
    assert Code.UNKNOWN_UNDERLYING == market.refusal(unknown, BOB)


@pytest.mark.rule("MMP-1")
@pytest.mark.parametrize(
    "fields",
    [
        {"interval_ms": 1, "frozen_ms": 0, "qty_limit_e8": 1},
        {"interval_ms": DAY_MS, "frozen_ms": DAY_MS, "delta_limit_e8": 1},
        {"interval_ms": 1, "frozen_ms": 1, "vega_limit_e6": 1},
        {"interval_ms": 1, "frozen_ms": 1, "vega_limit_e6": NEVER, "options": 3},
    ],
    ids=repr,
)
def test_a_protection_at_its_bounds_is_good(market: Exchange, fields: dict[str, int]) -> None:
    assert [] == codes(market.send(SetMmpConfig("BTC", **fields), BOB))


@pytest.mark.rule("MMP-1", "ORD-5")
def test_an_order_needs_the_protection_of_its_own_account_and_underlying(market: Exchange) -> None:
    assert Code.MMP_NOT_CONFIGURED == market.refusal(ORDER, BOB)
    market.protect(BOB, "ETH")
    assert Code.MMP_NOT_CONFIGURED == market.refusal(ORDER, BOB)
    market.protect(BOB)
    assert [] == codes(market.send(ORDER, BOB))
    assert [] == codes(market.send(PlaceOrder(CALL, 0, 5, 1, flags=MMP), BOB))


@pytest.mark.rule("ORD-5")
def test_an_order_without_the_flag_needs_none(market: Exchange) -> None:
    assert [] == codes(market.buy(BOB, 90, 1))


@pytest.mark.rule("ORD-5")
def test_a_missing_protection_is_told_before_the_limits_of_the_account(market: Exchange) -> None:
    market.do(SetTradingLimits(PERP, TradingLimits(max_price_ticks=10_000, max_open_orders=1)))
    market.bid(BOB, 90, 1)
    assert Code.MMP_NOT_CONFIGURED == market.refusal(ORDER, BOB)
    market.protect(BOB)
    assert Code.OPEN_ORDERS_LIMIT == market.refusal(ORDER, BOB)


@pytest.mark.rule("MMP-1")
def test_a_new_protection_empties_the_window_and_goes_on_counting(guarded: Exchange) -> None:
    fill(guarded, 5)
    assert [(1, 5)] == window(guarded)
    guarded.protect(ALICE, qty_limit_e8=8 * LOT_E8)
    assert [] == window(guarded)
    fill(guarded, 5)
    assert [(2, 5)] == window(guarded)


@pytest.mark.rule("MMP-1")
def test_a_new_protection_cancels_nothing(guarded: Exchange) -> None:
    guarded.bid(ALICE, 90, 1, flags=MMP)
    assert ["MmpConfigSet"] == names(guarded.protect(ALICE))
    assert [1] == [row.order_id for row in guarded.orders()]


@pytest.mark.rule("MMP-1", "MMP-3")
@pytest.mark.parametrize(("frozen_ms", "until"), [(5_000, UNTIL), (0, -1)])
def test_a_new_protection_keeps_a_freeze(market: Exchange, frozen_ms: int, until: int) -> None:
    market.protect(ALICE, frozen_ms=frozen_ms, qty_limit_e8=1)
    fill(market, 1)
    market.do(SetMmpConfig("BTC", 1, 7_777, 9), ALICE, at=START_NS + 1)
    assert (1, 7_777, 9, 0, 0, 0, until, 2) == market.record(15, (ALICE, "BTC"))
    assert Code.MMP_FROZEN == market.refusal(ORDER, ALICE)
    events = market.send(AdvanceTime(), at=UNTIL)
    assert (["MmpThawed"] if frozen_ms else []) == names(events)[:-1]


# The freeze


@pytest.mark.rule("MMP-2", "MMP-3")
def test_a_trigger_freezes_until_its_time_exclusive(guarded: Exchange) -> None:
    guarded.bid(ALICE, 100, 8, flags=MMP)
    events = guarded.sell(CAROL, 100, 8)
    assert MmpTriggered(ALICE, "BTC", 1, UNTIL) in events
    assert UNTIL == frozen_until(guarded)
    assert Code.MMP_FROZEN == guarded.refusal(ORDER, ALICE, at=UNTIL - 1)
    events = guarded.send(ORDER, ALICE, at=UNTIL)
    assert ["MmpThawed", "OrderAccepted", "BookChanged"] == names(events)
    assert 0 == frozen_until(guarded)


@pytest.mark.rule("MMP-3", "TIM-2")
def test_a_thaw_comes_with_whatever_command_is_next(guarded: Exchange) -> None:
    fill(guarded, 8)
    events = guarded.send(Deposit(CAROL, 0), at=UNTIL + 3)
    assert MmpThawed(ALICE, "BTC") == events[0]
    assert [Code.AMOUNT_NOT_POSITIVE] == codes(events)
    assert [] == of(guarded.send(AdvanceTime(), at=UNTIL + 4), MmpThawed)


@pytest.mark.rule("MMP-3")
def test_a_freeze_of_0_lasts_until_the_reset(market: Exchange) -> None:
    market.protect(ALICE, frozen_ms=0, qty_limit_e8=LOT_E8)
    market.bid(ALICE, 100, 1, flags=MMP)
    assert MmpTriggered(ALICE, "BTC", 1, -1) in market.sell(CAROL, 100, 1)
    events = market.send(AdvanceTime(), at=START_NS + 200 * DAY_NS)
    assert ["TimeAdvanced"] == names(events)
    assert -1 == frozen_until(market)
    assert Code.MMP_FROZEN == market.refusal(ORDER, ALICE)
    assert [MmpReset(ALICE, "BTC")] == market.send(ResetMmp("BTC"), ALICE)
    assert [] == codes(market.send(ORDER, ALICE))


@pytest.mark.rule("MMP-2")
def test_a_freeze_is_of_one_account_and_one_underlying(guarded: Exchange) -> None:
    guarded.protect(BOB, qty_limit_e8=8 * LOT_E8)
    fill(guarded, 8)
    assert Code.MMP_FROZEN == guarded.refusal(PlaceOrder(FUTURE, 0, 90, 1, flags=MMP), ALICE)
    assert [] == codes(guarded.buy(ALICE, 90, 1, ETH_PERP, flags=MMP))
    assert [] == codes(guarded.buy(ALICE, 90, 1, PERP))
    assert [] == codes(guarded.send(ORDER, BOB))


@pytest.mark.rule("TIM-2", "MMP-3")
def test_thaws_of_one_instant_stand_by_account_and_underlying(market: Exchange) -> None:
    for account, underlying in ((BOB, "BTC"), (ALICE, "ETH"), (ALICE, "BTC")):
        market.protect(account, underlying, qty_limit_e8=1)
    fill(market, 1, PERP, BOB)
    fill(market, 1, ETH_PERP)
    fill(market, 1, PERP)
    expected = [MmpThawed(ALICE, "BTC"), MmpThawed(ALICE, "ETH"), MmpThawed(BOB, "BTC")]
    assert expected == market.send(AdvanceTime(), at=UNTIL)[:-1]


@pytest.mark.rule("TIM-2", "MMP-3")
def test_orders_and_instruments_expire_before_a_thaw_of_the_same_instant(
    market: Exchange,
) -> None:
    at = START_NS + 28_800 * 10**9
    market.create(20, "BTC-20260101")
    market.protect(ALICE, frozen_ms=28_800_000, qty_limit_e8=1)
    market.bid(BOB, 50, 1, tif=GTD, expires_ns=at)
    fill(market, 1)
    events = market.send(AdvanceTime(), at=at)
    expired = ["SettlementPriceSet", "InstrumentExpired"]
    expected = ["OrderCancelled", *expired, "MmpThawed", "TimeAdvanced", "BookChanged"]
    assert expected == names(events)


# Resetting


@pytest.mark.rule("MMP-3")
def test_a_reset_empties_the_window_and_goes_on_counting(guarded: Exchange) -> None:
    fill(guarded, 5)
    assert [MmpReset(ALICE, "BTC")] == guarded.send(ResetMmp("BTC"), ALICE)
    assert [] == window(guarded)
    fill(guarded, 5)
    assert [(2, 5)] == window(guarded)
    assert [] == codes(guarded.send(ORDER, ALICE))


@pytest.mark.rule("MMP-3")
def test_a_reset_ends_a_freeze_for_good(guarded: Exchange) -> None:
    """The thaw of the freeze that was reset must not end the next one."""
    fill(guarded, 8)
    guarded.do(ResetMmp("BTC"), ALICE, at=START_NS + 1_000 * MS_NS)
    assert 0 == frozen_until(guarded)
    fill(guarded, 8)
    later = START_NS + 6_000 * MS_NS
    assert later == frozen_until(guarded)
    assert ["TimeAdvanced"] == names(guarded.send(AdvanceTime(), at=UNTIL))
    assert Code.MMP_FROZEN == guarded.refusal(ORDER, ALICE, at=later - 1)
    assert ["MmpThawed", "TimeAdvanced"] == names(guarded.send(AdvanceTime(), at=later))


@pytest.mark.rule("MMP-3")
@pytest.mark.parametrize("underlying", ["BTC", "ETH", "SOL", ""])
def test_what_is_not_configured_is_neither_reset_nor_deleted(
    market: Exchange, underlying: str
) -> None:
    for action in (ResetMmp(underlying), DeleteMmpConfig(underlying)):
        assert Code.MMP_NOT_CONFIGURED == market.refusal(action, BOB)


# Deleting


@pytest.mark.rule("MMP-3")
def test_deleting_cancels_the_mmp_orders_of_the_underlying_by_order_id(market: Exchange) -> None:
    rested = [
        market.bid(ALICE, 90, 1, FUTURE, flags=MMP),
        market.bid(ALICE, 90, 1, PERP),
        market.ask(ALICE, 110, 2, PERP, flags=MMP | OrderFlag.POST_ONLY, client_id=7),
        market.bid(ALICE, 90, 1, ETH_PERP, flags=MMP),
        market.bid(ALICE, 5, 3, CALL, flags=MMP),
    ]
    market.protect(BOB)
    market.bid(BOB, 90, 1, flags=MMP)
    events = market.send(DeleteMmpConfig("BTC"), ALICE)
    reason = CancelReason.MMP
    assert [
        MmpConfigDeleted(ALICE, "BTC"),
        OrderCancelled(rested[0], ALICE, FUTURE, 0, 90, 0, reason, 1),
        OrderCancelled(rested[2], ALICE, PERP, 1, 110, 7, reason, 2),
        OrderCancelled(rested[4], ALICE, CALL, 0, 5, 0, reason, 3),
    ] == events[:4]
    assert {BookChanged} == {type(event) for event in events[4:]}
    assert [rested[1], rested[3]] == [row.order_id for row in market.orders(ALICE)]
    assert market.record(15, (ALICE, "BTC")) is None
    assert Code.MMP_NOT_CONFIGURED == market.refusal(ORDER, ALICE)


@pytest.mark.rule("MMP-3")
def test_deleting_removes_window_and_freeze(guarded: Exchange) -> None:
    """What is set afterwards begins anew, and nothing thaws it."""
    fill(guarded, 5)
    guarded.do(DeleteMmpConfig("BTC"), ALICE)
    assert [] == window(guarded)
    guarded.protect(ALICE, qty_limit_e8=8 * LOT_E8)
    fill(guarded, 7)
    assert [(1, 7)] == window(guarded)
    fill(guarded, 1)
    assert [MmpConfigDeleted(ALICE, "BTC")] == guarded.send(DeleteMmpConfig("BTC"), ALICE)
    guarded.protect(ALICE, qty_limit_e8=8 * LOT_E8)
    assert [] == codes(guarded.send(ORDER, ALICE))
    assert ["TimeAdvanced"] == names(guarded.send(AdvanceTime(), at=UNTIL))


# Orders that ask while it is frozen


@pytest.mark.rule("ORD-5", "BOOK-4", "MMP-3")
def test_no_order_is_replaced_by_an_mmp_order_while_frozen(guarded: Exchange) -> None:
    fill(guarded, 8)
    old = guarded.bid(ALICE, 80, 1)
    assert Code.MMP_FROZEN == guarded.refusal(ReplaceOrder(old, ORDER), ALICE)
    events = guarded.send(ReplaceOrder(old, ORDER, True), ALICE)
    assert [
        OrderRejected(ALICE, 45, PERP, old, 0, Code.MMP_FROZEN),
        OrderCancelled(old, ALICE, PERP, 0, 80, 0, CancelReason.REPLACED, 1),
    ] == events[:2]


@pytest.mark.rule("BOOK-3", "MMP-2")
def test_an_mmp_order_cannot_be_amended_back_to_life(guarded: Exchange) -> None:
    order_id = guarded.bid(ALICE, 90, 5, flags=MMP)
    fill(guarded, 8)
    for action in (AmendOrder(order_id, 90, 4), AmendOrder(order_id, 91, 6)):
        assert Code.UNKNOWN_ORDER == guarded.refusal(action, ALICE)


@pytest.mark.rule("ORD-5", "ORD-6")
def test_an_mmp_order_that_reduces_is_refused_too(guarded: Exchange) -> None:
    fill(guarded, 8)
    order = PlaceOrder(PERP, 1, 110, 1, flags=MMP | OrderFlag.REDUCE_ONLY)
    assert Code.MMP_FROZEN == guarded.refusal(order, ALICE)
    assert Code.MMP_NOT_CONFIGURED == guarded.refusal(order, CAROL)
    assert [] == codes(guarded.sell(ALICE, 110, 1, flags=OrderFlag.REDUCE_ONLY))


@pytest.mark.rule("MMP-1")
def test_maker_only_and_exceeding_add_up(market: Exchange) -> None:
    market.do(SetMmpConfig("BTC", 1_000, 0, 1, options=MAKER_ONLY | EXCEEDING), BOB)
    assert (1_000, 0, 1, 0, 0, 3, 0, 1) == market.record(15, (BOB, "BTC"))

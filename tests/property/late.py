"""The second tour: fundings, blocks, liquidations in every way, expiries and what follows them.

Written for a world of its own: a tick of a lot is 7, a lot at 100 ticks 700, its margin 14 and 7.
"""

from collections.abc import Iterator

import msgspec

from lockstep_engine.commands import (
    Action,
    AdvanceTime,
    BlockLeg,
    CancelAll,
    Command,
    CreateInstrument,
    Deposit,
    ExecuteBlock,
    FundInsurance,
    Liquidate,
    MarginRates,
    OpenAccount,
    PlaceOrder,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetMmpConfig,
    SetPortfolioModel,
    SetSettlementPrice,
    SettleExpiry,
    SetTradingLimits,
    Transfer,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
    Withdraw,
)
from tests.property.models import MODELS
from tests.property.scene import UNKNOWN_ACCOUNT, Item, Scene
from tests.property.world import (
    ADMIN,
    FLAT_POINTS,
    INDEX_E6,
    LIMITS,
    LOT_E8,
    MS,
    ORACLE,
    RISK,
    SECOND,
    START_NS,
    TICK_E6,
    TREASURY,
    World,
    expiry_ns,
    listing,
    owner_key,
)

BUY, SELL, REDUCE, MMP = 0, 1, 4, 8
PERP, CALL, FUTURE, ETH_FUTURE, NEXT_FUTURE, THIRD_FUTURE, ETH_NEXT = 1, 2, 3, 4, 5, 6, 7
FIFTH, SIXTH = 5, 6
FREE, PAYING = 8, 9
FIRST_NS, NEXT_NS, THIRD_NS = (expiry_ns(date) for date in ("20260301", "20260302", "20260303"))
MINUTE_NS = 60 * SECOND

LATE_WORLD = World(
    START_NS,
    ("BTC-PERP", "BTC-20260301-1000-C", "BTC-20260301"),
    (False, False, False),
    (0, 5, 0, 5),
    (10**6, 10**6, 10**6, 300),
    (0, 0, 0, 0),
    has_prices=False,
    min_samples=2,
)

Ask = tuple[int, Action] | int
"""(account, action), account 0 being the operator's staff; or the time to which time advances."""

_BY_ADMIN = (
    *(CreateInstrument, OpenAccount, SetFeeSchedule, SetFeeTier, SetMarginModel),
    *(SetPortfolioModel, SetTradingLimits),
)


def late(scene: Scene) -> Iterator[Item]:
    """Yield the commands after the set-up of `LATE_WORLD`."""
    now = LATE_WORLD.start_ns + SECOND
    closing = (books, group_and_protection, rounds, against_others, fund, bearing, modes)
    for chapter in (listings, blocks, *closing, fundings, first_expiry, debt, later_expiries):
        for ask in chapter():
            if isinstance(ask, int):
                now = ask
                yield now, scene.signed(now, ORACLE, AdvanceTime())
            else:
                now += MS
                yield now, _command(scene, now, *ask)


def _command(scene: Scene, ts_ns: int, account: int, action: Action) -> Command:
    if isinstance(action, ExecuteBlock):
        return scene.signed_by_both(ts_ns, account, action)
    signer = LATE_WORLD.owner(account) if account else _staff(action)
    return scene.signed(ts_ns, signer, action, account)


def _staff(action: Action) -> bytes:
    """Return the key that may ask for an operator action."""
    if isinstance(action, Deposit | FundInsurance):
        return TREASURY
    if isinstance(action, Liquidate | SetInstrumentStatus):
        return RISK
    return ADMIN if isinstance(action, _BY_ADMIN) else ORACLE


def block(counter: int, *legs: tuple[int, int, int], **fields: object) -> ExecuteBlock:
    """Return a block of legs (instrument, price, signed lots of the first party)."""
    rows = tuple(
        BlockLeg(number, BUY if lots > 0 else SELL, price, abs(lots))
        for number, price, lots in legs
    )
    return msgspec.structs.replace(ExecuteBlock(counter, bytes(32), 0, rows), **fields)


def order(side: int, price: int, qty: int, instrument: int = PERP, **fields: object) -> PlaceOrder:
    """Return an order with the fields that matter."""
    return msgspec.structs.replace(PlaceOrder(instrument, side, price, qty), **fields)


def mark(tenths: int, instrument: int = PERP) -> tuple[int, Action]:
    """Return the mark at so many tenths of a tick."""
    return 0, UpdateMarkPrice(instrument, tenths * TICK_E6 // 10)


def listings() -> Iterator[Ask]:
    """More accounts, two of them of keys that have one, and more expiries."""
    yield 0, OpenAccount(FIFTH, owner_key(1))
    yield 0, OpenAccount(SIXTH, owner_key(2))
    for account in (FIFTH, SIXTH):
        yield 0, Deposit(account, 1_000)
    for tier, liquidation_e9 in ((FREE, 0), (PAYING, 10_000_000)):
        yield 0, SetFeeSchedule(tier, *(0,) * 8, liquidation_e9, 0)
    yield 0, listing(ETH_FUTURE, "ETH-20260301", False)
    yield 0, listing(NEXT_FUTURE, "BTC-20260302", False)
    yield 0, listing(THIRD_FUTURE, "BTC-20260303", False)
    yield 0, listing(ETH_NEXT, "ETH-20260302", False)
    yield 0, UpdateIndexPrice("BTC", INDEX_E6)
    wide = msgspec.structs.replace(LIMITS, max_position_lots=200, max_order_lots=20)
    for number in (PERP, FUTURE):
        yield 0, SetTradingLimits(number, wide)
    yield 0, SetTradingLimits(CALL, msgspec.structs.replace(wide, block_band_bps=10**6))
    for number in (PERP, FUTURE, ETH_FUTURE, NEXT_FUTURE, THIRD_FUTURE):
        yield mark(1_000, number)
    yield mark(210, CALL)


def blocks() -> Iterator[Ask]:
    """Blocks of all shapes; what they refuse; orders that they cut."""
    yield 1, block(3)
    yield 1, block(3, (PERP, 100, 1), (PERP, 100, 1))
    yield 1, block(3, (PERP, 100, 1), lineage=b"short")
    yield 1, block(1, (PERP, 100, 1))
    yield 2, block(4, (PERP, 100, 1))
    yield 1, block(UNKNOWN_ACCOUNT, (PERP, 100, 1))
    yield 1, block(3, (PERP, 120, 1))
    yield 1, block(3, (PERP, 100, 201))
    yield 4, block(1, (PERP, 100, 14), (FUTURE, 100, 14))
    yield 1, block(FIFTH, (PERP, 100, 2), (CALL, 21, -1))
    yield 1, order(SELL, 105, 2, flags=REDUCE)
    yield FIFTH, order(BUY, 95, 2, flags=REDUCE)
    yield 3, block(1, (PERP, 100, 1))
    yield FIFTH, block(3, (PERP, 101, 3), (CALL, 21, -1))
    yield FIFTH, block(3, (PERP, 100, -1))
    yield 1, block(3, (PERP, 100, -1))
    yield 0, UpdateFundingRate(CALL, 1)
    yield 0, UpdateFundingRate(PERP, 10**8 + 1)
    yield 0, Liquidate(UNKNOWN_ACCOUNT)
    yield 0, FundInsurance(0)


def opened(account: int, cash_e6: int, group: int = 0, tier: int = FREE) -> Iterator[Ask]:
    """Open an account that is going to be liquidated; in tier FREE it pays no fees."""
    yield 0, OpenAccount(account, LATE_WORLD.owner(account), group)
    yield 0, Deposit(account, cash_e6)
    yield 0, SetFeeTier(account, tier)
    yield mark(1_000)


def books() -> Iterator[Ask]:
    """The books close a position until there is enough, at two prices, with a fee."""
    yield from opened(10, 293, tier=PAYING)
    yield 10, block(1, (PERP, 100, 10))
    yield 10, order(SELL, 130, 1)
    yield mark(985)
    yield 0, Liquidate(10)
    yield mark(965)
    yield 3, order(BUY, 96, 12)
    yield 3, order(BUY, 97, 2)
    yield 0, Liquidate(10)
    yield 3, CancelAll()


def group_and_protection() -> Iterator[Ask]:
    """Makers of its own group end, a protection triggers, others take what is left."""
    yield from opened(11, 293, group=5)
    yield 11, block(1, (PERP, 100, 10))
    yield 3, SetMmpConfig("BTC", 1_000, 0, LOT_E8)
    yield mark(965)
    yield 2, order(BUY, 97, 2)
    yield 3, order(BUY, 97, 1, flags=MMP)
    yield 3, order(BUY, 97, 1, flags=MMP)
    yield 0, Liquidate(11)


def rounds() -> Iterator[Ask]:
    """What another position brings lets the first one go on at a lower price."""
    yield from opened(12, 265)
    yield 12, block(1, (PERP, 100, 10), (FUTURE, 100, 5))
    yield mark(965)
    yield 3, order(BUY, 97, 2)
    yield 3, order(BUY, 95, 8)
    yield 3, order(BUY, 102, 5, FUTURE)
    yield 0, Liquidate(12)
    yield 3, CancelAll()


def against_others() -> Iterator[Ask]:
    """Three accounts are deleveraged, two of them of one rank, and their orders are cut."""
    yield from opened(13, 200)
    for counter in (FIFTH, SIXTH):
        yield 13, block(counter, (PERP, 100, 3))
        yield counter, order(BUY, 80, 3, flags=REDUCE)
    yield 13, block(1, (PERP, 100, 4), (FUTURE, 100, 2))
    yield mark(950)
    yield 3, order(BUY, 96, 1)
    yield 0, SetInstrumentStatus(FUTURE, 3)
    yield 0, Liquidate(13)
    yield 0, SetInstrumentStatus(FUTURE, 1)
    yield 3, CancelAll()


def fund() -> Iterator[Ask]:
    """A gap leaves less than nothing; the book takes the position at its mark, the fund pays."""
    yield from opened(14, 300)
    yield 0, FundInsurance(1_000)
    yield 14, block(1, (PERP, 100, 10))
    yield mark(900)
    yield 3, order(BUY, 90, 12)
    yield 0, Liquidate(14)
    yield 3, CancelAll()


def bearing() -> Iterator[Ask]:
    """Two accounts are deleveraged, one of them a latecomer that won nothing; the fund pays."""
    yield from opened(21, 150)
    yield mark(1_000, NEXT_FUTURE)
    yield 21, block(FIFTH, (NEXT_FUTURE, 100, 7))
    yield mark(900, NEXT_FUTURE)
    yield FIFTH, block(SIXTH, (NEXT_FUTURE, 90, 3))
    yield 0, Liquidate(21)


def modes() -> Iterator[Ask]:
    """The same in the other modes of margin, with options; then a party with nothing free."""
    yield 0, SetPortfolioModel("BTC", MODELS[0])
    yield 0, UpdateVolSurface("BTC", FIRST_NS, INDEX_E6, FLAT_POINTS)
    for account, mode in ((15, 1), (16, 2)):
        yield from opened(account, 6_000)
        yield account, SetMarginMode(mode)
        yield account, block(1, (PERP, 100, 9), (FUTURE, 100, 1), (CALL, 1, -1))
        yield mark(50)
        yield 3, order(BUY, 5, 3)
        yield 0, Liquidate(account)
        yield 3, CancelAll()
    yield 0, SetPortfolioModel("ETH", MODELS[1])
    yield from opened(20, 10_000)
    yield 20, SetMarginMode(2)
    yield 20, block(1, (ETH_FUTURE, 100, 2))  # held until it expires without an index
    yield from opened(17, 300)
    yield 17, block(1, (PERP, 100, 10))
    yield mark(965)
    yield 17, block(1, (PERP, 97, -1))


def fundings() -> Iterator[Ask]:
    """Fundings of both signs; account 18 comes to owe more than a lot is worth."""
    yield from opened(18, 100)
    yield 18, block(1, (PERP, 100, -1))
    yield 0, UpdateFundingRate(PERP, 5_000_000, 3_600)
    yield START_NS + 3_600 * SECOND
    yield 0, UpdateFundingRate(PERP, -15_000_000, 604_800)


def first_expiry() -> Iterator[Ask]:
    """One sample is too few; a price by hand; a call that costs account 19 more than it has."""
    yield from opened(19, 600)
    yield 19, block(1, (CALL, 1, -2), (FUTURE, 100, 1))
    yield 0, SettleExpiry("BTC", FIRST_NS)
    yield 0, SettleExpiry("BTC", FIRST_NS - 1)
    yield FIRST_NS - 20 * MINUTE_NS
    yield 0, UpdateIndexPrice("BTC", 1_005_000_000)
    yield FIRST_NS
    yield 0, SettleExpiry("BTC", FIRST_NS)
    yield 0, SettleExpiry("ETH", FIRST_NS)
    yield 0, SetSettlementPrice("BTC", FIRST_NS, 0)
    yield 0, SetSettlementPrice("BTC", FIRST_NS, 4 * INDEX_E6)
    yield 0, SetSettlementPrice("BTC", FIRST_NS, INDEX_E6)
    yield 0, Liquidate(19)
    yield 0, SettleExpiry("BTC", FIRST_NS)
    yield 0, SettleExpiry("BTC", FIRST_NS)
    yield 0, Liquidate(19)


def debt() -> Iterator[Ask]:
    """What an account in debt may not do, and how it pays."""
    yield 19, order(BUY, 90, 1)
    yield 19, block(1, (PERP, 100, 1))
    yield 19, Withdraw(1)
    yield 1, Transfer(19, 7)
    yield 0, Deposit(19, 10**6)
    yield 19, order(BUY, 70, 1)
    yield 19, CancelAll()


def later_expiries() -> Iterator[Ask]:
    """An average of enough samples; a window that begins with its first index; two at once."""
    yield mark(1_000)
    yield 0, UpdateFundingRate(PERP, -(10**8), 3_600)
    yield NEXT_NS - 10 * MINUTE_NS
    yield 0, UpdateIndexPrice("ETH", INDEX_E6)
    yield 0, UpdateIndexPrice("BTC", 1_015_000_000)
    yield NEXT_NS - MINUTE_NS
    yield 0, UpdateIndexPrice("BTC", 993_123_457)
    yield NEXT_NS + SECOND
    yield 0, SettleExpiry("BTC", NEXT_NS)
    yield 0, SetSettlementPrice("BTC", NEXT_NS, 1)
    yield mark(1)
    yield 0, Liquidate(18)
    yield 0, SetMarginModel("BTC", MarginRates(penalty_bps=0))
    yield THIRD_NS + SECOND
    yield 0, SettleExpiry("BTC", THIRD_NS)

"""The tour: one written flow that reaches every action, code, event type and reason once or more.

A random run reaches the rare ones a few times in 20,000 commands; the tour makes sure of all.
"""

from collections.abc import Iterator

import msgspec

from lockstep_engine.codes import MmpOption, OrderFlag, SelfTradeMode, Side, TimeInForce
from lockstep_engine.commands import (
    Action,
    ActivateRules,
    AdvanceTime,
    AmendOrder,
    AuthorizeAgent,
    Batch,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    Command,
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
from tests.property.models import MODELS
from tests.property.scene import UNKNOWN_ACCOUNT, Item, Scene
from tests.property.world import (
    ADMIN,
    AGENTS,
    FLAT_POINTS,
    INDEX_E6,
    LIMITS,
    LOT_E8,
    MAX_DEPOSITS_E6,
    MAX_STEP_NS,
    MS,
    NONCE_MS,
    ORACLE,
    ROOT,
    SECOND,
    START_NS,
    STRANGER,
    TICK_E6,
    TREASURY,
    World,
    listing,
    owner_key,
)

BUY, SELL = int(Side.BUY), int(Side.SELL)
GTD, IOC, FOK = int(TimeInForce.GTD), int(TimeInForce.IOC), int(TimeInForce.FOK)
POST, REPRICE, REDUCE, MMP = (int(flag) for flag in OrderFlag)
CANCEL_MAKER, CANCEL_BOTH = int(SelfTradeMode.CANCEL_MAKER), int(SelfTradeMode.CANCEL_BOTH)
DECREMENT, ALLOW = int(SelfTradeMode.DECREMENT), int(SelfTradeMode.ALLOW)
PERP, CALL, PUT = 1, 2, 3
NOWHERE, LATE_CALL = 8, 9
LATE_EXPIRY_NS = 1_893_459_600 * SECOND  # 2030-01-01 01:00 UTC

TOUR_WORLD = World(
    START_NS,
    ("BTC-PERP", "BTC-20260301-1000-C", "ETH-20260301-1001-P"),
    (True, False, True),
    (0, 5, 0, 5),
    (10**9, 10**9, 10**9, 3_000),
    (0, 1, 0, 3),
    has_prices=False,
    mark_age_ns=3_600 * SECOND,
)

Ask = tuple[int, Action] | tuple[int, Action, bytes]
"""(account, action), or (account, action, request_id); account 0 is the operator's staff."""


def tour(scene: Scene) -> Iterator[Item]:
    """Yield the commands after the set-up of `TOUR_WORLD`."""
    now = TOUR_WORLD.start_ns + SECOND
    operating = (listings, surfaces, access, shapes, limits, margin, modes, relief, money)
    for chapter in (*operating, unprotected, trading, quoting, requests, protection):
        for ask in chapter(now):
            now += MS
            yield now, _command(scene, now, ask)
    yield from envelopes(scene, now)
    yield from time_passes(scene, now + SECOND)


def _command(scene: Scene, ts_ns: int, ask: Ask) -> Command:
    account, action = ask[0], ask[1]
    signer = TOUR_WORLD.owner(account) if account else _staff(action)
    command = scene.signed(ts_ns, signer, action, account)
    return msgspec.structs.replace(command, request_id=ask[2]) if len(ask) == 3 else command


def _staff(action: Action) -> bytes:
    """Return the key that may ask for an operator action."""
    if isinstance(action, GrantRole | RevokeRole):
        return ROOT
    if isinstance(action, UpdateIndexPrice | UpdateMarkPrice | UpdateVolSurface | AdvanceTime):
        return ORACLE
    return TREASURY if isinstance(action, Deposit) else ADMIN


def order(side: int, price: int, qty: int, instrument: int = PERP, **fields: object) -> PlaceOrder:
    """Return an order with the fields that matter."""
    return msgspec.structs.replace(PlaceOrder(instrument, side, price, qty), **fields)


def listings(now: int) -> Iterator[Ask]:
    """What the operator may set, and what is refused."""
    yield 1, order(BUY, 98, 1)  # no mark yet
    yield 1, order(BUY, 19, 1, CALL)  # no index yet
    yield 0, UpdateIndexPrice("BTC", INDEX_E6)
    yield 0, UpdateIndexPrice("ETH", INDEX_E6)
    yield 0, UpdateIndexPrice("DOGE", INDEX_E6)
    yield 0, UpdateMarkPrice(PERP, INDEX_E6)
    yield 0, UpdateMarkPrice(CALL, 21 * TICK_E6)
    yield 0, UpdateMarkPrice(PUT, 21 * TICK_E6)
    yield 0, CreateUnderlying("BTC", INDEX_E6)
    yield 0, CreateUnderlying("btc", INDEX_E6)
    yield 0, CreateInstrument(NOWHERE, "ETH-1JAN30", 10**7, 71, 10**7 + 1, LIMITS)
    yield 0, listing(NOWHERE, "ETH-20200101", False)
    yield 0, listing(NOWHERE, "DOGE-PERP", False)
    yield 0, SetMarginModel("BTC", MarginRates(30_000_000))
    yield 0, SetFeeTier(1, 77)
    yield 0, SetFeeSchedule(5, 1, 2, 3, 4, 5, 6)
    yield 0, ActivateRules(1)
    yield 0, OpenAccount(1, owner_key(1))
    yield 0, SetInstrumentStatus(NOWHERE, 1)
    yield 0, SetTradingLimits(PUT, LIMITS)


def surfaces(now: int) -> Iterator[Ask]:
    """A surface, what it forbids, and points that are none."""
    yield 0, listing(LATE_CALL, "ETH-20300101-1000-C", False)
    yield 0, UpdateVolSurface("ETH", LATE_EXPIRY_NS, INDEX_E6, FLAT_POINTS)
    yield 0, UpdateMarkPrice(LATE_CALL, 21 * TICK_E6)
    yield 0, UpdateVolSurface("ETH", LATE_EXPIRY_NS, INDEX_E6, ())
    yield 0, UpdateVolSurface("ETH", LATE_EXPIRY_NS + 1, INDEX_E6, FLAT_POINTS)


def access(now: int) -> Iterator[Ask]:
    """Roles and agents."""
    yield 0, GrantRole(STRANGER, 8)
    yield 0, RevokeRole(STRANGER, 15)
    yield 0, GrantRole(STRANGER, 16)
    yield 1, AuthorizeAgent(AGENTS[0])
    yield 1, RevokeAgent(AGENTS[0])
    yield 1, RevokeAgent(AGENTS[0])
    yield UNKNOWN_ACCOUNT, CancelAll()


def shapes(now: int) -> Iterator[Ask]:
    """Orders whose fields make no sense."""
    fields: tuple[dict[str, object], ...] = (
        {"instrument": NOWHERE},
        {"side": 2},
        {"order_type": 2},
        {"order_type": 1},
        {"flags": POST | REPRICE},
        {"self_trade": 5},
        {"expires_ns": 1},
        {"client_id": -1},
        {"lineage": b"short"},
        {"builder": UNKNOWN_ACCOUNT},
        {"price_ticks": 0},
        {"price_ticks": 401},
        {"qty_lots": 0},
        {"qty_lots": 13},
    )
    for changed in fields:
        yield 1, msgspec.structs.replace(PlaceOrder(PERP, BUY, 98, 1), **changed)
    yield 1, Batch(())
    yield 1, MassQuote(0, ())
    yield 1, CancelAll(underlying="DOGE")
    yield 1, CancelOrder(99)


def limits(now: int) -> Iterator[Ask]:
    """Limits of an instrument, one after the other."""
    steps = {"price_step_ticks": 2, "qty_step_lots": 2, "min_order_lots": 2}
    amounts = {"min_notional_e6": 2_000, "price_band_bps": 500}
    yield 0, SetTradingLimits(PERP, msgspec.structs.replace(LIMITS, **steps, **amounts))
    yield 1, order(BUY, 99, 2)
    yield 1, order(BUY, 98, 3)
    yield 1, order(BUY, 98, 2)
    yield 1, order(BUY, 94, 2)
    narrow = {"max_order_lots": 6, "max_position_lots": 6}
    tight = {**narrow, "min_order_lots": 2, "max_open_orders": 1}
    yield 0, SetTradingLimits(PERP, msgspec.structs.replace(LIMITS, **tight))
    yield 1, order(BUY, 98, 1)
    yield 1, order(BUY, 98, 6)
    yield 1, order(SELL, 102, 2)
    yield 1, CancelAll()
    yield 0, SetTradingLimits(PERP, msgspec.structs.replace(LIMITS, **narrow))
    yield 1, order(BUY, 98, 6)
    yield 1, order(BUY, 98, 1)
    yield 0, SetTradingLimits(PERP, LIMITS)
    for status in (3, 2, 1):
        yield 0, SetInstrumentStatus(PERP, status)
        yield 1, order(BUY, 99, 1)
    yield 1, CancelAll()


def margin(now: int) -> Iterator[Ask]:
    """Account 4 is poor: a put sold needs 15 % of the index and its mark, 252 a lot."""
    yield 4, order(SELL, 20, 12, PUT)
    yield 4, order(SELL, 20, 1, PUT)
    yield 4, CancelAll()


def modes(now: int) -> Iterator[Ask]:
    """Every mode of margin, and what stands in the way of each."""
    yield 0, SetMarginModel("BTC", MarginRates(addon_bps=-1))
    yield 0, SetPortfolioModel("BTC", PortfolioModel(()))
    yield 3, SetMarginMode(3)
    yield 3, SetMarginMode(2)
    yield 3, order(BUY, 98, 1)  # no model
    for model in MODELS:
        yield 0, SetPortfolioModel("BTC", model)
    yield 0, SetPortfolioModel("BTC", MODELS[0])
    yield 3, order(BUY, 98, 1)
    yield 3, order(BUY, 19, 1, CALL)  # no surface
    yield 3, CancelAll()
    yield 3, SetMarginMode(1)
    yield 3, SetMarginMode(0)


def relief(now: int) -> Iterator[Ask]:
    """Account 4 shows five lots with money for four: a fill leaves too little, one order ends."""
    yield 0, SetMarginModel("BTC", MarginRates(10**9))
    yield 4, SetMmpConfig("BTC", 1_000, 0, 3 * LOT_E8, options=int(MmpOption.RELIEF))
    yield 4, Batch((order(BUY, 98, 1, flags=MMP),) * 5)
    yield 3, order(SELL, 98, 1)
    yield 4, CancelAll()
    yield 0, SetMarginModel("BTC", MarginRates(30_000_000))


def money(now: int) -> Iterator[Ask]:
    """Cash in, out and across."""
    yield 0, Deposit(1, MAX_DEPOSITS_E6)
    yield 0, Deposit(1, 0)
    yield 1, Withdraw(1_000)
    yield 1, Withdraw(10**12)
    yield 1, Transfer(2, 1_000)


def unprotected(now: int) -> Iterator[Ask]:
    """Accounts without a protection, one that makes no sense, and one that nothing reaches."""
    yield 1, order(BUY, 98, 1, flags=MMP)
    yield 1, ResetMmp("BTC")
    yield 1, SetMmpConfig("BTC", 0, 0, 1)
    options = int(MmpOption.MAKER_ONLY | MmpOption.EXCEEDING)
    yield 1, SetMmpConfig("BTC", 1_000, 0, 10**9, options=options)


def protection(now: int) -> Iterator[Ask]:
    """Account 2 breaches every limit; account 3 takes."""
    yield 2, CancelAll()
    yield 3, CancelAll()
    two_lots = 2 * LOT_E8
    yield 2, SetMmpConfig("BTC", 1_000, 0, two_lots, two_lots)
    for price in (101, 101, 102):
        yield 2, order(SELL, price, 1, flags=MMP)
    yield 3, order(BUY, 101, 2)  # quantity and delta; the order at 102 ends
    yield 2, order(SELL, 102, 1, flags=MMP)  # frozen until the reset
    yield 2, ResetMmp("BTC")
    yield 2, order(SELL, 102, 1, flags=MMP)
    yield 2, DeleteMmpConfig("BTC")
    yield 2, SetMmpConfig("ETH", 1_000, 2, vega_limit_e6=1)
    yield 2, order(SELL, 21, 1, LATE_CALL, flags=MMP)
    yield 3, order(BUY, 21, 1, LATE_CALL)
    for _ in range(2):  # the second is thawed
        yield 2, order(SELL, 22, 1, LATE_CALL, flags=MMP)


def trading(now: int) -> Iterator[Ask]:
    """Trades, self-trades in every mode, reduce-only cuts, every way for an order to end."""
    yield 1, order(SELL, 100, 4, client_id=7, builder=3)
    yield 1, order(SELL, 100, 4, client_id=7)
    yield 2, order(BUY, 100, 2, tif=FOK, builder=3)
    yield 2, order(BUY, 100, 3, tif=FOK)
    yield 2, order(BUY, 100, 1, tif=IOC, order_type=1)
    yield 1, order(BUY, 98, 2, flags=REDUCE | MMP)
    yield 1, order(BUY, 99, 1, flags=REDUCE)
    yield 3, order(SELL, 101, 3, flags=REPRICE)
    yield 1, order(BUY, 101, 2, self_trade=CANCEL_MAKER)  # cuts both reduce-only orders
    yield 3, order(BUY, 102, 1, flags=POST)
    yield 3, order(BUY, 96, 1, flags=POST)
    yield 4, order(BUY, 97, 1, flags=REDUCE)  # flat: there is nothing to reduce
    yield 3, order(BUY, 101, 1)  # its own maker ends it
    yield 3, order(BUY, 101, 1, self_trade=CANCEL_BOTH)
    yield 3, order(SELL, 101, 3)
    yield 3, order(BUY, 101, 1, self_trade=DECREMENT)
    yield 3, order(BUY, 101, 1, self_trade=ALLOW)
    yield 3, order(BUY, 97, 3, tif=IOC)
    yield 3, order(BUY, 97, 3, client_id=9)
    yield 3, ReplaceOrder(0, order(BUY, 97, 3))
    yield from _amends()


def _amends() -> Iterator[Ask]:
    """A partly filled order is amended to what is filled; others change at and off their place."""
    yield 3, CancelAll()
    yield 1, CancelAll()
    yield 3, Batch((order(BUY, 98, 4, client_id=1), order(BUY, 97, 2, client_id=2)))
    yield 1, order(SELL, 98, 1)
    for order_id in range(1, 60):
        yield 3, AmendOrder(order_id, 98, 3)
        yield 3, AmendOrder(order_id, 98, 1)
    yield 3, order(BUY, 97, 2, client_id=3)
    for order_id in range(1, 60):
        yield 3, ReplaceOrder(order_id, order(BUY, 96, 2, client_id=4))
    yield 3, CancelByClientId(4)


def quoting(now: int) -> Iterator[Ask]:
    """A quote set is kept, cut and replaced."""
    yield 2, MassQuote(1, (Quote(CALL, 19, 3, 22, 3), Quote(PERP, 96, 2, 104, 2)), REPRICE)
    yield 2, MassQuote(1, (Quote(CALL, 19, 3, 22, 2),))
    yield 2, MassQuote(1, (Quote(CALL, 19, 4, 22, 0),))
    yield 2, CancelAll(CALL, "BTC", BUY)


def requests(now: int) -> Iterator[Ask]:
    """Requests that are repeated, and one that is another under the same identifier."""
    yield 1, CancelAll(), b"one"
    yield 1, CancelAll(), b"one"
    yield 1, CancelAll(PERP), b"one"


def envelopes(scene: Scene, now: int) -> Iterator[Item]:
    """Wrong signers, times and nonces."""
    good = scene.signed(now, owner_key(1), CancelAll(), 1)
    ms = now // MS
    yield now, good
    yield now, good
    yield now, msgspec.structs.replace(good, signer=STRANGER)
    yield now, msgspec.structs.replace(good, action=AdvanceTime(), signer=TREASURY, account=0)
    yield now, msgspec.structs.replace(good, nonce=ms - NONCE_MS)
    yield now, msgspec.structs.replace(good, nonce=ms - NONCE_MS - 1)
    yield now - 1, msgspec.structs.replace(good, nonce=ms + 1)
    yield now + MAX_STEP_NS + 1, msgspec.structs.replace(good, nonce=ms + 1)


def time_passes(scene: Scene, now: int) -> Iterator[Item]:
    """An order expires, then the dated instruments with what rests in them, and marks grow old."""
    rests = order(BUY, 95, 1, tif=GTD, expires_ns=now + SECOND)
    yield now, _command(scene, now, (1, rests))
    yield now, _command(scene, now, (1, order(BUY, 19, 1, CALL)))
    now += SECOND
    yield now, _command(scene, now, (0, AdvanceTime()))
    now += 3 * 3_600 * SECOND
    yield now, _command(scene, now, (0, AdvanceTime()))
    yield now, _command(scene, now, (1, order(BUY, 19, 1, CALL)))
    yield now, _command(scene, now, (1, order(BUY, 98, 5)))  # the mark is stale

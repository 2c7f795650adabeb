"""The third tour: amounts near the bounds of [NUM-4], at which fundings and settlements stop.

Accounts hold all that may be deposited, and positions up to the bound of exposure. Account 2 pays
account 1 a tenth of the largest position at each funding until the cash of account 1 would reach
2^61; then neither the next funding nor a settlement that would pass it is carried out, and a
settlement in the other direction is.
"""

from collections.abc import Iterator

import msgspec

from lockstep_engine.codes import OrderFlag, Side
from lockstep_engine.commands import (
    Action,
    AdvanceTime,
    AmendOrder,
    BlockLeg,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    ExecuteBlock,
    FundInsurance,
    PlaceOrder,
    ReplaceOrder,
    SettleExpiry,
    SetTradingLimits,
    TradingLimits,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    Withdraw,
)
from tests.property.scene import Item, Scene
from tests.property.world import (
    ADMIN,
    EXPIRY_TIME_S,
    MS,
    ORACLE,
    SECOND,
    START_NS,
    TREASURY,
    World,
    expiry_ns,
)

PERP, FUTURE, NEXT = 11, 12, 13
EXPIRY_NS = expiry_ns("20260310")
DEPOSITS_E6 = 2**60
LOTS, INDEX_E6 = 2**16, 2**40
TICK_E6, UNIT_E8 = 10**6, 10**8

LIMITS = TradingLimits(
    max_price_ticks=INDEX_E6 // TICK_E6,
    max_order_lots=LOTS,
    max_position_lots=LOTS,
    block_band_bps=10**6,
)
VAULT_WORLD = World(
    START_NS,
    ("BTC-PERP", "BTC-20260301-1000-C", "BTC-20260301"),
    (False, False, False),
    (0, 0, 0, 0),
    (1, 1, 1, 1),
    (0, 0, 0, 0),
    max_deposits_e6=DEPOSITS_E6,
    has_prices=False,
)

_FEW = {"max_order_lots": LOTS // 2, "max_position_lots": LOTS // 2}
_LISTING = (CreateUnderlying, CreateInstrument, SetTradingLimits)


def vault(scene: Scene) -> Iterator[Item]:
    """Yield the commands after the set-up of `VAULT_WORLD`."""
    now = VAULT_WORLD.start_ns + SECOND
    for account, action in asks():
        now = EXPIRY_NS if isinstance(action, AdvanceTime) else now + MS
        if isinstance(action, ExecuteBlock):
            yield now, scene.signed_by_both(now, account, action)
        else:
            signer = VAULT_WORLD.owner(account) if account else _staff(action)
            yield now, scene.signed(now, signer, action, account)


def asks() -> Iterator[tuple[int, Action]]:
    """Open the largest positions at the lowest price, let it rise, and pay by the hour."""
    yield 0, CreateUnderlying("GOLD", INDEX_E6, EXPIRY_TIME_S, 0)
    listed = ((PERP, "GOLD-PERP"), (FUTURE, "GOLD-20260310"), (NEXT, "GOLD-20260311"))
    for number, symbol in listed:
        yield 0, CreateInstrument(number, symbol, TICK_E6, UNIT_E8, UNIT_E8, LIMITS)
        yield 0, UpdateMarkPrice(number, TICK_E6)
    yield 0, Deposit(2, 2**50)
    yield 0, Deposit(1, DEPOSITS_E6 - 2**50 - len(VAULT_WORLD.cash_e6))
    yield 0, FundInsurance(1)
    legs = tuple(BlockLeg(number, int(Side.BUY), 1, LOTS) for number in (PERP, FUTURE))
    yield 1, ExecuteBlock(2, bytes(32), 0, legs)
    yield from at_the_bound()
    yield 0, UpdateIndexPrice("GOLD", INDEX_E6)
    for number in (PERP, FUTURE):
        yield 0, UpdateMarkPrice(number, INDEX_E6 // TICK_E6 * TICK_E6)
    yield 0, UpdateFundingRate(PERP, -(10**8), 3_600)
    yield 0, AdvanceTime()
    yield 0, SettleExpiry("GOLD", EXPIRY_NS)
    yield 1, Withdraw(2**57)
    yield 0, SettleExpiry("GOLD", EXPIRY_NS)


def at_the_bound() -> Iterator[tuple[int, Action]]:
    """Ask for more than 2^57 in every way, and for what just fits; orders 1 to 4 are accepted.

    Both accounts stand at the bound. They close two lots against each other and open two elsewhere.
    """
    buy, sell, post_only = int(Side.BUY), int(Side.SELL), int(OrderFlag.POST_ONLY)
    yield 1, PlaceOrder(NEXT, buy, 1, 1)
    yield 1, PlaceOrder(PERP, sell, 1, 2)
    yield 1, PlaceOrder(NEXT, buy, 1, 1)
    yield 2, PlaceOrder(PERP, buy, 1, 2)
    yield 2, ExecuteBlock(1, bytes(32), 0, (BlockLeg(NEXT, sell, 1, 3),))
    yield 2, PlaceOrder(NEXT, sell, 2, 3)
    yield 2, PlaceOrder(NEXT, sell, 2, 2)
    yield 1, PlaceOrder(NEXT, buy, 1, 1)
    yield 2, ReplaceOrder(3, PlaceOrder(NEXT, sell, 1, 1, flags=post_only))
    yield 2, PlaceOrder(NEXT, sell, 2, 1)
    yield 2, AmendOrder(3, 2, 3)
    dear = msgspec.structs.replace(LIMITS, max_price_ticks=LIMITS.max_price_ticks * 2)
    yield 0, SetTradingLimits(FUTURE, msgspec.structs.replace(dear, **_FEW))


def _staff(action: Action) -> bytes:
    """Return the key that may ask for an operator action."""
    if isinstance(action, Deposit | FundInsurance):
        return TREASURY
    return ADMIN if isinstance(action, _LISTING) else ORACLE

"""Draws the operator's actions and the account's actions on its money and agents."""

import msgspec

from lockstep_engine.commands import (
    Action,
    ActivateRules,
    AdvanceTime,
    AuthorizeAgent,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    GrantRole,
    OpenAccount,
    RevokeAgent,
    RevokeRole,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginModel,
    SetTradingLimits,
    Transfer,
    UpdateIndexPrice,
    UpdateMarkPrice,
    Withdraw,
)
from tests.property.dice import Dice, one_in, pick
from tests.property.orders import UNKNOWN_INSTRUMENT
from tests.property.scene import UNKNOWN_ACCOUNT, Scene
from tests.property.world import (
    ACCOUNTS,
    ADMIN,
    AGENTS,
    FEES,
    INDEX_E6,
    INSTRUMENTS,
    LIMITS,
    MAX_DEPOSITS_E6,
    ORACLE,
    RISK,
    ROOT,
    SECOND,
    STRANGER,
    TREASURY,
    UNDERLYINGS,
    listing,
    owner_key,
)

Asked = tuple[bytes, Action]
"""(the right signer, action)."""

_PRICES_E6 = (
    *(INDEX_E6, 990_000_000, 1_010_000_000, 1_020_000_000, 980_000_000),
    *(1_005_000_000, 1_015_000_000, 993_123_457, 1_234_567_891, 600_000_000),
)
"""1,005 and 1,015 dollars make the value of a lot a tie between two micro-dollars."""

_INSTRUMENTS = (*INSTRUMENTS, *INSTRUMENTS, UNKNOWN_INSTRUMENT)
_ACCOUNTS = (*ACCOUNTS, *ACCOUNTS, UNKNOWN_ACCOUNT)
_UNDERLYINGS = (*UNDERLYINGS, *UNDERLYINGS, "DOGE")

_LIMITS: tuple[dict[str, int], ...] = (
    {},
    {"price_band_bps": 100},
    {"price_step_ticks": 2},
    {"qty_step_lots": 2, "min_order_lots": 2},
    {"min_order_lots": 2, "max_order_lots": 3},
    {"min_notional_e6": 1_400},
    {"max_order_lots": 5, "max_position_lots": 7},
    {"max_open_orders": 2},
    {"max_price_ticks": 101},
    {"price_step_ticks": 0},
    {"min_order_lots": 5, "max_order_lots": 4},
    {"max_order_lots": 15},
    {"qty_step_lots": 0},
    {"min_order_lots": 0},
    {"min_notional_e6": -1},
    {"min_notional_e6": 2**56 + 1},
    {"max_open_orders": 0},
    {"max_open_orders": 10**6 + 1},
    {"price_band_bps": -1},
    {"price_band_bps": 10**6 + 1},
    {"price_step_ticks": 401},
    {"max_price_ticks": 2**56},
    {"max_position_lots": 2**50},
)

_SYMBOLS = (
    *("BTC-PERP", "BTC-PERPETUAL", "BTC-01MAR26", "BTC-1MAR26", "BTC-20260301-1000-C"),
    *("BTC-30FEB26", "btc-PERP", "BTC", "", "BTC-20260301-01000-C", "BTC-20260301-1000-X"),
    *("DOGE-PERP", "BTC-20000101", "BTC-19991231", "BTC-20260301-0-P", "BTC-PERP-"),
)
_NOT_WHOLE = (10**7, 71, 10**7 + 1)
_UNITS = (_NOT_WHOLE, (0, 70, 10**8), _NOT_WHOLE, (10**7, 10**15 + 1, 10**8), (10**7, 70, -1))


def prices(dice: Dice, scene: Scene) -> Asked:
    """Draw an index or a mark, good for most."""
    price = pick(dice, _PRICES_E6) if not one_in(dice, 10) else pick(dice, (0, -1, 2**50, 1))
    if dice.below(2):
        return ORACLE, UpdateIndexPrice(pick(dice, _UNDERLYINGS), price)
    return ORACLE, UpdateMarkPrice(pick(dice, _INSTRUMENTS), price)


def time(dice: Dice, scene: Scene) -> Asked:
    """Draw AdvanceTime; `advance` draws how far."""
    return pick(dice, (ORACLE, ADMIN, ORACLE, TREASURY)), AdvanceTime()


def advance(dice: Dice, scene: Scene) -> int:
    """Draw the time of an AdvanceTime: small steps, long steps, the next expiry."""
    now = scene.state.now_ns
    choice = dice.below(8)
    if choice < 4:
        return now + (SECOND, 3 * SECOND, 61 * SECOND, 0)[choice]
    if choice < 6:
        return scene.next_due()
    expiries = [
        instrument.expiry_ns
        for instrument in scene.state.instruments.values()
        if instrument.expiry_ns > now
    ]
    return min(expiries) - dice.below(2) if expiries else now + 61 * SECOND


def status(dice: Dice, scene: Scene) -> Asked:
    """Draw a status of an instrument."""
    new = pick(dice, (1, 1, 2, 3, 1, 1, 2, 1, 0, 4))
    return pick(dice, (ADMIN, RISK)), SetInstrumentStatus(pick(dice, _INSTRUMENTS), new)


def limits(dice: Dice, scene: Scene) -> Asked:
    """Draw the limits of an instrument."""
    new = msgspec.structs.replace(LIMITS, **_one_of_good(dice, _LIMITS, 9))
    return ADMIN, SetTradingLimits(pick(dice, _INSTRUMENTS), new)


def _one_of_good(dice: Dice, options: tuple[dict[str, int], ...], good: int) -> dict[str, int]:
    """Pick one of the first `good` options three times of four."""
    return pick(dice, options[good:] if one_in(dice, 4) else options[:good])


def fees(dice: Dice, scene: Scene) -> Asked:
    """Draw the rates of a tier, the tier of an account, or the margin rates."""
    choice = dice.below(4)
    if choice < 2:
        return ADMIN, SetFeeTier(pick(dice, _ACCOUNTS), pick(dice, (0, 1, 2, 3, 7)))
    if choice == 2:
        return ADMIN, _fee_schedule(dice)
    rates = ((20_000_000, 10**9), (10**8, 5 * 10**8), (0, 0), (10**9, 3 * 10**8), (33, 10**10))
    initial, short_call = pick(dice, rates) if not one_in(dice, 6) else (10**10 + 1, -1)
    return ADMIN, SetMarginModel(pick(dice, _UNDERLYINGS), initial, short_call)


def _fee_schedule(dice: Dice) -> SetFeeSchedule:
    action = SetFeeSchedule(dice.below(len(FEES)), *pick(dice, FEES))
    odd: tuple[dict[str, int], ...] = (
        {"tier": -1},
        {"tier": 1_001},
        {"future_maker_e9": 10**8 + 1},
        {"option_taker_e9": -(10**8) - 1},
        {"option_cap_e9": -1},
        {"builder_share_bps": 10_001},
    )
    return msgspec.structs.replace(action, **pick(dice, odd)) if one_in(dice, 6) else action


def roles(dice: Dice, scene: Scene) -> Asked:
    """Draw a grant or a revocation; the staff gets its roles back more often than not."""
    new = pick(dice, (1, 2, 4, 8, 15, 0, 16, -1))
    holder = pick(dice, (STRANGER, ADMIN, ORACLE, TREASURY, RISK))
    if one_in(dice, 3):
        return ROOT, RevokeRole(holder if one_in(dice, 4) else STRANGER, new)
    if holder == STRANGER:
        return ROOT, GrantRole(STRANGER, new)
    return ROOT, GrantRole(holder, {ADMIN: 1, ORACLE: 2, TREASURY: 4, RISK: 8}[holder])


def listings(dice: Dice, scene: Scene) -> Asked:
    """Draw an underlying, an instrument, an account or rules: most exist already."""
    choice = dice.below(4)
    if choice == 0:
        name = pick(dice, ("BTC", "1BTC", "", "LINK", "A" * 17))
        high, expiry_s = pick(dice, ((4 * INDEX_E6, 0), (0, 0), (2**50 + 1, 0), (1, 86_400)))
        return ADMIN, CreateUnderlying(name, high, expiry_s)
    if choice == 1:
        return ADMIN, _instrument(dice)
    if choice == 2:
        number = pick(dice, (*ACCOUNTS, 0, -1, 2**31))
        return ADMIN, OpenAccount(number, owner_key(1), pick(dice, (0, 5, -1)))
    return ADMIN, ActivateRules(pick(dice, (1, 0, -1)))


def _instrument(dice: Dice) -> CreateInstrument:
    """Draw a listing that is refused: three instruments are enough."""
    number = pick(dice, (UNKNOWN_INSTRUMENT, 1, 0, -1, 2**31))
    symbol = pick(dice, _SYMBOLS)
    action = listing(number, symbol, True)
    tick, lot, size = pick(dice, _UNITS)
    choice = dice.below(3)
    if choice == 2:
        free = listing(UNKNOWN_INSTRUMENT, "ETH-1JAN30", True)
        return msgspec.structs.replace(free, tick_e6=tick, lot_e8=lot, contract_size_e8=size)
    if choice:
        bad = msgspec.structs.replace(LIMITS, min_order_lots=0)
        return msgspec.structs.replace(action, limits=bad)
    return msgspec.structs.replace(action, tick_e6=tick, lot_e8=lot, contract_size_e8=size)


def deposit(dice: Dice, scene: Scene) -> Asked:
    """Draw a deposit, now and then one that is refused."""
    amounts = (1_000, 300, 20_000, 1, 10**9, 0, -5, MAX_DEPOSITS_E6)
    return TREASURY, Deposit(pick(dice, _ACCOUNTS), pick(dice, amounts))


def money(dice: Dice, scene: Scene, account: int) -> Withdraw | Transfer:
    """Draw an amount around what is free and what is there."""
    found = scene.account(account)
    free_e6 = 0 if found is None else scene.free_e6(account)
    cash = 0 if found is None else found.cash_e6
    amount = pick(dice, (100, free_e6, free_e6 + 1, cash, cash + 1, cash // 2, 0, -1, 1, 5_000))
    if dice.below(2):
        return Withdraw(amount)
    return Transfer(pick(dice, _ACCOUNTS), amount)


def draw_payer(dice: Dice, scene: Scene) -> int:
    """Draw who moves cash: mostly somebody with more free than cash, if there is one."""
    rich = [
        number
        for number in ACCOUNTS
        if (found := scene.account(number)) and 0 < found.cash_e6 < scene.free_e6(number)
    ]
    return pick(dice, rich) if rich and dice.below(4) else pick(dice, ACCOUNTS)


def agents(dice: Dice, scene: Scene, account: int) -> AuthorizeAgent | RevokeAgent:
    """Draw an agent to authorise or to revoke."""
    found = scene.account(account)
    known = sorted(found.agents) if found is not None else []
    if one_in(dice, 3):
        return RevokeAgent(pick(dice, known or AGENTS))
    return AuthorizeAgent(pick(dice, (*AGENTS, *AGENTS, owner_key(1), owner_key(2))))

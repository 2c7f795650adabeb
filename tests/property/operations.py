"""Draws the operator's actions and the account's actions on its money and agents."""

import msgspec

from lockstep_engine.commands import (
    Action,
    ActivateRules,
    AuthorizeAgent,
    CreateInstrument,
    CreateUnderlying,
    DeleteMmpConfig,
    Deposit,
    GrantRole,
    MarginRates,
    OpenAccount,
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
from tests.property.dice import Dice, one_in, pick
from tests.property.models import MARGIN_RATES, MODELS, ODD_MODELS
from tests.property.orders import UNKNOWN_INSTRUMENT
from tests.property.scene import UNKNOWN_ACCOUNT, Scene
from tests.property.world import (
    ACCOUNTS,
    ADMIN,
    AGENTS,
    EXPIRY_TIME_S,
    FEES,
    INDEX_E6,
    INSTRUMENTS,
    LIMITS,
    LOT_E8,
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

_ODD_RATES = (
    MarginRates(future_initial_e9=10**9 + 1),
    MarginRates(future_maintenance_e9=-1),
    MarginRates(addon_bps=10_001),
    MarginRates(addon_size_e8=0),
    MarginRates(addon_size_e8=10**18 + 1),
    MarginRates(option_initial_e9=-1),
    MarginRates(option_floor_e9=10**9 + 1),
    MarginRates(option_maintenance_e9=10**9 + 1),
    MarginRates(put_mark_e9=10**9 + 1),
    MarginRates(penalty_bps=-1),
    MarginRates(penalty_bps=10_001),
)
_DAY_NS = 86_400 * SECOND
_K_E6 = INDEX_E6
_POINTS: tuple[tuple[tuple[int, int], ...], ...] = (
    ((_K_E6, 10**9),),
    ((950_000_000, 1_200_000_000), (1_050_000_000, 800_000_000)),
    ((990_000_001, 612_345_678), (1_010_000_000, 587_654_321), (1_500_000_000, 500_000_001)),
    ((997_000_000, 4_000_000_001), (1_003_000_000, 4_000_000_000)),
    ((_K_E6, 2 * 10**9), (1_001_000_000, 2 * 10**9 + 1)),
    ((_K_E6, 10**6), (2 * _K_E6, 10**6)),
    (),
    ((_K_E6, 10**9), (_K_E6, 10**9)),
    ((_K_E6 + 1, 10**9), (_K_E6, 10**9)),
    ((_K_E6, 10**6 - 1),),
    ((_K_E6, 10**10 + 1),),
    ((0, 10**9),),
    ((10**15 + 1, 10**9),),
    ((900_000_000, 10**8), (_K_E6, 10**10)),
    ((900_000_000, 10**10), (_K_E6, 10**8)),
    tuple((_K_E6 + number, 10**9) for number in range(201)),
)
"""Points of a surface; the first six are good, some of them only near their expiry."""

_POINTS_GOOD = 6
_ODD_CONFIGS: tuple[dict[str, int], ...] = (
    {"interval_ms": 0},
    {"interval_ms": 86_400_001},
    {"frozen_ms": -1},
    {"frozen_ms": 86_400_001},
    {"qty_limit_e8": -1},
    {"delta_limit_e8": -1},
    {"vega_limit_e6": -1},
    {"qty_limit_e8": 0, "delta_limit_e8": 0, "vega_limit_e6": 0},
    {"options": 4, "qty_limit_e8": 0},
    {"options": 8},
    {"options": -1},
)
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
    {"block_band_bps": 0},
    {"block_band_bps": 10_000},
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
    {"block_band_bps": -1},
    {"block_band_bps": 10**6 + 1},
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
_UNDERLYING_FACTS = (
    *((4 * INDEX_E6, 0), (0, 0), (2**50 + 1, 0), (1, 86_400)),
    *((4 * INDEX_E6, 0, -1), (4 * INDEX_E6, 0, 10**6 + 1), (1, 0, 10**6)),
)
"""(max_index_price_e6, expiry_time_s) and perhaps min_samples."""

_UNITS = (_NOT_WHOLE, (0, 70, 10**8), _NOT_WHOLE, (10**7, 10**15 + 1, 10**8), (10**7, 70, -1))


def prices(dice: Dice, scene: Scene) -> Asked:
    """Draw an index, a mark or a surface, good for most."""
    if one_in(dice, 3):
        return ORACLE, _surface(dice, scene)
    price = pick(dice, _PRICES_E6) if not one_in(dice, 10) else pick(dice, (0, -1, 2**50, 1))
    if dice.below(2):
        return ORACLE, UpdateIndexPrice(pick(dice, _UNDERLYINGS), price)
    return ORACLE, UpdateMarkPrice(pick(dice, _INSTRUMENTS), price)


def _surface(dice: Dice, scene: Scene) -> UpdateVolSurface:
    """Draw a surface, mostly for an expiry with instruments."""
    underlying = pick(dice, _UNDERLYINGS)
    listed = scene.state.instruments.values()
    expiries = sorted({i.expiry_ns for i in listed if i.underlying.name == underlying} - {0})
    if not expiries or one_in(dice, 8):
        day_ns = scene.state.now_ns // _DAY_NS * _DAY_NS + EXPIRY_TIME_S * SECOND
        expiries = [day_ns + number * _DAY_NS for number in (2, 0, -1)] + [day_ns + 1, -1]
    forward_e6 = pick(dice, _PRICES_E6) if not one_in(dice, 12) else pick(dice, (0, -1, 2**50, 1))
    points = pick(dice, _POINTS[_POINTS_GOOD:] if one_in(dice, 4) else _POINTS[:_POINTS_GOOD])
    return UpdateVolSurface(underlying, pick(dice, expiries), forward_e6, points)


def status(dice: Dice, scene: Scene) -> Asked:
    """Draw a status of an instrument."""
    new = pick(dice, (1, 1, 2, 3, 1, 1, 2, 1, 0, 4))
    return pick(dice, (ADMIN, RISK)), SetInstrumentStatus(pick(dice, _INSTRUMENTS), new)


def limits(dice: Dice, scene: Scene) -> Asked:
    """Draw the limits of an instrument."""
    new = msgspec.structs.replace(LIMITS, **_one_of_good(dice, _LIMITS, 11))
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
    rates = pick(dice, MARGIN_RATES if not one_in(dice, 6) else _ODD_RATES)
    return ADMIN, SetMarginModel(pick(dice, _UNDERLYINGS), rates)


def _fee_schedule(dice: Dice) -> SetFeeSchedule:
    action = SetFeeSchedule(dice.below(len(FEES)), *pick(dice, FEES))
    odd: tuple[dict[str, int], ...] = (
        {"tier": -1},
        {"tier": 1_001},
        {"future_maker_e9": 10**8 + 1},
        {"option_taker_e9": -(10**8) - 1},
        {"option_cap_e9": -1},
        {"builder_share_bps": 10_001},
        {"settlement_e9": -1},
        {"settlement_cap_e9": 10**9 + 1},
        {"liquidation_e9": 10**8 + 1},
        {"block_e9": -1},
    )
    return msgspec.structs.replace(action, **pick(dice, odd)) if one_in(dice, 6) else action


def models(dice: Dice, scene: Scene) -> Asked:
    """Draw a portfolio model, good for most."""
    model = pick(dice, MODELS)
    if one_in(dice, 8):
        model = msgspec.structs.replace(model, **pick(dice, ODD_MODELS))
    return ADMIN, SetPortfolioModel(pick(dice, _UNDERLYINGS), model)


def mode(dice: Dice, scene: Scene, ts_ns: int, account: int) -> SetMarginMode:
    """Draw how the margin of an account is computed."""
    return SetMarginMode(pick(dice, (2, 1, 0, 2, 2)) if not one_in(dice, 16) else 3)


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
        facts = pick(dice, _UNDERLYING_FACTS)
        return ADMIN, CreateUnderlying(name, *facts)
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
    account = draw_debtor(dice, scene) if dice.below(2) else pick(dice, _ACCOUNTS)
    return TREASURY, Deposit(account, pick(dice, amounts))


def money(dice: Dice, scene: Scene, account: int) -> Withdraw | Transfer:
    """Draw an amount around what is free and what is there."""
    found = scene.account(account)
    free_e6 = 0 if found is None else scene.answers.free_e6(account)
    cash = 0 if found is None else found.cash_e6
    amount = pick(dice, (100, free_e6, free_e6 + 1, cash, cash + 1, cash // 2, 0, -1, 1, 5_000))
    if dice.below(2):
        return Withdraw(amount)
    return Transfer(pick(dice, (*_ACCOUNTS, draw_debtor(dice, scene))), amount)


def protection(
    dice: Dice, scene: Scene, ts_ns: int, account: int
) -> SetMmpConfig | ResetMmp | DeleteMmpConfig:
    """Draw a protection with limits of a few lots, its end, or the end of a freeze."""
    underlying = pick(dice, _UNDERLYINGS)
    found = scene.account(account)
    frozen = [] if found is None else [n for n in found.mmps if found.mmps[n].frozen_until_ns]
    choice = dice.below(8)
    if choice == 7:
        return DeleteMmpConfig(underlying)
    if choice >= 5 or (frozen and choice >= 2):
        return ResetMmp(frozen[0] if frozen else underlying)
    action = SetMmpConfig(
        underlying,
        pick(dice, (60_000, 3_000, 1_000, 1, 2)),
        pick(dice, (1, 0, 2, 5, 1_000)),
        _lots_limit(dice),
        _lots_limit(dice),
        pick(dice, (0, 0, 1, 3, 10)),
        pick(dice, (0, 1, 2, 3, 4, 4, 4, 5, 6, 7)),
    )
    return (
        msgspec.structs.replace(action, **pick(dice, _ODD_CONFIGS)) if one_in(dice, 8) else action
    )


def _lots_limit(dice: Dice) -> int:
    """Draw a limit of whole lots or nearly so, or none."""
    lots = pick(dice, (3, 0, 2, 4, 1, 6))
    return lots * LOT_E8 + pick(dice, (0, 0, -1, 1)) if lots else 0


def draw_debtor(dice: Dice, scene: Scene) -> int:
    """Draw who gets cash: mostly who has debt, if anybody has."""
    debtors = [n for n in ACCOUNTS if (found := scene.account(n)) and found.debt_e6]
    return pick(dice, debtors or ACCOUNTS) if dice.below(4) else pick(dice, ACCOUNTS)


def draw_payer(dice: Dice, scene: Scene) -> int:
    """Draw who moves cash: mostly somebody with more free than cash, if there is one."""
    rich = [
        number
        for number in ACCOUNTS
        if (found := scene.account(number)) and 0 < found.cash_e6 < scene.answers.free_e6(number)
    ]
    return pick(dice, rich) if rich and dice.below(4) else pick(dice, ACCOUNTS)


def agents(dice: Dice, scene: Scene, account: int) -> AuthorizeAgent | RevokeAgent:
    """Draw an agent to authorise or to revoke."""
    found = scene.account(account)
    known = sorted(found.agents) if found is not None else []
    if one_in(dice, 3):
        return RevokeAgent(pick(dice, known or AGENTS))
    return AuthorizeAgent(pick(dice, (*AGENTS, *AGENTS, owner_key(1), owner_key(2))))

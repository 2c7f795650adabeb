"""Draws what time and trouble ask of the operator: fundings, settlements, gaps and liquidations."""

from lockstep_engine.codes import InstrumentKind, InstrumentStatus
from lockstep_engine.commands import (
    FundInsurance,
    Liquidate,
    SetSettlementPrice,
    SettleExpiry,
    Transfer,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
    Withdraw,
)
from lockstep_engine.state import Holding
from tests.property.dice import Dice, one_in, pick
from tests.property.operations import Asked, draw_debtor
from tests.property.scene import UNKNOWN_ACCOUNT, Scene
from tests.property.world import (
    ACCOUNTS,
    FLAT_POINTS,
    INDEX_E6,
    INSTRUMENTS,
    MAX_DEPOSITS_E6,
    ORACLE,
    RISK,
    SECOND,
    TREASURY,
    UNDERLYINGS,
)

_RATES_E9 = (
    *(10**8, -(10**8), 5_000_000, -15_000_000, 99_999_999, -12_345_677, 7, 0),
    *(10**8 + 1, -(10**8) - 1),
)
"""5 and 15 thousandths make the funding of a lot a tie between two micro-dollars."""

_INTERVALS_S = (3_600, 3_600, 3_601, 7_200, 28_800, 604_800, 3_599, 604_801)
_PRICES_E6 = (INDEX_E6, 1_005_000_000, 993_123_457, 1_300_000_001, 600_000_000, 1, 0, 2**50)
_GAPS_PERCENT = (100, 99, 101, 95, 90, 110, 80, 150, 250, 30)
_GAP_MAX_E6 = 900_000_000
_HIGHEST_E6, _OPTION_HIGHEST_E6 = 3_000_000_000, 900_000_000


def funding_rate(dice: Dice, scene: Scene) -> Asked:
    """Draw a funding rate, mostly of a perpetual."""
    listed = scene.state.instruments
    perpetuals = [n for n in listed if listed[n].kind == InstrumentKind.PERPETUAL]
    number = pick(dice, (*perpetuals * 6, *INSTRUMENTS, 8))
    return ORACLE, UpdateFundingRate(number, pick(dice, _RATES_E9), pick(dice, _INTERVALS_S))


def settlement(dice: Dice, scene: Scene) -> Asked:
    """Draw a settlement of what has expired, or the price that it waits for."""
    settlements = scene.state.settlements
    pending = [key for key in sorted(settlements) if _is_pending(scene, key)]
    waiting = [key for key in pending if not settlements[key].is_final]
    if waiting and dice.below(4):
        return ORACLE, SetSettlementPrice(*waiting[0], pick(dice, _PRICES_E6))
    key = pending[0] if pending and dice.below(8) else _any_expiry(dice, scene)
    if one_in(dice, 5):
        return ORACLE, SetSettlementPrice(*key, pick(dice, _PRICES_E6))
    return ORACLE, SettleExpiry(*key)


def _is_pending(scene: Scene, key: tuple[str, int]) -> bool:
    instruments = scene.state.expiries[key]
    return instruments[0].status == InstrumentStatus.EXPIRED_PENDING_PRICE


def _any_expiry(dice: Dice, scene: Scene) -> tuple[str, int]:
    """Draw (underlying, expiry_ns), of an instrument or of none."""
    known = [key for key in sorted(scene.state.expiries) if key[1]]
    odd = [(pick(dice, UNDERLYINGS), scene.state.now_ns), ("DOGE", 3_600 * SECOND)]
    return pick(dice, [*known, *known, *odd])


def insurance(dice: Dice, scene: Scene) -> Asked:
    """Draw what the fund gets."""
    return TREASURY, FundInsurance(pick(dice, (100, 1, 1_000, 30, 0, -1, MAX_DEPOSITS_E6)))


def liquidation(dice: Dice, scene: Scene) -> Asked:
    """Draw the liquidation of an account; if none needs one, mostly a price that hurts one."""
    poor = [n for n in ACCOUNTS if scene.account(n) and not scene.answers.is_healthy(n)]
    if poor and not one_in(dice, 8):
        return RISK, Liquidate(pick(dice, poor))
    if one_in(dice, 3):
        return RISK, Liquidate(pick(dice, (*ACCOUNTS, UNKNOWN_ACCOUNT)))
    return gap(dice, scene)


def gap(dice: Dice, scene: Scene) -> Asked:
    """Draw a price that moves far against a position, mostly one of an account with little."""
    held = [holding for number in ACCOUNTS for holding in positions(scene, number)]
    if not held:
        return ORACLE, UpdateMarkPrice(pick(dice, INSTRUMENTS), INDEX_E6)
    held.sort(key=lambda holding: holding.account.cash_e6)
    return ORACLE, _against(dice, scene, pick(dice, (held[0], *held)))


def gap_of(dice: Dice, scene: Scene, account: int) -> Asked:
    """Draw a price that moves against a position of an account."""
    held = positions(scene, account)
    if not held:
        return gap(dice, scene)
    return ORACLE, _against(dice, scene, pick(dice, (held[0], held[0], *held)))


def index_gap_of(dice: Dice, scene: Scene, account: int) -> Asked:
    """Draw an index that moves against a dated position of an account."""
    held = [each for each in positions(scene, account) if each.instrument.expiry_ns]
    if not held:
        return gap(dice, scene)
    holding = pick(dice, held)
    underlying = holding.instrument.underlying
    move_e6 = _gap_e6(dice, scene, holding)
    price = underlying.index_price_e6 + (move_e6 if _loses_above(holding) else -move_e6)
    return ORACLE, UpdateIndexPrice(underlying.name, min(max(price, 1), _HIGHEST_E6))


def liquidation_of(dice: Dice, scene: Scene, account: int) -> Asked:
    """Ask for the liquidation of an account, whether or not it needs one."""
    return RISK, Liquidate(account)


def positions(scene: Scene, account: int) -> list[Holding]:
    """Return the positions of an account in what has not expired: what needs margin first."""
    found = scene.account(account)
    held = [] if found is None else [found.holdings[n] for n in sorted(found.holdings)]
    held = [each for each in held if each.qty_lots and not each.instrument.is_expired()]
    held.sort(key=_exposure_e6, reverse=True)
    return held


def _exposure_e6(holding: Holding) -> int:
    """Return how much is at risk, roughly: nothing for who holds an option."""
    if holding.instrument.is_option and holding.qty_lots > 0:
        return 0
    return abs(holding.qty_lots) * holding.instrument.underlying.index_price_e6


def _against(
    dice: Dice, scene: Scene, holding: Holding
) -> UpdateMarkPrice | UpdateVolSurface | UpdateIndexPrice:
    """Draw the price."""
    instrument = holding.instrument
    name, expiry_ns = instrument.underlying.name, instrument.expiry_ns
    move_e6 = _gap_e6(dice, scene, holding)
    if (name, expiry_ns) in scene.state.surfaces:
        forward = scene.state.surfaces[name, expiry_ns].forward_e6
        move_e6 = move_e6 if _loses_above(holding) else -move_e6
        price = min(max(forward + move_e6, 1), _HIGHEST_E6)
        return UpdateVolSurface(name, expiry_ns, price, FLAT_POINTS)
    mark_e6 = instrument.mark.price_e6
    if instrument.is_option and one_in(dice, 4):
        index_e6 = instrument.underlying.index_price_e6
        price = index_e6 + (move_e6 if _loses_above(holding) else -move_e6)
        return UpdateIndexPrice(name, min(max(price, 1), _HIGHEST_E6))
    price = mark_e6 + (move_e6 if holding.qty_lots < 0 else -move_e6)
    highest = _OPTION_HIGHEST_E6 if instrument.is_option else _HIGHEST_E6
    return UpdateMarkPrice(instrument.instrument, min(max(price, 1), highest))


def _gap_e6(dice: Dice, scene: Scene, holding: Holding) -> int:
    """Draw a move of a price that costs about what the account has, or a part of it."""
    collateral = max(1, scene.answers.collateral_e6(holding.account.account))
    per_unit_e16 = abs(holding.qty_lots) * holding.instrument.unit_e16
    whole = collateral * 10**16 // per_unit_e16
    return min(whole * pick(dice, _GAPS_PERCENT) // 100, _GAP_MAX_E6) + 1


def _loses_above(holding: Holding) -> bool:
    """Return whether a position loses when the underlying rises."""
    is_put = holding.instrument.kind == InstrumentKind.PUT
    return (holding.qty_lots < 0) != is_put


def thin(dice: Dice, scene: Scene, ts_ns: int, account: int) -> Withdraw | Transfer:
    """Draw an amount that leaves next to nothing free: the next move of a price hurts."""
    found = scene.account(account)
    free_e6 = 0 if found is None else min(found.cash_e6, scene.answers.free_e6(account))
    amount = max(1, free_e6 - pick(dice, (0, 1, 10, 100)))
    to_account = draw_debtor(dice, scene)
    if to_account == account or one_in(dice, 4):
        return Withdraw(amount)
    return Transfer(to_account, amount)

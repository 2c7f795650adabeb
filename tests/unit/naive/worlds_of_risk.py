"""Worlds to test margin and liquidation on: options, surfaces, models, accounts in trouble."""

from lockstep_engine.commands import (
    AdvanceTime,
    CreateInstrument,
    Liquidate,
    PortfolioModel,
    RiskScenario,
    SetFeeSchedule,
    TradingLimits,
    UpdateMarkPrice,
)
from lockstep_engine.events import LiquidationStarted
from lockstep_naive.money import treasury_of
from tests.unit.naive.world import CALL, PERP, PUT, USD, World

CALL_110, PUT_90, LATER_CALL, SMALL_CALL, SMALL_FUTURE = 11, 12, 13, 31, 32
E9 = 10**9
CENTS = USD // 100
SYMBOLS = {
    CALL_110: "BTC-20301225-110-C",
    PUT_90: "BTC-20301225-90-P",
    LATER_CALL: "BTC-20311225-110-C",
}


def option_world() -> World:
    """Return a world with options marked at 5, those away from the money and LATER_CALL at 2."""
    world = World()
    for instrument, symbol in SYMBOLS.items():
        world.create(instrument, symbol)
        world.operate(UpdateMarkPrice(instrument, 2 * USD))
    for instrument in (CALL, PUT):
        world.operate(UpdateMarkPrice(instrument, 5 * USD))
    return world


def flat_model(*spots_e9: int, **changes: int) -> PortfolioModel:
    """Return a model whose scenarios move prices only."""
    scenarios = tuple(RiskScenario(spot_e9, 0, E9, E9) for spot_e9 in spots_e9 or (E9,))
    return PortfolioModel(scenarios, **changes)


def skew_model(vol_rule: int, **changes: int) -> PortfolioModel:
    """Return a model of one scenario that moves vols by a rule and prices up by 15 %."""
    return PortfolioModel((RiskScenario(1_150_000_000, vol_rule, 0, E9),), **changes)


def small_lots(world: World) -> None:
    """Create a call and a future whose lots are a tenth of a unit, marked if a surface is there."""
    limits = TradingLimits(max_price_ticks=100_000)
    for instrument, symbol in (
        (SMALL_CALL, "BTC-20301225-80-C"),
        (SMALL_FUTURE, "BTC-20311225"),
    ):
        world.operate(CreateInstrument(instrument, symbol, USD, 10**7, 10**8, limits))
    world.do(0, AdvanceTime())


def free_of_charge(world: World) -> World:
    """Set all fees to 0."""
    world.operate(SetFeeSchedule(0, *[0] * 10))
    return world


def long_at_100(*, cash: int = 20, qty: int = 10) -> World:
    """Return a world where account 1 is long and account 2 short, account 1 with so much cash."""
    world = free_of_charge(World())
    world.trade(1, 2, 100, qty)
    world.leave(1, cash * USD)
    return world


def marked(world: World, cents: int, instrument: int = PERP) -> World:
    """Mark an instrument at a price in cents."""
    world.operate(UpdateMarkPrice(instrument, cents * CENTS))
    return world


def liquidate(world: World, account: int = 1) -> list:
    """Liquidate an account, check everything, and return the events."""
    events = list(world.do(0, Liquidate(account)))
    assert isinstance(events[0], LiquidationStarted)
    world.verify()
    return events


def insured(world: World) -> int:
    """Return what the insurance fund has."""
    return treasury_of(world.core).insurance_e6

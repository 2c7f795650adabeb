"""Worlds to test margin on: more options, surfaces, and models that show one thing each."""

from lockstep_engine.commands import (
    AdvanceTime,
    CreateInstrument,
    PortfolioModel,
    RiskScenario,
    TradingLimits,
    UpdateMarkPrice,
)
from tests.unit.naive.world import CALL, PUT, USD, World

CALL_110, PUT_90, LATER_CALL, SMALL_CALL, SMALL_FUTURE = 11, 12, 13, 31, 32
E9 = 10**9
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

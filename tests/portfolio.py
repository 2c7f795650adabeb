"""Whether two portfolios together ever need more than apart: random ones, for each preset.

    python -m tests.portfolio [--portfolios N] [--seed N]

Prints one line per preset, in the form of docs/portfolio-margin.md: how many sums cost more in IM
or MM than their parts, and the worst excess as a share of the parts. Exit 1 if any does where none
may: in every preset without skew scenarios or without a discount of longs, and in the others with
either taken away. tests/unit/engine/risk/test_portfolio_sums.py runs the same.
"""

import argparse
import random
import sys
from typing import NamedTuple

import msgspec

from lockstep_engine.codes import VolRule
from lockstep_engine.commands import PortfolioModel
from lockstep_engine.risk.detmath import price_e6
from lockstep_engine.risk.portfolio import ExpirySums, Portfolio, requirements
from lockstep_engine.risk.shapes import (
    Contract,
    FutureLot,
    Grid,
    OptionLot,
    Shape,
    future_lot,
    option_lot,
)
from lockstep_runtime.presets import load_preset, preset_names

PORTFOLIOS = 20_000
SEED = 3
PER_MARKET = 100
DAY_NS = 86_400 * 10**9
ONE = 10**6
UNIT = 10**14
LINEAR = int(VolRule.LINEAR)
HEADER = """\
| model | portfolios | IM above its parts | MM above its parts | worst excess | may |
|---|---|---|---|---|---|"""


class Market(NamedTuple):
    """One lot of everything that can be held: options by expiry, then futures."""

    grid: Grid
    shapes: list[Shape]
    options: list[tuple[int, OptionLot]]
    futures: list[FutureLot]
    index_e6: int


class Found(NamedTuple):
    """What the sums of one model cost; `excess` is the worst share above the parts."""

    name: str
    portfolios: int
    initial: int
    maintenance: int
    excess: float
    may: bool

    def __str__(self) -> str:
        excess = f"{100 * self.excess:.3f} %" if self.excess else "none"
        may = "yes" if self.may else "no"
        counts = f"{self.portfolios:,} | {self.initial:,} | {self.maintenance:,}"
        return f"| {self.name} | {counts} | {excess} | {may} |"


def models() -> list[tuple[str, PortfolioModel, bool]]:
    """Return (name, model, whether a sum may cost more) of all presets and of what tells why."""
    found: list[tuple[str, PortfolioModel, bool]] = []
    for name in preset_names():
        model = load_preset(name).model
        plain = tuple(one for one in model.scenarios if one.vol_rule < LINEAR)
        has_skews = len(plain) < len(model.scenarios)
        may = has_skews and model.long_discount_e9 < 10**9
        found.append((name, model, may))
        if may:
            without = msgspec.structs.replace(model, scenarios=plain)
            whole = msgspec.structs.replace(model, long_discount_e9=10**9, long_rate_e9=0)
            found.append((f"{name} without skews", without, False))
            found.append((f"{name} without discounts", whole, False))
    return found


def random_market(grid: Grid, rng: random.Random) -> Market:
    """Return two to four expiries of calls and puts, two futures, at random prices."""
    index_e6 = rng.randint(1_000, 100_000) * ONE
    shapes: list[Shape] = []
    options: list[tuple[int, OptionLot]] = []
    for place in range(rng.randint(2, 4)):
        to_expiry_ns = int(DAY_NS * 10 ** rng.uniform(-0.5, 2.9))
        forward_e6 = index_e6 * rng.randint(970, 1_080) // 1_000
        shapes.append(Shape(grid, forward_e6, to_expiry_ns))
        for percent in (40, 70, 85, 95, 100, 105, 115, 140, 250):
            strike_e6 = forward_e6 * percent // 100
            vol_e9 = rng.randint(200_000_000, 1_500_000_000)
            for is_call in (True, False):
                mark = price_e6(is_call, forward_e6, strike_e6, to_expiry_ns, vol_e9) // 100
                contract = Contract(is_call, strike_e6, UNIT)
                options.append((place, option_lot(shapes[place], contract, vol_e9, mark)))
    futures = [
        future_lot(grid, price, UNIT, price // 100)
        for price in (index_e6, index_e6 * rng.randint(970, 1_080) // 1_000)
    ]
    return Market(grid, shapes, options, futures, index_e6)


def random_lots(market: Market, rng: random.Random) -> dict[int, int]:
    """Return lots by place in the market, options first."""
    count = len(market.options) + len(market.futures)
    places = rng.sample(range(count), rng.randint(1, 8))
    return {place: rng.choice((-1, 1)) * rng.randint(1, 50) for place in places}


def hedged(lots: dict[int, int], market: Market, rng: random.Random) -> dict[int, int]:
    """Return lots that offset many of others: as they are, in part, or at a neighbour's strike."""
    found: dict[int, int] = {}
    last = len(market.options) - 1
    for place, qty in lots.items():
        near = place
        if place <= last and rng.random() < 0.5:
            near = min(last, max(0, place + rng.choice((-2, -1, 1, 2))))
        found[near] = found.get(near, 0) - qty * rng.randint(50, 100) // 100
    return found


def portfolio_of(market: Market, *holdings: dict[int, int]) -> Portfolio:
    """Return one portfolio with all of the holdings."""
    portfolio = Portfolio(market.grid)
    portfolio.expiries.extend(ExpirySums(shape) for shape in market.shapes)
    together: dict[int, int] = {}
    for lots in holdings:
        for place, qty in lots.items():
            together[place] = together.get(place, 0) + qty
    for place, qty in together.items():
        if place < len(market.options):
            expiry, lot = market.options[place]
            portfolio.expiries[expiry].move(lot, 0, qty)
        else:
            portfolio.move(market.futures[place - len(market.options)], 0, qty)
    return portfolio


def measure(name: str, model: PortfolioModel, may: bool, count: int, seed: int) -> Found:
    """Return how often and by how much a sum costs more than its parts."""
    rng = random.Random(seed)
    grid = Grid(model)
    market = random_market(grid, rng)
    initial = maintenance = 0
    worst = 0.0
    for index in range(count):
        if index % PER_MARKET == 0:
            market = random_market(grid, rng)
        one = random_lots(market, rng)
        other = hedged(one, market, rng) if rng.random() < 0.5 else random_lots(market, rng)
        parts = [requirements(portfolio_of(market, lots), market.index_e6) for lots in (one, other)]
        whole = requirements(portfolio_of(market, one, other), market.index_e6)
        sums = [sum(pair) for pair in zip(*parts, strict=True)]
        initial += whole[0] > sums[0]
        maintenance += whole[1] > sums[1]
        worst = max(worst, *((w - s) / s for w, s in zip(whole, sums, strict=True) if w > s), 0.0)
    return Found(name, count, initial, maintenance, worst, may)


def main(arguments: list[str]) -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.portfolio")
    parser.add_argument("--portfolios", type=int, default=PORTFOLIOS, help="for each model")
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args(arguments)
    print(HEADER)
    is_good = True
    for name, model, may in models():
        found = measure(name, model, may, asked.portfolios, asked.seed)
        print(found, flush=True)
        is_good = is_good and (may or found.initial + found.maintenance == 0)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Whether more long options ever need more, or more short ones less, beyond portfolio mode.

    python -m tests.margin [--portfolios N] [--seed N]

For STANDARD and STANDARD_SPREAD ([MRG-2]): random portfolios of options and futures in random
markets, made by commands; each gets a few more lots of one option, long and short. Prints one line
per mode: how many portfolios needed more with the long, how many less with the short, and how many
needed more than their positions apart in STANDARD; of each tenth whether the naive machine says the
same. Exit 1 if any count is not 0. tests/unit/engine/risk/test_standard_sums.py runs the same.
"""

import argparse
import random
import sys
from collections.abc import Mapping
from typing import NamedTuple

from lockstep_engine.codes import MarginMode
from lockstep_engine.commands import (
    Command,
    CreateInstrument,
    CreateUnderlying,
    ExchangeParams,
    GrantRole,
    MarginRates,
    SetMarginModel,
    TradingLimits,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_engine.exchange import MACHINE as ENGINE
from lockstep_engine.exchange import exchange_genesis
from lockstep_engine.risk.assessment import Position, assess
from lockstep_engine.state import Account, ExchangeCore
from lockstep_kernel import Machine, apply_batch, initial
from lockstep_naive.core import NaiveCore
from lockstep_naive.machine import MACHINE as NAIVE
from lockstep_naive.margin import margin_in

PORTFOLIOS = 20_000
SEED = 5
PER_MARKET = 1_000
NAIVE_EVERY = 10
START_NS = 1_767_225_600 * 10**9  # 2026-01-01 00:00 UTC
ROOT, STAFF = b"root".ljust(32, b"."), b"staff".ljust(32, b".")
DOLLAR = 10**6
INDEX = 100
STRIKES = (20, 60, 80, 90, 95, 100, 105, 110, 120, 150, 400)
LIMITS = TradingLimits(max_price_ticks=10_000)
MODES = (MarginMode.STANDARD, MarginMode.STANDARD_SPREAD)
HEADER = """\
| mode | portfolios | more with a long | less with a short | more than apart | naive differs |
|---|---|---|---|---|---|"""

Lots = Mapping[int, int]
"""Signed lots by instrument."""
Margin = tuple[int, int]
"""IM and MM."""


class Market(NamedTuple):
    """The same market in both machines; `options` are the numbers of its options."""

    engine: ExchangeCore
    naive: NaiveCore
    options: list[int]
    others: list[int]


class Found:
    """What was counted in one mode."""

    def __init__(self, mode: MarginMode) -> None:
        self.mode = mode
        self.portfolios = 0
        self.raised = 0
        self.lowered = 0
        self.above_apart = 0
        self.differing = 0

    @property
    def faults(self) -> int:
        """Everything that should not be."""
        return self.raised + self.lowered + self.above_apart + self.differing

    def __str__(self) -> str:
        counts = (self.portfolios, self.raised, self.lowered, self.above_apart, self.differing)
        return f"| {self.mode.name} | " + " | ".join(f"{count:,}" for count in counts) + " |"


def random_rates(rng: random.Random) -> MarginRates:
    """Return the defaults, or anything that is good."""
    if rng.random() < 0.3:
        return MarginRates()
    shares = [rng.choice((0, 10**9, rng.randrange(10**9))) for _ in range(6)]
    addon = (rng.randrange(10_001), rng.choice((1, 10**5, 10**8, 10**18)))
    return MarginRates(*shares[:2], *addon, *shares[2:])


def random_market(rng: random.Random) -> Market:
    """Return options of two expiries and two futures, at marks that need make no sense."""
    symbols = ["BTC-PERP", "BTC-20261225"]
    for date in ("20261225", "20270625"):
        for strike in STRIKES:
            symbols += [f"BTC-{date}-{strike}-C", f"BTC-{date}-{strike}-P"]
    actions: list[object] = [CreateUnderlying("BTC", 10_000 * DOLLAR)]
    actions.append(SetMarginModel("BTC", random_rates(rng)))
    actions.append(UpdateIndexPrice("BTC", rng.choice((INDEX, rng.randint(1, 500))) * DOLLAR))
    for number, symbol in enumerate(symbols, 1):
        lot_e8 = rng.choice((10**5, 10**5, 3 * 10**6, 7 * 10**4))
        actions.append(CreateInstrument(number, symbol, DOLLAR, lot_e8, 10**8, LIMITS))
        actions.append(UpdateMarkPrice(number, rng.choice((1, 5, rng.randint(1, 300))) * DOLLAR))
    engine, naive = (_core(machine, actions) for machine in (ENGINE, NAIVE))
    assert isinstance(engine, ExchangeCore)
    assert isinstance(naive, NaiveCore)
    return Market(engine, naive, list(range(3, len(symbols) + 1)), [1, 2])


def _core(machine: Machine, actions: list[object]) -> object:
    """Return the state that a root and one member of the staff make of the actions."""
    state = initial(machine, exchange_genesis(ExchangeParams(ROOT, START_NS)))
    first = START_NS // DOLLAR
    commands = [Command(ROOT, first, GrantRole(STAFF, 15))]
    commands += [Command(STAFF, first + n, action) for n, action in enumerate(actions)]
    sequenced = [machine.codec.sequence(START_NS, command) for command in commands]
    return apply_batch(state, sequenced)[0].core


def random_lots(market: Market, rng: random.Random) -> dict[int, int]:
    """Return up to eight positions; now and then a vertical, a box or a butterfly among them."""
    if rng.random() < 0.5:
        places = rng.sample([*market.options, *market.others], rng.randint(1, 8))
        return {place: rng.choice((-1, 1)) * rng.randint(1, 50) for place in places}
    first = rng.choice(market.options[: len(market.options) // 2 - 4])
    size = rng.randint(1, 50)
    shape = rng.choice(((1, 0, -1), (1, -1, -1, 1), (1, 0, -2, 0, 1), (2, 0, -3), (0, 3, 0, -2)))
    sign = rng.choice((-1, 1))
    return {first + n: sign * size * weight for n, weight in enumerate(shape) if weight}


def margin_of(market: Market, mode: MarginMode, lots: Lots) -> Margin:
    """Return what the engine asks for."""
    positions = [
        Position(market.engine.instruments[number], qty, 0) for number, qty in lots.items() if qty
    ]
    account = Account(1, b"", 0, market.engine.fee_schedules[0], 0)
    account.mode = int(mode)
    found = assess(market.engine, account, positions)
    return found.initial_e6, found.maintenance_e6


def with_more(lots: Lots, number: int, qty: int) -> dict[int, int]:
    """Return the portfolio with so many more lots of one instrument."""
    return {**lots, number: lots.get(number, 0) + qty}


def measure(market: Market, found: Found, rng: random.Random) -> None:
    """Count one portfolio."""
    found.portfolios += 1
    lots = random_lots(market, rng)
    own = [number for number in lots if number in market.options]
    option = rng.choice(own) if own and rng.random() < 0.5 else rng.choice(market.options)
    qty = rng.choice((1, rng.randint(1, 60)))
    held = margin_of(market, found.mode, lots)
    longer = margin_of(market, found.mode, with_more(lots, option, qty))
    shorter = margin_of(market, found.mode, with_more(lots, option, -qty))
    found.raised += longer[0] > held[0] or longer[1] > held[1]
    found.lowered += shorter[0] < held[0] or shorter[1] < held[1]
    apart = [margin_of(market, MarginMode.STANDARD, {number: lots[number]}) for number in lots]
    sums = [sum(pair) for pair in zip(*apart, strict=True)]
    found.above_apart += held[0] > sums[0] or held[1] > sums[1]
    if found.portfolios % NAIVE_EVERY == 0:
        naive = margin_in(market.naive, 1, found.mode, lots)
        found.differing += held != (naive.initial_e6, naive.maintenance_e6)


def run(portfolios: int, seed: int) -> list[Found]:
    """Return what was counted in each mode, over the same markets."""
    results: list[Found] = []
    for mode in MODES:
        rng = random.Random(seed)
        found = Found(mode)
        market = random_market(rng)
        for number in range(portfolios):
            if number and number % PER_MARKET == 0:
                market = random_market(rng)
            measure(market, found, rng)
        results.append(found)
    return results


def main(arguments: list[str]) -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.margin")
    parser.add_argument("--portfolios", type=int, default=PORTFOLIOS, help="for each mode")
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args(arguments)
    results = run(asked.portfolios, asked.seed)
    print(HEADER)
    print("\n".join(str(found) for found in results))
    return 1 if any(found.faults for found in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

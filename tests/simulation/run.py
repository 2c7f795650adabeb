"""Runs worlds: the market simulator from one seed after the other, and the world beyond reason."""

import sys
import time

from lockstep_runtime.feeds.market import MarketFeed
from tests.simulation.checked import Checked
from tests.simulation.extreme import Extreme
from tests.simulation.steps import Reached

VERIFY_EVERY = 500
WORLD_COMMANDS = 5_000


def worlds(commands: int, seed: int, world: int = WORLD_COMMANDS) -> list[tuple[int, int]]:
    """Return (seed, commands) of worlds of `world` commands that together have so many."""
    starts = range(0, commands, world)
    return [(seed + i, min(world, commands - start)) for i, start in enumerate(starts)]


def simulate(commands: int, seed: int, reached: Reached, world: int = WORLD_COMMANDS) -> int:
    """Run so many commands in worlds of `world` each; return how many were applied."""
    for number, count in worlds(commands, seed, world):
        run_market(number, count, reached)
    return commands


def run_market(seed: int, count: int, reached: Reached) -> Checked:
    """Run one simulated market to its end, checked after every command."""
    feed = MarketFeed(seed, count)
    checked = Checked(feed.genesis(), reached, VERIFY_EVERY)
    started = time.perf_counter()
    for chunk in feed.chunks():
        for item in chunk:
            feed.listen(checked.apply(item))
        if checked.state.seq % 2_000 < len(chunk):
            seconds = time.perf_counter() - started
            sys.stderr.write(
                f"market:{seed}: {checked.state.seq:,} of {count:,}, {seconds:.0f} s\n"
            )
    checked.verify()
    return checked


def run_extreme(reached: Reached) -> Checked:
    """Run the world beyond reason, checked after every command."""
    world = Extreme()
    checked = Checked(world.genesis(), reached, VERIFY_EVERY)
    for item in world.items():
        checked.apply(item)
    checked.verify()
    return checked

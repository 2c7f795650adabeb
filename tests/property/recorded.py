"""A recorded flow: seeded commands of every kind, for tests that run one history in many ways.

A flow is `small:SEED`, in the small world of these tests, `market:SEED`, the market simulator, or
`tour:NUMBER`, a written one.

    python -m tests.property.recorded FLOW STEPS

prints the final hash, a hash over all events, and where the kernel was loaded from.
"""

import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain, islice
from typing import NamedTuple

import msgspec
from xxhash import xxh3_128

from lockstep_engine.exchange import MACHINE
from lockstep_engine.state import ExchangeCore
from lockstep_kernel import Genesis, Sequenced, apply_batch, arith, initial
from lockstep_runtime.feeds.market import MarketFeed
from tests.property.answers import EngineAnswers
from tests.property.author import FOCUSES, begin, next_item
from tests.property.dice import SeededDice
from tests.property.scene import Item, Scene
from tests.property.tours import TOURS, Tour
from tests.property.world import World, draw_world


class Recorded(NamedTuple):
    """A history: its genesis, its commands, and what came of them when they were recorded."""

    genesis: Genesis
    commands: list[Sequenced]
    hashes: list[bytes]
    events_hash: str


def items_of(flow: str, steps: int, digest_every: int = 1) -> tuple[Genesis, Iterator[Item]]:
    """Return a genesis and at most `steps` items for it, which depend on the flow alone."""
    kind, seed = flow.split(":")
    if kind == "market":
        feed = MarketFeed(int(seed), steps)
        genesis = msgspec.structs.replace(feed.genesis(), digest_every=digest_every)
        return genesis, _market_items(feed)
    if kind == "tour":
        world, tour = TOURS[int(seed)]
        return world.genesis(digest_every), islice(_tour_items(world, tour), steps)
    dice = SeededDice(int(seed))
    world = draw_world(dice, digest_every)
    return world.genesis(), islice(_small_items(dice, world), steps)


def _small_items(dice: SeededDice, world: World) -> Iterator[Item]:
    """Apply each command to a state of its own, which the author of the next one looks at."""
    core = initial(MACHINE, world.genesis()).core
    assert isinstance(core, ExchangeCore)
    scene = Scene(world, EngineAnswers(core))
    for ts_ns, command in scene.setup():
        MACHINE.step(core, ts_ns, command)
        yield ts_ns, command
    scene.core = core
    begin(scene)
    while True:
        ts_ns, command = next_item(dice, scene, FOCUSES[0])
        MACHINE.step(core, ts_ns, command)
        yield ts_ns, command


def _tour_items(world: World, tour: Tour) -> Iterator[Item]:
    """Apply each command to a state of its own, for the nonces that it has seen."""
    core = initial(MACHINE, world.genesis()).core
    assert isinstance(core, ExchangeCore)
    scene = Scene(world, EngineAnswers(core))
    scene.core = core
    for ts_ns, command in chain(scene.setup(), tour(scene)):
        MACHINE.step(core, ts_ns, command)
        yield ts_ns, command


def _market_items(feed: MarketFeed) -> Iterator[Item]:
    """Apply each command to a state of its own and tell the feed what happened."""
    core = initial(MACHINE, feed.genesis()).core
    assert isinstance(core, ExchangeCore)
    for chunk in feed.chunks():
        for ts_ns, command in chunk:
            feed.listen(MACHINE.step(core, ts_ns, command))
            yield ts_ns, command


@cache
def record(flow: str, steps: int, digest_every: int = 1) -> Recorded:
    """Run a flow one command at a time and keep everything."""
    genesis, items = items_of(flow, steps, digest_every)
    state = initial(MACHINE, genesis)
    commands: list[Sequenced] = []
    hashes: list[bytes] = [state.hash]
    events_hash = xxh3_128()
    for ts_ns, command in items:
        commands.append(MACHINE.codec.sequence(ts_ns, command))
        state, ((*_head, encoded, _previous, hash_),) = apply_batch(state, commands[-1:])
        hashes.append(hash_)
        events_hash.update(encoded)
    return Recorded(genesis, commands, hashes, events_hash.hexdigest())


def main(arguments: list[str]) -> int:
    """Print the hashes of a flow and return 0."""
    recorded = record(arguments[0], int(arguments[1]))
    print(recorded.hashes[-1].hex(), recorded.events_hash, arith.__file__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Runs an engine over a feed, to the end of the feed, a shutdown or an error ([DESK-62]).

With an audit stream or without is the engine's auditor's business; the loop is the same.
"""

from collections.abc import AsyncIterable, Iterable

import msgspec

from lockstep_desk.core.engine import Engine
from lockstep_desk.core.outputs import is_terminal
from lockstep_desk.types import AuditTick


def run(engine: Engine, feed: Iterable[msgspec.Struct]) -> AuditTick:
    """Process every event of a feed and return the last tick, which is terminal."""
    for event in feed:
        tick = engine.process(event)
        if is_terminal(tick):
            return tick
    return engine.end()


async def run_async(engine: Engine, feed: AsyncIterable[msgspec.Struct]) -> AuditTick:
    """Do what `run` does with a feed that is waited for."""
    async for event in feed:
        tick = engine.process(event)
        if is_terminal(tick):
            return tick
    return engine.end()

"""A small options flow for tests: the same behaviour on fewer options, makers and takers."""

from lockstep_runtime.bench.workload import Workload, encoded
from lockstep_runtime.feeds.options_flow import OptionsFlow, OptionsSpec

SMALL = OptionsSpec("woptions", 1, expiries=4, strikes=8, makers=6, takers=6, flow=2_000)


def small_workload() -> Workload:
    """Return the small flow as a workload."""
    feed = OptionsFlow(SMALL)
    commands, first_order = encoded(feed)
    warm = len(commands) - SMALL.flow
    return Workload(SMALL.name, feed.genesis(), first_order, warm, commands)

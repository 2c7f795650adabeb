"""The pipeline: from market data over channels and workers to orders.

Names are loaded when they are first used: a worker process starts with what it needs alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockstep_desk.pipeline.actor import Host, Outcome, Task
    from lockstep_desk.pipeline.channel import (
        Channel,
        ChannelClosedError,
        ChannelFullError,
        Counters,
        Overflow,
    )
    from lockstep_desk.pipeline.config import (
        ChecksConfig,
        DeskConfig,
        FeedConfig,
        PoolConfig,
        load_config,
        parse_config,
    )
    from lockstep_desk.pipeline.generator import Span, SplitMix64, Walk, candles
    from lockstep_desk.pipeline.guard import FailurePolicy, Guard, Health
    from lockstep_desk.pipeline.live import LiveOptions, Pipeline
    from lockstep_desk.pipeline.lockstep import Lockstep
    from lockstep_desk.pipeline.orders import OrderCounters, OrderEngine
    from lockstep_desk.pipeline.pool import InlinePool, Pool, PoolCounters, ThreadPool, run_all
    from lockstep_desk.pipeline.port import (
        Answer,
        CommandKind,
        DeskPort,
        LivePort,
        Seen,
        Standing,
        TraderCommand,
    )
    from lockstep_desk.pipeline.portfolio import Portfolio, Totals
    from lockstep_desk.pipeline.processes import ProcessOptions, ProcessPool
    from lockstep_desk.pipeline.recording import recorded
    from lockstep_desk.pipeline.router import Address, Router, Target, Trader
    from lockstep_desk.pipeline.section import ConfigError
    from lockstep_desk.pipeline.supervisor import Service, StopReport, Supervisor, ThreadService

_HOMES = {
    "actor": (
        "Host",
        "Outcome",
        "Task",
    ),
    "channel": (
        "Channel",
        "ChannelClosedError",
        "ChannelFullError",
        "Counters",
        "Overflow",
    ),
    "config": (
        "ChecksConfig",
        "DeskConfig",
        "FeedConfig",
        "PoolConfig",
        "load_config",
        "parse_config",
    ),
    "generator": (
        "Span",
        "SplitMix64",
        "Walk",
        "candles",
    ),
    "guard": (
        "FailurePolicy",
        "Guard",
        "Health",
    ),
    "live": (
        "LiveOptions",
        "Pipeline",
    ),
    "lockstep": ("Lockstep",),
    "orders": (
        "OrderCounters",
        "OrderEngine",
    ),
    "pool": (
        "InlinePool",
        "Pool",
        "PoolCounters",
        "ThreadPool",
        "run_all",
    ),
    "port": (
        "Answer",
        "CommandKind",
        "DeskPort",
        "LivePort",
        "Seen",
        "Standing",
        "TraderCommand",
    ),
    "portfolio": (
        "Portfolio",
        "Totals",
    ),
    "processes": (
        "ProcessOptions",
        "ProcessPool",
    ),
    "recording": ("recorded",),
    "router": (
        "Address",
        "Router",
        "Target",
        "Trader",
    ),
    "section": ("ConfigError",),
    "supervisor": (
        "Service",
        "StopReport",
        "Supervisor",
        "ThreadService",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Channel",
    "Overflow",
    "Counters",
    "ChannelFullError",
    "ChannelClosedError",
    "candles",
    "Walk",
    "Span",
    "SplitMix64",
    "recorded",
    "Trader",
    "Router",
    "Target",
    "Address",
    "Task",
    "Outcome",
    "Host",
    "Pool",
    "InlinePool",
    "ThreadPool",
    "ProcessPool",
    "ProcessOptions",
    "PoolCounters",
    "run_all",
    "FailurePolicy",
    "Guard",
    "Health",
    "DeskPort",
    "LivePort",
    "Seen",
    "Standing",
    "Answer",
    "TraderCommand",
    "CommandKind",
    "Portfolio",
    "Totals",
    "Lockstep",
    "Pipeline",
    "LiveOptions",
    "OrderEngine",
    "OrderCounters",
    "Supervisor",
    "Service",
    "ThreadService",
    "StopReport",
    "DeskConfig",
    "ChecksConfig",
    "ConfigError",
    "FeedConfig",
    "PoolConfig",
    "load_config",
    "parse_config",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value

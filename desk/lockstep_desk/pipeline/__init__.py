"""The pipeline: from market data over channels and workers to orders."""

from lockstep_desk.pipeline.actor import Host, Outcome, Task
from lockstep_desk.pipeline.channel import (
    Channel,
    ChannelClosedError,
    ChannelFullError,
    Counters,
    Overflow,
)
from lockstep_desk.pipeline.config import (
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
    Seen,
    Standing,
    TraderCommand,
)
from lockstep_desk.pipeline.portfolio import Portfolio, Totals
from lockstep_desk.pipeline.processes import ProcessOptions, ProcessPool
from lockstep_desk.pipeline.recorded import recorded
from lockstep_desk.pipeline.router import Address, Router, Target, Trader
from lockstep_desk.pipeline.section import ConfigError
from lockstep_desk.pipeline.supervisor import Service, StopReport, Supervisor, ThreadService

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
    "ConfigError",
    "FeedConfig",
    "PoolConfig",
    "load_config",
    "parse_config",
]

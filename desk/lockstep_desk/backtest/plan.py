"""What is to be run: constants that all runs share, and for each run its traders and its risk."""

from dataclasses import dataclass, field

from lockstep_desk.adapters.exchange.venue import VenueOptions
from lockstep_desk.core.commands import Limits
from lockstep_desk.pipeline.config import ChecksConfig, FeedConfig, Named, PoolConfig
from lockstep_desk.pipeline.guard import FailurePolicy
from lockstep_desk.stats import Basis


@dataclass(frozen=True, slots=True)
class Shared:
    """The constants of all runs. `sources` says which instrument of the feed is which of ours.

    A request takes `one_way_ns` to the exchange, and what the exchange says as much back: at least
    1, so that a desk that answers its own answers comes to an end.
    """

    feed: FeedConfig
    venue: VenueOptions
    sources: tuple[tuple[str, str], ...]
    one_way_ns: int = 500_000
    basis: Basis = field(default_factory=Basis)
    pool: PoolConfig = field(default_factory=PoolConfig)
    failures: FailurePolicy = field(default_factory=FailurePolicy)


@dataclass(frozen=True, slots=True)
class Run:
    """One backtest: its id, who trades, what each may risk, and the return without risk.

    `limits` are those of each deployment's gate, `checks` are before the gates, order by order.
    """

    run_id: str
    traders: tuple[Named, ...]
    limits: Limits
    risk_free_e9: int = 0
    checks: ChecksConfig = field(default_factory=ChecksConfig)


@dataclass(frozen=True, slots=True)
class Plan:
    """All of them."""

    shared: Shared
    runs: tuple[Run, ...]

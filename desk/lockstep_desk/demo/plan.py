"""What the demo trades, for how long, and when what goes wrong.

Owns the constants of a demo: a seed and a size give the same market, the same deployments and the
same script. What the strategies make of it is not the same twice: the pipeline runs free.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from lockstep_desk.adapters.exchange.durable import Place
from lockstep_desk.adapters.exchange.venue import (
    ACCOUNT,
    Listing,
    Protection,
    VenueAccount,
    VenueOptions,
)
from lockstep_desk.backtest.moves import Move, moves
from lockstep_desk.core.commands import Limits
from lockstep_desk.core.machine import desk_genesis
from lockstep_desk.core.params import DeskParams
from lockstep_desk.ids import deployment_id, version_id
from lockstep_desk.pipeline.config import Named
from lockstep_desk.pipeline.generator import Span, Walk, candles
from lockstep_desk.pipeline.router import Trader
from lockstep_desk.strategy.catalog import StrategySpec
from lockstep_desk.types import E8
from lockstep_kernel import Genesis

STOPPED: Final = "SOL-PERP"
"""The instrument whose position the native stop closes: one deployment alone trades it."""

MAKER: Final = "maker"
"""The deployment whose worker is killed: it wants something after nearly every event."""

MOVES_PER_CANDLE: Final = 4
_MS_NS: Final = 1_000_000
_BTC, _ETH = "BTC-PERP", "ETH-PERP"
_LISTINGS: Final = (
    Listing(_BTC, tick_e9=10**8, lot_e8=10**5),
    Listing(_ETH, tick_e9=10**7, lot_e8=10**6),
    Listing(STOPPED, tick_e9=10**7, lot_e8=10**7),
)
_WALKS: Final = (
    Walk(_BTC, 10**8, 600_000, step_max=240),
    Walk(_ETH, 10**7, 300_000, step_max=140),
    Walk(STOPPED, 10**7, 15_000, step_max=12),
)
_TRADERS: Final = (
    ("rsi", _BTC, "rsi", {"qty_e8": E8 // 20, "period": 5}),
    ("crossing", _BTC, "sma_cross", {"qty_e8": E8 // 20, "fast": 2, "slow": 6}),
    ("heikin-ashi", STOPPED, "heikin_ashi", {"qty_e8": 20 * E8}),
    (
        *(MAKER, _ETH, "market_maker"),
        {
            "qty_e8": E8 // 2,
            "tick_e9": 10**7,
            "half_spread_bps": 2,
            "skew_bps": 2,
            "inventory_max_e8": 3 * E8,
            "follow_ticks": 40,
        },
    ),
)
_VERSION: Final = version_id(b"the strategies of this release, as the demo runs them")

MAKER_FEE_E9: Final = 0
TAKER_FEE_E9: Final = 50_000
CAPITAL_CENTS: Final = 100_000_00
LIMITS: Final = Limits(
    max_position_cents=10**9, max_order_cents=10**8, max_orders_per_sec=1_000, caps_open=True
)
PROTECTION: Final = Protection(qty_e8=3 * E8, interval_ms=500, frozen_ms=300)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How large a demo is. `move_us` lies at least between two moves of the market.

    `begun_ns` tells it from every other demo: both journals begin with it.
    """

    seed: int
    candles: int
    move_us: int
    begun_ns: int = 0

    @property
    def total(self) -> int:
        """How often the market moves."""
        return self.candles * MOVES_PER_CANDLE * len(_WALKS)

    @property
    def candle_ns(self) -> int:
        """How long a candle takes."""
        return MOVES_PER_CANDLE * len(_WALKS) * self.move_us * 1_000

    @property
    def worker_at(self) -> int:
        """After how many moves a worker is killed."""
        return self.total * 15 // 100

    @property
    def lost_at(self) -> int:
        """After how many moves the link is lost, or a little later: there must be a position."""
        return self.total * 28 // 100

    @property
    def hit_after(self) -> int:
        """After how many moves without a link the native stop fires."""
        return self.total * 5 // 100

    @property
    def back_after(self) -> int:
        """After how many moves without a link it is back."""
        return self.total * 10 // 100

    @property
    def killed_at(self) -> int:
        """After how many moves the host is killed."""
        return self.total * 60 // 100

    def place(self, directory: Path) -> Place:
        """Return the exchange of the demo, in a directory."""
        options = VenueOptions(
            _LISTINGS,
            seed=self.seed,
            accounts=(VenueAccount(ACCOUNT, CAPITAL_CENTS),),
            protection=PROTECTION,
            maker_fee_e9=MAKER_FEE_E9,
            taker_fee_e9=TAKER_FEE_E9,
        )
        return Place(directory, self.begun_ns, options)

    def desk_genesis(self) -> Genesis:
        """Return what the desk's journal begins with."""
        return desk_genesis(DeskParams(f"demo {self.begun_ns}"))

    def moves(self, done: int) -> Iterator[Move]:
        """Yield the moves of the market after the first `done`."""
        span = Span(0, self.candle_ns)
        path = moves(
            candles(self.seed, list(_WALKS), span, self.candles),
            {walk.instrument: walk.instrument for walk in _WALKS},
            self.candle_ns,
        )
        for number, move in enumerate(path):
            if number >= done:
                yield move


def quick(seed: int) -> Plan:
    """Return the plan of a demo of seconds."""
    return Plan(seed, candles=96, move_us=6_500)


def full(seed: int) -> Plan:
    """Return the plan of a demo of about a minute."""
    return Plan(seed, candles=480, move_us=6_500)


def deployments() -> tuple[Named, ...]:
    """Return who trades, and what each deployment is registered with."""
    return tuple(
        Named(
            Trader(
                place,
                deployment_id(name, _VERSION, 0),
                instrument,
                StrategySpec(strategy, tuple(options.items())),
            ),
            name,
            _VERSION,
            0,
        )
        for place, (name, instrument, strategy, options) in enumerate(_TRADERS)
    )


def names() -> dict[str, str]:
    """Return what each deployment is called, by its id."""
    return {named.trader.deployment_id: named.name for named in deployments()}


def index_of(name: str) -> int:
    """Return the place of a deployment in the portfolio."""
    return next(named.trader.index for named in deployments() if named.name == name)

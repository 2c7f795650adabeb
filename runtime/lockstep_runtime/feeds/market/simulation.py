"""What all behaviours share: the dice, what is known, who is there, and small helpers.

A behaviour is a function from the simulation to steps. All chance comes from one seeded generator,
by whole-number draws only, and the order of the draws is part of the stream.
"""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from lockstep_engine.codes import (
    InstrumentKind,
    OrderFlag,
    OrderType,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from lockstep_engine.commands import Action, PlaceOrder
from lockstep_runtime.feeds.market.days import NS_PER_S
from lockstep_runtime.feeds.market.view import Listed, MarketView
from lockstep_runtime.feeds.market.world import (
    BTC_NARROW,
    BUILDER,
    ETH_PERP,
    FAR_CALL,
    FIRST_INDEX_E6,
    Trader,
    World,
)
from lockstep_runtime.signing import Signer

_T = TypeVar("_T")
_UNTRADED = frozenset((BTC_NARROW, FAR_CALL))
_GTD, _IOC, _FOK = int(TimeInForce.GTD), int(TimeInForce.IOC), int(TimeInForce.FOK)
_LINEAGES = tuple(bytes([number]) * 16 for number in range(4))


class Step(msgspec.Struct, frozen=True):
    """One command to come. `nonce` and `account` replace what the signer would write."""

    signer: Signer
    action: Action
    request_id: bytes = b""
    wait_ns: int = 0
    nonce_offset_ms: int | None = None
    account: int | None = None
    is_repeat: bool = False
    """Whether the nonce is the signer's last one again."""
    counter: Signer | None = None
    """Who signs a block for the other party; its nonce is written when the step is due."""


Steps = Sequence[Step]


class Crash:
    """A crash that has begun: makers stay away, and prices gap once more after some chunks.

    `alarms` is for how many more chunks the risk desk looks at every account after that. While it
    `is_dark`, the gap is there and nobody has seen it yet: nobody trades.
    """

    __slots__ = ("alarms", "chunks_to_gap", "is_dark", "is_down", "underlyings")

    def __init__(self, underlyings: Sequence[str], is_down: bool) -> None:
        self.underlyings = underlyings
        self.is_down = is_down
        self.chunks_to_gap = 1
        self.alarms = 2
        self.is_dark = False


class Simulation:
    """The common ground of all behaviours. `now_ns` is when the last step was due.

    `index_e6` is what the oracle said last of each index, ahead of what the others have heard.
    """

    def __init__(self, seed: int, world: World) -> None:
        self.random = random.Random(seed)
        self.world = world
        self.view = MarketView()
        self.now_ns = 0
        self.index_e6 = dict(FIRST_INDEX_E6)
        self.crash: Crash | None = None
        self.calm_chunks = 0
        self._client_id = 0

    def chance(self, percent: int) -> bool:
        """Return whether a draw of one in a hundred falls below `percent`."""
        return self.random.randrange(100) < percent

    def one_of(self, choices: Sequence[_T]) -> _T:
        """Draw one."""
        return choices[self.random.randrange(len(choices))]

    def between(self, low: int, high: int) -> int:
        """Draw a whole number, both ends included."""
        return self.random.randrange(low, high + 1)

    def next_client_id(self) -> int:
        """Return a client identifier that nobody used before."""
        self._client_id += 1
        return self._client_id

    def traded(self) -> list[Listed]:
        """Return the instruments that are traded and not known to be expired, by number."""
        listed = self.view.listed
        return [
            listed[number]
            for number in sorted(listed)
            if number not in _UNTRADED and listed[number].created.underlying in FIRST_INDEX_E6
        ]

    def futures(self, underlying: str = "") -> list[Listed]:
        """Return the dated futures that are traded, of one underlying or all, soonest first."""
        found = [
            listed
            for listed in self.traded()
            if listed.created.kind == InstrumentKind.FUTURE
            and underlying in ("", listed.created.underlying)
        ]
        return sorted(found, key=lambda listed: (listed.created.expiry_ns, listed.number))

    def market(self) -> Listed:
        """Draw an instrument: a perpetual half of the time."""
        traded = self.traded()
        return self.one_of(traded[:2] if self.chance(50) else traded)

    def lots(self, listed: Listed, most: int = 40) -> int:
        """Draw a size that the limits allow."""
        limits = listed.created.limits
        step = limits.qty_step_lots
        lowest = -(-limits.min_order_lots // step)
        return self.between(lowest, lowest + most // step) * step

    def signer(self, trader: Trader) -> Signer:
        """Draw which key trades: the agent's more often than the root's."""
        return trader.agent if self.chance(70) else trader.root

    def order(self, trader: Trader, listed: Listed, side: int, price_ticks: int) -> PlaceOrder:
        """Draw the rest of an order: time in force, flags, self-trade mode, marks and size."""
        tif = self.one_of((0, 0, 0, _GTD, _IOC, _FOK))
        is_resting = tif not in (_IOC, _FOK)
        flags = self.one_of((0, 0, OrderFlag.POST_ONLY, OrderFlag.REPRICE)) if is_resting else 0
        return PlaceOrder(
            listed.number,
            side,
            listed.on_step(price_ticks),
            self.lots(listed),
            tif,
            int(OrderType.MARKET) if tif == _IOC and self.chance(40) else 0,
            int(flags) | (int(OrderFlag.MMP) if self.chance(self._mmp_percent(trader)) else 0),
            self.self_trade_mode(listed, is_fok=tif == _FOK),
            self.next_client_id() if self.chance(60) else 0,
            self.one_of(_LINEAGES) if self.chance(20) else b"",
            self.now_ns + self.between(1, 20) * NS_PER_S if tif == _GTD else 0,
            BUILDER if self.chance(15) and trader.account != BUILDER else 0,
        )

    def _mmp_percent(self, trader: Trader) -> int:
        """Return how often an order asks for protection: makers have one."""
        return 40 if trader in self.world.makers else 1

    def self_trade_mode(self, listed: Listed, is_fok: bool = False) -> int:
        """Draw a self-trade mode that the instrument and the order allow."""
        modes = [SelfTradeMode.CANCEL_TAKER, SelfTradeMode.CANCEL_MAKER, SelfTradeMode.CANCEL_BOTH]
        if not is_fok:
            modes.append(SelfTradeMode.DECREMENT)
        if listed.number == ETH_PERP:
            modes.append(SelfTradeMode.ALLOW)
        return int(self.one_of(modes))

    def price_near(self, listed: Listed, side: int, distance_bps: int) -> int:
        """Return a price `distance_bps` worse than fair for the other side (negative: better)."""
        fair = self.view.fair_ticks(listed)
        away = fair * distance_bps // 10_000 or 1
        return fair - away if side == Side.BUY else fair + away

    def side(self) -> int:
        """Draw a side."""
        return self.random.randrange(2)


Behaviour = Callable[[Simulation], Steps]
"""Draws what somebody does next; no steps if there is nothing to do."""

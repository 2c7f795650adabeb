"""The entity tables of the exchange and the mutable core that holds them.

Everything here is plain data with its record; decisions stand in the packages beside it. Derived
fields (marked so) are outside the digest: they are rebuilt from the records by `restore`, and
`verify` compares them. Whoever changes a field that is in a record also touches the entity.
"""

import struct
from typing import Final

import msgspec

from lockstep_engine.codes import EntityKind, InstrumentKind, InstrumentStatus, MarginMode
from lockstep_engine.commands import ExchangeParams, TradingLimits
from lockstep_engine.entities import (
    Agent,
    FeeSchedule,
    Mark,
    NonceSet,
    Request,
    RoleGrant,
    Surface,
    Treasury,
    Underlying,
)
from lockstep_engine.lifecycle.entities import Funding, IndexWindow, Settlement
from lockstep_engine.protection import Mmp
from lockstep_engine.risk.shapes import Contract, Shape
from lockstep_engine.risk.spread import SpreadGroup
from lockstep_engine.risk.sums import LotRisk, UnderlyingPortfolio
from lockstep_kernel.arith import div_ceil
from lockstep_kernel.entity import Entity, Record

CLOCKS: Final = struct.Struct(">qIQQQQ")
_pack_clocks: Final = CLOCKS.pack

_ACCOUNT: Final = int(EntityKind.ACCOUNT)
_INSTRUMENT: Final = int(EntityKind.INSTRUMENT)
_BOOK: Final = int(EntityKind.BOOK)
_ORDER: Final = int(EntityKind.ORDER)
_POSITION: Final = int(EntityKind.POSITION)
_ACTIVE: Final = int(InstrumentStatus.ACTIVE)
_EXPIRED: Final = int(InstrumentStatus.EXPIRED_PENDING_PRICE)
_FUTURE: Final = int(InstrumentKind.FUTURE)
_CALL: Final = int(InstrumentKind.CALL)
_E16: Final = 10**16
_STANDARD: Final = int(MarginMode.STANDARD)


class Level:
    """The queue of orders at one price, first come first. All derived.

    Invariants: `total_lots` is the sum of remaining lots from `head` to `tail`; a level in the book
    is never empty. `before_lots` is the total before the command, while `is_changed`.
    """

    __slots__ = ("before_lots", "head", "is_changed", "price_ticks", "side", "tail", "total_lots")

    def __init__(self, side: "BookSide", price_ticks: int) -> None:
        self.side = side
        self.price_ticks = price_ticks
        self.total_lots = 0
        self.before_lots = 0
        self.is_changed = False
        self.head: Order | None = None
        self.tail: Order | None = None


class BookSide:
    """One side of a book. All derived.

    Invariants: `keys` rises strictly and holds price x `sign` of every level, so the best price is
    last; `best` is its level; `emptied` holds the levels that this command emptied, and nothing
    between commands.
    """

    __slots__ = ("best", "counter", "emptied", "instrument", "keys", "levels", "sign")

    def __init__(self, instrument: "Instrument", counter: "BookCounter", sign: int) -> None:
        self.instrument = instrument
        self.counter = counter
        self.sign = sign
        self.levels: dict[int, Level] = {}
        self.keys: list[int] = []
        self.best: Level | None = None
        self.emptied: dict[int, Level] = {}


class BookCounter(Entity):
    """How often the book of an instrument was seen to change."""

    __slots__ = ("instrument", "sequence")

    def __init__(self, instrument: int) -> None:
        super().__init__()
        self.instrument = instrument
        self.sequence = 0

    def record(self) -> Record | None:
        return (_BOOK, self.instrument, self.sequence) if self.sequence else None


class Instrument(Entity):
    """A contract, its limits, its mark and its book.

    `highest_price_ticks`: no price since anybody was in it, nor its mark, was above ([NUM-4]).

    Derived: kind, strike and expiry (from the symbol), the value of a tick and of a lot, and:
    `clearing_e6` = -(sum of the costs of all positions) for futures and perpetuals;
    `fresh_until_ns`, the last time at which the mark is not stale, -1 if there is none;
    `unit_e16`, the underlying in one lot, in units of 10^-16;
    `worst_lot_e6`, the most that a lot can be worth: at index, strike and price at their highest;
    standard margin per lot (see risk.standard), with `addon_product` 0 where no add-on is due;
    `settlement`, the price of its expiry from then on, when no index counts for it any more;
    `risk`, one lot under the portfolio model, or None until it is needed at this mark.
    """

    __slots__ = (
        "addon_product",
        "allows_self_trade",
        "asks",
        "bids",
        "clearing_e6",
        "contract",
        "contract_size_e8",
        "counter",
        "expiry_ns",
        "fresh_until_ns",
        "highest_price_ticks",
        "index_lot_e6",
        "instrument",
        "is_option",
        "kind",
        "limits",
        "long_lot_e6",
        "lot_e8",
        "mark",
        "mark_lot_e6",
        "mark_version",
        "max_open_orders",
        "max_order_lots",
        "max_position_lots",
        "max_price_ticks",
        "min_notional_e6",
        "min_order_lots",
        "price_band_bps",
        "price_step_ticks",
        "qty_step_lots",
        "risk",
        "seen_version",
        "settlement",
        "short_lot_e6",
        "short_maintenance_e6",
        "status",
        "strike_e6",
        "symbol",
        "tick_e6",
        "underlying",
        "unit_e16",
        "value_e6",
        "version",
        "worst_lot_e6",
    )

    def __init__(
        self,
        instrument: int,
        symbol: str,
        underlying: Underlying,
        kind: int,
        expiry_ns: int,
        strike_e6: int,
        sizes: tuple[int, int, int],
        limits: TradingLimits,
        allows_self_trade: bool,
    ) -> None:
        super().__init__()
        self.instrument = instrument
        self.symbol = symbol
        self.underlying = underlying
        self.kind = kind
        self.is_option = kind > _FUTURE
        self.expiry_ns = expiry_ns
        self.strike_e6 = strike_e6
        self.tick_e6, self.lot_e8, self.contract_size_e8 = sizes
        self.unit_e16 = sizes[1] * sizes[2]
        self.value_e6 = sizes[0] * self.unit_e16 // _E16
        self.contract = Contract(kind == _CALL, strike_e6, self.unit_e16)
        self.allows_self_trade = allows_self_trade
        self.status = _ACTIVE
        self.mark = Mark(instrument)
        self.fresh_until_ns = -1
        self.set_limits(limits)
        self.set_highest_price(limits.max_price_ticks)
        self.counter = BookCounter(instrument)
        self.bids = BookSide(self, self.counter, 1)
        self.asks = BookSide(self, self.counter, -1)
        self.clearing_e6 = 0
        self.version = 1
        self.seen_version = 0
        self.mark_version = 1
        self.mark_lot_e6 = 0
        self.index_lot_e6 = 0
        self.long_lot_e6 = 0
        self.short_lot_e6 = 0
        self.short_maintenance_e6 = 0
        self.addon_product = 0
        self.risk: LotRisk | None = None
        self.settlement: Settlement | None = None

    def is_expired(self) -> bool:
        """Return whether it trades no more; it may be settled or wait for that."""
        return self.status >= _EXPIRED

    def set_limits(self, limits: TradingLimits) -> None:
        """Replace the limits."""
        self.limits = limits
        self.price_step_ticks = limits.price_step_ticks
        self.max_price_ticks = limits.max_price_ticks
        self.qty_step_lots = limits.qty_step_lots
        self.min_order_lots = limits.min_order_lots
        self.max_order_lots = limits.max_order_lots
        self.min_notional_e6 = limits.min_notional_e6
        self.max_position_lots = limits.max_position_lots
        self.max_open_orders = limits.max_open_orders
        self.price_band_bps = limits.price_band_bps

    def set_highest_price(self, price_ticks: int) -> None:
        """Replace the highest price."""
        self.highest_price_ticks = price_ticks
        self.worst_lot_e6 = self.worst_lot_at_e6(price_ticks)

    def worst_lot_at_e6(self, price_ticks: int) -> int:
        """Return the most that a lot can be worth where no price is higher, rounded up."""
        highest_e6 = max(self.underlying.max_index_price_e6, self.strike_e6)
        return max(div_ceil(highest_e6 * self.unit_e16, _E16), price_ticks * self.value_e6)

    def record(self) -> Record | None:
        return (
            _INSTRUMENT,
            self.instrument,
            self.symbol,
            self.tick_e6,
            self.lot_e8,
            self.contract_size_e8,
            self.allows_self_trade,
            self.status,
            self.price_step_ticks,
            self.max_price_ticks,
            self.qty_step_lots,
            self.min_order_lots,
            self.max_order_lots,
            self.min_notional_e6,
            self.max_position_lots,
            self.max_open_orders,
            self.price_band_bps,
            self.limits.block_band_bps,
            self.highest_price_ticks,
        )


class Account(Entity):
    """An account with its cash, its margin mode and what it could not pay ([LIQ-2]).

    Invariant: with debt there are no positions and no orders.

    Derived: agents, protections by underlying, the nonces of its root key, holdings, live orders
    and their indexes, the sum of their reserves, and `margin_e6`: the sum over the holdings and,
    beyond STANDARD, over `groups` (spreads by underlying and expiry) or `portfolios`.
    Holdings whose part in it is out of date stand in `dirty`, or, if only a price moved, have a
    `seen_version` behind their instrument's `version` (in PORTFOLIO: `mark_version`) or, there,
    open orders or an expired position, while `seen_prices` is behind the core's.
    `exposure_e6` is the exposure of [NUM-4] or more: whatever lowers it leaves this as it is.
    `has_relief`: a protection has the option RELIEF. `is_plain`: STANDARD without any relief.
    """

    __slots__ = (
        *("account", "agents", "cash_e6"),
        "client_ids",
        "debt_e6",
        "dirty",
        "exposure_e6",
        "fees",
        "groups",
        "has_relief",
        "holdings",
        "is_plain",
        "margin_e6",
        "mmps",
        "mode",
        "orders",
        "portfolios",
        "quote_sets",
        "reserve_e6",
        "root",
        "root_nonces",
        "seen_prices",
        "self_trade_group",
    )

    def __init__(
        self, account: int, root: bytes, self_trade_group: int, fees: FeeSchedule, cash_e6: int
    ) -> None:
        super().__init__()
        self.account = account
        self.root = root
        self.self_trade_group = self_trade_group
        self.fees = fees
        self.cash_e6 = cash_e6
        self.debt_e6 = 0
        self.mode = _STANDARD
        self.has_relief = False
        self.is_plain = True
        self.groups: dict[tuple[str, int], SpreadGroup] = {}
        self.portfolios: dict[str, UnderlyingPortfolio] = {}
        self.agents: dict[bytes, Agent] = {}
        self.holdings: dict[int, Holding] = {}
        self.orders: dict[int, Order] = {}
        self.client_ids: dict[int, Order] = {}
        self.quote_sets: dict[int, dict[int, Order]] = {}
        self.mmps: dict[str, Mmp] = {}
        self.dirty: list[Holding] = []
        self.root_nonces: NonceSet | None = None
        self.seen_prices = 0
        self.margin_e6 = 0
        self.reserve_e6 = 0
        self.exposure_e6 = 0

    def record(self) -> Record | None:
        return (
            _ACCOUNT,
            self.account,
            self.root,
            self.self_trade_group,
            self.fees.tier,
            self.cash_e6,
            self.mode,
            self.debt_e6,
        )


class Holding(Entity):
    """What an account has in one instrument: its position, and (derived) its open orders.

    Derived: open lots, open orders (all, reduce-only ones by order_id, those with flag MMP), and
    `margin_e6`, its own part in the account's sum as it was computed last; in it is `shortfall_e6`,
    what the orders may lose beyond their reserves ([MRG-1], see risk.shortfall). `seen_version` 0:
    neither was computed yet.
    """

    __slots__ = (
        *("account", "cost_e6", "instrument", "is_dirty", "margin_e6", "mmp_orders"),
        *("open_buy_lots", "open_sell_lots", "orders", "qty_lots", "reduce_only_buys"),
        *("reduce_only_sells", "seen_version", "shortfall_e6"),
    )

    def __init__(self, account: Account, instrument: Instrument) -> None:
        super().__init__()
        self.account = account
        self.instrument = instrument
        self.qty_lots = 0
        self.cost_e6 = 0
        self.open_buy_lots = 0
        self.open_sell_lots = 0
        self.orders: dict[int, Order] = {}
        self.reduce_only_buys: list[Order] = []
        self.reduce_only_sells: list[Order] = []
        self.mmp_orders: dict[int, Order] = {}
        self.is_dirty = False
        self.seen_version = 0
        self.margin_e6 = 0
        self.shortfall_e6 = 0

    def record(self) -> Record | None:
        if self.qty_lots == 0 and self.cost_e6 == 0:
            return None
        key = (self.account.account, self.instrument.instrument)
        return (_POSITION, key, self.qty_lots, self.cost_e6)


class Order(Entity):
    """An order; in the digest while it rests.

    Derived: `level` is the queue it rests in (None: not resting), `ahead` and `behind` its
    neighbours there.
    """

    __slots__ = (
        "account",
        "ahead",
        "arrival",
        "behind",
        "builder",
        "client_id",
        "expires_ns",
        "flags",
        "holding",
        "instrument",
        "level",
        "lineage",
        "order_id",
        "order_type",
        "price_ticks",
        "qty_lots",
        "quote_set",
        "remaining_lots",
        "reserve_e6",
        "self_trade",
        "side",
        "tif",
    )

    def __init__(
        self,
        holding: Holding,
        side: int,
        price_ticks: int,
        qty_lots: int,
        tif: int,
        order_type: int,
        flags: int,
        self_trade: int,
        client_id: int,
        lineage: bytes,
        expires_ns: int,
        builder: int,
        quote_set: int,
    ) -> None:
        self.digest = 0
        self.is_touched = False
        self.holding = holding
        self.account = holding.account
        self.instrument = holding.instrument
        self.side = side
        self.price_ticks = price_ticks
        self.qty_lots = qty_lots
        self.remaining_lots = qty_lots
        self.tif = tif
        self.order_type = order_type
        self.flags = flags
        self.self_trade = self_trade
        self.client_id = client_id
        self.lineage = lineage
        self.expires_ns = expires_ns
        self.builder = builder
        self.quote_set = quote_set
        self.order_id = 0
        self.arrival = 0
        self.reserve_e6 = 0
        self.level: Level | None = None
        self.ahead: Order | None = None
        self.behind: Order | None = None

    def record(self) -> Record | None:
        if self.level is None:
            return None
        return (
            _ORDER,
            self.order_id,
            self.account.account,
            self.instrument.instrument,
            self.side,
            self.price_ticks,
            self.qty_lots,
            self.remaining_lots,
            self.tif,
            self.flags,
            self.self_trade,
            self.client_id,
            self.lineage,
            self.expires_ns,
            self.builder,
            self.quote_set,
            self.arrival,
            self.reserve_e6,
        )


Timer = tuple[int, int, int, str]
"""(due_ns, kind, id, underlying of a protection or ""): the order of [TIM-2]."""


class ExchangeCore:
    """The mutable inside of the exchange's state.

    Derived: the timer heap, `expiring` (live GTD orders), `frozen` (protections that a time thaws),
    `expiries` (dated instruments by underlying and expiry, in the order of their identifiers),
    `price_version` (rises whenever a mark, an index, a margin rate or a margin model changes),
    `shapes` (the grid of a model at a forward and time to expiry, by underlying and expiry). Empty
    between commands: `changed_levels` and `relieved` (accounts that [MRG-5] looks at).
    """

    __slots__ = (
        "accounts",
        "changed_levels",
        "expiries",
        "expiring",
        "fee_schedules",
        "frozen",
        "fundings",
        "instruments",
        "max_mark_age_ns",
        "max_step_ns",
        "next_arrival",
        "next_order_id",
        "next_request",
        "next_trade_id",
        "nonce_capacity",
        "nonce_future_ms",
        "nonce_past_ms",
        "nonces",
        "now_ns",
        "outcome_order_id",
        "params",
        "price_version",
        "relieved",
        "requests",
        "roles",
        "rules",
        "settlements",
        "shapes",
        "surfaces",
        "symbols",
        "timers",
        "touched",
        "treasury",
        "underlyings",
        "windows",
    )

    def __init__(self, params: ExchangeParams, rules: int) -> None:
        self.touched: list[Entity] = []
        self.params = params
        self.max_step_ns = params.max_step_ns
        self.max_mark_age_ns = params.max_mark_age_ns
        self.nonce_past_ms = params.nonce_past_ms
        self.nonce_future_ms = params.nonce_future_ms
        self.nonce_capacity = params.nonce_capacity
        self.now_ns = params.start_ns
        self.rules = rules
        self.next_order_id = 1
        self.next_trade_id = 1
        self.next_arrival = 1
        self.next_request = 1
        self.accounts: dict[int, Account] = {}
        self.roles: dict[bytes, RoleGrant] = {}
        self.nonces: dict[bytes, NonceSet] = {}
        self.requests: dict[int, dict[bytes, Request]] = {}
        self.underlyings: dict[str, Underlying] = {}
        self.instruments: dict[int, Instrument] = {}
        self.symbols: dict[str, Instrument] = {}
        self.expiries: dict[tuple[str, int], list[Instrument]] = {}
        self.surfaces: dict[tuple[str, int], Surface] = {}
        self.windows: dict[str, IndexWindow] = {}
        self.settlements: dict[tuple[str, int], Settlement] = {}
        self.fundings: dict[int, Funding] = {}
        self.fee_schedules: dict[int, FeeSchedule] = {}
        self.treasury = Treasury()
        self.timers: list[Timer] = []
        self.expiring: dict[int, Order] = {}
        self.frozen: dict[tuple[int, str], Mmp] = {}
        self.price_version = 1
        self.shapes: dict[tuple[str, int], Shape] = {}
        self.changed_levels: list[Level] = []
        self.relieved: list[Account] = []
        self.outcome_order_id = 0

    def clocks(self) -> bytes:
        """Pack the clock, the rules version and the id counters."""
        return _pack_clocks(
            self.now_ns,
            self.rules,
            self.next_order_id,
            self.next_trade_id,
            self.next_arrival,
            self.next_request,
        )

    def rules_version(self) -> int:
        """Return the version of the rules in force."""
        return self.rules

    def touch(self, entity: Entity) -> None:
        """Have the entity rehashed after this command."""
        if not entity.is_touched:
            entity.is_touched = True
            self.touched.append(entity)


def holding_of(account: Account, instrument: Instrument) -> Holding:
    """Return the account's holding in the instrument, new and empty if there was none."""
    holding = account.holdings.get(instrument.instrument)
    if holding is None:
        holding = account.holdings[instrument.instrument] = Holding(account, instrument)
    return holding


Events = list[msgspec.Struct]
"""The events of the command at hand, in order."""

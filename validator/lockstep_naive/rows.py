"""The rows of the twenty tables: one immutable tuple per record of the state digest.

The fields of a row are those of its record, in order; the first is its key. So a row is a record
without its kind, and a record is a row again.
"""

from typing import NamedTuple

from lockstep_engine.codes import InstrumentStatus, MmpOption, OrderFlag, Side
from lockstep_engine.commands import MarginRates, PortfolioModel, TradingLimits
from lockstep_naive.symbols import Contract, contract_of

E16 = 10**16


class Account(NamedTuple):
    """An account."""

    account: int
    root: bytes
    self_trade_group: int
    fee_tier: int
    cash_e6: int
    margin_mode: int
    debt_e6: int


class Agent(NamedTuple):
    """A key that may trade for an account: (account, agent)."""

    key: tuple[int, bytes]


class RoleHolder(NamedTuple):
    """The roles of a key; absent at 0."""

    key: bytes
    roles: int


class Nonces(NamedTuple):
    """The nonces that a signer has burnt: all up to `floor`, and the packed ones."""

    signer: bytes
    floor: int
    packed: bytes


class Request(NamedTuple):
    """A remembered request: (account, request_id), and its first outcome."""

    key: tuple[int, bytes]
    payload_hash: int
    code: int
    order_id: int
    number: int

    @property
    def account(self) -> int:
        """Whose request it was."""
        return self.key[0]


class Underlying(NamedTuple):
    """An underlying; index 0 is not set."""

    name: str
    max_index_price_e6: int
    expiry_time_s: int
    min_samples: int
    index_price_e6: int
    future_initial_e9: int
    future_maintenance_e9: int
    addon_bps: int
    addon_size_e8: int
    option_initial_e9: int
    option_floor_e9: int
    option_maintenance_e9: int
    put_mark_e9: int
    penalty_bps: int

    def with_rates(self, rates: MarginRates) -> "Underlying":
        """Return it with other margin rates."""
        return self._replace(
            future_initial_e9=rates.future_initial_e9,
            future_maintenance_e9=rates.future_maintenance_e9,
            addon_bps=rates.addon_bps,
            addon_size_e8=rates.addon_size_e8,
            option_initial_e9=rates.option_initial_e9,
            option_floor_e9=rates.option_floor_e9,
            option_maintenance_e9=rates.option_maintenance_e9,
            put_mark_e9=rates.put_mark_e9,
            penalty_bps=rates.penalty_bps,
        )


class Instrument(NamedTuple):
    """An instrument."""

    instrument: int
    symbol: str
    tick_e6: int
    lot_e8: int
    contract_size_e8: int
    allows_self_trade: bool
    status: int
    price_step_ticks: int
    max_price_ticks: int
    qty_step_lots: int
    min_order_lots: int
    max_order_lots: int
    min_notional_e6: int
    max_position_lots: int
    max_open_orders: int
    price_band_bps: int
    block_band_bps: int
    highest_price_ticks: int

    @property
    def contract(self) -> Contract:
        """What the symbol means."""
        return contract_of(self.symbol)

    @property
    def is_option(self) -> bool:
        """Whether it is a call or a put."""
        return self.contract.is_option

    @property
    def is_expired(self) -> bool:
        """Whether its expiry has passed, settled or not."""
        return self.status in {InstrumentStatus.EXPIRED_PENDING_PRICE, InstrumentStatus.SETTLED}

    @property
    def value_e6(self) -> int:
        """One tick times one lot, whole by [NUM-1]."""
        return self.tick_e6 * self.one_lot_e16 // E16

    @property
    def one_lot_e16(self) -> int:
        """The underlying in one lot, in units of 10^-16: u of the rules."""
        return self.lot_e8 * self.contract_size_e8

    def with_limits(self, limits: TradingLimits) -> "Instrument":
        """Return it with other limits."""
        return self._replace(
            price_step_ticks=limits.price_step_ticks,
            max_price_ticks=limits.max_price_ticks,
            qty_step_lots=limits.qty_step_lots,
            min_order_lots=limits.min_order_lots,
            max_order_lots=limits.max_order_lots,
            min_notional_e6=limits.min_notional_e6,
            max_position_lots=limits.max_position_lots,
            max_open_orders=limits.max_open_orders,
            price_band_bps=limits.price_band_bps,
            block_band_bps=limits.block_band_bps,
        )


class Book(NamedTuple):
    """How many BookChanged an instrument has had; absent at 0."""

    instrument: int
    book_sequence: int


class Order(NamedTuple):
    """An order. In the table it rests; outside it is a candidate or a taker (arrival 0)."""

    order_id: int
    account: int
    instrument: int
    side: int
    price_ticks: int
    qty_lots: int
    remaining_lots: int
    tif: int
    flags: int
    self_trade: int
    client_id: int
    lineage: bytes
    expires_ns: int
    builder: int
    quote_set: int
    arrival: int
    reserve_e6: int

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self.side == Side.BUY else -1

    @property
    def filled_lots(self) -> int:
        """What has been filled of the total."""
        return self.qty_lots - self.remaining_lots

    def has(self, flag: OrderFlag) -> bool:
        """Return whether a flag is set."""
        return self.flags & int(flag) != 0


class Position(NamedTuple):
    """What an account holds: (account, instrument), signed; absent when both numbers are 0."""

    key: tuple[int, int]
    qty_lots: int
    cost_e6: int

    @property
    def account(self) -> int:
        """Whose it is."""
        return self.key[0]

    @property
    def instrument(self) -> int:
        """In what."""
        return self.key[1]


class FeeSchedule(NamedTuple):
    """The fees of a tier."""

    tier: int
    future_maker_e9: int
    future_taker_e9: int
    option_maker_e9: int
    option_taker_e9: int
    option_cap_e9: int
    builder_share_bps: int
    settlement_e9: int
    settlement_cap_e9: int
    liquidation_e9: int
    block_e9: int


class Treasury(NamedTuple):
    """The exchange's own fees, what came in less what went out, and the insurance fund.

    Absent when all are 0.
    """

    key: int
    fees_e6: int
    net_deposits_e6: int
    insurance_e6: int


class Mark(NamedTuple):
    """The mark of an instrument with its greeks, and the time of the command that set it."""

    instrument: int
    price_e6: int
    marked_ns: int
    delta_e9: int
    gamma_e9: int
    vega_e9: int
    theta_e9: int


class Surface(NamedTuple):
    """The forward and the points (strike_e6, vol_e9), rising, of (underlying, expiry_ns)."""

    key: tuple[str, int]
    forward_e6: int
    points: tuple[tuple[int, int], ...]

    @property
    def underlying(self) -> str:
        """Of what."""
        return self.key[0]

    @property
    def expiry_ns(self) -> int:
        """When everything on it expires."""
        return self.key[1]


class IndexWindow(NamedTuple):
    """The index of an underlying in the last half hour before an expiry, up to its last update.

    `weighed` is the sum of price x ns from `open_ns` to `since_ns`, 16 bytes big-endian.
    """

    underlying: str
    expiry_ns: int
    open_ns: int
    since_ns: int
    samples: int
    weighed: bytes


class Settlement(NamedTuple):
    """The settlement price of (underlying, expiry_ns)."""

    key: tuple[str, int]
    price_e6: int
    samples: int
    is_final: bool


class Funding(NamedTuple):
    """What longs of a perpetual pay to its shorts, of the mark, each interval since 1970."""

    instrument: int
    rate_e9: int
    interval_s: int


class Mmp(NamedTuple):
    """Market-maker protection of (account, underlying).

    `frozen_until_ns` is 0 while not frozen and -1 until a reset.
    """

    key: tuple[int, str]
    interval_ms: int
    frozen_ms: int
    qty_limit_e8: int
    delta_limit_e8: int
    vega_limit_e6: int
    options: int
    frozen_until_ns: int
    next_fill: int

    @property
    def is_frozen(self) -> bool:
        """Whether MMP orders are refused."""
        return self.frozen_until_ns != 0

    def has(self, option: MmpOption) -> bool:
        """Return whether an option is set."""
        return self.options & int(option) != 0


class MmpFill(NamedTuple):
    """A counted fill in the window of (account, underlying), under its number."""

    key: tuple[int, str, int]
    ts_ns: int
    instrument: int
    lots: int
    delta_e9: int
    vega_e9: int

    @property
    def window(self) -> tuple[int, str]:
        """Whose window, and of what."""
        return self.key[:2]


class Scenario(NamedTuple):
    """A risk scenario of a portfolio model."""

    spot_e9: int
    vol_rule: int
    vol_e9: int
    weight_e9: int


class Model(NamedTuple):
    """The portfolio margin model of an underlying."""

    underlying: str
    scenarios: tuple[Scenario, ...]
    up_range_e9: int
    down_range_e9: int
    short_power_e9: int
    long_power_e9: int
    floor_ns: int
    up_vol_min_e9: int
    linear_cap_e9: int
    linear_slope_e9: int
    wings_cap_e9: int
    wings_slope_e9: int
    width_min_e9: int
    width_scale_e9: int
    width_vol_e9: int
    width_vol_slope_e9: int
    long_discount_e9: int
    long_rate_e9: int
    short_discount_e9: int
    short_rate_e9: int
    basis_up_e9: int
    basis_down_e9: int
    basis_factor_e9: int
    basis_yearly_e9: int
    option_initial_e9: int
    option_maintenance_e9: int
    future_initial_e9: int
    future_maintenance_e9: int
    short_floor_e9: int
    initial_factor_e9: int
    maintenance_factor_e9: int
    maintenance_ratio_e9: int


def model_row(underlying: str, model: PortfolioModel) -> Model:
    """Return the row of a model."""
    return Model(
        underlying=underlying,
        scenarios=tuple(
            Scenario(each.spot_e9, each.vol_rule, each.vol_e9, each.weight_e9)
            for each in model.scenarios
        ),
        up_range_e9=model.up_range_e9,
        down_range_e9=model.down_range_e9,
        short_power_e9=model.short_power_e9,
        long_power_e9=model.long_power_e9,
        floor_ns=model.floor_ns,
        up_vol_min_e9=model.up_vol_min_e9,
        linear_cap_e9=model.linear_cap_e9,
        linear_slope_e9=model.linear_slope_e9,
        wings_cap_e9=model.wings_cap_e9,
        wings_slope_e9=model.wings_slope_e9,
        width_min_e9=model.width_min_e9,
        width_scale_e9=model.width_scale_e9,
        width_vol_e9=model.width_vol_e9,
        width_vol_slope_e9=model.width_vol_slope_e9,
        long_discount_e9=model.long_discount_e9,
        long_rate_e9=model.long_rate_e9,
        short_discount_e9=model.short_discount_e9,
        short_rate_e9=model.short_rate_e9,
        basis_up_e9=model.basis_up_e9,
        basis_down_e9=model.basis_down_e9,
        basis_factor_e9=model.basis_factor_e9,
        basis_yearly_e9=model.basis_yearly_e9,
        option_initial_e9=model.option_initial_e9,
        option_maintenance_e9=model.option_maintenance_e9,
        future_initial_e9=model.future_initial_e9,
        future_maintenance_e9=model.future_maintenance_e9,
        short_floor_e9=model.short_floor_e9,
        initial_factor_e9=model.initial_factor_e9,
        maintenance_factor_e9=model.maintenance_factor_e9,
        maintenance_ratio_e9=model.maintenance_ratio_e9,
    )

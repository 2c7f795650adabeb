"""What an account's margin is made of: every number with what made it. Read-only.

Amounts are micro-dollars. What [MRG-3] keeps in finer units is rounded half-even here, so parts may
differ from their sum in the last digit; `MarginTotals` is exact.
"""

from typing import Final

import msgspec

from lockstep_engine.codes import MarginMode, Side
from lockstep_engine.risk.assessment import Assessment, assess, collateral_e6, positions_of
from lockstep_engine.risk.expired import final_fee_e6
from lockstep_engine.risk.margin import free_e6, refresh_account
from lockstep_engine.risk.open_lots import counted_lots
from lockstep_engine.risk.open_margin import open_margin_e6
from lockstep_engine.risk.portfolio import BASIS, Explanation, explain
from lockstep_engine.risk.shortfall import account_shortfall_e6, shortfall_e6
from lockstep_engine.risk.spread import spread_margin
from lockstep_engine.risk.standing import alone_e6
from lockstep_engine.risk.sums import UnderlyingPortfolio
from lockstep_engine.state import Account, ExchangeCore, Holding, Order
from lockstep_kernel.arith import div_half_even

_PORTFOLIO: Final = int(MarginMode.PORTFOLIO)
_E9: Final = 10**9
_E18: Final = 10**18
_E27: Final = 10**27


class MarginTotals(msgspec.Struct, frozen=True):
    """free = collateral - initial - open - reserve - shortfall.

    Collateral must not fall below maintenance. `shortfall_e6` is what orders may lose at the marks
    now beyond their reserves.
    """

    collateral_e6: int
    initial_e6: int
    maintenance_e6: int
    open_e6: int
    reserve_e6: int
    shortfall_e6: int
    free_e6: int


class PositionMargin(msgspec.Struct, frozen=True):
    """A position: its value at the mark, and what it would need alone.

    In STANDARD the parts add up to the totals; a spread group or a portfolio needs less. What is
    expired is in no sum of a portfolio: its needs add to those of the portfolios. Both margins have
    `settlement_fee_e6`, not 0 once the price of settlement is final; no group caps it.
    """

    instrument: int
    symbol: str
    qty_lots: int
    mark_price_e6: int
    mark_lot_e6: int
    value_e6: int
    is_expired: bool
    settlement_fee_e6: int
    initial_e6: int
    maintenance_e6: int


class GroupMargin(msgspec.Struct, frozen=True):
    """The options of one underlying and expiry in STANDARD_SPREAD.

    The sums of what the positions need alone, each at most `cap_e6`: the most that the group can
    lose at expiry, None where a net short call has no most. `open_e6` is the open margin of the
    group; `positions` are those that are not flat.
    """

    underlying: str
    expiry_ns: int
    positions: int
    initial_sum_e6: int
    maintenance_sum_e6: int
    cap_e6: int | None
    initial_e6: int
    maintenance_e6: int
    open_e6: int


class ScenarioMargin(msgspec.Struct, frozen=True):
    """A scenario and what the account gains in it, after its weight. `is_worst` made the loss.

    `options_e6` and `futures_e6` are the parts of `result_e6` before the weight.
    """

    number: int
    spot_e9: int
    vol_rule: int
    vol_e9: int
    weight_e9: int
    options_e6: int
    futures_e6: int
    result_e6: int
    is_worst: bool


class PortfolioMargin(msgspec.Struct, frozen=True):
    """One underlying in PORTFOLIO.

    IM = max(loss x factor, floor) + charge; `basis_e6` (not above 0) stands beside the scenarios
    and made the loss if `is_basis_worst`. The charges are for `naked_e8` of short options and
    `gross_e8` of futures, amounts of the underlying rounded down.
    """

    underlying: str
    index_price_e6: int
    scenarios: tuple[ScenarioMargin, ...]
    basis_e6: int
    is_basis_worst: bool
    loss_e6: int
    floor_e6: int
    naked_e8: int
    gross_e8: int
    initial_charge_e6: int
    maintenance_charge_e6: int
    initial_e6: int
    maintenance_e6: int


class OpenMargin(msgspec.Struct, frozen=True):
    """The open lots of one instrument, those that count after relief, and their open margin.

    That is what the open margin of the account would fall by without them; in a spread group, where
    one sale may take the relief of another, these need not add up.
    """

    instrument: int
    buy_lots: int
    sell_lots: int
    counted_buy_lots: int
    counted_sell_lots: int
    open_e6: int


class OrderMargin(msgspec.Struct, frozen=True):
    """A live order: what it sets aside, and what the open margin would fall by without it.

    It sets aside its reserve, and the shortfall: what it may lose at the mark now beyond that.
    """

    order_id: int
    instrument: int
    side: int
    price_ticks: int
    remaining_lots: int
    open_e6: int
    reserve_e6: int
    shortfall_e6: int


class MarginReport(msgspec.Struct, frozen=True):
    """The margin of one account under its mode; tables that the mode has no use for are empty.

    Collateral is cash and unrealised profit of futures and perpetuals, in PORTFOLIO also
    `option_value_e6`, that of options at their marks.
    """

    account: int
    mode: int
    cash_e6: int
    unrealised_e6: int
    option_value_e6: int
    totals: MarginTotals
    positions: tuple[PositionMargin, ...]
    groups: tuple[GroupMargin, ...]
    portfolios: tuple[PortfolioMargin, ...]
    open_lots: tuple[OpenMargin, ...]
    orders: tuple[OrderMargin, ...]


def margin_report_of(core: ExchangeCore, account: Account) -> MarginReport:
    """Return the whole report. O((positions + orders) x scenarios)."""
    assessed = assess(core, account, positions_of(account))
    holdings = [holding for _number, holding in sorted(account.holdings.items())]
    orders = [order for _id, order in sorted(account.orders.items())]
    return MarginReport(
        account.account,
        account.mode,
        account.cash_e6,
        assessed.unrealised_e6,
        assessed.option_value_e6,
        totals_of(core, account, assessed),
        tuple(_position(core, holding) for holding in holdings if holding.qty_lots),
        _groups(core, account),
        tuple(
            _portfolio(name, portfolio) for name, portfolio in sorted(assessed.portfolios.items())
        ),
        tuple(_open_lots(core, holding) for holding in holdings if holding.orders),
        tuple(_order(core, order) for order in orders),
    )


def totals_of(core: ExchangeCore, account: Account, assessed: Assessment) -> MarginTotals:
    """Return the totals of an account whose positions were assessed."""
    collateral = collateral_e6(account, assessed)
    free = free_e6(core, account)
    shortfall = account_shortfall_e6(account)
    return MarginTotals(
        collateral,
        assessed.initial_e6,
        assessed.maintenance_e6,
        collateral - assessed.initial_e6 - account.reserve_e6 - shortfall - free,
        account.reserve_e6,
        shortfall,
        free,
    )


def _position(core: ExchangeCore, holding: Holding) -> PositionMargin:
    instrument, qty = holding.instrument, holding.qty_lots
    initial, maintenance = alone_e6(core, holding)
    return PositionMargin(
        instrument.instrument,
        instrument.symbol,
        qty,
        instrument.mark.price_e6,
        instrument.mark_lot_e6,
        qty * instrument.mark_lot_e6,
        instrument.is_expired(),
        final_fee_e6(holding.account, instrument, qty),
        initial,
        maintenance,
    )


def _groups(core: ExchangeCore, account: Account) -> tuple[GroupMargin, ...]:
    refresh_account(core, account)
    rows: list[GroupMargin] = []
    for (underlying, expiry_ns), group in sorted(account.groups.items()):
        legs = list(group.legs.values())
        if not legs:
            continue
        margin = spread_margin(legs)
        rows.append(
            GroupMargin(
                underlying,
                expiry_ns,
                sum(leg.lots != 0 for leg in legs),
                sum(leg.initial_e6 for leg in legs),
                sum(leg.maintenance_e6 for leg in legs),
                None if margin.cap_e6 < 0 else margin.cap_e6,
                margin.initial_e6,
                margin.maintenance_e6,
                margin.with_open_e6 - margin.initial_e6,
            )
        )
    return tuple(rows)


def _portfolio(name: str, portfolio: UnderlyingPortfolio) -> PortfolioMargin:
    found = explain(portfolio.portfolio, portfolio.index_e6)
    return PortfolioMargin(
        name,
        portfolio.index_e6,
        _scenarios(portfolio, found),
        div_half_even(sum(found.basis_e24), _E18),
        found.cause == BASIS,
        div_half_even(found.loss_e24, _E18),
        div_half_even(found.floor_e24, _E18),
        found.naked_e16 // 10**8,
        found.gross_e16 // 10**8,
        div_half_even(found.initial_extra_e33, _E27),
        div_half_even(found.maintenance_extra_e33, _E27),
        found.initial_e6,
        found.maintenance_e6,
    )


def _scenarios(portfolio: UnderlyingPortfolio, found: Explanation) -> tuple[ScenarioMargin, ...]:
    scenarios = portfolio.portfolio.grid.model.scenarios
    return tuple(
        ScenarioMargin(
            number,
            scenario.spot_e9,
            scenario.vol_rule,
            scenario.vol_e9,
            scenario.weight_e9,
            div_half_even(sum(result.expiries_e15), _E9),
            div_half_even(result.futures_e15, _E9),
            div_half_even(result.result_e24, _E18),
            found.cause == number,
        )
        for number, (scenario, result) in enumerate(zip(scenarios, found.scenarios, strict=True))
    )


def _order(core: ExchangeCore, order: Order) -> OrderMargin:
    holding = order.holding
    qty = holding.qty_lots
    now = open_margin_e6(core, holding, counted_lots(holding, None, None), qty)
    without = open_margin_e6(core, holding, counted_lots(holding, None, order), qty)
    return OrderMargin(
        order.order_id,
        order.instrument.instrument,
        order.side,
        order.price_ticks,
        order.remaining_lots,
        now - without,
        order.reserve_e6,
        shortfall_e6(order),
    )


def _open_lots(core: ExchangeCore, holding: Holding) -> OpenMargin:
    buys, sells = counted_lots(holding, None, None)
    qty = holding.qty_lots
    opened = open_margin_e6(core, holding, (buys, sells), qty)
    return OpenMargin(
        holding.instrument.instrument,
        holding.open_buy_lots,
        holding.open_sell_lots,
        buys,
        sells,
        opened - open_margin_e6(core, holding, (0, 0), qty),
    )


def report_tables(report: MarginReport) -> dict[str, list[dict[str, object]]]:
    """Return the report as named tables, for people."""
    head: dict[str, object] = {
        "account": report.account,
        "mode": MarginMode(report.mode).name,
        "cash_e6": report.cash_e6,
        "unrealised_e6": report.unrealised_e6,
        "option_value_e6": report.option_value_e6,
        **_row(report.totals),
    }
    tables: dict[str, list[dict[str, object]]] = {"margin": [head]}
    tables["position margin"] = [_row(position) for position in report.positions]
    tables["spread groups"] = [_row(group) for group in report.groups]
    tables["portfolios"] = [_row(portfolio, "scenarios") for portfolio in report.portfolios]
    tables["scenarios"] = [
        {"underlying": portfolio.underlying, **_row(scenario)}
        for portfolio in report.portfolios
        for scenario in portfolio.scenarios
    ]
    tables["open margin"] = [_row(lots) for lots in report.open_lots]
    tables["orders"] = [{**_row(order), "side": Side(order.side).name} for order in report.orders]
    return tables


def _row(view: msgspec.Struct, without: str = "") -> dict[str, object]:
    return {name: getattr(view, name) for name in view.__struct_fields__ if name != without}

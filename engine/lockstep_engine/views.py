"""Read-only views: best, depth, order, account, preview, margin. They never change a state."""

import msgspec

from lockstep_engine.codes import InstrumentKind, InstrumentStatus, Side
from lockstep_engine.commands import MarginRates, PlaceOrder
from lockstep_engine.entities import Underlying
from lockstep_engine.margin_report import MarginReport, margin_report_of, report_tables
from lockstep_engine.preview import OrderPreview, preview_of
from lockstep_engine.protection import Mmp
from lockstep_engine.risk.assessment import assess, collateral_e6, positions_of
from lockstep_engine.risk.margin import free_e6
from lockstep_engine.risk.shortfall import account_shortfall_e6
from lockstep_engine.risk.standard import unrealised_e6
from lockstep_engine.state import Account, BookSide, ExchangeCore, Instrument, Order
from lockstep_kernel.chain import State
from lockstep_kernel.errors import CannotRunError

Row = dict[str, object]


class OrderView(msgspec.Struct, frozen=True):
    """A live order."""

    order_id: int
    account: int
    instrument: int
    side: int
    price_ticks: int
    qty_lots: int
    remaining_lots: int
    tif: int
    flags: int
    client_id: int
    expires_ns: int
    quote_set: int
    reserve_e6: int


class PositionView(msgspec.Struct, frozen=True):
    """A position that is not flat. The mark is 0 where there is none yet."""

    instrument: int
    qty_lots: int
    cost_e6: int
    mark_price_e6: int
    unrealised_e6: int


class MmpView(msgspec.Struct, frozen=True):
    """A market-maker protection: `frozen_until_ns` 0 is not frozen, -1 is until a reset.

    `fills` are in the window; gross amount and net delta and vega (without sign) are theirs, in the
    units of the limits and rounded down.
    """

    underlying: str
    frozen_until_ns: int
    fills: int
    qty_e8: int
    delta_e8: int
    vega_e6: int


class AccountView(msgspec.Struct, frozen=True):
    """An account with its margin. `free_e6` is collateral less everything set aside.

    Collateral is cash and unrealised profit, in mode PORTFOLIO with options at their marks.
    `debt_e6` is what an account that was closed could not pay; `shortfall_e6` is what its orders
    may lose at the marks now beyond their reserves.
    """

    account: int
    cash_e6: int
    unrealised_e6: int
    initial_margin_e6: int
    open_margin_e6: int
    reserve_e6: int
    free_e6: int
    open_orders: int
    positions: tuple[PositionView, ...]
    mmps: tuple[MmpView, ...]
    margin_mode: int
    collateral_e6: int
    maintenance_margin_e6: int
    debt_e6: int
    shortfall_e6: int


def best(state: State, instrument: int) -> tuple[int, int]:
    """Return (best bid, best ask) in ticks, 0 for an empty side. O(1)."""
    found = _instrument(_core(state), instrument)
    bid, ask = found.bids.best, found.asks.best
    return (0 if bid is None else bid.price_ticks, 0 if ask is None else ask.price_ticks)


def depth(state: State, instrument: int, levels: int = 10) -> tuple[list[Row], list[Row]]:
    """Return (bids, asks), best first, as rows of price_ticks, total_lots and orders."""
    found = _instrument(_core(state), instrument)
    return _levels(found.bids, levels), _levels(found.asks, levels)


def order(state: State, order_id: int) -> OrderView | None:
    """Return a live order, None if there is none with this id. O(accounts)."""
    for account in _core(state).accounts.values():
        found = account.orders.get(order_id)
        if found is not None:
            return _order_view(found)
    return None


def account(state: State, number: int) -> AccountView:
    """Return an account; raise `CannotRunError` if there is none."""
    core = _core(state)
    return _account_view(core, _account(core, number))


def preview(state: State, account: int, action: PlaceOrder) -> OrderPreview:
    """Return what an order would be answered now and do to the account's margin; enter nothing.

    Authority, nonce and timers are not looked at. Raise `CannotRunError` for an unknown account.
    """
    core = _core(state)
    return preview_of(core, _account(core, account), action)


def margin_report(state: State, account: int) -> MarginReport:
    """Return what made every number of an account's margin ([MRG-1] to [MRG-5]).

    Raise `CannotRunError` if there is no such account.
    """
    core = _core(state)
    return margin_report_of(core, _account(core, account))


def explanation(core: ExchangeCore, subject: str) -> dict[str, list[Row]]:
    """Return the margin report of the account that `subject` names, as tables."""
    if not subject.isdecimal():
        raise CannotRunError(f"expected the number of an account, found '{subject}'")
    return report_tables(margin_report_of(core, _account(core, int(subject))))


def tables(core: ExchangeCore) -> dict[str, list[Row]]:
    """Return books, accounts and all that stands beside them as named tables."""
    accounts = [_account_view(core, core.accounts[number]) for number in sorted(core.accounts)]
    treasury = core.treasury
    return {
        "treasury": [
            {
                "fees_e6": treasury.fees_e6,
                "net_deposits_e6": treasury.net_deposits_e6,
                "insurance_e6": treasury.insurance_e6,
            }
        ],
        "underlyings": [
            _underlying_row(found) for _name, found in sorted(core.underlyings.items())
        ],
        "instruments": [
            _instrument_row(core.instruments[number]) for number in sorted(core.instruments)
        ],
        "book": [row for number in sorted(core.instruments) for row in _book_rows(core, number)],
        "accounts": [_row(view, ("positions", "mmps")) for view in accounts],
        "positions": [
            {"account": view.account, **_row(position, ())}
            for view in accounts
            for position in view.positions
        ],
        "orders": [
            _row(_order_view(found), ())
            for number in sorted(core.accounts)
            for _id, found in sorted(core.accounts[number].orders.items())
        ],
        "marks": [
            _mark_row(core.instruments[number])
            for number in sorted(core.instruments)
            if core.instruments[number].mark.marked_ns >= 0
        ],
        "protections": [
            {"account": view.account, **_row(mmp, ())} for view in accounts for mmp in view.mmps
        ],
        "fundings": [
            {
                "instrument": number,
                "rate_e9": core.fundings[number].rate_e9,
                "interval_s": core.fundings[number].interval_s,
                "next_ns": core.fundings[number].next_ns,
            }
            for number in sorted(core.fundings)
        ],
        "settlements": [
            {
                "underlying": name,
                "expiry_ns": expiry_ns,
                "price_e6": found.price_e6,
                "samples": found.samples,
                "is_final": found.is_final,
            }
            for (name, expiry_ns), found in sorted(core.settlements.items())
        ],
    }


def _core(state: State) -> ExchangeCore:
    core = state.core
    if not isinstance(core, ExchangeCore):
        raise CannotRunError(f"expected a state of the exchange, found {type(core).__name__}")
    return core


def _account(core: ExchangeCore, number: int) -> Account:
    found = core.accounts.get(number)
    if found is None:
        raise CannotRunError(f"expected an open account, found {number}")
    return found


def _instrument(core: ExchangeCore, number: int) -> Instrument:
    found = core.instruments.get(number)
    if found is None:
        raise CannotRunError(f"expected a listed instrument, found {number}")
    return found


def _levels(side: BookSide, count: int) -> list[Row]:
    rows: list[Row] = []
    for key in reversed(side.keys[-count:] if count > 0 else []):
        level = side.levels[key * side.sign]
        orders = 0
        resting = level.head
        while resting is not None:
            orders += 1
            resting = resting.behind
        rows.append(
            {"price_ticks": level.price_ticks, "total_lots": level.total_lots, "orders": orders}
        )
    return rows


def _underlying_row(found: Underlying) -> Row:
    """Return the index, 0 before the first, and what margin is computed with."""
    rates: Row = {name: getattr(found, name) for name in MarginRates.__struct_fields__}
    scenarios = 0 if found.model is None else len(found.model.model.scenarios)
    return {
        "underlying": found.name,
        "index_price_e6": found.index_price_e6,
        "max_index_price_e6": found.max_index_price_e6,
        **rates,
        "portfolio_scenarios": scenarios,
    }


def _instrument_row(found: Instrument) -> Row:
    return {
        "instrument": found.instrument,
        "symbol": found.symbol,
        "kind": InstrumentKind(found.kind).name,
        "status": InstrumentStatus(found.status).name,
        "expiry_ns": found.expiry_ns,
        "strike_e6": found.strike_e6,
        "tick_e6": found.tick_e6,
        "lot_e8": found.lot_e8,
        "contract_size_e8": found.contract_size_e8,
        "max_price_ticks": found.max_price_ticks,
        "max_position_lots": found.max_position_lots,
    }


def _book_rows(core: ExchangeCore, number: int) -> list[Row]:
    found = core.instruments[number]
    head: Row = {"instrument": number, "symbol": found.symbol}
    bids = [
        {**head, "side": Side.BUY.name, **row} for row in _levels(found.bids, len(found.bids.keys))
    ]
    asks = [
        {**head, "side": Side.SELL.name, **row} for row in _levels(found.asks, len(found.asks.keys))
    ]
    return bids + asks


def _order_view(found: Order) -> OrderView:
    return OrderView(
        found.order_id,
        found.account.account,
        found.instrument.instrument,
        found.side,
        found.price_ticks,
        found.qty_lots,
        found.remaining_lots,
        found.tif,
        found.flags,
        found.client_id,
        found.expires_ns,
        found.quote_set,
        found.reserve_e6,
    )


def _account_view(core: ExchangeCore, found: Account) -> AccountView:
    free = free_e6(core, found)
    holdings = [holding for _number, holding in sorted(found.holdings.items())]
    positions = tuple(
        PositionView(
            holding.instrument.instrument,
            holding.qty_lots,
            holding.cost_e6,
            holding.instrument.mark.price_e6,
            unrealised_e6(holding),
        )
        for holding in holdings
        if holding.qty_lots
    )
    assessed = assess(core, found, positions_of(found))
    collateral = collateral_e6(found, assessed)
    shortfall = account_shortfall_e6(found)
    return AccountView(
        found.account,
        found.cash_e6,
        assessed.unrealised_e6,
        assessed.initial_e6,
        collateral - assessed.initial_e6 - found.reserve_e6 - shortfall - free,
        found.reserve_e6,
        free,
        len(found.orders),
        positions,
        tuple(_mmp_view(mmp) for _name, mmp in sorted(found.mmps.items())),
        found.mode,
        collateral,
        assessed.maintenance_e6,
        found.debt_e6,
        shortfall,
    )


def _mmp_view(mmp: Mmp) -> MmpView:
    sums = mmp.sums
    return MmpView(
        mmp.underlying,
        mmp.frozen_until_ns,
        len(mmp.window),
        sums.qty_e16 // 10**8,
        abs(sums.delta_e25) // 10**17,
        abs(sums.vega_e25) // 10**19,
    )


def _mark_row(instrument: Instrument) -> Row:
    mark = instrument.mark
    return {
        "instrument": instrument.instrument,
        "symbol": instrument.symbol,
        "price_e6": mark.price_e6,
        "marked_ns": mark.marked_ns,
        "delta_e9": mark.delta_e9,
        "gamma_e9": mark.gamma_e9,
        "vega_e9": mark.vega_e9,
        "theta_e9": mark.theta_e9,
    }


def _row(view: msgspec.Struct, without: tuple[str, ...]) -> Row:
    return {name: getattr(view, name) for name in view.__struct_fields__ if name not in without}

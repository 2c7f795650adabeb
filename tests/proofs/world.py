"""Small real objects of the engine for contracts to compute with: a market, accounts, orders.

Nothing here is a double: constructors and functions are the engine's. One lot holds one whole
of the underlying unless said otherwise, so the mark of a lot is the mark's price, and a tick of a
lot is worth the tick.
"""

from lockstep_engine.book.queue import rest
from lockstep_engine.codes import InstrumentKind, SelfTradeMode, Side, TimeInForce
from lockstep_engine.commands import ExchangeParams, TradingLimits
from lockstep_engine.entities import FeeSchedule, Underlying
from lockstep_engine.risk.marks import outright, set_mark
from lockstep_engine.risk.standard import refresh_prices
from lockstep_engine.state import Account, ExchangeCore, Holding, Instrument, Order, holding_of

ONE_E8 = 10**8
FOR_EVER_NS = 2**62
NO_FEES = (0, 0, 0, 0, 0, 0)
NO_CHARGES = (0, 0, 0, 0)
PERPETUAL, FUTURE = int(InstrumentKind.PERPETUAL), int(InstrumentKind.FUTURE)
CALL, PUT = int(InstrumentKind.CALL), int(InstrumentKind.PUT)
KINDS = (PERPETUAL, CALL)
BUY, SELL = int(Side.BUY), int(Side.SELL)


def new_core() -> ExchangeCore:
    """Return an exchange with nothing in it."""
    return ExchangeCore(ExchangeParams(bytes(32), 0), 1)


def new_instrument(
    core: ExchangeCore, kind: int = PERPETUAL, tick_e6: int = 1, lot_e8: int = ONE_E8
) -> Instrument:
    """Return an instrument on the one underlying of the exchange."""
    underlying = core.underlyings.get("BTC")
    if underlying is None:
        underlying = core.underlyings["BTC"] = Underlying("BTC", 2**50, 0, 1)
    strike_e6 = 10**6 if kind in (CALL, PUT) else 0
    sizes = (tick_e6, lot_e8, ONE_E8)
    number = len(core.instruments) + 1
    instrument = Instrument(
        number, "", underlying, kind, FOR_EVER_NS, strike_e6, sizes, TradingLimits(), False
    )
    core.instruments[number] = instrument
    return instrument


def set_price(core: ExchangeCore, instrument: Instrument, price_e6: int) -> None:
    """Mark an instrument and bring the values of its lot up to date."""
    set_mark(core, instrument, core.now_ns, outright(instrument, price_e6))
    refresh_prices(instrument)


def new_account(
    core: ExchangeCore,
    rates: tuple[int, int, int, int, int, int] = NO_FEES,
    charges: tuple[int, int, int, int] = NO_CHARGES,
) -> Account:
    """Return an account with fees of its own and no cash.

    `charges` are the rates of settlement, its cap, liquidation and blocks.
    """
    number = len(core.accounts) + 1
    fees = FeeSchedule(0, (*rates, *charges))
    account = core.accounts[number] = Account(number, bytes(32), 0, fees, 0)
    return account


def new_holding(
    account: Account, instrument: Instrument, qty_lots: int = 0, cost_e6: int = 0
) -> Holding:
    """Return a position that the account holds; clearing cash is its other side."""
    holding = holding_of(account, instrument)
    holding.qty_lots, holding.cost_e6 = qty_lots, cost_e6
    if not instrument.is_option:
        instrument.clearing_e6 -= cost_e6
    return holding


def new_order(
    core: ExchangeCore, holding: Holding, side: int, price_ticks: int, qty_lots: int
) -> Order:
    """Return an order that does not rest yet."""
    tif, ends = int(TimeInForce.GTC), int(SelfTradeMode.CANCEL_TAKER)
    order = Order(holding, side, price_ticks, qty_lots, tif, 0, 0, ends, 0, b"", 0, 0, 0)
    order.order_id = core.next_order_id
    core.next_order_id += 1
    return order


def rest_in_book(core: ExchangeCore, order: Order) -> Order:
    """Put the order into its book and return it."""
    instrument = order.instrument
    rest(core, order, instrument.bids if order.side == BUY else instrument.asks)
    return order


def money_of(core: ExchangeCore) -> int:
    """Return all money there is, debts taken off: no trade and no liquidation changes it."""
    total = core.treasury.fees_e6 + core.treasury.insurance_e6
    for account in core.accounts.values():
        total += account.cash_e6 - account.debt_e6
    for instrument in core.instruments.values():
        total += instrument.clearing_e6
    return total

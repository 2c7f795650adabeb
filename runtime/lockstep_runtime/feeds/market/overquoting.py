"""A maker with hardly any cash that quotes more than it could carry, under relief ([MRG-5])."""

from lockstep_engine.codes import MmpOption, OrderFlag, Side, TimeInForce
from lockstep_engine.commands import (
    CancelAll,
    Deposit,
    MassQuote,
    PlaceOrder,
    Quote,
    ResetMmp,
    SetMmpConfig,
    Withdraw,
)
from lockstep_runtime.feeds.market.blocks import block
from lockstep_runtime.feeds.market.simulation import Behaviour, Simulation, Step, Steps
from lockstep_runtime.feeds.market.view import Listed
from lockstep_runtime.feeds.market.world import BTC_PERP

_LOTS, _SETS, _TAKEN = 100, 3, 95
_QTY_LIMIT_E8 = 10_000_000
"""The quantity of `_LOTS`: what is taken stays below it, and so breaches nothing."""

_FLAGS = int(OrderFlag.MMP | OrderFlag.REPRICE)
_CUSHION_BPS = 35
_E9 = 10**9


def overquote(sim: Simulation) -> Steps:
    """Quote three sets on margin for two, and let a taker fill one: the newest quotes must go."""
    thin, listed = sim.world.thin, sim.view.listed[BTC_PERP]
    accounts, taker = sim.view.accounts, sim.one_of(sim.world.takers)
    position = accounts.position(thin.account, BTC_PERP)
    if position:
        side = int(Side.SELL if position > 0 else Side.BUY)
        return block(sim, thin, taker, [(listed, side, abs(position))])
    config = SetMmpConfig(
        "BTC", 1_000, 1_000, _QTY_LIMIT_E8, options=int(MmpOption.RELIEF | MmpOption.MAKER_ONLY)
    )
    price = listed.on_step(sim.price_near(listed, Side.SELL, 15))
    quotes = (Quote(BTC_PERP, price, _LOTS, price, 0),)
    low = listed.on_step(sim.price_near(listed, Side.BUY, 100))
    sale = PlaceOrder(BTC_PERP, int(Side.SELL), low, _TAKEN, int(TimeInForce.IOC))
    return [
        Step(thin.root, CancelAll()),
        Step(thin.root, config),
        Step(thin.root, ResetMmp("BTC")),
        *_just_enough(sim, listed),
        *(Step(thin.root, MassQuote(number, quotes, _FLAGS)) for number in range(1, _SETS + 1)),
        Step(taker.root, sale),
        Step(thin.root, CancelAll()),
    ]


def _just_enough(sim: Simulation, listed: Listed) -> Steps:
    """Let the maker have the margin of what counts of its quotes, and hardly more."""
    accounts, thin = sim.view.accounts, sim.world.thin
    rates, lot_e6 = accounts.rates_of(listed.number), accounts.lot_e6(listed.number)
    counted = 2 * _LOTS * lot_e6 * rates.future_initial_e9 // _E9
    wanted_e6 = counted + _SETS * _LOTS * lot_e6 * _CUSHION_BPS // 10_000
    more_e6 = wanted_e6 - accounts.cash_e6.get(thin.account, 0)
    if more_e6 > 0:
        return [Step(sim.world.staff.treasury, Deposit(thin.account, more_e6))]
    return [Step(thin.root, Withdraw(-more_e6))] if more_e6 else []


def overquoting_behaviours() -> list[tuple[int, Behaviour]]:
    """Return (weight, behaviour) of the maker with hardly any cash."""
    return [(1, overquote)]

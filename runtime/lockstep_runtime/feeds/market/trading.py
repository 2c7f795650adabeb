"""How the simulated accounts trade: quote, rest, take, arbitrage, change their minds."""

import msgspec

from lockstep_engine.codes import OrderFlag, SelfTradeMode, Side, TimeInForce
from lockstep_engine.commands import (
    AmendOrder,
    Batch,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    DeleteMmpConfig,
    MassQuote,
    OrderAction,
    PlaceOrder,
    Quote,
    ReplaceOrder,
    ResetMmp,
)
from lockstep_runtime.feeds.market.simulation import Behaviour, Simulation, Step, Steps
from lockstep_runtime.feeds.market.view import Listed
from lockstep_runtime.feeds.market.world import Trader, protection
from lockstep_runtime.live_orders import LiveOrder

_QUOTE_FLAGS = (
    *(OrderFlag.NONE, OrderFlag.MMP, OrderFlag.MMP, OrderFlag.POST_ONLY, OrderFlag.REPRICE),
    *(OrderFlag.POST_ONLY | OrderFlag.MMP, OrderFlag.REPRICE | OrderFlag.MMP),
)
_IOC = int(TimeInForce.IOC)


class Quoting:
    """Makers with two quote sets each. It remembers what each set was last told."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], MassQuote] = {}

    def __call__(self, sim: Simulation) -> Steps:
        """Quote some instruments of one underlying, or thin out the same quotes again."""
        if sim.crash is not None:
            return []
        maker = sim.one_of(sim.world.makers)
        quote_set = sim.between(1, 2)
        last = self._last.get((maker.account, quote_set))
        action = self._thinner(sim, last) if last is not None and sim.chance(35) else None
        if action is None:
            action = self._fresh(sim, quote_set)
        self._last[maker.account, quote_set] = action
        frozen = [name for name in ("BTC", "ETH") if (maker.account, name) in sim.view.frozen]
        resets = [Step(maker.root, ResetMmp(name)) for name in frozen if sim.chance(60)]
        return [*resets, Step(sim.signer(maker), action)]

    def _fresh(self, sim: Simulation, quote_set: int) -> MassQuote:
        underlying = sim.one_of(("BTC", "ETH"))
        listed = [found for found in sim.traded() if found.created.underlying == underlying]
        sim.random.shuffle(listed)
        quotes = tuple(self._quote(sim, found) for found in listed[: sim.between(2, 12)])
        mode = int(sim.one_of(list(SelfTradeMode)[:4]))
        return MassQuote(quote_set, quotes, int(sim.one_of(_QUOTE_FLAGS)), mode)

    def _quote(self, sim: Simulation, listed: Listed) -> Quote:
        spread_bps = 300 if listed.is_option else 4
        bid = sim.price_near(listed, Side.BUY, sim.between(1, spread_bps))
        ask = sim.price_near(listed, Side.SELL, sim.between(1, spread_bps))
        bid_lots, ask_lots = sim.lots(listed, 100), sim.lots(listed, 100)
        if sim.chance(10):
            bid_lots = 0
        return Quote(
            *(listed.number, listed.on_step(bid), bid_lots),
            *(listed.on_step(ask), ask_lots),
        )

    def _thinner(self, sim: Simulation, last: MassQuote) -> MassQuote | None:
        """Repeat what is left of a quote set at its prices, with sizes halved here and there."""

        def thinned(listed: Listed, lots: int) -> int:
            if not sim.chance(50):
                return lots
            step = listed.created.limits.qty_step_lots
            return lots // 2 // step * step

        quotes = [
            msgspec.structs.replace(
                quote,
                bid_qty_lots=thinned(sim.view.listed[quote.instrument], quote.bid_qty_lots),
                ask_qty_lots=thinned(sim.view.listed[quote.instrument], quote.ask_qty_lots),
            )
            for quote in last.quotes
            if quote.instrument in sim.view.listed
        ]
        return msgspec.structs.replace(last, quotes=tuple(quotes)) if quotes else None


def rest(sim: Simulation) -> Steps:
    """Enter an order near the fair price, on the quiet side of it."""
    trader, listed, side = sim.one_of(sim.world.traders), sim.market(), sim.side()
    price = sim.price_near(listed, side, sim.between(0, 60))
    request_id = b"rest %d" % sim.next_client_id() if sim.chance(10) else b""
    return [Step(sim.signer(trader), sim.order(trader, listed, side, price), request_id)]


def take(sim: Simulation) -> Steps:
    """Meet the other side of a book, as far as it is known. Anybody does, makers too."""
    trader, side = sim.one_of(sim.world.traders), sim.side()
    quoted = [listed for listed in sim.traded() if listed.best(1 - side)]
    listed = sim.one_of(quoted) if quoted and sim.chance(60) else sim.market()
    best = listed.best(1 - side) or sim.view.fair_ticks(listed)
    beyond = sim.between(0, 6) * listed.created.limits.price_step_ticks
    price = best + (beyond if side == Side.BUY else -beyond)
    return [Step(sim.signer(trader), sim.order(trader, listed, side, price))]


def arbitrage(sim: Simulation) -> Steps:
    """Buy the cheaper of perpetual and future, and sell the dearer, in one batch."""
    trader = sim.one_of(sim.world.arbitrageurs)
    underlying = sim.one_of(("BTC", "ETH"))
    linear = [
        listed
        for listed in sim.traded()
        if listed.created.underlying == underlying and not listed.is_option
    ]
    if len(linear) < 2:
        return []
    ends = (linear[0], linear[-1])
    cheap, dear = sorted(ends, key=lambda listed: (listed.best(Side.SELL), listed.number))
    legs = (_leg(sim, cheap, Side.BUY), _leg(sim, dear, Side.SELL))
    return [Step(sim.signer(trader), Batch(legs))]


def reduce(sim: Simulation) -> Steps:
    """Enter an order that may only reduce a position; more often than not it rests."""
    trader = sim.one_of(sim.world.traders)
    held = sim.view.accounts.held.get(trader.account, {})
    listed_here = [number for number in sorted(held) if number in sim.view.listed]
    if not listed_here:
        return []
    instrument = sim.one_of(listed_here)
    listed = sim.view.listed[instrument]
    position = held[instrument].lots
    side = Side.SELL if position > 0 else Side.BUY
    price = listed.on_step(sim.price_near(listed, side, sim.between(-20, 40)))
    step = listed.created.limits.qty_step_lots
    lots = max(sim.lots(listed), abs(position) // sim.between(1, 2) // step * step)
    lots = min(lots, listed.created.limits.max_order_lots)
    flags = OrderFlag.REDUCE_ONLY | (OrderFlag.REPRICE if sim.chance(30) else 0)
    order = PlaceOrder(instrument, int(side), price, lots, flags=int(flags))
    return [Step(sim.signer(trader), order)]


def manage(sim: Simulation) -> Steps:
    """Cancel, amend or replace an order of somebody who has some."""
    trader = sim.one_of(sim.world.traders)
    listed = sim.view.listed
    orders = [o for o in sim.view.orders_of(trader.account) if o.instrument in listed]
    if not orders:
        return []
    if sim.chance(15):
        picked = [sim.one_of(orders) for _ in range(sim.between(2, 6))]
        action: OrderAction | Batch = Batch(tuple(_change(sim, trader, order) for order in picked))
    else:
        action = _change(sim, trader, sim.one_of(orders))
    return [Step(sim.signer(trader), action)]


def cancel_all(sim: Simulation) -> Steps:
    """Cancel everything of an account that a filter names."""
    trader = sim.one_of(sim.world.traders)
    listed = sim.market()
    action = sim.one_of(
        (
            CancelAll(),
            CancelAll(instrument=listed.number, side=sim.side()),
            CancelAll(underlying=listed.created.underlying),
            CancelAll(mmp=True),
            CancelAll(side=sim.side(), lineage=bytes([sim.between(0, 3)]) * 16),
        )
    )
    return [Step(sim.signer(trader), action)]


def protect(sim: Simulation) -> Steps:
    """Let a maker end a freeze, change its protection, or take it away for a moment."""
    maker, underlying = sim.one_of(sim.world.makers), sim.one_of(("BTC", "ETH"))
    root, choice = maker.root, sim.random.randrange(10)
    if ((maker.account, underlying) in sim.view.frozen and choice < 7) or choice == 0:
        return [Step(root, ResetMmp(underlying))]
    frozen_ms = sim.between(0, 3) * 400
    again = protection(underlying, sim.between(40, 150), frozen_ms, sim.between(0, 7))
    if choice < 8:
        return [Step(root, again)]
    return [Step(root, DeleteMmpConfig(underlying)), Step(root, again)]


def _leg(sim: Simulation, listed: Listed, side: Side) -> PlaceOrder:
    price = listed.on_step(sim.price_near(listed, side, -5))
    lots = sim.lots(listed)
    client_id = sim.next_client_id()
    return PlaceOrder(listed.number, int(side), price, lots, _IOC, client_id=client_id)


def _change(sim: Simulation, trader: Trader, order: LiveOrder) -> OrderAction:
    """Draw what becomes of an order."""
    draw = sim.random.randrange(100)
    listed = sim.view.listed[order.instrument]
    filled = order.qty_lots - order.remaining_lots
    if draw < 20:
        return CancelOrder(order.order_id)
    if draw < 30:
        return CancelByClientId(order.client_id)
    if draw < 45:
        left = 0 if sim.chance(30) else order.remaining_lots // 2
        return AmendOrder(order.order_id, order.price_ticks, filled + left)
    if draw < 70:
        price = listed.on_step(sim.price_near(listed, order.side, sim.between(-3, 40)))
        return AmendOrder(order.order_id, price, filled + sim.lots(listed))
    price = sim.price_near(listed, order.side, sim.between(-3, 40))
    new = sim.order(trader, listed, order.side, price)
    if sim.chance(30):
        new = msgspec.structs.replace(new, client_id=order.client_id)
    return ReplaceOrder(order.order_id, new, cancel_on_reject=sim.chance(40))


def trading_behaviours() -> list[tuple[int, Behaviour]]:
    """Return (weight, behaviour) of everything that traders do."""
    return [
        (36, Quoting()),
        (28, rest),
        (45, take),
        (5, arbitrage),
        (7, reduce),
        (12, manage),
        (1, cancel_all),
        (5, protect),
    ]

"""How everything stands, some times a second: what the table on the screen is made of."""

import threading
from typing import Final

from lockstep_desk.adapters.exchange.venue import ACCOUNT
from lockstep_desk.core.codes import TradingState
from lockstep_desk.core.view import DeskView
from lockstep_desk.demo.messages import Depth, Mark, Marks, Row, Status, mark_of
from lockstep_desk.demo.plan import deployments
from lockstep_desk.demo.stage import Stage, Wings
from lockstep_desk.live import LiveDesk
from lockstep_desk.pipeline.channel import Counters
from lockstep_desk.pipeline.config import Named
from lockstep_desk.types import E8
from lockstep_kernel.arith import div_half_even

_EVERY_S: Final = 0.2


class Reporter:
    """A service that tells the status until it is stopped, and once more then."""

    def __init__(self, desk: LiveDesk, wings: Wings, stage: Stage) -> None:
        self._desk = desk
        self._wings = wings
        self._stage = stage

    def __call__(self, stop: threading.Event) -> None:
        while not stop.wait(_EVERY_S):
            self._wings.tell(self.status())
        self._wings.tell(self.status())

    def status(self) -> Status:
        """Return how everything stands now."""
        wings = self._wings
        exchange = wings.post.shared.act(lambda: mark_of(wings.post.venue.sequencer.state))
        desk, is_trading, rows = self._desk.drive(self._of_engine)
        return Status(
            Marks(desk, exchange),
            wings.post.venue.moved,
            wings.pipeline.portfolio.totals.events,
            self._stage.is_linked,
            is_trading,
            rows,
            self._depths(),
            tuple(wings.pool.process_ids),
            wings.pool.counters().died,
        )

    def _of_engine(self) -> tuple[Mark, bool, tuple[Row, ...]]:
        engine = self._wings.post.engine
        view = engine.view
        rows = tuple(self._row(view, named) for named in deployments())
        return mark_of(engine.state), view.trading is TradingState.ENABLED, rows

    def _row(self, view: DeskView, named: Named) -> Row:
        trader = named.trader
        held = view.holding(ACCOUNT, trader.instrument, trader.deployment_id)
        orders = sum(order.deployment == trader.deployment_id for order in view.orders())
        qty_e8 = 0 if held is None else held.side.sign * held.qty_e8
        return Row(
            named.name,
            trader.instrument,
            qty_e8,
            view.price_e9(trader.instrument) or 0,
            div_half_even(view.profit_e17(ACCOUNT, trader.instrument, trader.deployment_id), E8),
            orders,
            self._wings.pipeline.backlog(trader.index),
        )

    def _depths(self) -> tuple[Depth, ...]:
        counters = self._wings.pipeline.counters()
        market = self._wings.post.shared.market
        shown = {"from the exchange": market.counters()}
        shown.update((name, one) for name, one in counters.items() if "/" not in name)
        return tuple(_depth(name, one) for name, one in shown.items())


def _depth(name: str, one: Counters) -> Depth:
    return Depth(name, one.depth, one.high_water, one.put, one.dropped)

"""What the simulated traders know: the exchange as its events tell it, and nothing else."""

from collections.abc import Sequence

import msgspec

from lockstep_engine.codes import InstrumentKind, Side
from lockstep_engine.events import (
    BookChanged,
    InstrumentCreated,
    InstrumentExpired,
    MarkPriceUpdated,
    MarksUpdated,
    MmpConfigDeleted,
    MmpReset,
    MmpThawed,
    MmpTriggered,
    SettlementPriceSet,
)
from lockstep_runtime.feeds.market.accounts import AccountsView
from lockstep_runtime.live_orders import Levels, LiveOrder, LiveOrders


class Listed:
    """An instrument as listed, with its price levels and its mark (0: none yet)."""

    __slots__ = ("created", "levels", "mark_e6")

    def __init__(self, created: InstrumentCreated) -> None:
        self.created = created
        self.levels = Levels()
        self.mark_e6 = 0

    @property
    def number(self) -> int:
        """The identifier that orders use."""
        return self.created.instrument

    @property
    def is_option(self) -> bool:
        """Whether it is a call or a put."""
        return self.created.kind in (InstrumentKind.CALL, InstrumentKind.PUT)

    def best(self, side: int) -> int:
        """Return the best price of a side in ticks, 0 if it is empty. O(levels)."""
        if side == Side.BUY:
            return max(self.levels.bids, default=0)
        return min(self.levels.asks, default=0)

    def on_step(self, price_ticks: int) -> int:
        """Return the nearest price at or below that the limits allow, at least one step."""
        limits = self.created.limits
        step = limits.price_step_ticks
        highest = limits.max_price_ticks // step
        return max(1, min(highest, price_ticks // step)) * step


Expiry = tuple[str, int]
"""(underlying, expiry_ns)."""


class MarketView:
    """Folds events. It lags by up to a chunk, as a trader's knowledge does.

    `unsettled` says of each expiry that nobody asked to settle whether its price is final;
    `settled` are the others.
    """

    def __init__(self) -> None:
        self.orders = LiveOrders()
        self.accounts = AccountsView()
        self.listed: dict[int, Listed] = {}
        self.expired: list[Listed] = []
        self.is_expiry_unanswered = False
        self.unsettled: dict[Expiry, bool] = {}
        self.settled: list[Expiry] = []
        self.frozen: dict[tuple[int, str], int] = {}

    @property
    def index_e6(self) -> dict[str, int]:
        """The index of each underlying that has one."""
        return self.accounts.index_e6

    def fold(self, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of one command."""
        self.orders.fold(events)
        self.accounts.fold(events)
        for event in events:
            match event:
                case BookChanged(instrument=instrument):
                    listed = self.listed.get(instrument)
                    if listed is not None:
                        listed.levels.fold(event)
                case MarkPriceUpdated(instrument=instrument, price_e6=price_e6):
                    self._mark(instrument, price_e6)
                case MarksUpdated(marks=marks):
                    for mark in marks:
                        self._mark(mark.instrument, mark.price_e6)
                case MmpTriggered(account=account, underlying=underlying):
                    self.frozen[account, underlying] = event.frozen_until_ns
                case (
                    MmpThawed(account=account, underlying=underlying)
                    | MmpReset(account=account, underlying=underlying)
                    | MmpConfigDeleted(account=account, underlying=underlying)
                ):
                    self.frozen.pop((account, underlying), None)
                case InstrumentCreated(instrument=instrument):
                    self.listed[instrument] = Listed(event)
                case InstrumentExpired(instrument=instrument):
                    self.expired.append(self.listed.pop(instrument))
                    self.is_expiry_unanswered = True
                case SettlementPriceSet(underlying=underlying, expiry_ns=expiry_ns):
                    self.unsettled[underlying, expiry_ns] = event.is_final
                case _:
                    pass

    def orders_of(self, account: int) -> list[LiveOrder]:
        """Return the live orders of an account, oldest first. O(live orders)."""
        return [order for order in self.orders.orders.values() if order.account == account]

    def fair_ticks(self, listed: Listed) -> int:
        """Return what traders think an instrument is worth: the mark.

        An option is worth no less than one part in 200 of its index to them: an order for less
        would be too small.
        """
        created = listed.created
        least_e6 = self.index_e6.get(created.underlying, 0) // 200 if listed.is_option else 0
        return max(listed.mark_e6, least_e6) // created.tick_e6

    def _mark(self, instrument: int, price_e6: int) -> None:
        """Follow a mark: an expired instrument has none that matters."""
        listed = self.listed.get(instrument)
        if listed is not None:
            listed.mark_e6 = price_e6

"""Example strategies: RSI mean reversion, crossing averages, Heikin-Ashi trend, buy when flat.

All trade with market orders, one turn at a time, and do nothing while an order is in flight.
"""

from dataclasses import dataclass

from lockstep_desk.errors import InvalidValueError, need_int
from lockstep_desk.strategy.base import (
    Actions,
    Context,
    Open,
    TimeInForce,
    TradeSignal,
    orders_of,
)
from lockstep_desk.strategy.indicators import RSI_MAX_E6, HeikinAshi, Rsi, Sma
from lockstep_desk.strategy.market import Candle
from lockstep_desk.types import ORDER_QTY_E8_MAX, Side


@dataclass(frozen=True, slots=True)
class RsiOptions:
    """Options of `RsiReversion`; the bounds are in 1e-6 of the index."""

    qty_e8: int
    period: int = 14
    low_e6: int = 30_000_000
    high_e6: int = 70_000_000

    def __post_init__(self) -> None:
        need_int("qty_e8", self.qty_e8, 1, ORDER_QTY_E8_MAX)
        need_int("period", self.period, 2, 10_000)
        need_int("low_e6", self.low_e6, 0, RSI_MAX_E6)
        need_int("high_e6", self.high_e6, self.low_e6 + 1, RSI_MAX_E6)


class RsiReversion:
    """Long when the index of the closes is low, short when it is high ([PIPE-18], PIPE-D6)."""

    def __init__(self, options: RsiOptions) -> None:
        self._options = options
        self._rsi = Rsi(options.period)

    def on_market(self, context: Context, actions: Actions) -> None:
        """Take closed candles; everything else is no news."""
        event = context.market.event
        if not isinstance(event, Candle):
            return
        for order in orders_of(self._signal(event), context, self._options.qty_e8):
            actions.add(order)

    def _signal(self, candle: Candle) -> TradeSignal | None:
        rsi_e6 = self._rsi.update(candle.close_e9)
        if rsi_e6 is None:
            return None
        if rsi_e6 < self._options.low_e6:
            return TradeSignal.LONG
        return TradeSignal.SHORT if rsi_e6 > self._options.high_e6 else None


@dataclass(frozen=True, slots=True)
class SmaOptions:
    """Options of `SmaCross`: two periods in candles."""

    qty_e8: int
    fast: int = 10
    slow: int = 30

    def __post_init__(self) -> None:
        need_int("qty_e8", self.qty_e8, 1, ORDER_QTY_E8_MAX)
        need_int("fast", self.fast, 1, 1_000_000)
        need_int("slow", self.slow, 1, 1_000_000)
        if self.slow <= self.fast:
            raise InvalidValueError(
                f"slow: expected more than fast, which is {self.fast}, found {self.slow}"
            )


class SmaCross:
    """Long when the fast average crosses above the slow one, short when below."""

    def __init__(self, options: SmaOptions) -> None:
        self._options = options
        self._fast = Sma(options.fast)
        self._slow = Sma(options.slow)
        self._was = 0

    def on_market(self, context: Context, actions: Actions) -> None:
        """Take closed candles; everything else is no news."""
        event = context.market.event
        if not isinstance(event, Candle):
            return
        self._fast.update(event.close_e9)
        self._slow.update(event.close_e9)
        stands = self._fast.compared_to(self._slow) or 0
        was, self._was = self._was, stands or self._was
        if stands and was and stands != was:
            signal = TradeSignal.LONG if stands > 0 else TradeSignal.SHORT
            for order in orders_of(signal, context, self._options.qty_e8):
                actions.add(order)


@dataclass(frozen=True, slots=True)
class HeikinAshiOptions:
    """Options of `HeikinAshiTrend`."""

    qty_e8: int

    def __post_init__(self) -> None:
        need_int("qty_e8", self.qty_e8, 1)


class HeikinAshiTrend:
    """Long while the averaged candles rise, short while they fall: nearly always in the market."""

    def __init__(self, options: HeikinAshiOptions) -> None:
        self._qty_e8 = options.qty_e8
        self._bars = HeikinAshi()

    def on_market(self, context: Context, actions: Actions) -> None:
        """Take closed candles; a bar that stands still is no signal."""
        event = context.market.event
        if not isinstance(event, Candle):
            return
        bar = self._bars.update(event)
        if bar.close_e9 == bar.open_e9:
            return
        signal = TradeSignal.LONG if bar.close_e9 > bar.open_e9 else TradeSignal.SHORT
        for order in orders_of(signal, context, self._qty_e8):
            actions.add(order)


@dataclass(frozen=True, slots=True)
class FlatOptions:
    """Options of `BuyWhenFlat`."""

    qty_e8: int

    def __post_init__(self) -> None:
        need_int("qty_e8", self.qty_e8, 1, ORDER_QTY_E8_MAX)


class BuyWhenFlat:
    """Buys at market when there is a price, no position and no order ([PIPE-18])."""

    def __init__(self, options: FlatOptions) -> None:
        self._qty_e8 = options.qty_e8

    def on_market(self, context: Context, actions: Actions) -> None:
        """Buy once."""
        if context.market.price_e9 is None or context.holding.qty_e8 or not context.is_quiet:
            return
        actions.add(Open(context.instrument, Side.BUY, self._qty_e8, tif=TimeInForce.IOC))

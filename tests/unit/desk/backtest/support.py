"""A plan of backtests as text, and strategies that act at one candle."""

import os
from dataclasses import dataclass

from lockstep_desk.backtest import Plan, parse_plan
from lockstep_desk.strategy import (
    STRATEGIES,
    Actions,
    Candle,
    Catalog,
    Context,
    Entry,
    Open,
    TimeInForce,
)
from lockstep_desk.types import Side

LOT = 10**5
SHARED = """
[feed]
seed = 7
count = {count}
every_ms = 60_000
[[feed.walk]]
instrument = "BTC-PERP"
tick_e9 = 100_000_000
start_ticks = 600_000
step_max = 900
[venue]
capital_cents = 10_000_000
latency_us = 2_000
[[instrument]]
name = "BTC-PERP"
tick_e9 = 100_000_000
lot_e8 = 100_000
half_spread_ticks = 5
"""


@dataclass(frozen=True, slots=True)
class At:
    """The number of a candle, from 1 on."""

    number: int = 1


class BuysAt:
    """Buys a lot at the market when a candle of its number closes, and does nothing else."""

    def __init__(self, options: At) -> None:
        self._number = options.number
        self._seen = 0

    def on_market(self, context: Context, actions: Actions) -> None:
        if isinstance(context.market.event, Candle):
            self._seen += 1
            if self._seen == self._number:
                self._act(context, actions)

    def _act(self, context: Context, actions: Actions) -> None:
        actions.add(Open(context.instrument, Side.BUY, LOT, tif=TimeInForce.IOC))


class Turns(BuysAt):
    """Buys a lot at its number, and sells it at the next candle."""

    def _act(self, context: Context, actions: Actions) -> None:
        side = Side.SELL if context.holding.qty_e8 else Side.BUY
        actions.add(Open(context.instrument, side, LOT, tif=TimeInForce.IOC))
        self._number += 1


class BuysTwiceAt(BuysAt):
    """Buys two lots there, by two orders at once."""

    def _act(self, context: Context, actions: Actions) -> None:
        super()._act(context, actions)
        super()._act(context, actions)


class RaisesAt(BuysAt):
    """Raises there."""

    def _act(self, context: Context, actions: Actions) -> None:
        raise ZeroDivisionError


class DiesAt(BuysAt):
    """Kills its process there."""

    def _act(self, context: Context, actions: Actions) -> None:
        os._exit(7)


class Answers:
    """Quotes at the price that it sees, which its own quote moves: without end."""

    def __init__(self, options: At) -> None:
        self._up = False

    def on_market(self, context: Context, actions: Actions) -> None:
        price_e9 = context.market.price_e9
        if price_e9 is not None:
            self._up = not self._up
            side = Side.BUY if self._up else Side.SELL
            tif = TimeInForce.IOC
            actions.add(Open(context.instrument, side, LOT, tif=tif))


CATALOG: Catalog = {
    **STRATEGIES,
    "buys_at": Entry(At, BuysAt),
    "buys_twice_at": Entry(At, BuysTwiceAt),
    "turns": Entry(At, Turns),
    "raises_at": Entry(At, RaisesAt),
    "dies_at": Entry(At, DiesAt),
    "answers": Entry(At, Answers),
}


def run_text(run_id: str, *traders: tuple[str, ...], risk: str = "") -> str:
    """Return a [[run]] of (strategy, options as TOML, account if any), named after its strategy."""
    text = f'[[run]]\nid = "{run_id}"\n'
    if risk:
        text += f"[run.risk]\n{risk}\n"
    for strategy, options, *accounts in traders:
        text += f'[[run.trader]]\nname = "{strategy}"\ninstrument = "BTC-PERP"\n'
        text += f'strategy = "{strategy}"\noptions = {{ {options} }}\n'
        text += "".join(f'account = "{account}"\n' for account in accounts)
    return text


def plan_of(*runs: str, count: int = 120, more: str = "") -> Plan:
    return parse_plan(SHARED.format(count=count) + more + "".join(runs), "plan.toml", CATALOG)


RSI = ("rsi", "qty_e8 = 1_000_000, period = 3, low_e6 = 45_000_000, high_e6 = 55_000_000")
SMA = ("sma_cross", "qty_e8 = 2_000_000, fast = 2, slow = 5")
FLAT = ("buy_when_flat", "qty_e8 = 300_000")

"""Liquidations in the tests of this folder: how they are set off, and what is read from them."""

from lockstep_engine.commands import (
    Liquidate,
    SetFeeSchedule,
)
from lockstep_engine.events import (
    AutoDeleveraged,
    LiquidationEnded,
    OrderAccepted,
)
from tests.support.exchange import (
    ALICE,
    Exchange,
    names,
    of,
)


def charge_nothing(market: Exchange, liquidation_e9: int = 0) -> None:
    """Set all fees to 0 but that of liquidation."""
    market.do(SetFeeSchedule(0, *(0,) * 8, liquidation_e9, 0))


def liquidate(market: Exchange, account: int = ALICE) -> list[object]:
    """Liquidate an account in trouble; return what happened but for the books."""
    events = market.do(Liquidate(account))
    assert ["LiquidationStarted", "LiquidationEnded"] == [
        name for name in names(events) if name.startswith("Liquidation")
    ]
    return [event for event in events if type(event).__name__ != "BookChanged"]


def ended(events: list[object]) -> LiquidationEnded:
    """Return the event that closes a liquidation."""
    found = events[-1]
    assert isinstance(found, LiquidationEnded)
    return found


def closed(events: list[object]) -> list[tuple[int, int, int, int]]:
    """Return (instrument, side, price, lots) of every order that was sent to a book."""
    return [(e.instrument, e.side, e.price_ticks, e.qty_lots) for e in of(events, OrderAccepted)]


def sold_to(events: list[object]) -> list[tuple[int, int]]:
    """Return (counterparty, price of a lot) of every deleveraging."""
    return [(e.counterparty.account, e.lot_e6) for e in of(events, AutoDeleveraged)]

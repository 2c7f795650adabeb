"""The ledger would notice: an amount in any event that is one micro-dollar off is found."""

import msgspec
import pytest

from lockstep_engine.events import (
    AutoDeleveraged,
    BlockTraded,
    CashMoved,
    FundingPaid,
    InstrumentSettled,
    InsuranceFunded,
    LiquidationEnded,
    PositionSettled,
    Trade,
)
from lockstep_runtime.feeds.market import MarketFeed
from tests.simulation.ledger import Ledger, Lost
from tests.unit.runtime.driving import Kept, drive

AMOUNTS = (
    *((CashMoved, "amount_e6"), (CashMoved, "balance_e6"), (InsuranceFunded, "amount_e6")),
    *((FundingPaid, "lot_e6"), (FundingPaid, "cash_e6"), (PositionSettled, "amount_e6")),
    *((PositionSettled, "fee_e6"), (Trade, "price_ticks"), (Trade, "qty_lots")),
    *((BlockTraded, "price_ticks"), (AutoDeleveraged, "lot_e6"), (AutoDeleveraged, "qty_lots")),
    *((LiquidationEnded, "insurance_e6"), (LiquidationEnded, "debt_e6")),
)
LEFT_OUT = (CashMoved, InsuranceFunded, FundingPaid, PositionSettled, Trade, BlockTraded)


@pytest.fixture(scope="module")
def events() -> list[msgspec.Struct]:
    kept = Kept()
    drive(MarketFeed(7, 2_000), kept)
    return kept.all()


def booked(events: list[msgspec.Struct]) -> Ledger:
    ledger = Ledger()
    for event in events:
        ledger.book(event)
    ledger.check()
    return ledger


def first_of(events: list[msgspec.Struct], kind: type[msgspec.Struct]) -> int:
    return next(place for place, event in enumerate(events) if type(event) is kind)


def test_what_really_happened_adds_up(events: list[msgspec.Struct]) -> None:
    ledger = booked(events)
    assert ledger.outside_e6 > 0
    assert 12 < len(ledger.positions())


@pytest.mark.parametrize(("kind", "field"), AMOUNTS)
def test_an_amount_that_is_one_off_is_found(
    events: list[msgspec.Struct], kind: type[msgspec.Struct], field: str
) -> None:
    place = first_of(events, kind)
    event = events[place]
    wrong = msgspec.structs.replace(event, **{field: getattr(event, field) + 1})
    with pytest.raises(Lost, match="expected"):
        booked([*events[:place], wrong, *events[place + 1 :]])


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_an_event_that_is_left_out_is_found(
    events: list[msgspec.Struct], kind: type[msgspec.Struct]
) -> None:
    place = first_of(events, kind)
    with pytest.raises(Lost, match="expected"):
        booked([*events[:place], *events[place + 1 :]])


def test_a_position_left_in_a_settled_instrument_is_found(events: list[msgspec.Struct]) -> None:
    place = first_of(events, Trade)
    trade = events[place]
    assert isinstance(trade, Trade)
    settled = InstrumentSettled(trade.instrument, price_e6=1, positions=2)
    with pytest.raises(Lost, match="positions left in settled"):
        booked([*events[: place + 1], settled])

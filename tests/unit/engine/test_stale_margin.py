"""Which holdings wait for their margin to be computed anew: each that changed, once ([MRG-6]).

Nobody asks for the margin of a maker; what it waits for must not grow with each of its fills.
"""

import msgspec
import pytest

from lockstep_engine.codes import MmpOption, OrderFlag, SelfTradeMode
from lockstep_engine.commands import DeleteMmpConfig, PlaceOrder, SetMmpConfig
from lockstep_engine.exchange import MACHINE
from lockstep_engine.money.settle import note_moved
from lockstep_engine.risk.margin import free_e6
from lockstep_engine.risk.open_lots import follow_relief
from lockstep_engine.state import Account, ExchangeCore
from lockstep_kernel import apply
from tests.support.exchange import (
    ALICE,
    BOB,
    ETH_PERP,
    FUTURE,
    LOT_E8,
    PERP,
    Exchange,
    standard_market,
)

MMP, ALLOW = int(OrderFlag.MMP), int(SelfTradeMode.ALLOW)
RELIEF = SetMmpConfig("BTC", 1_000, 0, 8 * LOT_E8, options=int(MmpOption.RELIEF))


@pytest.fixture
def market() -> Exchange:
    """The standard market, engine only."""
    return standard_market(MACHINE)


def core_of(market: Exchange) -> ExchangeCore:
    core = market.state.core
    assert isinstance(core, ExchangeCore)
    return core


def refreshed(market: Exchange) -> Account:
    """Return Alice's account with nothing left to compute."""
    core = core_of(market)
    account = core.accounts[ALICE]
    free_e6(core, account)
    assert [] == account.dirty
    return account


def waiting(account: Account) -> list[int]:
    """Return the instruments of the holdings that wait."""
    return [holding.instrument.instrument for holding in account.dirty]


def quick(market: Exchange, action: msgspec.Struct, account: int = ALICE) -> None:
    """Apply without verifying, which would ask for the margin of everybody."""
    sequenced = MACHINE.codec.sequence(market.now_ns, market.command(action, account))
    market.state, _events, _hash = apply(market.state, sequenced)


def test_a_maker_waits_once_however_often_it_is_filled(market: Exchange) -> None:
    market.ask(ALICE, 100, 10)
    alice = refreshed(market)
    for _ in range(3):
        quick(market, PlaceOrder(PERP, 0, 100, 1), BOB)
    assert -3 == alice.holdings[PERP].qty_lots
    assert [PERP] == waiting(alice)


def test_a_trade_with_oneself_waits_once(market: Exchange) -> None:
    market.ask(ALICE, 100, 10, ETH_PERP)
    alice = refreshed(market)
    quick(market, PlaceOrder(ETH_PERP, 0, 100, 4, self_trade=ALLOW))
    assert 6 == alice.holdings[ETH_PERP].open_sell_lots
    assert [ETH_PERP] == waiting(alice)


def test_a_position_that_others_move_waits_once(market: Exchange) -> None:
    market.trade(ALICE, BOB, 100, 10)
    alice = refreshed(market)
    for _ in range(2):
        note_moved(core_of(market), alice.holdings[PERP])
    assert [PERP] == waiting(alice)


def test_a_protection_that_changes_concerns_its_own_orders_only(market: Exchange) -> None:
    """Not those of another underlying, nor a holding that has none under protection."""
    for underlying in ("BTC", "ETH"):
        market.protect(ALICE, underlying)
    market.bid(ALICE, 90, 1, FUTURE)
    for number in (PERP, ETH_PERP):
        market.bid(ALICE, 90, 1, number, flags=MMP)
    alice = refreshed(market)
    for _ in range(2):
        follow_relief(alice, "BTC")
        assert [PERP] == waiting(alice)


def test_who_has_no_relief_any_more_is_plain_again(market: Exchange) -> None:
    """So that admission goes the short way."""
    alice = refreshed(market)
    flags = []
    for action in (RELIEF, DeleteMmpConfig("BTC")):
        quick(market, action)
        flags.append((alice.has_relief, alice.is_plain))
    assert [(True, False), (False, True)] == flags

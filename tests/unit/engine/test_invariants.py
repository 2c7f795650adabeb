"""Invariants find what they are about: each is broken once, by hand, in a busy market."""

from collections.abc import Callable
from functools import cache

import pytest

from lockstep_engine.codes import InstrumentStatus, OrderFlag
from lockstep_engine.invariants import check_all
from lockstep_engine.state import ExchangeCore, Holding, Order, holding_of
from lockstep_kernel import InvariantError, State
from lockstep_runtime.feeds.market import MarketFeed
from lockstep_runtime.feeds.market.world import ETH_PERP, POOR
from tests.unit.runtime.driving import drive

Break = Callable[[ExchangeCore], None]


@cache
def market() -> State:
    return drive(MarketFeed(7, 700))


@pytest.fixture
def core() -> ExchangeCore:
    found = market().fork().core
    assert isinstance(found, ExchangeCore)
    return found


def holdings(core: ExchangeCore) -> list[Holding]:
    return [held for account in core.accounts.values() for held in account.holdings.values()]


def an_order(core: ExchangeCore) -> Order:
    return next(order for account in core.accounts.values() for order in account.orders.values())


def a_position(core: ExchangeCore) -> Holding:
    return next(held for held in holdings(core) if held.qty_lots)


def an_idle_holding(core: ExchangeCore) -> Holding:
    """Return what an account that never traded has in an instrument."""
    return holding_of(core.accounts[POOR], core.instruments[ETH_PERP])


def reserve_too_high(core: ExchangeCore) -> None:
    an_order(core).account.reserve_e6 += 1


def order_grown(core: ExchangeCore) -> None:
    an_order(core).holding.open_buy_lots += 1


def idle_holding_with_lots(core: ExchangeCore) -> None:
    an_idle_holding(core).open_sell_lots += 1


def idle_holding_with_mmp_order(core: ExchangeCore) -> None:
    order = an_order(core)
    an_idle_holding(core).mmp_orders[order.order_id] = order


def order_unknown_to_protection(core: ExchangeCore) -> None:
    orders = [order for held in holdings(core) for order in held.mmp_orders.values()]
    assert orders[0].flags & OrderFlag.MMP
    orders[0].holding.mmp_orders.clear()


def order_of_another(core: ExchangeCore) -> None:
    order = an_order(core)
    order.holding = next(held for held in holdings(core) if held.account is not order.account)


def margin_of_nothing(core: ExchangeCore) -> None:
    an_idle_holding(core).account.margin_e6 += 1


def reduce_only_without_position(core: ExchangeCore) -> None:
    order = an_order(core)
    an_idle_holding(core).reduce_only_buys.append(order)


def settled_with_position(core: ExchangeCore) -> None:
    a_position(core).instrument.status = int(InstrumentStatus.SETTLED)


def nonce_below_floor(core: ExchangeCore) -> None:
    known = next(iter(core.nonces.values()))
    known.floor = known.highest


def too_many_nonces(core: ExchangeCore) -> None:
    next(iter(core.nonces.values())).packed = b""


def lots_from_nowhere(core: ExchangeCore) -> None:
    a_position(core).qty_lots += 1


def money_from_nowhere(core: ExchangeCore) -> None:
    an_order(core).account.cash_e6 += 1


def negative_fund(core: ExchangeCore) -> None:
    core.treasury.net_deposits_e6 -= core.treasury.insurance_e6 + 1
    core.treasury.insurance_e6 = -1


def debt_with_orders(core: ExchangeCore) -> None:
    account = an_order(core).account
    account.debt_e6 += 1
    account.cash_e6 += 1


def exposure_kept_too_low(core: ExchangeCore) -> None:
    an_order(core).account.exposure_e6 = 0


BROKEN: tuple[tuple[Break, str], ...] = (
    (reserve_too_high, "reserve of account"),
    (order_grown, "open lots of account"),
    (idle_holding_with_lots, "open lots of account"),
    (idle_holding_with_mmp_order, "MMP orders of account"),
    (order_unknown_to_protection, "MMP orders of account"),
    (order_of_another, "is of another"),
    (margin_of_nothing, "free of account"),
    (reduce_only_without_position, "reduce-only orders of account"),
    (settled_with_position, "settled instruments have no positions"),
    (nonce_below_floor, "does not follow"),
    (too_many_nonces, "nonces, at most"),
    (lots_from_nowhere, "positions sum to zero"),
    (money_from_nowhere, "cash is conserved"),
    (negative_fund, "insurance"),
    (debt_with_orders, "debt stands alone"),
    (exposure_kept_too_low, "exposure of account"),
)


def test_a_busy_market_has_all_invariants(core: ExchangeCore) -> None:
    check_all(core)


@pytest.mark.parametrize(("spoil", "words"), BROKEN)
def test_what_breaks_an_invariant_is_found_by_its_words(
    core: ExchangeCore, spoil: Break, words: str
) -> None:
    spoil(core)
    with pytest.raises(InvariantError, match=words):
        check_all(core)

"""Reserves of orders: how they are released, and that an admitted order stays covered ([MRG-4]).

Lots, reserves, prices and cash are any integers in their range, but for the lots of a future that
rests: there position and order are split into cases.
"""

from typing import Annotated

from lockstep_engine.book.queue import shrink
from lockstep_engine.matching.sweep import enter
from lockstep_engine.risk.margin import admits, free_e6
from lockstep_engine.state import ExchangeCore, Holding, Order
from tests.proofs.contract import Between, Contract, OneOf, each, planted
from tests.proofs.world import (
    BUY,
    CALL,
    PERPETUAL,
    PUT,
    SELL,
    new_account,
    new_core,
    new_holding,
    new_instrument,
    new_order,
    rest_in_book,
    set_price,
)

Lots = Annotated[int, Between(1, 2**54)]
Held = Annotated[int, Between(-(2**54), 2**54)]
Ordered = Annotated[int, Between(-(2**54), 2**54, False)]
HeldCase = Annotated[int, each(-3, 3)]
OrderedCase = Annotated[int, OneOf((-4, -2, -1, 1, 2, 4))]
Reserve = Annotated[int, Between(0, 2**60)]
Tick = Annotated[int, Between(1, 2**40)]
Cash = Annotated[int, Between(-(2**60), 2**60)]
Mark = Annotated[int, Between(0, 2**50)]
TAKER_E9 = 500_000

QUEUE = "lockstep_engine/book/queue.py"
SWEEP = "lockstep_engine/matching/sweep.py"
MARGIN = "lockstep_engine/risk/margin.py"


def _is_share(released: int, reserve: int, lots: int, remaining: int) -> bool:
    """Return whether that much is floor(reserve x lots / remaining)."""
    return 0 <= reserve * lots - released * remaining < remaining


def _resting(reserve_e6: int, side: int, lots: int) -> tuple[ExchangeCore, Order]:
    core = new_core()
    holding = new_holding(new_account(core), new_instrument(core))
    order = new_order(core, holding, side, 1, lots)
    order.reserve_e6 = reserve_e6
    return core, rest_in_book(core, order)


def shrinking_releases_a_share_rounded_down(
    reserve: Reserve, is_buy: bool, lots: Lots, left: Lots
) -> None:
    """An order that is cut frees floor(reserve x lots / remaining), its account the same."""
    core, order = _resting(reserve, BUY if is_buy else SELL, lots + left)
    shrink(core, order, lots)
    assert _is_share(reserve - order.reserve_e6, reserve, lots, lots + left)
    assert order.reserve_e6 == order.account.reserve_e6
    assert left == order.holding.open_buy_lots + order.holding.open_sell_lots


def a_fill_releases_the_share_of_the_maker(
    reserve: Reserve, is_buy: bool, lots: Lots, left: Lots
) -> None:
    """A maker that is filled in part frees its share, its account the same."""
    core, maker = _resting(reserve, BUY if is_buy else SELL, lots + left)
    taker = new_holding(new_account(core), maker.instrument)
    enter(core, new_order(core, taker, SELL if is_buy else BUY, 1, lots), [])
    assert _is_share(reserve - maker.reserve_e6, reserve, lots, lots + left)
    assert maker.reserve_e6 == maker.account.reserve_e6
    assert left == maker.holding.open_buy_lots + maker.holding.open_sell_lots


def a_taker_rests_with_what_its_fills_left(
    reserve: Reserve, is_buy: bool, lots: Lots, left: Lots
) -> None:
    """A taker that is filled in part comes to rest with its reserve less the share filled."""
    core, maker = _resting(0, SELL if is_buy else BUY, lots)
    taker = new_order(
        core,
        new_holding(new_account(core), maker.instrument),
        BUY if is_buy else SELL,
        1,
        lots + left,
    )
    taker.reserve_e6 = reserve
    enter(core, taker, [])
    assert _is_share(reserve - taker.reserve_e6, reserve, lots, lots + left)
    assert taker.reserve_e6 == taker.account.reserve_e6


def the_last_lot_takes_the_rest(
    reserve: Reserve, is_buy: bool, cut: Lots, filled: Lots, last: Lots
) -> None:
    """However an order shrinks, is filled and ends, its account keeps nothing of its reserve."""
    core, maker = _resting(reserve, BUY if is_buy else SELL, cut + filled + last)
    taker = new_holding(new_account(core), maker.instrument)
    shrink(core, maker, cut)
    for lots in (filled, last):
        assert 0 <= maker.account.reserve_e6 <= reserve
        enter(core, new_order(core, taker, SELL if is_buy else BUY, 1, lots), [])
    assert (0, 0) == (maker.account.reserve_e6, maker.remaining_lots)


def _priced_holding(kind: int, qty: int, prices: tuple[int, int]) -> tuple[ExchangeCore, Holding]:
    """Return a position in an instrument at (value of a tick, mark), in a market with fees."""
    core = new_core()
    instrument = new_instrument(core, kind, prices[0])
    instrument.underlying.index_price_e6 = 10**9
    set_price(core, instrument, prices[1])
    account = new_account(core, (0, TAKER_E9, 0, TAKER_E9, 125_000_000, 0))
    return core, new_holding(account, instrument, qty)


def _admitted(core: ExchangeCore, holding: Holding, ordered: int, cash_e6: int) -> Order | None:
    """Return an order of signed lots if it is not merely reducing and margin admits it."""
    side, lots = (BUY, ordered) if ordered > 0 else (SELL, -ordered)
    holding.account.cash_e6 = cash_e6
    placed = new_order(core, holding, side, 1, lots)
    is_closing = holding.qty_lots * (-1 if ordered > 0 else 1) >= lots
    return placed if not is_closing and admits(core, placed) else None


def _is_covered_at_rest(core: ExchangeCore, holding: Holding, ordered: int, cash_e6: int) -> bool:
    """Return whether free collateral is at least 0 once an admitted order rests."""
    order = _admitted(core, holding, ordered, cash_e6)
    if order is None:
        return True
    rest_in_book(core, order)
    return free_e6(core, holding.account) >= 0


def _is_covered_when_filled(
    core: ExchangeCore, holding: Holding, ordered: int, cash_e6: int
) -> bool:
    """Return the same once it is filled whole at its price, as a taker with its fee."""
    order = _admitted(core, holding, ordered, cash_e6)
    if order is None:
        return True
    maker = new_holding(new_account(core), holding.instrument)
    rest_in_book(core, new_order(core, maker, 1 - order.side, 1, order.qty_lots))
    enter(core, order, [])
    return free_e6(core, holding.account) >= 0


def an_admitted_future_rests_covered(
    held: HeldCase, ordered: OrderedCase, tick: Tick, mark: Mark, cash: Cash
) -> None:
    """After admission the account's free collateral is not below 0 with the order in its book."""
    core, holding = _priced_holding(PERPETUAL, held, (tick, mark))
    assert _is_covered_at_rest(core, holding, ordered, cash)


def an_admitted_option_rests_covered(
    held: Held, ordered: Ordered, tick: Tick, mark: Mark, cash: Cash
) -> None:
    """The same for an option: premium, fee and the margin of what is sold short."""
    core, holding = _priced_holding(CALL, held, (tick, mark))
    assert _is_covered_at_rest(core, holding, ordered, cash)


def an_admitted_future_fills_covered(
    held: Held, ordered: Ordered, tick: Tick, mark: Mark, cash: Cash
) -> None:
    """A fill at the order's own price, fee included, does not bring the account below 0."""
    core, holding = _priced_holding(PERPETUAL, held, (tick, mark))
    assert _is_covered_when_filled(core, holding, ordered, cash)


def an_admitted_option_fills_covered(
    held: Held, ordered: Ordered, tick: Tick, mark: Mark, cash: Cash
) -> None:
    """The same for an option."""
    core, holding = _priced_holding(PUT, held, (tick, mark))
    assert _is_covered_when_filled(core, holding, ordered, cash)


CONTRACTS = (
    Contract(
        shrinking_releases_a_share_rounded_down,
        ("MRG-4", "NUM-2"),
        (
            planted(
                QUEUE,
                "a cut order releases its share rounded up",
                (
                    "released = reserve * lots // order.remaining_lots",
                    "released = -(-reserve * lots // order.remaining_lots)",
                ),
                {
                    "reserve": 1152921504606846949,
                    "is_buy": 0,
                    "lots": 18014398509481984,
                    "left": 18014398509481982,
                },
            ),
        ),
    ),
    Contract(
        a_fill_releases_the_share_of_the_maker,
        ("MRG-4", "NUM-2"),
        (
            planted(
                SWEEP,
                "an account frees one more than its order",
                (
                    "maker.account.reserve_e6 -= released",
                    "maker.account.reserve_e6 -= released + 1",
                ),
                {"reserve": 1, "is_buy": 1, "lots": 1, "left": 1},
            ),
        ),
    ),
    Contract(
        a_taker_rests_with_what_its_fills_left,
        ("MRG-4", "NUM-2"),
        (
            planted(
                SWEEP,
                "a taker releases its share of the first size",
                (
                    "taker.reserve_e6 -= taker.reserve_e6 * lots // taker.remaining_lots",
                    "taker.reserve_e6 -= taker.reserve_e6 * lots // (taker.qty_lots + lots)",
                ),
                {"reserve": 2, "is_buy": 1, "lots": 7, "left": 2},
            ),
        ),
    ),
    Contract(
        the_last_lot_takes_the_rest,
        ("MRG-4",),
        (
            planted(
                QUEUE,
                "the last lot takes its share, not the rest",
                (
                    "    account.reserve_e6 -= order.reserve_e6\n",
                    (
                        "    account.reserve_e6 -= "
                        "order.reserve_e6 * order.remaining_lots // order.qty_lots\n"
                    ),
                ),
                {"reserve": 1, "is_buy": 1, "cut": 1, "filled": 1, "last": 1},
            ),
        ),
    ),
    Contract(
        an_admitted_future_rests_covered,
        ("MRG-1", "MRG-4"),
        (
            planted(
                MARGIN,
                "admission looks at the larger side only",
                ("    if margin_down > margin:\n", "    if margin_down > margin and order.side:\n"),
                {"held": -3, "ordered": 4, "tick": 1, "mark": 1, "cash": 5},
            ),
        ),
    ),
    Contract(
        an_admitted_option_rests_covered,
        ("MRG-1", "MRG-4"),
        (
            planted(
                MARGIN,
                "admission ignores what is sold short",
                ("        margin = margin_down\n", "        pass\n"),
                {"held": -1, "ordered": -8, "tick": 1, "mark": 0, "cash": 150000001},
            ),
        ),
    ),
    Contract(
        an_admitted_future_fills_covered,
        ("MRG-1", "MRG-4"),
        (
            planted(
                MARGIN,
                "a reserve leaves the loss against the mark out",
                ("reserve = fee + adverse if adverse > 0 else fee", "reserve = fee"),
                {
                    "held": -1,
                    "ordered": 18014398509481984,
                    "tick": 3,
                    "mark": 2,
                    "cash": 18041420107246209,
                },
            ),
        ),
    ),
    Contract(
        an_admitted_option_fills_covered,
        ("MRG-1", "MRG-4"),
        (
            planted(
                MARGIN,
                "a bought option reserves no fee",
                (
                    "reserve = fee + adverse if adverse > 0 else fee",
                    "reserve = adverse if adverse > 0 else fee",
                ),
                {
                    "held": -1,
                    "ordered": 18014398509481984,
                    "tick": 2,
                    "mark": 0,
                    "cash": 36028797118963969,
                },
            ),
        ),
    ),
)

"""What may grow and what may not, counted in executed lines and comparisons: [BOOK-2], [MRG-6].

Lines can be counted on the interpreted build only.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import msgspec
import pytest

from lockstep_engine.book import queue
from lockstep_engine.commands import (
    AuthorizeAgent,
    CancelOrder,
    Deposit,
    OpenAccount,
    PlaceOrder,
    UpdateMarkPrice,
)
from lockstep_engine.exchange import MACHINE, best
from lockstep_engine.state import ExchangeCore
from lockstep_kernel import apply
from tests.support.exchange import (
    ALICE,
    BOB,
    CASH,
    ETH_PERP,
    FUTURE,
    PERP,
    Exchange,
    key,
    root_of,
    standard_market,
)

pytestmark = pytest.mark.skipif(
    not str(queue.__file__).endswith(".py"), reason="lines of compiled code cannot be counted"
)


AGENT = key("agent")


def lines_of(run: Callable[[], object]) -> int:
    """Run and count the lines executed in the engine."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        if "lockstep_engine" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(previous)
    assert count > 0
    return count


def cost(market: Exchange, action: object) -> int:
    """Let Alice's agent send one command to a copy and count its lines; caches are warm.

    The agent has used no nonce before, so that the size of its set is no part of the cost.
    """
    twin = market.fork()
    quick(twin, AuthorizeAgent(AGENT), ALICE)
    quick(twin, CancelOrder(10**9), ALICE, AGENT)
    command = twin.command(action, ALICE, signer=AGENT)
    sequenced = MACHINE.codec.sequence(twin.now_ns, command)
    return lines_of(lambda: apply(twin.state, sequenced))


def quick(market: Exchange, action: object, account: int = ALICE, signer: bytes = b"") -> None:
    """Apply without verifying: setting up large states."""
    usual = market.command(action, account)
    command = msgspec.structs.replace(usual, signer=signer) if signer else usual
    sequenced = MACHINE.codec.sequence(market.now_ns, command)
    market.state, _events, _hash = apply(market.state, sequenced)


def crowded_level(count: int) -> Exchange:
    """Alice has `count` bids at 90."""
    market = standard_market(MACHINE)
    for _ in range(count):
        quick(market, PlaceOrder(PERP, 0, 90, 1))
    return market


@pytest.mark.rule("BOOK-2")
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_cancel_costs_the_same_in_a_short_and_a_long_queue(place: str) -> None:
    costs = []
    for count in (9, 900):
        order_id = {"first": 1, "middle": count // 2, "last": count}[place]
        costs.append(cost(crowded_level(count), CancelOrder(order_id)))
    assert costs[0] == costs[1]


def tall_book(levels: int) -> Exchange:
    """Alice has a bid at every price from 1 to `levels`."""
    market = standard_market(MACHINE)
    for price in range(1, levels + 1):
        quick(market, PlaceOrder(PERP, 0, price, 1))
    return market


@pytest.mark.rule("BOOK-2")
def test_the_best_price_costs_the_same_in_a_low_and_a_tall_book() -> None:
    books = [tall_book(levels) for levels in (9, 900)]
    assert [(9, 0), (900, 0)] == [best(book.state, PERP) for book in books]
    low, tall = (lines_of(lambda book=book: best(book.state, PERP)) for book in books)
    assert low == tall


@pytest.mark.rule("BOOK-2")
def test_taking_the_best_level_away_costs_the_same_in_a_low_and_a_tall_book() -> None:
    low, tall = (cost(tall_book(levels), CancelOrder(levels)) for levels in (9, 900))
    assert low == tall


class Counted(int):
    """A number that counts how often it is compared."""

    comparisons = 0

    def __lt__(self, other: int) -> bool:
        Counted.comparisons += 1
        return int(self) < int(other)

    def __gt__(self, other: int) -> bool:
        Counted.comparisons += 1
        return int(self) > int(other)


@pytest.mark.rule("BOOK-2")
@pytest.mark.parametrize("price", [1, 255, 511, 1_023])
def test_a_new_level_takes_about_log_2_comparisons(price: int) -> None:
    """511 levels at the even prices: 9 steps of the search and one for the end."""
    market = standard_market(MACHINE)
    for number in range(1, 512):
        quick(market, PlaceOrder(PERP, 0, 2 * number, 1))
    core = market.state.core
    assert isinstance(core, ExchangeCore)
    keys = core.instruments[PERP].bids.keys
    keys[:] = map(Counted, keys)
    Counted.comparisons = 0
    quick(market, PlaceOrder(PERP, 0, price, 1))
    assert 1 <= Counted.comparisons <= 10
    assert (512, price) == (len(keys), market.row(512).price_ticks)


def crowd(accounts: int) -> Exchange:
    """Open that many more accounts, each with a position in the perpetual against Bob.

    Few enough that no signer uses up its set of 100 nonces.
    """
    market = standard_market(MACHINE)
    for number in range(100, 100 + accounts):
        quick(market, OpenAccount(number, root_of(number)), 0)
        quick(market, Deposit(number, CASH), 0)
        quick(market, PlaceOrder(PERP, 0, 100, 1), number)
        quick(market, PlaceOrder(PERP, 1, 100, 1), BOB)
    quick(market, PlaceOrder(PERP, 1, 100, 1), ALICE)
    quick(market, PlaceOrder(PERP, 0, 100, 1), BOB)
    return market


@pytest.mark.rule("MRG-6")
def test_admission_costs_the_same_with_few_and_with_many_accounts() -> None:
    few, many = (cost(crowd(accounts), PlaceOrder(PERP, 0, 90, 1)) for accounts in (3, 30))
    assert few == many


@pytest.mark.rule("MRG-6")
def test_after_a_mark_moved_admission_costs_the_same_with_few_and_with_many_accounts() -> None:
    costs = []
    for accounts in (3, 30):
        market = crowd(accounts)
        quick(market, UpdateMarkPrice(PERP, 101 * 10**6), 0)
        command = MACHINE.codec.sequence(
            market.now_ns, market.command(PlaceOrder(PERP, 0, 90, 1), ALICE)
        )
        costs.append(lines_of(lambda state=market.state, command=command: apply(state, command)))
    assert costs[0] == costs[1]


@pytest.mark.rule("MRG-6")
def test_admission_does_not_look_at_instruments_of_others() -> None:
    market = standard_market(MACHINE)
    before = cost(market, PlaceOrder(PERP, 0, 90, 1))
    for instrument in (FUTURE, ETH_PERP):
        market.trade(BOB, 3, 100, 1, instrument)
    for number in range(10, 30):
        market.create(number, f"BTC-20261225-{number}-C")
    assert before == cost(market, PlaceOrder(PERP, 0, 90, 1))


@pytest.mark.rule("MRG-6")
def test_a_price_update_costs_the_same_with_few_and_with_many_accounts() -> None:
    costs = []
    for accounts in (3, 30):
        market = crowd(accounts)
        update = UpdateMarkPrice(PERP, 101 * 10**6)
        costs.append(lines_of(lambda market=market, update=update: quick(market, update, 0)))
    assert costs[0] == costs[1]

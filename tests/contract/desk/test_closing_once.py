"""A position is closed once: what working orders close already, no other order closes."""

import random
from collections.abc import Callable

import msgspec
import pytest

from lockstep_desk.core.codes import Origin, Refusal, Scope, TradingState
from lockstep_desk.core.commands import (
    AccountLimits,
    ClosePositions,
    Filter,
    Halt,
    Limits,
    OpenRequest,
    QueryOrders,
    SendOpenRequests,
    SetAccountLimits,
    SetQuarantine,
    SetTradingState,
)
from lockstep_desk.core.events import OrderRefused, OrderRequested
from lockstep_desk.fund import MANUAL
from lockstep_desk.oms.states import OrderError, OrderState
from lockstep_desk.types import HaltAction, Side
from tests.contract.desk.conftest import Trading
from tests.support.desk import (
    ACCOUNT,
    BTC,
    E8,
    E9,
    VENUE,
    WIDE,
    Desk,
    intents,
    limit_buy,
    limit_sell,
    of,
    report,
    sent,
)

LOSING = msgspec.structs.replace(WIDE, max_daily_loss_cents=1)
COUNTING = msgspec.structs.replace(WIDE, caps_open=True)

Block = Callable[[Desk, str], None]


def halt(desk: Desk, owner: str) -> None:
    desk.send(Halt(owner, HaltAction.LIQUIDATE))


def soft_halt(desk: Desk, owner: str) -> None:
    desk.send(Halt(owner, HaltAction.SOFT_HALT))


def quarantine_account(desk: Desk, owner: str) -> None:
    desk.send(SetQuarantine(Scope.ACCOUNTS, ACCOUNT, True))


def quarantine_venue(desk: Desk, owner: str) -> None:
    desk.send(SetQuarantine(Scope.VENUES, VENUE, True))


def disable(desk: Desk, owner: str) -> None:
    desk.send(SetTradingState(TradingState.DISABLED))


def lose_today(desk: Desk, owner: str) -> None:
    held = sum(book.qty_e8 for book in desk.core.books_of[BTC] if book.key[2] == owner)
    desk.price(BTC, 5_000 if held > 0 else 20_000)


def draw_down(desk: Desk, owner: str) -> None:
    desk.send(SetAccountLimits(ACCOUNT, AccountLimits("usdt", 100_000 * E9, 1)))
    lose_today(desk, owner)


BLOCKS: list[Block] = [
    *(halt, soft_halt, quarantine_account, quarantine_venue, disable, draw_down, lose_today),
]


def holding(signed_e8: int, limits: Limits) -> tuple[Desk, str]:
    """Return a desk and a deployment of it that holds a signed quantity, bought at 10,000."""
    desk = Desk()
    desk.open_market()
    desk.heal()
    desk.enable()
    owner = desk.deploy("beta", limits)
    wanted = limit_buy if signed_e8 > 0 else limit_sell
    desk.fill(desk.opened(owner, wanted(abs(signed_e8))), abs(signed_e8), 10_000)
    return desk, owner


def closing(signed_e8: int) -> OpenRequest:
    return limit_sell(signed_e8) if signed_e8 > 0 else limit_buy(-signed_e8)


def held(desk: Desk, owner: str) -> int:
    book = desk.core.books.get((ACCOUNT, BTC, owner))
    return book.qty_e8 if book else 0


@pytest.mark.desk("RECON-22", "I13")
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("limits", [LOSING, msgspec.structs.replace(LOSING, caps_open=True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_of_two_orders_of_the_size_held_one_closes_and_one_is_refused(
    block: Block, limits: Limits, sign: int
) -> None:
    desk, owner = holding(sign * E8, limits)
    block(desk, owner)
    price = (desk.core.mark_e9(BTC) or 0) // E9
    for _turn in range(2):
        events = desk.want(owner, closing(sign * E8), closing(sign * E8))
        for event in of(OrderRequested, events):
            desk.fill(event, E8, price)
        assert 0 == held(desk, owner), [type(event).__name__ for event in events]


@pytest.mark.desk("RECON-22")
@pytest.mark.parametrize("is_strict", [False, True])
def test_a_part_that_is_free_closes_and_a_lot_more_opens(is_strict: bool) -> None:
    desk, owner = holding(5 * E8, msgspec.structs.replace(WIDE, is_strict=is_strict))
    disable(desk, owner)
    lot = 10**4
    assert isinstance(desk.want(owner, limit_sell(3 * E8))[0], OrderRequested)
    (refused,) = desk.want(owner, limit_sell(2 * E8 + lot))
    assert Refusal.TRADING_DISABLED == refused.code
    assert isinstance(desk.want(owner, limit_sell(2 * E8))[0], OrderRequested)
    assert Refusal.TRADING_DISABLED == desk.want(owner, limit_sell(lot))[0].code


def stand_in_flight(desk: Desk, order: OrderRequested) -> None:
    """Leave the order as it is."""


def stand_resting(desk: Desk, order: OrderRequested) -> None:
    desk.send(report(order, OrderState.OPEN, 0, desk.now_ns))


def stand_cancelling(desk: Desk, order: OrderRequested) -> None:
    stand_resting(desk, order)
    desk.want(order.deployment, cancels=[order.client_order_id])


def stand_unknown(desk: Desk, order: OrderRequested) -> None:
    desk.send(report(order, OrderState.OPEN_FAILED, None, desk.now_ns, OrderError.TIMEOUT))


def stand_filled_and_not_told(desk: Desk, order: OrderRequested) -> None:
    """Let the venue count fills of it before any comes: the books still hold all."""
    desk.send(report(order, OrderState.OPEN, E8 - 10**4, desk.now_ns))


@pytest.mark.desk("RECON-22")
@pytest.mark.parametrize(
    "stand",
    [
        *(stand_in_flight, stand_resting, stand_cancelling, stand_unknown),
        stand_filled_and_not_told,
    ],
)
@pytest.mark.parametrize("limits", [WIDE, COUNTING])
def test_whatever_may_still_fill_closes_already_and_an_end_frees_it(
    stand: Callable[[Desk, OrderRequested], None], limits: Limits
) -> None:
    desk, owner = holding(E8, limits)
    order = desk.opened(owner, limit_sell())
    stand(desk, order)
    halt(desk, owner)
    assert isinstance(desk.want(owner, limit_sell(10**4))[0], OrderRefused)
    desk.send(report(order, OrderState.CANCELLED, None, desk.now_ns))
    assert isinstance(desk.want(owner, limit_sell())[0], OrderRequested)


def test_an_order_of_somebody_else_or_on_the_other_side_takes_nothing(trading: Trading) -> None:
    desk, alpha = trading
    beta = desk.deploy("beta")
    for owner in (alpha, beta):
        desk.fill(desk.opened(owner, limit_buy()), E8, 10_000)
    desk.resting(beta, limit_sell())
    desk.resting(alpha, limit_buy(E8, 9_000))
    halt(desk, alpha)
    assert isinstance(desk.want(alpha, limit_sell())[0], OrderRequested)


@pytest.mark.desk("RECON-22", "DESK-24")
def test_what_rests_is_cancelled_first_and_then_a_command_closes(trading: Trading) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha, limit_buy()), E8, 10_000)
    resting = desk.resting(alpha, limit_sell(E8, 12_000))
    halt(desk, alpha)
    wanted = ClosePositions(Filter(Scope.DEPLOYMENTS, (alpha,)))
    assert Refusal.GATE == desk.one(wanted).code
    desk.want(alpha, cancels=[resting.client_order_id])
    desk.send(report(resting, OrderState.CANCELLED, None, desk.now_ns))
    assert Origin.CLOSE == desk.one(wanted).origin


def test_a_second_quote_of_a_maker_is_checked_as_one_that_opens() -> None:
    one_lot = Limits(1_000_000, 1_000_000, 100)
    desk, owner = holding(E8, one_lot)
    both = (limit_sell(), limit_buy(E8 // 2, 9_000))
    asked, bid = desk.want(owner, *both)
    assert isinstance(asked, OrderRequested)
    assert Refusal.GATE == bid.code
    assert isinstance(desk.want(owner, limit_sell())[0], OrderRequested)
    over = desk.want(owner, limit_sell(3 * E8))[0]
    assert "ORDER_SIZE_CAP" == over.reason


def test_manual_orders_close_what_nobody_holds_once(trading: Trading) -> None:
    desk, _alpha = trading
    desk.allow_manual()
    (bought,) = desk.send(SendOpenRequests((limit_buy(),)))
    desk.fill(bought, E8, 10_000)
    halt(desk, MANUAL)
    first, second = desk.send(SendOpenRequests((limit_sell(), limit_sell())))
    assert isinstance(first, OrderRequested)
    assert isinstance(second, OrderRefused)


class Story:
    """A blocked deployment that wants anything, at a venue that fills and ends as it likes."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        start = self.dice.choice((-5, -2, 1, 4)) * E8
        limits = msgspec.structs.replace(LOSING, caps_open=self.dice.random() < 0.5)
        self.desk, self.owner = holding(start, limits)
        self.asked: dict[str, OrderRequested] = {}
        if self.dice.random() < 0.5:
            resting = self.desk.resting(self.owner, closing(start // 2))
            self.asked[resting.client_order_id] = resting
        self.dice.choice((halt, soft_halt, quarantine_account, disable))(self.desk, self.owner)

    def working(self, side: Side) -> int:
        return sum(
            order.qty_e8 - order.filled_e8
            for order in self.desk.core.live.values()
            if (order.deployment, order.side) == (self.owner, side)
        )

    def step(self) -> None:
        now = held(self.desk, self.owner)
        side = self.dice.choice((Side.BUY, Side.SELL))
        qty = self.dice.randint(1, 12) * E8 // 2
        free = abs(now) - self.working(side) if now * side.sign < 0 else 0
        wanted = limit_buy if side is Side.BUY else limit_sell
        (event,) = self.desk.send(intents(self.owner, wanted(qty)))
        assert (qty <= free) == isinstance(event, OrderRequested)
        if isinstance(event, OrderRequested):
            self.asked[event.client_order_id] = event
            self.desk.send(sent(event.client_order_id))
        self.happen()
        after = held(self.desk, self.owner)
        assert after * now >= 0
        assert abs(after) <= abs(now)

    def happen(self) -> None:
        """Fill a part of an order, end it, cancel it, or lose its answer."""
        live = list(self.desk.core.live.values())
        if not live:
            return
        order, dice, desk = self.dice.choice(live), self.dice, self.desk
        told = self.asked[order.client_order_id]
        match dice.randrange(5):
            case 0:
                desk.send(report(told, OrderState.CANCELLED, None, desk.now_ns))
            case 1:
                desk.send(report(told, OrderState.OPEN, order.filled_e8, desk.now_ns))
            case 2:
                desk.want(self.owner, cancels=[order.client_order_id])
            case 3:
                desk.send(QueryOrders(Filter()))
            case _:
                rest = order.qty_e8 - order.filled_e8
                desk.fill(told, dice.choice((rest, max(rest // 2, 1))), 10_000)


@pytest.mark.desk("RECON-22", "I13")
@pytest.mark.parametrize("seed", range(12))
def test_who_may_not_open_never_turns_a_position_and_closes_all_that_is_free(seed: int) -> None:
    story = Story(seed)
    for _ in range(40):
        story.step()

"""The broker in memory really matches, and the faulty one fails in every way, repeatably."""

import pytest

from lockstep_desk import InvalidValueError, Side
from lockstep_desk.recon import (
    BrokerUnreachableError,
    Draws,
    Fault,
    FaultyBroker,
    Life,
    MemoryBroker,
    NewOrder,
    OrderStatus,
    Page,
    SweepRequest,
    Unknown,
    gather,
)
from tests.support.recon import BTC, BUY, E8, E9, SELL

ALWAYS = 10**6
PRICES = {BTC: 100 * E9}


def order(name: str, side: Side, qty: int, price: int, life: Life = Life.GTC) -> NewOrder:
    return NewOrder(
        client_order_id=name,
        instrument=BTC,
        side=side,
        qty_e8=qty * E8,
        price_e9=price * E9,
        life=life,
    )


def crowded() -> MemoryBroker:
    """Return a broker whose crowd offers 2 at 101 and 3 at 102."""
    broker = MemoryBroker("acc", cash_e9=10_000 * E9, fee_ppm=1_000)
    broker.place(order("", SELL, 3, 102), "crowd")
    broker.place(order("", SELL, 2, 101), "crowd")
    return broker


def test_an_order_takes_the_best_price_first() -> None:
    broker = crowded()
    working = broker.place(order("c", BUY, 4, 102))
    assert [(2 * E8, 101 * E9), (2 * E8, 102 * E9)] == [
        (fill.qty_e8, fill.price_e9) for fill in broker.history
    ]
    assert OrderStatus.FILLED is working.status
    assert (4 * E8, -4 * E8) == (broker.position_e8(BTC), broker.position_e8(BTC, "crowd"))


def test_fees_and_values_leave_the_cash() -> None:
    broker = crowded()
    broker.place(order("c", BUY, 2, 101))
    assert 10_000 * E9 - 202 * E9 - 202 * E9 // 1_000 == broker.cash_e9


def test_orders_of_one_price_trade_in_the_order_of_their_arrival() -> None:
    broker = MemoryBroker("acc")
    broker.place(order("first", BUY, 1, 100))
    broker.place(order("second", BUY, 1, 100))
    broker.place(order("", SELL, 1, 99), "crowd")
    assert ["first"] == [fill.client_order_id for fill in broker.history]


def test_what_is_left_of_an_ioc_order_is_cancelled_and_of_another_works() -> None:
    broker = crowded()
    assert OrderStatus.CANCELLED is broker.place(order("a", BUY, 9, 101, Life.IOC)).status
    assert OrderStatus.OPEN is broker.place(order("b", BUY, 9, 101)).status
    assert broker.cancel("b")
    assert not broker.cancel("b")
    assert not broker.cancel("never")


def test_the_account_does_not_trade_with_itself() -> None:
    broker = MemoryBroker("acc")
    broker.place(order("a", BUY, 1, 100))
    broker.place(order("b", SELL, 1, 100))
    assert [] == broker.history


@pytest.mark.desk("RECON-44")
def test_a_client_order_id_is_accepted_once() -> None:
    broker = MemoryBroker("acc")
    broker.place(order("c", BUY, 1, 100))
    with pytest.raises(InvalidValueError, match="expected a new one, 'c' was used"):
        broker.place(order("c", BUY, 1, 100))


def test_a_trade_behind_the_desks_back_leaves_the_book_as_it_was() -> None:
    broker = crowded()
    (fill,) = broker.act(BTC, SELL, 5 * E8, 90 * E9)
    assert ("", -5 * E8) == (fill.client_order_id, broker.position_e8(BTC))
    assert [2, 3] == sorted(work.left_e8 // E8 for work in broker.resting[BTC])


def test_history_starts_where_it_is_said_to() -> None:
    broker = crowded()
    broker.place(order("c", BUY, 4, 102))
    broker.history_seq = broker.history[0].seq
    page = broker.fills(0, 0)
    assert (broker.history[0].seq, 1) == (page.from_seq, len(page.items))


# The faulty broker


def faulty(**rates: int) -> FaultyBroker:
    broker = crowded()
    broker.place(order("c", BUY, 4, 102))
    named = {Fault[name]: rate for name, rate in rates.items()}
    return FaultyBroker(broker, broker, 7, named)


def counted(broker: FaultyBroker) -> list[str]:
    return [fault.name for fault, count in broker.counts.items() if count]


def test_without_faults_it_says_what_the_broker_says() -> None:
    broker = faulty()
    plain = gather(broker.view, SweepRequest(0))
    assert plain == gather(broker, SweepRequest(0))
    assert broker.view.fills(0, 0).items == tuple(broker.deliver())  # type: ignore[union-attr]  # memory always answers
    assert ([], []) == (broker.deliver(), counted(broker))


def test_fills_are_dropped_delayed_repeated_and_turned() -> None:
    assert [] == faulty(DROP=ALWAYS).deliver()
    late = faulty(DELAY=ALWAYS)
    assert [0, 2] == [len(late.deliver()), len(late.deliver())]
    assert 4 == len(faulty(DUPLICATE=ALWAYS).deliver())
    straight = faulty().deliver()
    assert straight[::-1] == faulty(REORDER=ALWAYS).deliver()


@pytest.mark.desk("RECON-34g")
@pytest.mark.parametrize("fault", ["UNREACHABLE", "HALF_PAGE"])
def test_a_silent_broker_and_half_a_page_are_unknown(fault: str) -> None:
    broker = faulty(**{fault: ALWAYS})
    found = gather(broker, SweepRequest(0))
    assert isinstance(found.positions, Unknown)
    assert isinstance(found.fills, Unknown)
    assert [fault] == counted(broker)


def test_a_short_history_says_that_it_is_short() -> None:
    page = faulty(SHORT_HISTORY=ALWAYS).fills(0, 0)
    assert isinstance(page, Page)
    assert (1, True) == (len(page.items), page.from_seq > 0)


def test_a_fill_that_is_left_out_is_not_to_be_seen_in_the_page() -> None:
    page = gather(faulty(LEFT_OUT=ALWAYS), SweepRequest(0)).fills
    assert isinstance(page, Page)
    assert 1 == len(page.items)


def test_an_old_page_shows_an_old_moment() -> None:
    broker = faulty(STALE_PAGE=ALWAYS)
    first = broker.positions(0)
    broker.actor.act(BTC, SELL, E8, 90 * E9)
    assert first == broker.positions(0)


@pytest.mark.desk("RECON-44", "DESK-D11")
def test_an_order_without_an_answer_may_have_come_or_not() -> None:
    for fault, arrived in (("LOST_REQUEST", 0), ("LOST_REPLY", 1)):
        broker = faulty(**{fault: ALWAYS})
        with pytest.raises(BrokerUnreachableError, match="no answer to order d"):
            broker.place(order("d", BUY, 1, 50))
        page = broker.view.order("d")
        assert isinstance(page, Page)
        assert arrived == len(page.items)


def test_stops_fire_and_people_trade() -> None:
    assert [-4 * E8] == [f.signed_qty_e8 for f in faulty(NATIVE_STOP=ALWAYS).stir(PRICES)]
    assert [-2 * E8] * 2 == [f.signed_qty_e8 for f in faulty(MANUAL_CLOSE=ALWAYS).stir(PRICES)]
    assert 1 == len(faulty(MANUAL_OPEN=ALWAYS).stir(PRICES))


def test_draws_are_the_published_ones() -> None:
    draws = Draws(1234567)
    assert [6457827717110365317, 3203168211198807973] == [draws.below(2**64) for _ in range(2)]


def test_a_rate_that_is_none_is_an_error() -> None:
    with pytest.raises(InvalidValueError, match="DROP"):
        faulty(DROP=ALWAYS + 1)


def test_a_broker_without_a_name_of_its_account_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="account: expected a text that is not empty"):
        MemoryBroker("")

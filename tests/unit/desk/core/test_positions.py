"""Positions at average cost: the golden numbers, flips, and exactness on random streams."""

import itertools
import random
from fractions import Fraction

import pytest

from lockstep_desk import Fill
from lockstep_desk.core.positions import (
    FILL_IDS_MAX,
    NET,
    Book,
    Execution,
    Exit,
    book_fill,
    is_in_range,
    joined,
    restored_book,
    split,
)
from lockstep_desk.types import E8, Side
from tests.desk_pnl.oracle import AverageCost

E9 = 10**9
KEY = ("acc", "btc", NET)


def execution(qty: float, price: int, fee: float = 0, ts_ns: int = 5, seq: int = 1) -> Execution:
    """Return a fill: a signed quantity of units, a whole price, a fee."""
    return Execution(int(qty * E8), price * E9, int(fee * E9), ts_ns, seq, f"f{ts_ns}")


def booked(*fills: Execution) -> tuple[Book, list[Exit]]:
    book = Book(KEY)
    exits = [exited for fill in fills if (exited := book_fill(book, fill)) is not None]
    return book, exits


@pytest.mark.desk("DESK-34")
@pytest.mark.parametrize(("side", "fee"), [(1, 3), (-1, 3), (1, -3), (-1, -3)])
def test_a_book_and_its_view_round_alike(side: int, fee: int) -> None:
    for add, last in itertools.product(range(5), repeat=2):
        fills = [
            Execution(side * 2 * E8, E9 + last, fee, 5, 1, "a"),
            Execution(side * E8, E9 + add, 0, 6, 1, "b"),
            Execution(-side * E8, E9, 0, 7, 1, "c"),
        ]
        book, _ = booked(*fills)
        view = book.view()
        assert view is not None
        exact = Fraction(abs(book.cost_e17), abs(book.qty_e8))
        assert round(exact) == book.entry_price_e9 == view.entry_price_e9
        assert 2 * fee // 3 == book.exit_fee_estimate_e9 == view.exit_fee_estimate_e9
    book, _ = booked(Execution(side * 3, E9, fee, 5, 1, "a"), Execution(-side, E9, 0, 6, 1, "b"))
    view = book.view()
    assert view is not None
    assert int(Fraction(2 * fee, 3)) == book.exit_fee_estimate_e9 == view.exit_fee_estimate_e9
    book, _ = booked(Execution(side * 3, E9, fee + 1, 5, 1, "a"), Execution(-side, E9, 0, 6, 1, ""))
    view = book.view()
    assert view is not None
    share = int(Fraction(2 * (fee + 1), 3))
    assert share == book.exit_fee_estimate_e9 == view.exit_fee_estimate_e9


def money(units: float) -> int:
    return int(Fraction(str(units)) * 10**17)


@pytest.mark.desk("DESK-37", "DESK-31")
def test_a_long_that_is_halved_realises_492_and_a_half() -> None:
    book, exits = booked(execution(0.1, 50_000, 5), execution(-0.05, 60_000, 2.5))
    assert [] == exits
    assert money(492.5) == book.realised_e17
    assert 50_000 * E9 == book.entry_price_e9
    assert 5_000_000 == book.qty_e8


@pytest.mark.desk("DESK-37", "DESK-33", "DESK-32")
def test_a_short_that_is_flipped_exits_with_990_and_begins_with_minus_5() -> None:
    book, (exited,) = booked(execution(-0.1, 50_000, 5), execution(0.2, 40_000, 10))
    assert (Side.SELL, money(990)) == (exited.side, exited.realised_e17)
    assert (money(-5), 10_000_000) == (book.realised_e17, book.qty_e8)
    assert 40_000 * E9 == book.entry_price_e9
    assert (5 * E9, 5 * E9) == (exited.fees_enter_e9, exited.fees_exit_e9)
    assert ["f5"] == book.fill_ids


@pytest.mark.desk("DESK-37", "DESK-32")
def test_a_round_trip_with_fees_exits_with_7000() -> None:
    book, (exited,) = booked(execution(1, 10_000, 1_000), execution(-1, 20_000, 2_000))
    assert money(7_000) == exited.realised_e17
    assert (0, 0) == (book.qty_e8, book.cost_e17)
    assert book.view() is None
    assert money(7_000) == book.total_e17


@pytest.mark.desk("DESK-31")
def test_an_increase_averages_by_volume_and_realises_its_fee() -> None:
    book, _ = booked(execution(1, 100, 1), execution(3, 200, 2))
    assert 175 * E9 == book.entry_price_e9
    assert money(-3) == book.realised_e17
    assert 3 * E9 == book.fees_enter_e9


@pytest.mark.desk("DESK-34")
def test_unrealised_profit_holds_no_fee_and_the_estimate_stands_apart() -> None:
    book, _ = booked(execution(2, 100, 4), execution(-1, 100))
    book.mark_e9 = 110 * E9
    assert money(10) == book.unrealised_e17
    assert 2 * E9 == book.exit_fee_estimate_e9
    view = book.view()
    assert view is not None
    assert (money(10), 2 * E9) == (view.unrealised_mark_e17, view.exit_fee_estimate_e9)


@pytest.mark.desk("DESK-30")
def test_a_short_is_seen_with_a_side_and_magnitudes() -> None:
    book, _ = booked(execution(-2, 100, 1, ts_ns=7), execution(1, 90, 0, ts_ns=9))
    view = book.view()
    assert view is not None
    assert (Side.SELL, E8, 2 * E8) == (view.side, view.qty_e8, view.qty_max_e8)
    assert (100 * E9, 7, 9) == (view.entry_price_e9, view.time_enter_ns, view.time_update_ns)
    assert (("f7", "f9"), 2, "acc|btc|*|1") == (view.fill_ids, view.version, view.position_id)


@pytest.mark.desk("DESK-33")
def test_the_fee_of_a_flip_is_split_without_a_rest() -> None:
    book, (exited,) = booked(execution(1, 100), Execution(-3 * E8, 100 * E9, 100, 6, 2, "f6"))
    assert (34, 66) == (exited.fees_exit_e9, book.fees_enter_e9)


@pytest.mark.desk("DESK-36")
def test_an_exit_tells_what_a_return_is_made_of() -> None:
    _, (exited,) = booked(execution(1, 100), execution(1, 200), execution(-2, 300))
    assert (150 * E9, 2 * E8) == (exited.entry_price_e9, exited.qty_max_e8)
    assert Fraction(300, 300) == Fraction(exited.realised_e17, 150 * E9 * 2 * E8)


@pytest.mark.desk("FUND-5D", "I1")
def test_average_cost_agrees_with_cash_flow_to_the_last_digit() -> None:
    for seed in range(300):
        dice = random.Random(seed)
        book, exits, cash = Book(KEY), 0, 0
        for index in range(dice.randrange(1, 30)):
            qty = dice.choice((-1, 1)) * dice.randrange(1, 10**9)
            fill = Execution(qty, dice.randrange(1, 10**13), dice.randrange(-9, 99), index, 1, "f")
            exited = book_fill(book, fill)
            exits += exited.realised_e17 if exited else 0
            cash -= fill.qty_e8 * fill.price_e9 + fill.fee_e9 * E8
        book.mark_e9 = dice.randrange(1, 10**13)
        assert exits == book.total_e17
        average = exits + book.realised_e17 + (book.unrealised_e17 if book.qty_e8 else 0)
        assert cash + book.qty_e8 * book.mark_e9 == average


def test_average_cost_agrees_with_exact_fractions_but_for_the_last_digits() -> None:
    dice = random.Random(3)
    book, oracle = Book(KEY), AverageCost()
    for index in range(200):
        side = dice.choice((Side.BUY, Side.SELL))
        qty, price = dice.randrange(1, 10**6), dice.randrange(1, 10**12)
        fill = Fill(
            fill_id=f"{index}",
            order_id="o",
            instrument="btc",
            side=side,
            qty_e8=qty,
            price_e9=price,
            ts_ns=index,
        )
        oracle.add(fill)
        book_fill(book, Execution(side.sign * qty, price, 0, index, 1, f"{index}"))
    made = Fraction(book.total_e17 + book.realised_e17, 10**17)
    assert abs(oracle.realised - made) < Fraction(200, 10**17)
    assert oracle.qty == Fraction(book.qty_e8, E8)


def test_a_record_gives_the_same_book_again() -> None:
    book, _ = booked(execution(-0.3, 50_000, 5), execution(0.1, 40_000, 1))
    record = book.record()
    assert record is not None
    assert record == restored_book(record).record()


def test_a_book_that_never_held_anything_is_no_entity() -> None:
    assert Book(KEY).record() is None


@pytest.mark.parametrize("value", [0, 1, -1, E8, -E8, 123_456_789_012, -123_456_789_012])
def test_money_is_split_towards_zero_and_joined_again(value: int) -> None:
    whole, rest = split(value)
    assert value == joined(whole, rest)
    assert abs(rest) < E8


def test_a_position_that_is_never_flat_names_its_newest_fills_only() -> None:
    book, _ = booked(*(execution(1, 100, ts_ns=index) for index in range(FILL_IDS_MAX + 3)))
    assert FILL_IDS_MAX == len(book.fill_ids)
    assert f"f{FILL_IDS_MAX + 2}" == book.fill_ids[-1]


def test_a_fill_beyond_all_bounds_is_out_of_range() -> None:
    book = Book(KEY)
    assert is_in_range(book, Execution(2**58, 10**9, 0, 1, 1, "f"))
    assert not is_in_range(book, Execution(2**58, 2**60, 0, 1, 1, "f"))
    book.qty_e8 = 2**60
    assert not is_in_range(book, Execution(1, 1, 0, 1, 1, "f"))
    assert not is_in_range(Book(KEY), Execution(1, 1, 2**62, 1, 1, "f"))

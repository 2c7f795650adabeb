"""The recovery sweep: what it books, what it lets stand, and that it guesses nothing."""

import msgspec
import pytest

from lockstep_desk import Fill, Severity
from lockstep_desk.recon import (
    BookFill,
    BrokerPosition,
    Kind,
    Status,
    SweepConfig,
    SyncPoint,
    Unknown,
    UnknownReason,
    make_page,
    split,
    sweep,
)
from tests.support.recon import (
    ALPHA,
    BETA,
    BTC,
    BUY,
    CONFIG,
    E8,
    E9,
    SECOND_NS,
    SELL,
    booked,
    fill,
    healed,
    kinds,
    left,
    moment,
    pages,
    position,
    swept,
    view,
)

LONG = position(BUY, 5, 100)


# Where nothing differs


@pytest.mark.desk("RECON-31", "RECON-35")
def test_books_that_equal_the_broker_are_left_alone() -> None:
    outcome = swept(view(LONG, synced=SyncPoint(50)), pages(5))
    assert outcome.is_quiet
    assert SyncPoint(100) == outcome.synced


# Cases b and d: what closes a position


@pytest.mark.desk("RECON-32", "RECON-01")
def test_a_position_that_the_broker_closed_is_booked_at_its_real_price() -> None:
    outcome = swept(view(LONG), pages(0, [fill(10, SELL, 5, 90, fee_e9=7)]))
    assert [("f10", ALPHA, -5, 90)] == booked(outcome)
    assert healed(Kind.CLOSED_AT_BROKER) == kinds(outcome)
    (record,) = outcome.opened
    assert "closed by f10: gross -500000000000000000" in record.note
    assert "fees 7e-9" in record.note


@pytest.mark.desk("RECON-32", "RECON-01")
def test_the_profit_that_the_broker_closed_is_the_one_that_is_told() -> None:
    closing = fill(10, SELL, 5, 90, broker_closed_pnl_e9=-50 * E9)
    (record,) = swept(view(LONG), pages(0, [closing])).opened
    assert "gross -50000000000e-9 by the broker" in record.note


@pytest.mark.desk("RECON-32")
def test_a_profit_of_the_broker_that_ours_does_not_come_to_is_told() -> None:
    closing = fill(10, SELL, 5, 90, broker_closed_pnl_e9=-49 * E9)
    outcome = swept(view(LONG), pages(0, [closing]))
    assert [
        *healed(Kind.CLOSED_AT_BROKER),
        (Kind.PNL_DIFFERS, Status.HEALED, Severity.WARNING),
    ] == (kinds(outcome))


@pytest.mark.desk("RECON-34b")
def test_b_several_fills_that_make_up_the_close_are_booked_oldest_first() -> None:
    parts = [fill(12, SELL, 1, 92), fill(10, SELL, 2, 90), fill(11, SELL, 2, 91)]
    outcome = swept(view(LONG), pages(0, parts))
    assert [("f10", ALPHA, -2, 90), ("f11", ALPHA, -2, 91), ("f12", ALPHA, -1, 92)] == (
        booked(outcome)
    )
    assert healed(Kind.SEVERAL_FILLS) == kinds(outcome)


@pytest.mark.desk("RECON-34b")
def test_b_what_a_close_has_beyond_zero_is_nobodys_and_its_fee_is_split() -> None:
    outcome = swept(view(LONG), pages(-3, [fill(10, SELL, 8, 90, fee_e9=80)]))
    assert [("f10", ALPHA, -5, 90)] == booked(outcome)
    assert [Kind.REOPENED, Kind.BROKER_ONLY] == [kind for kind, _, _ in kinds(outcome)]
    (repair,) = outcome.repairs
    assert isinstance(repair, BookFill)
    assert 50 == repair.fill.fee_e9
    assert [(3 * E8, 30)] == [(f.qty_e8, f.fee_e9) for f in outcome.opened[1].fills]


@pytest.mark.desk("RECON-34b")
def test_b_the_part_that_was_left_is_found_again_as_the_same_divergence() -> None:
    crossing = fill(10, SELL, 8, 90, fee_e9=80)
    first = swept(view(LONG), pages(-3, [crossing]))
    part, _rest = split(crossing, 5 * E8)
    after = view(booked=(part,), standing=(first.opened[1],))
    again = swept(after, pages(-3, [crossing]))
    assert again.is_quiet
    assert (first.opened[1].divergence_id,) == again.standing


def test_the_parts_of_a_split_fill_sum_to_it() -> None:
    whole = fill(10, SELL, 3, 90, fee_e9=-10, broker_closed_pnl_e9=9)
    parts = split(whole, E8)
    assert [-4, -6] == [part.fee_e9 for part in parts]
    assert [E8, 2 * E8] == [part.qty_e8 for part in parts]
    assert [9, 0] == [part.broker_closed_pnl_e9 for part in parts]


@pytest.mark.desk("DESK-33", "DESK-37")
def test_the_fee_of_a_flip_is_split_by_quantity() -> None:
    flip = fill(10, BUY, 2, 40_000, fee_e9=10)
    assert [5, 5] == [part.fee_e9 for part in split(flip, E8)]


@pytest.mark.desk("RECON-34d", "RECON-33")
def test_d_a_close_that_no_fill_explains_stands_and_gets_no_price() -> None:
    outcome = swept(view(LONG), pages(0))
    assert ([], left(Kind.NO_MATCH)) == (booked(outcome), kinds(outcome))
    assert -5 * E8 == outcome.opened[0].gap_e8


@pytest.mark.desk("RECON-34d", "RECON-36")
@pytest.mark.parametrize("sold_e8", [5 * E8 - 1, 5 * E8 + 1])
def test_quantities_match_to_the_last_unit(sold_e8: int) -> None:
    outcome = swept(view(LONG), pages(0, [fill(10, SELL, 5, 90, qty_e8=sold_e8)]))
    assert ([], left(Kind.NO_MATCH)) == (booked(outcome), kinds(outcome))


@pytest.mark.desk("RECON-36")
def test_a_fill_of_the_other_side_closes_nothing() -> None:
    outcome = swept(view(LONG), pages(0, [fill(10, BUY, 5, 90)]))
    assert ([], left(Kind.NO_MATCH)) == (booked(outcome), kinds(outcome))


@pytest.mark.desk("RECON-36")
@pytest.mark.parametrize(
    ("early_ns", "is_booked"), [(SECOND_NS, True), (SECOND_NS + 1, False), (0, True)]
)
def test_a_closing_fill_may_be_stamped_before_the_entry_by_the_tolerance(
    early_ns: int, is_booked: bool
) -> None:
    entered = msgspec.structs.replace(LONG, time_enter_ns=20 * SECOND_NS)
    closing = fill(20, SELL, 5, 90, ts_ns=20 * SECOND_NS - early_ns)
    config = SweepConfig(clock_tolerance_ns=SECOND_NS)
    assert is_booked == bool(booked(swept(view(entered), pages(0, [closing]), config)))


def test_a_line_that_stands_books_nothing_not_even_own_fills() -> None:
    fills = [fill(10, SELL, 2, 90, client_order_id="c-1"), fill(11, SELL, 1, 90)]
    outcome = swept(view(LONG, owners={"c-1": ALPHA}), pages(1, fills))
    assert ([], left(Kind.SIZE_DIFFERS)) == (booked(outcome), kinds(outcome))
    assert ["f10", "f11"] == [f.fill_id for f in outcome.opened[0].fills]


# Case a: both are open, and differ


@pytest.mark.desk("RECON-34a")
def test_a_a_size_that_differs_stands_and_nothing_is_adopted() -> None:
    outcome = swept(view(LONG), pages(3))
    assert ([], left(Kind.SIZE_DIFFERS)) == (booked(outcome), kinds(outcome))
    record = outcome.opened[0]
    assert (5 * E8, 3 * E8, -2 * E8) == (record.local_e8, record.broker_e8, record.gap_e8)


@pytest.mark.desk("RECON-34a")
def test_a_a_side_that_differs_stands_and_nothing_is_adopted() -> None:
    outcome = swept(view(LONG), pages(-5))
    assert ([], left(Kind.SIDE_DIFFERS)) == (booked(outcome), kinds(outcome))


def test_fills_that_explain_only_a_part_of_a_difference_are_not_booked() -> None:
    outcome = swept(view(LONG), pages(1, [fill(10, SELL, 3, 90)]))
    assert ([], left(Kind.SIZE_DIFFERS)) == (booked(outcome), kinds(outcome))
    assert ["f10"] == [f.fill_id for f in outcome.opened[0].fills]


# Case c: two candidates


@pytest.mark.desk("RECON-34c")
def test_c_two_positions_that_a_fill_could_close_leave_it_unresolved() -> None:
    books = view(LONG, position(BUY, 3, 100, BETA))
    outcome = swept(books, pages(6, [fill(10, SELL, 2, 90)]))
    assert ([], left(Kind.AMBIGUOUS)) == (booked(outcome), kinds(outcome))


@pytest.mark.desk("RECON-34c")
def test_c_the_position_of_exactly_the_size_is_the_one() -> None:
    books = view(LONG, position(BUY, 3, 100, BETA))
    outcome = swept(books, pages(5, [fill(10, SELL, 3, 90)]))
    assert [("f10", BETA, -3, 90)] == booked(outcome)


@pytest.mark.desk("RECON-34c")
def test_c_of_two_positions_of_exactly_the_size_the_earlier_is_the_one() -> None:
    books = view(position(BUY, 5, 100, BETA, seq=2), LONG)
    outcome = swept(books, pages(5, [fill(10, SELL, 5, 90)]))
    assert [("f10", ALPHA, -5, 90)] == booked(outcome)


@pytest.mark.desk("RECON-34c")
def test_c_two_positions_of_one_size_and_one_time_stay_unresolved() -> None:
    books = view(LONG, position(BUY, 5, 100, BETA))
    outcome = swept(books, pages(5, [fill(10, SELL, 5, 90)]))
    assert left(Kind.AMBIGUOUS) == kinds(outcome)


@pytest.mark.desk("RECON-34c")
@pytest.mark.parametrize("key", ["c-1", "o10"])
def test_c_the_order_that_made_the_fill_decides(key: str) -> None:
    books = view(LONG, position(BUY, 5, 100, BETA), owners={key: BETA})
    outcome = swept(books, pages(5, [fill(10, SELL, 5, 90, client_order_id="c-1")]))
    assert [("f10", BETA, -5, 90)] == booked(outcome)


@pytest.mark.desk("RECON-34c")
def test_c_the_client_order_id_goes_before_the_brokers_id() -> None:
    books = view(LONG, position(BUY, 5, 100, BETA), owners={"c-1": BETA, "o10": ALPHA})
    outcome = swept(books, pages(5, [fill(10, SELL, 5, 90, client_order_id="c-1")]))
    assert [("f10", BETA, -5, 90)] == booked(outcome)


@pytest.mark.desk("RECON-34c")
def test_c_two_fills_of_one_moment_at_two_prices_stay_unresolved() -> None:
    twins = [
        fill(10, SELL, 5, 90),
        fill(10, SELL, 5, 80, fill_id="g10", order_id="p10"),
        fill(11, BUY, 5, 70),
    ]
    outcome = swept(view(LONG), pages(0, twins))
    assert ([], left(Kind.AMBIGUOUS)) == (booked(outcome), kinds(outcome))


# Case e: the history is too short


@pytest.mark.desk("RECON-34e")
def test_e_a_history_that_starts_too_late_books_nothing() -> None:
    outcome = swept(view(LONG), pages(0, [fill(10, SELL, 5, 90)], from_seq=1))
    assert ([], 2 * left(Kind.WINDOW_TOO_SHORT)) == (booked(outcome), kinds(outcome))
    assert [BTC, ""] == [record.instrument for record in outcome.opened]
    assert SyncPoint() == outcome.synced


@pytest.mark.desk("RECON-34e")
def test_e_a_history_that_starts_too_late_is_told_even_where_sizes_agree() -> None:
    assert 2 * left(Kind.WINDOW_TOO_SHORT) == kinds(swept(view(LONG), pages(5, from_seq=1)))


@pytest.mark.desk("RECON-34e")
def test_e_a_position_may_have_come_and_gone_unseen() -> None:
    first = swept(view(), pages(0, from_seq=11))
    assert (left(Kind.WINDOW_TOO_SHORT), SyncPoint()) == (kinds(first), first.synced)
    trip = [fill(10, BUY, 2, 90, client_order_id="c"), fill(11, SELL, 2, 95)]
    later = swept(view(standing=first.opened, owners={"c": ALPHA}), pages(0, trip))
    assert [("f10", ALPHA, 2, 90), ("f11", ALPHA, -2, 95)] == booked(later)
    assert (first.opened[0].divergence_id,) == later.ended


@pytest.mark.desk("RECON-34e")
def test_e_an_instrument_that_is_complete_further_on_is_compared() -> None:
    books = view(LONG, synced=SyncPoint(0, ((BTC, 9),)))
    outcome = swept(books, pages(0, [fill(10, SELL, 5, 90)], from_seq=9))
    assert [("f10", ALPHA, -5, 90)] == booked(outcome)
    assert SyncPoint(0, ((BTC, 100),)) == outcome.synced


@pytest.mark.desk("RECON-34e")
def test_e_a_history_that_reaches_to_where_the_books_are_complete_is_long_enough() -> None:
    books = view(LONG, synced=SyncPoint(1))
    outcome = swept(books, pages(0, [fill(10, SELL, 5, 90)], from_seq=1))
    assert [("f10", ALPHA, -5, 90)] == booked(outcome)


@pytest.mark.desk("RECON-34e")
def test_e_it_is_retried_and_healed_by_the_next_sweep() -> None:
    first = swept(view(LONG), pages(0, [fill(10, SELL, 5, 90)], from_seq=1))
    outcome = swept(view(LONG, standing=first.opened), pages(0, [fill(10, SELL, 5, 90)]))
    assert [("f10", ALPHA, -5, 90)] == booked(outcome)
    assert tuple(record.divergence_id for record in first.opened) == outcome.ended


# Case f: closed and opened again between sweeps


@pytest.mark.desk("RECON-34f")
def test_f_a_position_that_was_closed_and_opened_again_is_two_lifecycles() -> None:
    fills = [fill(10, SELL, 5, 90), fill(11, BUY, 5, 80, client_order_id="c-1")]
    outcome = swept(view(LONG, owners={"c-1": ALPHA}), pages(5, fills))
    assert [("f10", ALPHA, -5, 90), ("f11", ALPHA, 5, 80)] == booked(outcome)
    assert healed(Kind.REOPENED) == kinds(outcome)


@pytest.mark.desk("RECON-34f", "RECON-33")
def test_f_what_nobody_here_opened_again_waits_for_an_operator() -> None:
    fills = [fill(10, SELL, 5, 90), fill(11, BUY, 5, 80)]
    outcome = swept(view(LONG), pages(5, fills))
    assert [("f10", ALPHA, -5, 90)] == booked(outcome)
    assert [*healed(Kind.REOPENED), *left(Kind.BROKER_ONLY)] == kinds(outcome)


# Case g: the broker does not answer


UNREACHABLE = Unknown(UnknownReason.UNREACHABLE, "no answer")


@pytest.mark.desk("RECON-34g", "RECON-54")
@pytest.mark.parametrize("part", ["positions", "fills", "orders"])
def test_g_unknown_is_not_flat(part: str) -> None:
    said = msgspec.structs.replace(pages(0, [fill(10, SELL, 5, 90)]), **{part: UNREACHABLE})
    outcome = sweep(view(LONG), said, CONFIG)
    assert ((), left(Kind.UNREACHABLE)) == (outcome.repairs, kinds(outcome))
    assert SyncPoint() == outcome.synced


@pytest.mark.desk("RECON-34g")
@pytest.mark.parametrize("part", ["positions", "fills"])
def test_g_a_page_cut_in_half_is_unknown(part: str) -> None:
    said = pages(5, [fill(10, SELL, 5, 90), fill(11, BUY, 5, 90)])
    cut = msgspec.structs.replace(getattr(said, part), items=())
    outcome = sweep(view(LONG), msgspec.structs.replace(said, **{part: cut}), CONFIG)
    assert ((), left(Kind.UNREACHABLE)) == (outcome.repairs, kinds(outcome))


@pytest.mark.desk("RECON-34g")
def test_g_fills_older_than_the_positions_are_unknown() -> None:
    said = msgspec.structs.replace(pages(0), fills=make_page([fill(10, SELL, 5, 90)], moment(99)))
    assert left(Kind.UNREACHABLE) == kinds(sweep(view(LONG), said, CONFIG))


@pytest.mark.desk("RECON-34g")
def test_g_pages_older_than_the_books_are_unknown() -> None:
    assert left(Kind.UNREACHABLE) == kinds(swept(view(LONG, synced=SyncPoint(101)), pages(0)))


@pytest.mark.desk("RECON-34g")
@pytest.mark.parametrize(
    "strange",
    [
        fill(101, SELL, 5, 90),
        fill(10, SELL, 5, 90, account="other"),
        fill(10, SELL, 5, 90, qty_e8=2**58 + 1),
        fill(10, SELL, 5, 90, price_e9=2**60 + 1),
        fill(10, SELL, 5, 90, fee_e9=-(2**60) - 1),
        fill(10, SELL, 5, 90, qty_e8=2**50, price_e9=2**50),
        fill(10, SELL, 5, 90, ts_ns=2**62 + 1),
    ],
)
def test_g_fills_that_cannot_be_the_answer_are_unknown(strange: Fill) -> None:
    assert left(Kind.UNREACHABLE) == kinds(swept(view(LONG), pages(0, [strange])))


@pytest.mark.desk("RECON-34g")
def test_g_fills_that_together_move_more_than_any_account_are_unknown() -> None:
    many = [fill(10 + n, SELL, 5, 0, qty_e8=2**58) for n in range(5)]
    assert left(Kind.UNREACHABLE) == kinds(swept(view(LONG), pages(0, many)))


def test_fills_of_this_century_are_in_range() -> None:
    closing = fill(10, SELL, 5, 90, ts_ns=1_767_225_600 * SECOND_NS)
    assert [("f10", ALPHA, -5, 90)] == booked(swept(view(LONG), pages(0, [closing])))


@pytest.mark.desk("RECON-34g")
def test_g_an_instrument_that_is_listed_twice_is_unknown() -> None:
    twice = make_page([BrokerPosition(BTC, E8), BrokerPosition(BTC, E8)], moment(100))
    assert left(Kind.UNREACHABLE) == kinds(sweep(view(), pages(0, positions=twice), CONFIG))


@pytest.mark.desk("RECON-34g", "RECON-35")
def test_g_what_stood_before_stands_on_and_the_outage_is_told_once() -> None:
    first = swept(view(LONG), pages(3))
    said = pages(3, positions=UNREACHABLE)
    second = sweep(view(LONG, standing=first.opened), said, CONFIG)
    assert left(Kind.UNREACHABLE) == kinds(second)
    third = sweep(view(LONG, standing=(*first.opened, *second.opened)), said, CONFIG)
    assert third.is_quiet
    assert 2 == len(third.standing)


@pytest.mark.desk("RECON-34g")
def test_g_balances_that_are_unknown_leave_the_rest_alone() -> None:
    said = pages(0, [fill(10, SELL, 5, 90)], balances=UNREACHABLE)
    outcome = sweep(view(LONG), said, CONFIG)
    assert [("f10", ALPHA, -5, 90)] == booked(outcome)
    assert [Kind.CLOSED_AT_BROKER, Kind.UNREACHABLE] == [kind for kind, _, _ in kinds(outcome)]


# A position that only the broker has


@pytest.mark.desk("RECON-33")
@pytest.mark.parametrize("fills", [[], [fill(10, BUY, 4, 90)]])
def test_a_position_that_only_the_broker_has_is_told_and_not_touched(fills: list[Fill]) -> None:
    outcome = swept(view(), pages(4, fills))
    assert ((), left(Kind.BROKER_ONLY)) == (outcome.repairs, kinds(outcome))


@pytest.mark.desk("RECON-33")
def test_an_own_open_that_was_missed_is_booked_and_told() -> None:
    opening = fill(10, BUY, 4, 90, client_order_id="c-1")
    outcome = swept(view(owners={"c-1": ALPHA}), pages(4, [opening]))
    assert [("f10", ALPHA, 4, 90)] == booked(outcome)
    assert healed(Kind.MISSED_FILL) == kinds(outcome)


@pytest.mark.desk("RECON-32")
def test_a_close_that_an_order_of_ours_made_is_a_fill_that_was_missed() -> None:
    closing = fill(10, SELL, 5, 90, client_order_id="c-1")
    outcome = swept(view(LONG, owners={"c-1": ALPHA}), pages(0, [closing]))
    assert [("f10", ALPHA, -5, 90)] == booked(outcome)
    assert [(Kind.MISSED_FILL, Status.HEALED, Severity.WARNING)] == kinds(outcome)
    assert "closed by f10" in outcome.opened[0].note


def test_a_fill_that_was_missed_of_a_position_that_stays_is_a_warning() -> None:
    more = fill(10, BUY, 1, 90, client_order_id="c-1")
    outcome = swept(view(LONG, owners={"c-1": ALPHA}), pages(6, [more]))
    assert [(Kind.MISSED_FILL, Status.HEALED, Severity.WARNING)] == kinds(outcome)


@pytest.mark.desk("RECON-33", "FUND-41")
def test_what_others_opened_and_closed_is_booked_for_nobody() -> None:
    outcome = swept(view(LONG), pages(5, [fill(10, BUY, 2, 90), fill(11, SELL, 2, 95)]))
    assert [("f10", None, 2, 90), ("f11", None, -2, 95)] == booked(outcome)
    assert healed(Kind.FOREIGN_ROUND_TRIP) == kinds(outcome)


def test_what_was_found_to_be_nobodys_does_not_close_a_position_later() -> None:
    foreign = fill(10, BUY, 2, 90)
    first = swept(view(), pages(2, [foreign]))
    short = position(SELL, 2, 95, seq=10)
    again = swept(view(short, standing=first.opened), pages(0, [foreign]))
    assert again.is_quiet


# Fills that the books and the broker have differently


@pytest.mark.desk("DESK-D10", "FUND-5C")
def test_a_fill_listed_twice_counts_once() -> None:
    closing = fill(10, SELL, 5, 90)
    assert [("f10", ALPHA, -5, 90)] == booked(swept(view(LONG), pages(0, [closing, closing])))


def test_a_fill_under_a_known_id_with_another_price_stands() -> None:
    known = fill(10, SELL, 5, 90)
    outcome = swept(view(booked=(known,)), pages(0, [fill(10, SELL, 5, 91)]))
    assert ([], left(Kind.FILL_CONFLICT)) == (booked(outcome), kinds(outcome))


def test_two_fills_under_one_id_in_one_page_stand() -> None:
    both = [fill(10, SELL, 5, 90), fill(10, SELL, 4, 90)]
    assert left(Kind.FILL_CONFLICT) == kinds(sweep(view(LONG), pages(0, both), CONFIG))


def test_a_booked_fill_that_the_broker_does_not_have_stands() -> None:
    outcome = swept(view(LONG, booked=(fill(10, BUY, 5, 100),)), pages(0))
    assert left(Kind.PHANTOM_FILL) == kinds(outcome)


def test_a_fill_that_the_books_have_before_the_page_is_no_phantom() -> None:
    late = fill(10, BUY, 5, 100)
    assert swept(view(LONG, booked=(late,)), pages(0, at=9)).is_quiet


def test_a_fill_after_the_positions_is_booked_and_does_not_disturb() -> None:
    closing = fill(10, SELL, 5, 90)
    said = msgspec.structs.replace(pages(5, at=9), fills=make_page([closing], moment(10)))
    outcome = sweep(view(LONG), said, CONFIG)
    assert [("f10", ALPHA, -5, 90)] == booked(outcome)
    assert SyncPoint(9) == outcome.synced


@pytest.mark.desk("RECON-42")
def test_a_fill_at_or_below_the_floor_is_never_booked_again() -> None:
    books = view(LONG, synced=SyncPoint(0, ((BTC, 10),)))
    assert swept(books, pages(5, [fill(10, SELL, 5, 90)])).is_quiet


def test_fills_that_are_young_are_left_to_the_stream() -> None:
    config = SweepConfig(grace_ns=5 * SECOND_NS)
    books = view(LONG, standing=swept(view(LONG), pages(3)).opened)
    young = swept(books, pages(0, [fill(96, SELL, 5, 90)]), config)
    assert young.is_quiet
    assert SyncPoint() == young.synced
    assert 1 == len(young.standing)
    old = swept(view(LONG), pages(0, [fill(95, SELL, 5, 90)]), config)
    assert [("f95", ALPHA, -5, 90)] == booked(old)

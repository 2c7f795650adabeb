"""Profit by cash flow: exact, conserved over buckets and windows, each fill once."""

import json
import sqlite3

import msgspec
import pytest

from lockstep_desk import Fill, Funding, InvalidValueError, LineageTag, Side
from lockstep_desk.fund import (
    Admit,
    DeploymentGate,
    GroupBy,
    LimitSet,
    OrderIntent,
    PreTradeGate,
    as_fill_row,
    compute_pnl,
    from_legacy_row,
)

E8, E9 = 10**8, 10**9
FOREVER = 2**62


def fill(
    number: int, lots: int, price: int, ts_ns: int = 0, deployment_id: str | None = None
) -> Fill:
    return Fill(
        fill_id=str(number),
        order_id="o",
        instrument="BTC",
        side=Side.BUY if lots > 0 else Side.SELL,
        qty_e8=abs(lots) * E8,
        price_e9=price * E9,
        ts_ns=ts_ns,
        deployment_id=deployment_id,
    )


def with_fee(made: Fill, fee: int) -> Fill:
    return msgspec.structs.replace(made, fee_e9=fee * E9)


ROUND_TRIP = [with_fee(fill(1, 2, 100), 3), with_fee(fill(2, -2, 110), -1)]
OWNED = [
    fill(1, 2, 100, 10, "a"),
    fill(2, -1, 90, 20, "b"),
    fill(3, 5, 80, 30),
    fill(4, -1, 120, 40, "a"),
]


@pytest.mark.desk("FUND-53", "FUND-55")
def test_a_round_trip_realises_its_difference_less_fees() -> None:
    bucket = compute_pnl(ROUND_TRIP, 0, 1).bucket()
    assert (18 * E9, 2 * E9, 420 * E9, 2) == (
        bucket.pnl.realized_e9,
        bucket.fees_e9,
        bucket.gross_volume_e9,
        bucket.fill_count,
    )
    assert {} == bucket.open_positions_by_symbol


@pytest.mark.desk("FUND-55", "FUND-56")
def test_an_open_buy_is_money_spent_and_inventory() -> None:
    bucket = compute_pnl([fill(1, 3, 100)], 0, 1).bucket()
    assert (-300 * E9, {"BTC": 3 * E8}) == (
        bucket.pnl.realized_e9,
        bucket.open_positions_by_symbol,
    )


@pytest.mark.desk("FUND-56")
def test_inventory_is_signed_by_symbol_and_flat_symbols_are_absent() -> None:
    fills = [
        fill(1, 3, 1),
        msgspec.structs.replace(fill(2, -2, 1), instrument="ETH"),
        msgspec.structs.replace(fill(3, 2, 1), instrument="AAA"),
        msgspec.structs.replace(fill(4, -2, 1), instrument="AAA"),
    ]
    assert {"BTC": 3 * E8, "ETH": -2 * E8} == compute_pnl(
        fills, 0, 1
    ).bucket().open_positions_by_symbol


@pytest.mark.desk("FUND-54")
def test_a_window_holds_its_start_and_not_its_end() -> None:
    fills = [fill(n, 1, 1, ts_ns=n) for n in (9, 10, 11, 19, 20)]
    report = compute_pnl(fills, 10, 20)
    assert (3, 10, 20) == (report.bucket().fill_count, report.start_ns, report.end_ns)


@pytest.mark.desk("FUND-54", "FUND-58")
def test_adjacent_windows_share_no_fill_and_lose_none() -> None:
    whole = compute_pnl(OWNED, 0, 50).bucket()
    parts = [compute_pnl(OWNED, start, start + 10).bucket() for start in range(0, 50, 10)]
    assert whole.fill_count == sum(part.fill_count for part in parts)
    assert whole.pnl.realized_e17 == sum(part.pnl.realized_e17 for part in parts)
    assert whole.gross_volume_e17 == sum(part.gross_volume_e17 for part in parts)


@pytest.mark.desk("FUND-54")
@pytest.mark.parametrize(
    ("start", "end"), [(5, 5), (5, 4), (-1, 5), (0, True), (0, 1.5), (None, 5)]
)
def test_a_window_that_holds_no_moment_is_refused(start: int, end: int) -> None:
    with pytest.raises(InvalidValueError, match="_ns: expected"):
        compute_pnl([], start, end)


@pytest.mark.desk("FUND-57")
def test_in_total_there_is_one_bucket_even_of_nothing() -> None:
    report = compute_pnl([], 0, 1)
    assert (GroupBy.TOTAL, [None]) == (report.group_by, report.keys())
    bucket = report.bucket()
    assert (0, 0, 0, 0, {}) == (
        bucket.pnl.realized_e17,
        bucket.fill_count,
        bucket.gross_volume_e17,
        bucket.fees_e9,
        bucket.open_positions_by_symbol,
    )
    assert [] == compute_pnl([], 0, 1, GroupBy.DEPLOYMENT).keys()


@pytest.mark.desk("FUND-57", "FUND-58", "FUND-59", "I2")
def test_by_deployment_every_fill_is_in_one_bucket_and_the_unattributed_are_last() -> None:
    report = compute_pnl(OWNED, 0, 50, GroupBy.DEPLOYMENT)
    assert ["a", "b", None] == report.keys()
    assert [2, 1, 1] == [bucket.fill_count for bucket in report.buckets]
    assert [-80 * E9, 90 * E9, -400 * E9] == [b.pnl.realized_e9 for b in report.buckets]
    assert [320 * E9, 90 * E9, 400 * E9] == [b.gross_volume_e9 for b in report.buckets]
    total = compute_pnl(OWNED, 0, 50).bucket()
    assert total.pnl.realized_e17 == sum(b.pnl.realized_e17 for b in report.buckets)
    assert {"BTC": -E8} == report.bucket("b").open_positions_by_symbol


@pytest.mark.parametrize("group_by", [1, "DEPLOYMENT", None])
def test_a_grouping_is_one_of_two(group_by: GroupBy) -> None:
    with pytest.raises(InvalidValueError, match="group_by: expected a GroupBy"):
        compute_pnl(OWNED, 0, 50, group_by)


def test_a_bucket_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidValueError, match="key: expected one of"):
        compute_pnl(OWNED, 0, 50, GroupBy.DEPLOYMENT).bucket("c")


@pytest.mark.desk("FUND-5A", "I14")
def test_marks_value_inventory_and_doing_it_again_changes_nothing() -> None:
    report = compute_pnl(OWNED, 0, 50, GroupBy.DEPLOYMENT)
    once = report.enrich_unrealized({"BTC": 70 * E9}.get)
    assert [70 * E9, -70 * E9, 350 * E9] == [b.pnl.unrealized_e9 for b in once.buckets]
    assert once == once.enrich_unrealized({"BTC": 70 * E9}.get)
    assert [0, 0, 0] == [b.pnl.unrealized_e9 for b in report.buckets]
    assert [b.pnl.realized_e17 for b in report.buckets] == [
        b.pnl.realized_e17 for b in once.buckets
    ]
    again = once.enrich_unrealized({"BTC": E9}.get)
    assert [E9, -E9, 5 * E9] == [b.pnl.unrealized_e9 for b in again.buckets]


@pytest.mark.desk("FUND-5A")
def test_a_symbol_without_a_mark_adds_nothing_and_is_named() -> None:
    other = msgspec.structs.replace(fill(9, 4, 1), instrument="ETH")
    report = compute_pnl([*OWNED, other], 0, 50).enrich_unrealized({"ETH": 2 * E9}.get)
    assert (("BTC",), 8 * E9) == (report.unmarked, report.bucket().pnl.unrealized_e9)
    assert () == report.enrich_unrealized(lambda _symbol: 0).unmarked


@pytest.mark.parametrize("price", [-1, True, 1.5, "1"])
def test_a_mark_is_a_price(price: int) -> None:
    with pytest.raises(InvalidValueError, match="mark of BTC: expected an integer"):
        compute_pnl(OWNED, 0, 50).enrich_unrealized(lambda _symbol: price)


@pytest.mark.desk("FUND-5B")
def test_sums_are_exact_and_scaled_once_towards_zero() -> None:
    tiny = [
        msgspec.structs.replace(fill(n, side, 1), qty_e8=1, price_e9=E8 // 2 - 1)
        for n, side in enumerate((1, 1, 1))
    ]
    bucket = compute_pnl(tiny, 0, 1).bucket()
    assert -3 * (E8 // 2 - 1) == bucket.pnl.realized_e17
    assert (-1, 1) == (bucket.pnl.realized_e9, bucket.gross_volume_e9)
    (short,) = compute_pnl([msgspec.structs.replace(tiny[0], side=Side.SELL)], 0, 1).buckets
    assert (0, E8 // 2 - 1) == (short.pnl.realized_e9, short.pnl.realized_e17)


def paid(name: str, amount: int, ts_ns: int, owner: str | None = None) -> Funding:
    return Funding(
        funding_id=name,
        instrument="BTC",
        amount_e9=amount,
        ts_ns=ts_ns,
        deployment_id=owner,
    )


def test_funding_is_profit_of_its_owner_and_its_window() -> None:
    paying = [paid("x", -7, 10, "a"), paid("x", 3, 10, "b"), paid("y", 5, 30), paid("z", 9, 50)]
    report = compute_pnl(OWNED, 0, 50, GroupBy.DEPLOYMENT, paying)
    plain = compute_pnl(OWNED, 0, 50, GroupBy.DEPLOYMENT)
    assert [("a", -7), ("b", 3), (None, 5)] == [(one.key, one.funding_e9) for one in report.buckets]
    for bucket, without in zip(report.buckets, plain.buckets, strict=True):
        gained = bucket.pnl.realized_e17 - without.pnl.realized_e17
        assert bucket.funding_e9 * E8 == gained
        assert without.fill_count == bucket.fill_count
    assert 1 == compute_pnl(OWNED, 0, 50, fundings=paying).bucket().funding_e9
    (only,) = compute_pnl([], 50, 51, GroupBy.DEPLOYMENT, paying).buckets
    assert (0, 9) == (only.fill_count, only.pnl.realized_e9)


@pytest.mark.desk("FUND-5C")
def test_funding_that_comes_again_counts_once_and_another_content_is_named() -> None:
    one = paid("x", -7, 10, "a")
    report = compute_pnl([], 0, 50, GroupBy.TOTAL, [one, one, paid("x", -8, 10, "a")])
    assert (-7, 2, ("x",)) == (report.bucket().funding_e9, report.duplicates, report.conflicts)


@pytest.mark.desk("FUND-5B")
def test_numbers_beyond_64_bits_stay_exact() -> None:
    most = 2**63 - 1
    large = msgspec.structs.replace(fill(1, -1, 1), qty_e8=most, price_e9=most, fee_e9=most)
    bucket = compute_pnl([large], 0, 1).bucket()
    assert most * most - most * E8 == bucket.pnl.realized_e17
    assert most * most == bucket.gross_volume_e17


@pytest.mark.desk("FUND-5C")
def test_a_fill_that_comes_twice_counts_once_and_is_counted() -> None:
    copied = msgspec.structs.replace(OWNED[0])
    report = compute_pnl([*OWNED, copied, OWNED[0], OWNED[3]], 0, 50)
    once = compute_pnl(OWNED, 0, 50)
    assert (once.buckets, 3, ()) == (report.buckets, report.duplicates, report.conflicts)


@pytest.mark.desk("FUND-5C")
def test_a_fill_that_comes_again_with_other_content_is_named_and_the_first_counts() -> None:
    other = msgspec.structs.replace(OWNED[0], qty_e8=7, ts_ns=45)
    report = compute_pnl([*OWNED, other], 0, 50)
    assert (("1",), 1) == (report.conflicts, report.duplicates)
    assert compute_pnl(OWNED, 0, 50).buckets == report.buckets
    assert 0 == compute_pnl([*OWNED, other], 45, 50).bucket().fill_count


def test_the_order_of_the_fills_does_not_matter() -> None:
    assert compute_pnl(OWNED, 0, 50, GroupBy.DEPLOYMENT) == compute_pnl(
        OWNED[::-1], 0, 50, GroupBy.DEPLOYMENT
    )


@pytest.mark.desk("FUND-61")
def test_a_list_a_file_and_a_database_give_one_report() -> None:
    expected = compute_pnl(OWNED, 0, 50, GroupBy.DEPLOYMENT)
    lines = [json.dumps(as_fill_row(one)) for one in OWNED]
    from_lines = (from_legacy_row(json.loads(line)).fill for line in lines)
    assert expected == compute_pnl(from_lines, 0, 50, GroupBy.DEPLOYMENT)

    base = sqlite3.connect(":memory:")
    base.row_factory = sqlite3.Row
    columns = ", ".join(as_fill_row(OWNED[0]))
    base.execute(f"CREATE TABLE fills ({columns})")
    rows = [tuple(as_fill_row(one).values()) for one in OWNED]
    base.executemany("INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    stored = (from_legacy_row(dict(row)).fill for row in base.execute("SELECT * FROM fills"))
    assert expected == compute_pnl(stored, 0, 50, GroupBy.DEPLOYMENT)
    base.close()


@pytest.mark.desk("FUND-60", "FUND-40")
def test_check_record_fill_account_in_their_order() -> None:
    limits = LimitSet(max_position_cents=50_000, max_order_cents=50_000, max_orders_per_sec=5)
    gates, tag, fills = PreTradeGate(), LineageTag("d"), []
    gates.register(tag.deployment_id, DeploymentGate(limits, mark={"BTC": 100 * E9}.get))
    for number, (lots, price) in enumerate([(3, 100), (9, 100), (-3, 110)]):
        side = Side.BUY if lots > 0 else Side.SELL
        intent = OrderIntent.priced(side, "BTC", abs(lots) * E8, price * E9)
        if not isinstance(gates.check(tag.deployment_id, intent, number), Admit):
            continue
        gate = gates.get(tag.deployment_id)
        assert gate is not None
        gate.record_submitted(number)
        made = fill(number, lots, price, number, tag.deployment_id)
        assert gates.apply_fill(made)
        fills.append(made)
    report = compute_pnl(fills, 0, 10, GroupBy.DEPLOYMENT).enrich_unrealized({"BTC": 1}.get)
    assert (["d"], 30 * E9, 2) == (
        report.keys(),
        report.bucket("d").pnl.realized_e9,
        report.bucket("d").fill_count,
    )


@pytest.mark.desk("FUND-5C")
def test_equal_ids_of_two_accounts_are_two_fills() -> None:
    one, two = (msgspec.structs.replace(fill(1, 1, 10), account=name) for name in ("a", "b"))
    report = compute_pnl([one, two, one], 0, FOREVER)
    assert (2, 1, ()) == (report.bucket().fill_count, report.duplicates, report.conflicts)


@pytest.mark.desk("FUND-5C")
def test_a_fill_that_knows_its_place_is_the_one_that_does_not() -> None:
    bare = fill(1, 1, 10)
    placed, elsewhere = (msgspec.structs.replace(bare, seq=seq) for seq in (7, 8))
    assert () == compute_pnl([bare, placed], 0, FOREVER).conflicts
    assert () == compute_pnl([placed, bare], 0, FOREVER).conflicts
    assert ("1",) == compute_pnl([placed, elsewhere], 0, FOREVER).conflicts
    other = msgspec.structs.replace(placed, price_e9=1)
    assert ("1",) == compute_pnl([bare, other], 0, FOREVER).conflicts

"""Values refuse what cannot be right, and say what was expected and what was found."""

import msgspec
import pytest

from lockstep_desk import (
    AuditTick,
    Dimension,
    Fill,
    HaltAction,
    InvalidValueError,
    LineageTag,
    Position,
    RejectCode,
    Severity,
    Side,
    UsdCents,
)
from lockstep_engine.codes import Side as ExchangeSide

FILL = Fill(
    fill_id="1-0", order_id="1", instrument="BTC", side=Side.BUY, qty_e8=1, price_e9=1, ts_ns=0
)


def changed(**fields: object) -> Fill:
    return msgspec.structs.replace(FILL, **fields)


def test_sides_have_the_numbers_of_the_exchange() -> None:
    assert {side.name: int(side) for side in ExchangeSide} == {s.name: int(s) for s in Side}
    assert (1, -1) == (Side.BUY.sign, Side.SELL.sign)
    assert (Side.SELL, Side.BUY) == (Side.BUY.opposite, Side.SELL.opposite)


@pytest.mark.desk("FUND-51")
@pytest.mark.parametrize("text", ["buy", "sell", "Sell", "B", "", " SELL", 0, 1, None, b"SELL"])
def test_a_side_is_exactly_buy_or_sell(text: object) -> None:
    with pytest.raises(InvalidValueError, match="side: expected 'BUY' or 'SELL', found"):
        Side.parse(text)


@pytest.mark.desk("FUND-51")
def test_the_two_sides_are_read() -> None:
    assert [Side.BUY, Side.SELL] == [Side.parse("BUY"), Side.parse("SELL")]


@pytest.mark.desk("FUND-51")
@pytest.mark.parametrize("side", [0, 1, "SELL", True, None])
def test_a_fill_takes_no_number_or_text_for_a_side(side: object) -> None:
    with pytest.raises(InvalidValueError, match=r"side: expected a Side \(BUY, SELL\), found"):
        changed(side=side)


@pytest.mark.desk("FUND-52")
@pytest.mark.parametrize("qty", [-1, 0, 2**63, True, 1.0, "1", None])
def test_a_fill_has_a_positive_magnitude(qty: object) -> None:
    with pytest.raises(InvalidValueError, match="qty_e8: expected an integer"):
        changed(qty_e8=qty)


@pytest.mark.desk("FUND-50")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("fill_id", ""), ("fill_id", None), ("instrument", ""), ("price_e9", -1)],
        *[("price_e9", 1.5), ("fee_e9", None), ("ts_ns", -1), ("deployment_id", "")],
    ],
)
def test_a_fill_refuses_what_cannot_be_right(field: str, value: object) -> None:
    with pytest.raises(InvalidValueError, match=f"^{field}: expected"):
        changed(**{field: value})


@pytest.mark.desk("FUND-53")
def test_a_fee_may_be_a_rebate() -> None:
    assert -5 == changed(fee_e9=-5).fee_e9


@pytest.mark.desk("FUND-50")
def test_a_fill_has_a_signed_quantity_and_an_exact_value() -> None:
    sell = changed(side=Side.SELL, qty_e8=2**62, price_e9=2**62)
    assert (-(2**62), 2**124) == (sell.signed_qty_e8, sell.value_e17)
    assert 1 == FILL.signed_qty_e8


@pytest.mark.desk("FUND-21")
def test_halt_actions_rise_in_severity() -> None:
    assert ["WARN", "SOFT_HALT", "HARD_HALT", "LIQUIDATE"] == [a.name for a in sorted(HaltAction)]


@pytest.mark.desk("FUND-32")
def test_the_dimensions_are_known_by_number() -> None:
    assert {
        "UNREGISTERED": 1,
        "HALTED": 2,
        "ORDER_SIZE_CAP": 3,
        "NOTIONAL_CAP": 4,
        "ORDERS_PER_SECOND": 5,
        "OPEN_EXPOSURE_CAP": 6,
        "PRICE_DEVIATION": 7,
        "DAILY_LOSS_LIMIT": 8,
    } == {dimension.name: int(dimension) for dimension in Dimension}


@pytest.mark.desk("FUND-73")
def test_the_reject_codes_are_those_of_venues_and_from_100_on_ours() -> None:
    assert [*range(7), *range(100, 105)] == [int(code) for code in RejectCode]


@pytest.mark.desk("RECON-50")
def test_severities_rise() -> None:
    assert ["INFO", "WARNING", "CRITICAL"] == [level.name for level in sorted(Severity)]


@pytest.mark.desk("FUND-05")
def test_money_limits_are_whole_cents() -> None:
    limit = UsdCents.from_dollars(2_500)
    assert (250_000, int) == (limit.cents(), type(limit.cents()))
    assert 250_000 == limit
    for amount in (1.5, "1", None, True, 10**17):
        with pytest.raises(InvalidValueError, match="dollars: expected an integer"):
            UsdCents.from_dollars(amount)  # type: ignore[arg-type]  # what must be refused


@pytest.mark.desk("FUND-41")
def test_a_null_column_means_unattributed() -> None:
    assert LineageTag.from_kernel_column(None) is None
    assert LineageTag("d") == LineageTag.from_kernel_column("d")
    with pytest.raises(InvalidValueError, match="deployment_id"):
        LineageTag.from_kernel_column("")


@pytest.mark.desk("FUND-40")
def test_a_tag_is_one_field() -> None:
    assert ("deployment_id",) == LineageTag.__struct_fields__


@pytest.mark.desk("DESK-34")
def test_a_position_values_itself_at_its_mark_and_estimates_its_exit_fee_apart() -> None:
    position = Position(
        position_id="p",
        version=1,
        account="7",
        instrument="BTC",
        deployment_id=None,
        side=Side.SELL,
        qty_e8=50,
        qty_max_e8=100,
        cost_e17=50 * 7,
        realised_e17=0,
        fees_enter_e9=9,
        fees_exit_e9=0,
        time_enter_ns=0,
        time_update_ns=0,
        fill_ids=("1-0",),
        mark_e9=10,
    )
    assert (7, -150, 4) == (
        position.entry_price_e9,
        position.unrealised_mark_e17,
        position.exit_fee_estimate_e9,
    )
    assert msgspec.structs.replace(position, mark_e9=None).unrealised_mark_e17 is None
    flat = msgspec.structs.replace(position, qty_e8=0, qty_max_e8=0, cost_e17=0)
    assert (0, 0) == (flat.entry_price_e9, flat.exit_fee_estimate_e9)


def test_values_do_not_change() -> None:
    with pytest.raises(AttributeError):
        FILL.qty_e8 = 2  # type: ignore[misc]  # what must be refused
    tick = AuditTick(seq=1, ts_ns=0, event=FILL, outputs=(), errors=(), state_hash=b"")
    with pytest.raises(AttributeError):
        tick.seq = 2  # type: ignore[misc]  # what must be refused


def test_a_message_shows_a_value_in_one_line() -> None:
    with pytest.raises(InvalidValueError) as huge:
        changed(qty_e8=10**5000)
    assert "an integer of 16610 bits" in str(huge.value)
    with pytest.raises(InvalidValueError) as long:
        changed(qty_e8="x" * 1000)
    assert len(str(long.value)) < 160

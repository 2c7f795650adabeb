"""Rows of another store become fills, with a warning where the old rule guesses."""

import pytest

from lockstep_desk import Fill, InvalidValueError, Side
from lockstep_desk.fund import as_fill_row, from_legacy_row
from lockstep_desk.fund.rows import COLUMNS

ROW: dict[str, object] = {
    "fill_id": "f1",
    "node_order_id": "o1",
    "symbol": "BTC",
    "side": "SELL",
    "qty_1e8": 5,
    "price_1e9": 7,
    "fee_1e9": -2,
    "ts_ns": 9,
    "lineage_deployment_id": "d",
}


@pytest.mark.desk("FUND-50")
def test_a_row_and_its_fill_say_the_same() -> None:
    read = from_legacy_row(ROW)
    expected = Fill(
        fill_id="f1",
        order_id="o1",
        instrument="BTC",
        side=Side.SELL,
        qty_e8=5,
        price_e9=7,
        fee_e9=-2,
        ts_ns=9,
        deployment_id="d",
    )
    assert (expected, ()) == (read.fill, read.warnings)
    assert ROW == as_fill_row(read.fill)


@pytest.mark.desk("FUND-51")
@pytest.mark.parametrize("side", ["sell", "Sell", "", None, 1, "BID", ["SELL"]])
def test_a_side_that_is_not_known_counts_as_a_buy_and_warns(side: object) -> None:
    read = from_legacy_row({**ROW, "side": side})
    assert Side.BUY == read.fill.side
    assert (f"side {side!r} of fill 'f1' counts as BUY",) == read.warnings


@pytest.mark.desk("FUND-41")
def test_a_row_without_a_deployment_is_unattributed() -> None:
    assert from_legacy_row({**ROW, "lineage_deployment_id": None}).fill.deployment_id is None


@pytest.mark.desk("FUND-52")
@pytest.mark.parametrize("qty", [-5, 0, None, "5", 5.0])
def test_a_signed_quantity_is_refused(qty: object) -> None:
    with pytest.raises(InvalidValueError, match="qty_1e8: expected an integer"):
        from_legacy_row({**ROW, "qty_1e8": qty})


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(column: str) -> None:
    row = {name: value for name, value in ROW.items() if name != column}
    with pytest.raises(InvalidValueError, match=f"row: expected a column '{column}', found"):
        from_legacy_row(row)

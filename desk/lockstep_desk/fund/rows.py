"""Fills from and to flat rows of another fund layer's store.

Owns the names of those columns and the one permissive rule: a side that is neither "BUY" nor "SELL"
counts as a buy there, so it does here, with a warning. Nothing inside the desk reads a side so.
"""

from collections.abc import Mapping

import msgspec

from lockstep_desk.errors import InvalidValueError, need_int, need_mapping, need_text
from lockstep_desk.types import Fill, Side

COLUMNS = (
    *("fill_id", "node_order_id", "symbol", "side", "qty_1e8", "price_1e9", "fee_1e9", "ts_ns"),
    "lineage_deployment_id",
)


class LegacyFill(msgspec.Struct, frozen=True):
    """A fill read from a row, and what was odd about the row."""

    fill: Fill
    warnings: tuple[str, ...]


def from_legacy_row(row: Mapping[str, object]) -> LegacyFill:
    """Return the fill of a row; a column that is missing or wrong raises and is named."""
    need_mapping("row", row)
    missing = [name for name in COLUMNS if name not in row]
    if missing:
        raise InvalidValueError(f"row: expected a column {missing[0]!r}, found {sorted(row)}")
    side_text = row["side"]
    warnings: tuple[str, ...] = ()
    if side_text not in ("BUY", "SELL"):  # a tuple: the value may be of any type
        warnings = (f"side {side_text!r} of fill {row['fill_id']!r} counts as BUY",)
    owner = row["lineage_deployment_id"]
    fill = Fill(
        fill_id=need_text("fill_id", row["fill_id"]),
        order_id=need_text("node_order_id", row["node_order_id"]),
        instrument=need_text("symbol", row["symbol"]),
        side=Side.SELL if side_text == "SELL" else Side.BUY,
        qty_e8=need_int("qty_1e8", row["qty_1e8"], 1),
        price_e9=need_int("price_1e9", row["price_1e9"], 0),
        fee_e9=need_int("fee_1e9", row["fee_1e9"], -(2**63)),
        ts_ns=need_int("ts_ns", row["ts_ns"], 0),
        deployment_id=None if owner is None else need_text("lineage_deployment_id", owner),
    )
    return LegacyFill(fill, warnings)


def as_fill_row(fill: Fill) -> dict[str, str | int | None]:
    """Return the row of a fill, which `from_legacy_row` reads back."""
    values = (
        *(fill.fill_id, fill.order_id, fill.instrument, fill.side.name),
        *(fill.qty_e8, fill.price_e9, fill.fee_e9, fill.ts_ns, fill.deployment_id),
    )
    return dict(zip(COLUMNS, values, strict=True))

"""An order against its instrument: what a venue would refuse is refused before it is let go."""

from typing import Any

import msgspec
import pytest

from lockstep_desk.core.codes import OrderKind, Refusal, TimeInForce
from lockstep_desk.core.commands import OpenRequest, RegisterInstrument
from lockstep_desk.oms.spec import order_refusal, spec_refusal
from lockstep_desk.types import ORDER_QTY_E8_MAX, PRICE_E9_MAX, Side

SPEC = RegisterInstrument(
    "btc", "ex", "btc", "usd", 10**7, 10**4, 2 * 10**4, 10**8, min_notional_e9=10**9
)
GOOD = OpenRequest("acc", "btc", Side.BUY, 10**6, 10_000 * 10**9)
NOW = 1_000


def refusal(**changes: Any) -> Refusal | None:
    request = msgspec.structs.replace(GOOD, **changes)
    found = order_refusal(SPEC, request, request.price_e9, NOW)
    return None if found is None else found[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"qty_e8": 0}, Refusal.BAD_QUANTITY),
        ({"qty_e8": -(10**6)}, Refusal.BAD_QUANTITY),
        ({"qty_e8": 10**6 + 1}, Refusal.OFF_LOT),
        ({"qty_e8": 10**4}, Refusal.BELOW_MINIMUM),
        ({"qty_e8": 2 * 10**4}, None),
        ({"qty_e8": 10**8}, None),
        ({"qty_e8": 10**8 + 10**4}, Refusal.ABOVE_MAXIMUM),
        ({"price_e9": 0}, Refusal.BAD_PRICE),
        ({"price_e9": -(10**7)}, Refusal.BAD_PRICE),
        ({"price_e9": PRICE_E9_MAX + 1}, Refusal.BAD_PRICE),
        ({"price_e9": 10**12 + 1}, Refusal.OFF_TICK),
        ({"price_e9": 10**7}, Refusal.BELOW_MINIMUM),
        ({"tif": TimeInForce.IOC, "is_post_only": True}, Refusal.BAD_OPTION),
        ({"tif": TimeInForce.GTD}, Refusal.BAD_OPTION),
        ({"tif": TimeInForce.GTD, "expires_ns": NOW}, Refusal.BAD_OPTION),
        ({"tif": TimeInForce.GTD, "expires_ns": NOW + 1}, None),
        ({"expires_ns": NOW + 1}, Refusal.BAD_OPTION),
        ({"kind": OrderKind.MARKET}, Refusal.BAD_OPTION),
        ({"kind": OrderKind.MARKET, "tif": TimeInForce.IOC, "price_e9": 10**12 + 1}, None),
    ],
    ids=str,
)
def test_an_order_is_refused_for_what_is_wrong_with_it(
    changes: dict[str, Any], expected: Refusal | None
) -> None:
    assert expected == refusal(**changes)


def test_an_order_worth_more_than_a_number_holds_is_refused() -> None:
    wide = msgspec.structs.replace(SPEC, max_qty_e8=0)
    request = msgspec.structs.replace(GOOD, qty_e8=ORDER_QTY_E8_MAX // 10**4 * 10**4)
    found = order_refusal(wide, request, request.price_e9, NOW)
    assert found is not None
    assert Refusal.ABOVE_MAXIMUM == found[0]
    assert "expected a value up to" in found[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"tick_e9": 0},
        {"lot_e8": -1},
        {"min_qty_e8": -1},
        {"max_qty_e8": 10**4},
        {"min_notional_e9": -1},
    ],
    ids=str,
)
def test_a_specification_that_holds_nothing_is_refused(changes: dict[str, Any]) -> None:
    assert spec_refusal(SPEC) is None
    assert "expected" in (spec_refusal(msgspec.structs.replace(SPEC, **changes)) or "")

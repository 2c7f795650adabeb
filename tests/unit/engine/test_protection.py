"""The sums of a window and their limits, to the smallest unit: [MMP-2]."""

import pytest

from lockstep_engine.codes import MmpLimit, MmpOption
from lockstep_engine.protection import Mmp, MmpFill, MmpSums

EXCEEDING = int(MmpOption.EXCEEDING)
QTY, DELTA, VEGA = MmpLimit.QTY, MmpLimit.DELTA, MmpLimit.VEGA
QTY_7, DELTA_7, VEGA_7 = 7 * 10**8, 7 * 10**17, 7 * 10**19
"""Limits of 7 in the units of the sums: of quantity and delta in e8, of vega in e6."""


def protection(options: int = 0) -> Mmp:
    return Mmp(1, "BTC", (1_000, 0, 7, 7, 7, options))


@pytest.mark.parametrize("amount", [-2, -1, 0, 1, 2])
def test_the_quantity_is_gross_from_the_smallest_amount_on(amount: int) -> None:
    mmp = protection()
    mmp.keep(MmpFill(mmp, 1, (0, 1, amount, 0, 0), 1))
    assert abs(amount) == mmp.sums.qty_e16
    mmp.drop_first()
    assert 0 == mmp.sums.qty_e16


@pytest.mark.parametrize(
    ("qty", "delta", "vega", "limit"),
    [
        *((QTY_7, 0, 0, QTY), (0, DELTA_7, 0, DELTA), (0, 0, VEGA_7, VEGA)),
        *((0, -DELTA_7, 0, DELTA), (0, 0, -VEGA_7, VEGA)),
    ],
)
def test_each_limit_is_exact_to_the_smallest_unit(
    qty: int, delta: int, vega: int, limit: int
) -> None:
    step = -1 if min(delta, vega) < 0 else 1
    found = []
    for options in (0, EXCEEDING):
        for more in (-step, 0, step):
            sums = MmpSums(*(value + more if value else 0 for value in (qty, delta, vega)))
            found.append(protection(options).breached(sums))
    assert [0, limit, limit, 0, 0, limit] == found

"""A tear sheet takes whole numbers, in order of time."""

import pytest

from lockstep_desk import InvalidValueError
from lockstep_desk.stats import Basis, TearSheetTracker

DAY = 86_400 * 10**9


@pytest.mark.parametrize("capital", [1.5, "100", None, True])
def test_a_capital_that_is_no_integer_is_refused(capital: object) -> None:
    with pytest.raises(
        InvalidValueError, match="capital_e9 of tear sheet 'x': expected an integer"
    ):
        TearSheetTracker("x", capital, 0, Basis())  # type: ignore[arg-type]  # what is refused


@pytest.mark.parametrize(("ts_ns", "pnl", "name"), [(20, 1.5, "pnl_e9"), (1.5, 1, "ts_ns")])
def test_a_mark_that_is_no_integer_is_refused_and_changes_nothing(
    ts_ns: int, pnl: int, name: str
) -> None:
    sheet = TearSheetTracker("x", 100, 10, Basis())
    with pytest.raises(InvalidValueError, match=f"{name}: expected an integer"):
        sheet.mark(ts_ns, pnl)
    assert TearSheetTracker("x", 100, 10, Basis()).report(30) == sheet.report(30)


def test_a_report_before_the_last_mark_is_refused() -> None:
    sheet = TearSheetTracker("x", 100, 10 * DAY, Basis())
    with pytest.raises(InvalidValueError, match="end_ns: expected"):
        sheet.report(10 * DAY - 1)
    sheet.mark(20 * DAY, 5)
    with pytest.raises(InvalidValueError, match=f"end_ns: expected {20 * DAY} or later"):
        sheet.report(20 * DAY - 1)
    assert 5 == sheet.report(20 * DAY).pnl_e9

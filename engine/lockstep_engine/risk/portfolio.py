"""Portfolio margin of one account in one underlying ([MRG-3]): sums, requirements, explanation.

Owns the sums. Per expiry the value of the options in each scenario, at both basis spots and at the
marks, and the net options of each strike; over all futures and perpetuals the gain in each scenario
and the underlying they move. A fill changes them in O(scenarios) (`move`); the requirements take
O(scenarios x expiries), however many options are held. Pure integer arithmetic, exact up to one
rounding up of each requirement. It knows no account, event or clock.

An expiry whose marks moved gets new sums, by moving each of its positions from 0 again.
"""

from typing import Final, NamedTuple

from lockstep_engine.risk.shapes import FutureLot, Grid, OptionLot, Shape
from lockstep_kernel.arith import div_ceil

NO_LOSS: Final = -2
BASIS: Final = -1
"""What made the loss, where it is not the number of a scenario."""

_E9: Final = 10**9
_E18: Final = 10**18
_E27: Final = 10**27
_E36: Final = 10**36


class ExpirySums:
    """The options of one expiry. `nets_e16` is call + put by strike, in the underlying."""

    __slots__ = (
        *("basis_down_e6", "basis_up_e6", "marks_e6", "naked_e16", "nets_e16", "shape"),
        *("short_marks_e6", "values_e6"),
    )

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.values_e6: list[int] = [0] * len(shape.forwards_e6)
        self.basis_up_e6 = 0
        self.basis_down_e6 = 0
        self.marks_e6 = 0
        self.short_marks_e6 = 0
        self.naked_e16 = 0
        self.nets_e16: dict[int, int] = {}

    def move(self, lot: OptionLot, before: int, after: int) -> None:
        """Change the position in an option from `before` to `after` signed lots. O(scenarios)."""
        lots = after - before
        values, of_lot = self.values_e6, lot.values_e6
        for index in range(len(values)):
            values[index] += lots * of_lot[index]
        self.basis_up_e6 += lots * lot.basis_up_e6
        self.basis_down_e6 += lots * lot.basis_down_e6
        self.marks_e6 += lots * lot.mark_lot_e6
        self.short_marks_e6 += (_short(after) - _short(before)) * lot.mark_lot_e6
        strike = lot.contract.strike_e6
        net = self.nets_e16.get(strike, 0)
        moved = net + lots * lot.contract.unit_e16
        self.naked_e16 += _short(moved) - _short(net)
        if moved:
            self.nets_e16[strike] = moved
        else:
            self.nets_e16.pop(strike, None)


class Portfolio:
    """All of one account in one underlying; `expiries` in any order, without change of a result."""

    __slots__ = ("expiries", "gains_e6", "grid", "gross_e16")

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.expiries: list[ExpirySums] = []
        self.gains_e6: list[int] = [0] * len(grid.spots_e9)
        self.gross_e16 = 0

    def move(self, lot: FutureLot, before: int, after: int) -> None:
        """Change a position in a future or perpetual, in signed lots. O(scenarios)."""
        lots = after - before
        gains, of_lot = self.gains_e6, lot.gains_e6
        for index in range(len(gains)):
            gains[index] += lots * of_lot[index]
        self.gross_e16 += (abs(after) - abs(before)) * lot.unit_e16


class ScenarioResult(NamedTuple):
    """A scenario: what each expiry and the futures gain, before and after the weight."""

    expiries_e15: list[int]
    futures_e15: int
    result_e24: int


class Explanation(NamedTuple):
    """Everything that made a requirement; `cause` is a scenario's number, BASIS or NO_LOSS.

    IM = max(loss x initial_factor, floor) + initial_extra, and MM the same with its own factor or a
    ratio of IM. The extras are the contingencies of naked shorts and of futures.
    """

    scenarios: list[ScenarioResult]
    basis_e24: list[int]
    cause: int
    loss_e24: int
    floor_e24: int
    naked_e16: int
    gross_e16: int
    initial_extra_e33: int
    maintenance_extra_e33: int
    initial_e6: int
    maintenance_e6: int


def requirements(portfolio: Portfolio, index_e6: int) -> tuple[int, int]:
    """Return IM and MM at an index price, each rounded up once. O(scenarios x expiries)."""
    return requirements_of_loss(portfolio, index_e6, loss_e24(portfolio))


def requirements_of_loss(portfolio: Portfolio, index_e6: int, loss: int) -> tuple[int, int]:
    """Return IM and MM of a portfolio whose `loss_e24` is known. O(expiries)."""
    model = portfolio.grid.model
    base, slope = initial_line_e33(portfolio, loss)
    initial = base + slope * index_e6
    ratio = model.maintenance_ratio_e9
    if ratio > 0:
        return div_ceil(initial, _E27), div_ceil(initial * ratio, _E36)
    maintenance = loss * model.maintenance_factor_e9 + _extras_e33(portfolio, index_e6)[1]
    return div_ceil(initial, _E27), div_ceil(maintenance, _E27)


def initial_line_e33(portfolio: Portfolio, loss: int) -> tuple[int, int]:
    """Return (base, slope): IM is base + slope x index_e6, in units of 10^-33, rounded up."""
    initial = loss * portfolio.grid.model.initial_factor_e9
    floor = _floor_e24(portfolio) * _E9
    if floor > initial:
        initial = floor
    return initial, _extras_e33(portfolio, 1)[0]


def loss_e24(portfolio: Portfolio) -> int:
    """Return the worst loss over all scenarios and the basis, 0 if none loses."""
    grid, expiries = portfolio.grid, portfolio.expiries
    least = 0
    for sums in expiries:
        least += _basis_e24(sums)
    gains, weights, is_skew = portfolio.gains_e6, grid.weights_e9, grid.is_skew
    for index in range(len(gains)):
        total = gains[index] * _E9
        for sums in expiries:
            total += _expiry_e15(sums, index, is_skew[index])
        total *= weights[index]
        if total < least:
            least = total
    return -least


def explain(portfolio: Portfolio, index_e6: int) -> Explanation:
    """Return the requirements with all that made them. Expiries are in the portfolio's order."""
    grid, expiries = portfolio.grid, portfolio.expiries
    basis = [_basis_e24(sums) for sums in expiries]
    least = sum(basis)
    cause = BASIS if least < 0 else NO_LOSS
    scenarios: list[ScenarioResult] = []
    for index in range(len(grid.spots_e9)):
        parts = [_expiry_e15(sums, index, grid.is_skew[index]) for sums in expiries]
        futures = portfolio.gains_e6[index] * _E9
        result = (sum(parts) + futures) * grid.weights_e9[index]
        scenarios.append(ScenarioResult(parts, futures, result))
        if result < least:
            least, cause = result, index
    initial, maintenance = requirements_of_loss(portfolio, index_e6, -least)
    initial_extra, maintenance_extra = _extras_e33(portfolio, index_e6)
    return Explanation(
        scenarios,
        basis,
        cause,
        -least,
        _floor_e24(portfolio),
        sum([sums.naked_e16 for sums in expiries]),
        portfolio.gross_e16,
        initial_extra,
        maintenance_extra,
        initial,
        maintenance,
    )


def _short(lots: int) -> int:
    return -lots if lots < 0 else 0


def _expiry_e15(sums: ExpirySums, index: int, is_skew: bool) -> int:
    """Return what the options of an expiry gain in a scenario; in a skew they never gain."""
    value = sums.values_e6[index]
    factor = sums.shape.long_e9 if value >= 0 else sums.shape.short_e9
    gain = value * factor - sums.marks_e6 * _E9
    return -gain if is_skew and gain > 0 else gain


def _basis_e24(sums: ExpirySums) -> int:
    least = sums.basis_up_e6 if sums.basis_up_e6 < sums.basis_down_e6 else sums.basis_down_e6
    gain = least - sums.marks_e6
    return gain * sums.shape.basis_e9 * _E9 if gain < 0 else 0


def _floor_e24(portfolio: Portfolio) -> int:
    marks = 0
    for sums in portfolio.expiries:
        marks += sums.short_marks_e6
    return marks * portfolio.grid.model.short_floor_e9 * _E9


def _extras_e33(portfolio: Portfolio, index_e6: int) -> tuple[int, int]:
    """Return the contingencies of IM and of MM: a share of the underlying, at the index."""
    model = portfolio.grid.model
    naked = 0
    for sums in portfolio.expiries:
        naked += sums.naked_e16
    gross = portfolio.gross_e16
    both = model.option_initial_e9 + model.option_maintenance_e9
    both_of_future = model.future_initial_e9 + model.future_maintenance_e9
    maintenance = naked * model.option_maintenance_e9 + gross * model.future_maintenance_e9
    return (naked * both + gross * both_of_future) * index_e6 * 100, maintenance * index_e6 * 100

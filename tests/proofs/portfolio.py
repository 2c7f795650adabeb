"""Portfolio margin from the values of lots on: sums and requirements ([MRG-3]).

The models are real ones made for this, two scenarios each, one of them with discounts, floor and
contingencies. Lots are any number in their range, but for the sum of two portfolios, where they are
split into cases. What a lot is worth in a scenario, its mark and what a future gains are any
integers in their range, related in no way. How values come about (detmath) is not the matter here.
"""

from typing import Annotated

from lockstep_engine.codes import VolRule
from lockstep_engine.commands import PortfolioModel, RiskScenario
from lockstep_engine.risk.models import is_good_model
from lockstep_engine.risk.portfolio import ExpirySums, Portfolio, requirements
from lockstep_engine.risk.shapes import Contract as OptionContract
from lockstep_engine.risk.shapes import FutureLot, Grid, OptionLot, Shape
from tests.proofs.contract import Between, Contract, OneOf, each, planted

E9, E16 = 10**9, 10**16
Model = Annotated[int, each(0, 2)]
Held = Annotated[int, Between(-(2**56), 2**56)]
Few = Annotated[int, OneOf((-1, 2))]
Value = Annotated[int, Between(0, 2**56)]
Gain = Annotated[int, Between(-(2**56), 2**56)]
INDEX_E6 = 10**9

FILE = "lockstep_engine/risk/portfolio.py"

_UP = RiskScenario(1_100_000_000, int(VolRule.FIXED), E9, E9)
_DOWN = RiskScenario(900_000_000, int(VolRule.FIXED), E9, 600_000_000)
MODELS = (
    PortfolioModel((_UP, _DOWN)),
    PortfolioModel(
        (_UP, _DOWN),
        long_discount_e9=900_000_000,
        short_discount_e9=1_050_000_000,
        basis_factor_e9=250_000_000,
        option_initial_e9=30_000_000,
        option_maintenance_e9=20_000_000,
        future_initial_e9=10_000_000,
        future_maintenance_e9=5_000_000,
        short_floor_e9=50_000_000,
        initial_factor_e9=1_300_000_001,
        maintenance_factor_e9=E9,
        maintenance_ratio_e9=0,
    ),
    PortfolioModel((_UP, _DOWN), initial_factor_e9=7, maintenance_ratio_e9=E9),
)
GRIDS = tuple(Grid(model) for model in MODELS)
SHAPES = tuple(Shape(grid, 10**9, 40 * 86_400 * 10**9) for grid in GRIDS)
assert all(is_good_model(model) for model in MODELS)


def _option(strike_e6: int, is_call: bool, mark_e6: int, values: tuple[int, int]) -> OptionLot:
    return OptionLot(OptionContract(is_call, strike_e6, E16), mark_e6, list(values), values)


def _portfolio(model: int, options: list[tuple[OptionLot, int]], future: FutureLot) -> Portfolio:
    """Return one expiry with positions in options, and one lot of a future short."""
    portfolio = Portfolio(GRIDS[model])
    sums = ExpirySums(SHAPES[model])
    portfolio.expiries.append(sums)
    for lot, lots in options:
        sums.move(lot, 0, lots)
    portfolio.move(future, 0, -1)
    return portfolio


def _everything(sums: ExpirySums) -> tuple[object, ...]:
    return (
        *sums.values_e6,
        sums.basis_up_e6,
        sums.basis_down_e6,
        sums.marks_e6,
        sums.short_marks_e6,
        sums.naked_e16,
        len(sums.nets_e16),
    )


def a_position_moves_in_and_out_without_a_trace(
    before: Held, after: Held, mark: Value, up: Value, down: Value
) -> None:
    """Going through another position leaves the sums of the last one, and none for nothing."""
    lot, other = _option(100, True, mark, (up, down)), _option(100, False, down, (mark, up))
    sums, direct = ExpirySums(SHAPES[0]), ExpirySums(SHAPES[0])
    sums.move(lot, 0, before)
    sums.move(other, 0, 1)
    sums.move(lot, before, after)
    direct.move(other, 0, 1)
    direct.move(lot, 0, after)
    assert _everything(direct) == _everything(sums)
    sums.move(other, 1, 0)
    sums.move(lot, after, 0)
    assert _everything(ExpirySums(SHAPES[0])) == _everything(sums)


def futures_move_in_and_out_without_a_trace(
    before: Held, after: Held, up: Gain, down: Gain
) -> None:
    """The same for a future: gains and the gross amount."""
    lot = FutureLot([up, down], E16)
    portfolio = Portfolio(GRIDS[0])
    portfolio.move(lot, 0, before)
    portfolio.move(lot, before, after)
    assert [after * up, after * down] == portfolio.gains_e6
    assert abs(after) * E16 == portfolio.gross_e16


def maintenance_is_at_most_initial(
    model: Model, lots: Held, mark: Value, value: Value, gain: Gain
) -> None:
    """0 <= MM <= IM for every model that is good, whatever lots are worth."""
    option = _option(100, True, mark, (value, mark))
    portfolio = _portfolio(model, [(option, lots)], FutureLot([gain, -gain], E16))
    initial, maintenance = requirements(portfolio, INDEX_E6)
    assert 0 <= maintenance <= initial


def the_worst_scenario_is_covered(
    lots: Held, mark: Value, up: Value, down: Value, gain: Gain
) -> None:
    """IM is the loss of each scenario at its weight, or more, rounded up."""
    option = _option(100, True, mark, (up, down))
    portfolio = _portfolio(0, [(option, lots)], FutureLot([gain, -gain], E16))
    initial = requirements(portfolio, 0)[0]
    assert initial >= -(lots * (up - mark) - gain)
    assert initial * 10 >= -6 * (lots * (down - mark) + gain)


def portfolios_together_need_no_more_than_apart(
    model: Model, first: Few, second: Few, value: Value, other: Value
) -> None:
    """IM(A + B) <= IM(A) + IM(B), and the same for MM: models without skews."""
    call = (_option(100, True, INDEX_E6, (value, other)), first)
    put = (_option(100, False, other, (other, value)), second)
    future = FutureLot([value, -value], E16)
    alone = Portfolio(GRIDS[model])
    sums = ExpirySums(SHAPES[model])
    alone.expiries.append(sums)
    sums.move(put[0], 0, second)
    together = requirements(_portfolio(model, [call, put], future), INDEX_E6)
    one = requirements(_portfolio(model, [call], future), INDEX_E6)
    two = requirements(alone, INDEX_E6)
    assert together[0] <= one[0] + two[0]
    assert together[1] <= one[1] + two[1]


CONTRACTS = (
    Contract(
        a_position_moves_in_and_out_without_a_trace,
        ("MRG-3",),
        (
            planted(
                FILE,
                "marks of shorts follow the lots moved",
                ("(_short(after) - _short(before)) * lot", "_short(lots) * lot"),
                {"before": 0, "after": 0, "mark": 0, "up": 0, "down": 1},
            ),
            planted(
                FILE,
                "naked lots are counted per option, not per strike",
                (
                    "self.naked_e16 += _short(moved) - _short(net)",
                    "self.naked_e16 += _short(lots) * lot.contract.unit_e16",
                ),
                {"before": 0, "after": 0, "mark": 0, "up": 0, "down": 0},
            ),
        ),
    ),
    Contract(
        futures_move_in_and_out_without_a_trace,
        ("MRG-3",),
        (
            planted(
                FILE,
                "the gross amount of futures is net",
                ("(abs(after) - abs(before)) * lot", "(after - before) * lot"),
                {"before": 0, "after": -1, "up": 0, "down": 0},
            ),
        ),
    ),
    Contract(
        maintenance_is_at_most_initial,
        ("MRG-3",),
        (
            planted(
                FILE,
                "initial margin has no contingencies",
                ("return initial, _extras_e33(portfolio, 1)[0]", "return initial, 0"),
                {"model": 1, "lots": 1, "mark": 0, "value": 0, "gain": 0},
            ),
            planted(
                FILE,
                "a ratio of maintenance is of the rounded margin",
                (
                    "div_ceil(initial * ratio, _E36)",
                    "div_ceil(div_ceil(initial, _E27) * (ratio + 1), _E9)",
                ),
                {"model": 2, "lots": -1, "mark": 0, "value": 1, "gain": 0},
            ),
        ),
    ),
    Contract(
        the_worst_scenario_is_covered,
        ("MRG-3", "NUM-2"),
        (
            planted(
                FILE,
                "initial margin is rounded down",
                (
                    "return div_ceil(initial, _E27), div_ceil(initial * ratio, _E36)",
                    "return initial // _E27, div_ceil(initial * ratio, _E36)",
                ),
                {"lots": 0, "mark": 0, "up": 0, "down": 0, "gain": -1},
            ),
            planted(
                FILE,
                "the last scenario is the worst",
                (
                    "        if total < least:\n            least = total\n",
                    "        least = total\n",
                ),
                {"lots": 0, "mark": 0, "up": 0, "down": 0, "gain": 1},
            ),
        ),
    ),
    Contract(
        portfolios_together_need_no_more_than_apart,
        ("MRG-3",),
        (
            planted(
                FILE,
                "the discounts of longs and shorts are exchanged",
                (
                    "sums.shape.long_e9 if value >= 0 else sums.shape.short_e9",
                    "sums.shape.short_e9 if value >= 0 else sums.shape.long_e9",
                ),
                {"model": 1, "first": -1, "second": 2, "value": 999999998, "other": 999999999},
            ),
        ),
    ),
)

"""Two portfolios together need no more margin than apart ([MRG-3]), with 2,000 random ones a model.

`python -m tests.portfolio` runs 20,000.
"""

import pytest

from lockstep_engine.commands import PortfolioModel
from lockstep_engine.risk.detmath import price_e6
from lockstep_engine.risk.portfolio import ExpirySums, Portfolio, explain
from lockstep_engine.risk.shapes import Contract, Grid, Shape, option_lot
from lockstep_runtime.presets import load_preset
from tests import portfolio

COUNT = 2_000
DAY_NS = 86_400 * 10**9
FORWARD_E6 = 100_000 * 10**6
VOL_E9 = 10**9


@pytest.mark.parametrize(
    ("name", "model"), [(name, model) for name, model, may in portfolio.models() if not may]
)
def test_a_sum_of_portfolios_needs_no_more_than_its_parts(name: str, model: PortfolioModel) -> None:
    found = portfolio.measure(name, model, False, COUNT, 11)
    assert (0, 0) == (found.initial, found.maintenance), str(found)


def test_only_skews_with_a_discount_of_longs_may_cost_more() -> None:
    assert ["derive_pmrm2"] == [name for name, _, may in portfolio.models() if may]


def test_the_page_has_the_sum_that_costs_a_sixth_more_than_its_parts() -> None:
    """Both hold wings against the middle and gain in WINGS; a box makes one long, one short."""
    wings = {"P57": 1200, "C180": 1600, "C100": -700, "P100": -700}
    box = {"C90": 1300, "P90": -1300, "C110": -1300, "P110": 1300}
    against = {name: -qty for name, qty in box.items()}
    one, other, both = (
        explain(_hundredths(*held), FORWARD_E6)
        for held in ((wings, box), (wings, against), (wings, wings))
    )
    assert (19_260, 27_494, 54_988) == tuple(
        one.initial_e6 // 10**6 + 1 for one in (one, other, both)
    )
    assert 32 == both.cause


def _hundredths(*holdings: dict[str, int]) -> Portfolio:
    """Return a portfolio of hundredths of BTC, 90 days before expiry; C90 has strike 90,000."""
    grid = Grid(load_preset("derive_pmrm2").model)
    shape = Shape(grid, FORWARD_E6, 90 * DAY_NS)
    sums = ExpirySums(shape)
    lots = {}
    for name in sorted({name for held in holdings for name in held}):
        contract = Contract(name[0] == "C", int(name[1:]) * 10**9, 10**14)
        mark = price_e6(contract.is_call, FORWARD_E6, contract.strike_e6, 90 * DAY_NS, VOL_E9)
        lots[name] = option_lot(shape, contract, VOL_E9, mark // 100)
    held_so_far = dict.fromkeys(lots, 0)
    for held in holdings:
        for name, qty in held.items():
            sums.move(lots[name], held_so_far[name], held_so_far[name] + qty)
            held_so_far[name] += qty
    whole = Portfolio(grid)
    whole.expiries.append(sums)
    return whole

"""Portfolio margin ([MRG-3]): the vectors of docs/portfolio-margin.md, sums by fills, parts."""

import random
import re
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from lockstep_engine.codes import VolRule
from lockstep_engine.commands import PortfolioModel, RiskScenario
from lockstep_engine.risk.detmath import price_e6
from lockstep_engine.risk.models import is_good_model
from lockstep_engine.risk.portfolio import (
    BASIS,
    NO_LOSS,
    ExpirySums,
    Portfolio,
    explain,
    loss_e24,
    requirements,
)
from lockstep_engine.risk.shapes import Contract, Grid, Shape, future_lot, option_lot

PAGE = Path(__file__).parents[4] / "docs" / "portfolio-margin.md"
ONE = 10**6
E9 = 10**9
UNIT = 10**16
DAY_NS = 86_400 * 10**9
HUNDRED = 100 * ONE
VOL = 500_000_000
UP, FIXED = int(VolRule.UP), int(VolRule.FIXED)

SMALL = PortfolioModel(
    (
        RiskScenario(1_200_000_000, UP, 0, E9),
        RiskScenario(800_000_000, UP, 0, E9),
        RiskScenario(E9, FIXED, E9, E9),
        RiskScenario(2_000_000_000, UP, 0, 100_000_000),
    ),
    up_range_e9=500_000_000,
    short_power_e9=300_000_000,
    long_power_e9=130_000_000,
    basis_up_e9=1_100_000_000,
    basis_down_e9=900_000_000,
    option_initial_e9=2_000_000,
    option_maintenance_e9=3_000_000,
    future_initial_e9=10_000_000,
    future_maintenance_e9=30_000_000,
    short_floor_e9=100_000_000,
    maintenance_factor_e9=800_000_000,
    maintenance_ratio_e9=0,
)
MODELS = {
    "small": SMALL,
    "odd": SMALL,
    "discount": msgspec.structs.replace(SMALL, long_discount_e9=950_000_000),
    "basis": msgspec.structs.replace(SMALL, basis_factor_e9=500_000_000),
    "ratio": msgspec.structs.replace(SMALL, maintenance_ratio_e9=850_000_000),
    "vol": msgspec.structs.replace(SMALL, scenarios=(RiskScenario(E9, UP, 0, E9),)),
    "skew": msgspec.structs.replace(
        SMALL,
        scenarios=(
            RiskScenario(E9, int(VolRule.LINEAR), 0, E9),
            RiskScenario(E9, int(VolRule.WINGS), 0, E9),
        ),
        linear_cap_e9=200_000_000,
        wings_cap_e9=200_000_000,
        width_scale_e9=500_000_000,
        width_vol_e9=E9,
    ),
}


class Vector(NamedTuple):
    """A row of the page."""

    name: str
    model: str
    days: str
    positions: str
    initial: str
    maintenance: str


def vectors() -> list[Vector]:
    text = PAGE.read_text("utf-8")
    table = text.split("<!-- vectors: begin -->")[1].split("<!-- vectors: end -->")[0]
    rows = re.findall(r"^\| (.+) \|$", table, re.M)
    return [Vector(*row.split(" | ")) for row in rows[1:]]


def e6(dollars: str) -> int:
    whole, _, part = dollars.partition(".")
    return int(whole) * ONE + int((part + "000000")[:6])


def portfolio_of(model: str, days: str, positions: str) -> Portfolio:
    """Return the portfolio that a row of the page describes."""
    grid = Grid(MODELS[model])
    portfolio = Portfolio(grid)
    left_ns = int(float(days) * DAY_NS)
    shape = Shape(grid, HUNDRED, left_ns)
    sums = {"": ExpirySums(shape), "later": ExpirySums(shape)}
    portfolio.expiries.extend(sums.values())
    for position in positions.split(", "):
        lots, instrument, *when = position.split(" ")
        if instrument == "PERP":
            portfolio.move(future_lot(grid, HUNDRED, UNIT, HUNDRED), 0, int(lots))
            continue
        is_call, strike_e6 = instrument[0] == "C", int(instrument[1:]) * ONE
        mark = price_e6(is_call, HUNDRED, strike_e6, left_ns, VOL)
        lot = option_lot(shape, Contract(is_call, strike_e6, UNIT), VOL, mark)
        sums["".join(when)].move(lot, 0, int(lots))
    return portfolio


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector.name)
def test_a_portfolio_needs_what_the_page_worked_out_by_hand(vector: Vector) -> None:
    portfolio = portfolio_of(vector.model, vector.days, vector.positions)
    index_e6 = HUNDRED + 1 if vector.model == "odd" else HUNDRED
    expected = (e6(vector.initial), e6(vector.maintenance))
    assert expected == requirements(portfolio, index_e6)
    explanation = explain(portfolio, index_e6)
    assert expected == (explanation.initial_e6, explanation.maintenance_e6)


def test_the_page_has_enough_vectors_and_all_models_are_good() -> None:
    found = vectors()
    assert len(found) >= 15
    assert {vector.model for vector in found} == MODELS.keys()
    assert [] == [name for name, model in MODELS.items() if not is_good_model(model)]


def test_an_explanation_names_the_parts_of_a_perpetual_hedge() -> None:
    explanation = explain(portfolio_of("small", "0", "-1 C90, +1 PERP"), HUNDRED)
    e15, e24 = ONE * 10**9, ONE * 10**18
    assert [-20 * e15, 10 * e15, 0, -100 * e15] == [
        scenario.expiries_e15[0] for scenario in explanation.scenarios
    ]
    assert [20 * e15, -20 * e15, 0, 100 * e15] == [
        scenario.futures_e15 for scenario in explanation.scenarios
    ]
    assert [0, -10 * e24, 0, 0] == [scenario.result_e24 for scenario in explanation.scenarios]
    assert (1, 10 * e24, e24) == explanation[2:5]
    assert (UNIT, UNIT) == (explanation.naked_e16, explanation.gross_e16)
    assert 4_500_000 * 10**27 == explanation.initial_extra_e33
    assert 3_300_000 * 10**27 == explanation.maintenance_extra_e33


def test_an_explanation_names_basis_and_no_loss() -> None:
    hedged = explain(portfolio_of("basis", "0", "+1 C100, -1 C100 later"), HUNDRED)
    assert BASIS == hedged.cause
    assert [0, -5 * ONE * 10**18] == hedged.basis_e24
    assert NO_LOSS == explain(portfolio_of("small", "0", "+1 PERP, -1 PERP"), HUNDRED).cause


def test_an_empty_portfolio_needs_nothing() -> None:
    assert (0, 0) == requirements(Portfolio(Grid(SMALL)), HUNDRED)


def test_sums_kept_by_fills_are_those_of_the_positions() -> None:
    rng = random.Random(7)
    grid = Grid(MODELS["basis"])
    shape = Shape(grid, HUNDRED, 20 * DAY_NS)
    contracts = [Contract(c, s * ONE, UNIT // 10) for c in (True, False) for s in (80, 100, 120)]
    lots = [
        option_lot(shape, one, VOL, price_e6(one.is_call, HUNDRED, one.strike_e6, 0, VOL) // 10)
        for one in contracts
    ]
    perpetual = future_lot(grid, 99 * ONE, UNIT, 99 * ONE)
    kept = Portfolio(grid)
    kept.expiries.append(ExpirySums(shape))
    held = [0] * (len(lots) + 1)
    for _ in range(500):
        place = rng.randrange(len(held))
        after = rng.randint(-20, 20)
        if place == len(lots):
            kept.move(perpetual, held[place], after)
        else:
            kept.expiries[0].move(lots[place], held[place], after)
        held[place] = after
        fresh = Portfolio(grid)
        fresh.expiries.append(ExpirySums(shape))
        for lot, qty in zip(lots, held, strict=False):
            fresh.expiries[0].move(lot, 0, qty)
        fresh.move(perpetual, 0, held[-1])
        assert explain(fresh, HUNDRED) == explain(kept, HUNDRED)
        assert loss_e24(kept) == explain(kept, HUNDRED).loss_e24


@pytest.mark.parametrize(
    ("call", "put", "naked"),
    [(-3, -2, 5), (-3, 2, 1), (3, -2, 0), (-2, 3, 0), (2, -3, 1), (3, 2, 0), (0, -4, 4)],
)
def test_calls_and_puts_of_a_strike_offset_each_other(call: int, put: int, naked: int) -> None:
    portfolio = portfolio_of("small", "0", f"{call} C100, {put} P100")
    assert naked * UNIT == explain(portfolio, HUNDRED).naked_e16


def test_the_order_of_expiries_does_not_matter() -> None:
    portfolio = portfolio_of("basis", "365", "+3 C90, -2 P110 later, -1 C100")
    before = requirements(portfolio, HUNDRED)
    portfolio.expiries.reverse()
    assert before == requirements(portfolio, HUNDRED)

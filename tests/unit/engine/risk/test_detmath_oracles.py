"""Option values are right ([NUM-5]): mpmath over random points, QuantLib's and vollib's test data.

QuantLib and vollib know a spot, a rate and a dividend yield; here these become a forward and a
discount, and what only they have (elasticity, rho, theta with a rate) is computed from our greeks.
"""

import csv
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest

from lockstep_engine.risk.detmath import black76
from tests import accuracy

DATA = Path(__file__).with_name("data")
YEAR_NS = 365 * 86_400 * 10**9
FINE = 10_000
"""Prices are scaled by it, so that a micro-dollar is far below the printed digits."""


class SpotOption(NamedTuple):
    """A European option on a spot, as the test data have it."""

    is_call: bool
    strike: float
    spot: float
    dividend: float
    rate: float
    years: float
    vol: float


class SpotGreeks(NamedTuple):
    """Value and greeks with respect to the spot, from Black-76; vega per 1.00, theta per year."""

    value: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float
    dividend_rho: float


def greeks_of(option: SpotOption) -> SpotGreeks:
    """Return what `black76` says of the option."""
    growth = math.exp((option.rate - option.dividend) * option.years)
    discount = math.exp(-option.rate * option.years)
    forward = option.spot * growth
    price_e6, delta_e9, _, vega_e9, theta_e9 = of_black76(option, forward, FINE)
    gamma_e9 = of_black76(option, forward, 1)[2]
    value = discount * price_e6 / 10**6 / FINE
    delta = discount * growth * delta_e9 / 10**9
    carried = option.spot * delta
    decay = discount * theta_e9 / 10**9 / FINE * 365
    return SpotGreeks(
        value,
        delta,
        discount * growth * growth * gamma_e9 / 10**9,
        discount * vega_e9 / 10**9 / FINE * 100,
        option.rate * value - (option.rate - option.dividend) * carried + decay,
        option.years * (carried - value),
        -option.years * carried,
    )


def of_black76(option: SpotOption, forward: float, money: int) -> tuple[int, int, int, int, int]:
    """Return the results of `black76` for `money` dollars in place of each."""
    return black76(
        option.is_call,
        int(forward * 10**6 * money + 0.5),
        int(option.strike * 10**6 * money + 0.5),
        int(option.years * YEAR_NS + 0.5),
        int(option.vol * 10**9 + 0.5),
    )


def quantlib_rows(name: str) -> list[tuple[SpotOption, float, float]]:
    """Return (option, value, tolerance) for each row."""
    found: list[tuple[SpotOption, float, float]] = []
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        for kind, *fields in csv.reader(file):
            numbers = [float(Fraction(*map(Fraction, field.split("/")))) for field in fields]
            option = SpotOption(kind == "Call", *numbers[:6])
            found.append((option, numbers[6], numbers[7]))
    return found


def vollib_rows() -> list[dict[str, float]]:
    table = json.loads((DATA / "vollib-values.json").read_text("utf-8"))
    return [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]


@pytest.mark.rule("NUM-5")
def test_prices_are_those_of_quantlib() -> None:
    rows = quantlib_rows("quantlib-values.csv")
    assert 43 == len(rows)
    for option, value, tolerance in rows:
        assert abs(value - greeks_of(option).value) <= tolerance == 1e-4, option


@pytest.mark.rule("NUM-5")
def test_greeks_are_those_of_quantlib() -> None:
    rows = quantlib_rows("quantlib-greeks.csv")
    all_greeks = [greeks_of(option) for option, _, _ in rows]
    found = [
        all_greeks[0].delta,
        all_greeks[1].delta,
        all_greeks[2].delta * rows[2][0].spot / all_greeks[2].value,
        all_greeks[3].gamma,
        all_greeks[4].gamma,
        all_greeks[5].vega,
        all_greeks[6].vega,
        all_greeks[7].theta,
        all_greeks[8].theta / 365,
        all_greeks[9].rho,
        all_greeks[10].dividend_rho,
    ]
    for (option, value, _), ours in zip(rows, found, strict=True):
        assert abs(value - ours) <= 5.1e-5, option


@pytest.mark.rule("NUM-5")
def test_prices_and_greeks_are_those_of_vollib() -> None:
    rows = vollib_rows()
    assert 101 == len(rows)
    for row in rows:
        inputs = (row["K"], row["S"], 0.0, row["R"], row["t"], row["v"])
        for is_call, value, letter in ((True, "bs_call", "C"), (False, "bs_put", "P")):
            ours = greeks_of(SpotOption(is_call, *inputs))
            expected = [row[value], *(row[letter + greek] for greek in "DGVTR")]
            found = (ours.value, ours.delta, ours.gamma, ours.vega, ours.theta, ours.rho)
            for theirs, our in zip(expected, found, strict=True):
                assert abs(theirs - our) <= 1e-6, row


@pytest.mark.rule("NUM-5")
def test_prices_and_greeks_are_exact_within_the_bound_of_the_rule() -> None:
    worst = accuracy.measure_options(accuracy.POINTS, accuracy.SEED)
    assert list(accuracy.GREEKS) == [row.name for row in worst]
    assert [] == [str(row) for row in worst if row.bound > 1e-2]
    assert worst[0].absolute < 2e-15


@pytest.mark.rule("NUM-5")
def test_integers_are_the_true_values_rounded() -> None:
    for option in accuracy.random_options(1000, 7):
        bound = 0.5 + 1e-12 * option.forward_e6
        price, delta, gamma, vega, theta = accuracy.true_values(option)
        found = black76(*option)
        assert abs(found[0] - price) <= bound
        assert abs(found[1] - delta * 10**9) <= 0.501
        assert abs(found[2] - gamma * 10**15) <= 0.501 + 1e-10 * abs(gamma * 10**15)
        assert abs(found[3] - vega * 1000) <= bound * 1000
        assert abs(found[4] - theta * 1000) <= 0.5 + 1e-10 * abs(theta * 1000)


def test_exp_log_and_the_normal_distribution_are_right_in_the_last_bits() -> None:
    worst = accuracy.measure_functions(2000, accuracy.SEED)
    assert [] == [str(row) for row in worst if row.relative > 1e-15]

"""More long options never need more, more short ones never less; see tests/margin.py."""

import random

import pytest

from lockstep_engine.codes import MarginMode
from tests.margin import SEED, Found, measure, random_market, run

PORTFOLIOS = 1_000


@pytest.mark.rule("MRG-2")
def test_longs_never_raise_and_shorts_never_lower_what_is_needed() -> None:
    found = run(PORTFOLIOS, SEED)
    assert [PORTFOLIOS, PORTFOLIOS] == [one.portfolios for one in found]
    assert [0, 0] == [one.faults for one in found], "\n".join(str(one) for one in found)


@pytest.mark.rule("MRG-2")
@pytest.mark.parametrize("seed", range(12))
def test_so_it_is_in_many_markets(seed: int) -> None:
    rng = random.Random(seed)
    market = random_market(rng)
    found = Found(MarginMode.STANDARD_SPREAD)
    for _ in range(40):
        measure(market, found, rng)
    assert 0 == found.faults, str(found)

"""Implied volatility gives back what `black76` priced with, or says why it cannot."""

import random
import sys

import pytest

from lockstep_engine.risk.detmath import black76, price_e6
from lockstep_runtime.implied import ImpliedVolError, NoSolverError, implied_vol_e9

HOUR_NS = 3600 * 10**9
YEAR_NS = 365 * 24 * HOUR_NS
DOLLAR = 10**6


@pytest.fixture(autouse=True)
def solver() -> None:
    pytest.importorskip("lets_be_rational", reason="the extra `implied` is not installed")


def test_a_price_gives_back_its_volatility_as_sharply_as_it_is_rounded() -> None:
    rng = random.Random(1)
    sharp = 0
    for _ in range(2000):
        is_call = rng.random() < 0.5
        forward = rng.randint(100, 200_000) * DOLLAR
        strike = forward * rng.randint(300, 3000) // 1000
        time, vol = rng.randint(HOUR_NS, 5 * YEAR_NS), rng.randint(10**7, 5 * 10**9)
        price, _, _, vega_e9, _ = black76(is_call, forward, strike, time, vol)
        # Vega in micro-dollars per 10^-9 of volatility is vega_e9 / 10^10.
        if vega_e9 < 10**6 or price == max(0, forward - strike if is_call else strike - forward):
            continue
        found = implied_vol_e9(is_call, price, forward, strike, time)
        slack = 2 + 2 * 10**10 // vega_e9
        assert abs(found - vol) <= slack
        sharp += slack == 2
    assert sharp > 500


def test_the_implied_volatility_gives_back_a_quoted_price() -> None:
    rng = random.Random(2)
    for _ in range(500):
        is_call = rng.random() < 0.5
        forward = rng.randint(100, 2000) * DOLLAR
        strike = forward * rng.randint(700, 1400) // 1000
        time = rng.randint(24 * HOUR_NS, 2 * YEAR_NS)
        intrinsic = max(0, forward - strike if is_call else strike - forward)
        price = intrinsic + rng.randint(forward // 10_000, min(forward, strike) // 2)
        vol = implied_vol_e9(is_call, price, forward, strike, time)
        assert abs(price - price_e6(is_call, forward, strike, time, vol)) <= 1


def test_the_intrinsic_value_has_no_volatility() -> None:
    assert 0 == implied_vol_e9(True, 7 * DOLLAR, 107 * DOLLAR, 100 * DOLLAR, HOUR_NS)
    assert 0 == implied_vol_e9(False, 0, 107 * DOLLAR, 100 * DOLLAR, HOUR_NS)
    assert 7 * DOLLAR == price_e6(True, 107 * DOLLAR, 100 * DOLLAR, HOUR_NS, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((True, 6, 107, 100, 1), "price_e6: expected at least the intrinsic value 7, found 6"),
        ((False, -1, 107, 100, 1), "price_e6: expected at least the intrinsic value 0, found -1"),
        ((True, 107, 107, 100, 1), "price_e6: expected less than the forward 107, found 107"),
        ((False, 100, 107, 100, 1), "price_e6: expected less than the strike 100, found 100"),
        ((True, 50, 100, 100, 1), "price_e6: expected a price of a volatility up to 100000000000"),
        ((True, 50, 0, 100, 1), "forward_e6: expected 1 to 9007199254740992, found 0"),
        ((True, 50, 100, 2**53 + 1, 1), "strike_e6: expected 1 to 9007199254740992, found"),
        ((True, 50, 100, 100, 0), "to_expiry_ns: expected 1 to 4611686018427387904, found 0"),
    ],
)
def test_a_price_that_no_volatility_gives_is_explained(
    arguments: tuple[bool, int, int, int, int], message: str
) -> None:
    with pytest.raises(ImpliedVolError) as caught:
        implied_vol_e9(*arguments)
    assert str(caught.value).startswith(message)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lets_be_rational", None)
    with pytest.raises(NoSolverError, match=r"pip install 'lockstep-exchange\[implied\]'"):
        implied_vol_e9(True, 5, 100, 100, YEAR_NS)

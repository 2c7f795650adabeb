"""Option values, powers and logarithms: docs/detmath.md, operation by operation ([NUM-5]).

The only module here that may hold floats. Every line is one or more of the page's operations in the
page's order; rounding to an integer is done exactly, on the fraction that a float is.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import frexp, ldexp, sqrt
from typing import NamedTuple

from lockstep_kernel import check, div_half_even

TAIL = 37.5
YEAR_NS = 3.1536e16
INV_LN2 = 1.4426950408889634
LN2_HIGH = 0.6931471803691238
LN2_LOW = 1.9082149292705877e-10
SQRT_HALF = 0.7071067811865476
SQRT_TWO = 1.4142135623730951
INV_SQRT_PI = 0.5641895835477563
INV_SQRT_2PI = 0.3989422804014327
ERF_CENTRE = 0.46875
ERFCX_MIDDLE = 4.0

# Polynomials, the coefficient of the highest power first; a leading 1.0 where the page has none.
EXP = (
    4.1381367970572385e-08,
    -1.6533902205465252e-06,
    6.613756321437934e-05,
    -0.0027777777777015593,
    0.16666666666666602,
)
LOG = (
    0.14798198605116586,
    0.15313837699209373,
    0.1818357216161805,
    0.22222198432149784,
    0.2857142874366239,
    0.3999999999940942,
    0.6666666666666735,
)
ERF_ABOVE = (
    0.18577770618460315,
    3.1611237438705655,
    113.86415415105016,
    377.485237685302,
    3209.3775891384694,
)
ERF_BELOW = (
    1.0,
    23.601290952344122,
    244.02463793444417,
    1282.6165260773723,
    2844.236833439171,
)
ERFCX_ABOVE = (
    2.1531153547440383e-08,
    0.5641884969886701,
    8.883149794388377,
    66.11919063714163,
    298.6351381974001,
    881.952221241769,
    1712.0476126340707,
    2051.0783778260716,
    1230.3393547979972,
)
ERFCX_BELOW = (
    1.0,
    15.744926110709835,
    117.6939508913125,
    537.1811018620099,
    1621.3895745666903,
    3290.7992357334597,
    4362.619090143247,
    3439.3676741437216,
    1230.3393548037495,
)
ERFCX_FAR_ABOVE = (
    0.016315387137302097,
    0.30532663496123236,
    0.36034489994980445,
    0.12578172611122926,
    0.016083785148742275,
    0.0006587491615298378,
)
ERFCX_FAR_BELOW = (
    1.0,
    2.568520192289822,
    1.8729528499234604,
    0.5279051029514285,
    0.06051834131244132,
    0.0023352049762686918,
)

E9 = 10**9
LIMIT = 2**62


class Greeks(NamedTuple):
    """What an option is worth, and how that changes: per unit of the underlying."""

    price_e6: int
    delta_e9: int
    gamma_e9: int
    vega_e9: int
    theta_e9: int


class Option(NamedTuple):
    """A European option on a forward, some time before (or behind) its expiry."""

    is_call: bool
    forward_e6: int
    strike_e6: int
    to_expiry_ns: int
    vol_e9: int

    @property
    def intrinsic_e6(self) -> int:
        """What it would pay if the forward were the settlement price."""
        gain_e6 = self.forward_e6 - self.strike_e6
        return max(gain_e6 if self.is_call else -gain_e6, 0)


class OutOfTheMoney(NamedTuple):
    """The two terms of the value of the option out of the money, and the weight of the greeks."""

    near: float
    far: float
    weight: float


@lru_cache(maxsize=65_536)
def black76(option: Option) -> Greeks:
    """Return value and greeks; raise `InvariantError` for an input outside its range.

    A liquidation asks for the same options again and again, so the last answers are kept.
    """
    _check_ranges(option)
    if option.to_expiry_ns <= 0 or option.vol_e9 == 0:
        return _at_expiry(option)
    forward, strike = float(option.forward_e6), float(option.strike_e6)
    vol = float(option.vol_e9) / 1e9
    root = sqrt(float(option.to_expiry_ns) / YEAR_NS)
    deviation = vol * root
    if option.forward_e6 <= option.strike_e6:
        near, far, weight = _otm(forward, strike, deviation)
        call_delta = near / forward
    else:
        near, far, weight = _otm(strike, forward, deviation)
        call_delta = (forward - far) / forward
    value = near - far if near > far else 0.0
    return Greeks(
        price_e6=_rounded(value) + option.intrinsic_e6,
        delta_e9=_rounded(call_delta * 1e9) - (0 if option.is_call else E9),
        gamma_e9=_rounded(weight / (forward * deviation) / forward * 1e15),
        vega_e9=_rounded(weight * root * 0.01 * 1000.0),
        theta_e9=_rounded(-(weight * vol) / (root * 730.0) * 1000.0),
    )


def power_e9(numerator: int, denominator: int, exponent_e9: int) -> int:
    """Return (numerator / denominator)^exponent, in parts per billion."""
    _check_range("numerator", numerator, 1, LIMIT)
    _check_range("denominator", denominator, 1, LIMIT)
    _check_range("exponent_e9", exponent_e9, -(10**10), 10**10)
    return _e(float(exponent_e9) / 1e9 * _log_ratio(float(numerator), float(denominator)))


def growth_e9(elapsed_ns: int, rate_e9: int) -> int:
    """Return e^(years x rate), in parts per billion."""
    return _e(_years_times_rate(elapsed_ns, rate_e9))


def decay_e9(elapsed_ns: int, rate_e9: int) -> int:
    """Return e^(-years x rate), in parts per billion."""
    return _e(-_years_times_rate(elapsed_ns, rate_e9))


def log_ratio_e9(a_e6: int, b_e6: int) -> int:
    """Return ln(a / b), in parts per billion."""
    _check_range("a_e6", a_e6, 1, 2**53)
    _check_range("b_e6", b_e6, 1, 2**53)
    return _rounded(_log_ratio(float(a_e6), float(b_e6)) * 1e9)


def _check_range(name: str, value: int, low: int, high: int) -> None:
    check(low <= value <= high, f"expected {name} in [{low}, {high}], found {value}")


def _check_ranges(option: Option) -> None:
    _check_range("forward_e6", option.forward_e6, 1, 2**53)
    _check_range("strike_e6", option.strike_e6, 1, 2**53)
    _check_range("vol_e9", option.vol_e9, 0, 10**11)
    time = option.to_expiry_ns
    check(time <= LIMIT, f"expected to_expiry_ns up to {LIMIT}, found {time}")


def _at_expiry(option: Option) -> Greeks:
    """Return what is left without time or without volatility."""
    if option.forward_e6 == option.strike_e6:
        call_delta_e9 = E9 // 2
    else:
        call_delta_e9 = E9 if option.forward_e6 > option.strike_e6 else 0
    delta_e9 = call_delta_e9 - (0 if option.is_call else E9)
    return Greeks(option.intrinsic_e6, delta_e9, 0, 0, 0)


def _rounded(x: float) -> int:
    """q of the page: the nearest integer, ties to even, cut before +-2^62."""
    if x >= LIMIT:
        return LIMIT - 1
    if x <= -LIMIT:
        return 1 - LIMIT
    return _nearest(x)


def _nearest(x: float) -> int:
    """Return the integer nearest to x, ties to the even one, of any size."""
    return div_half_even(*x.as_integer_ratio())


def _years_times_rate(elapsed_ns: int, rate_e9: int) -> float:
    _check_range("elapsed_ns", elapsed_ns, 0, LIMIT)
    _check_range("rate_e9", rate_e9, 0, 10**11)
    return float(elapsed_ns) / YEAR_NS * (float(rate_e9) / 1e9)


def _e(x: float) -> int:
    """e of the page: e^x in parts per billion, 0 and the most there is from where they are."""
    if x < -60.0:
        return 0
    if x > 60.0:
        return LIMIT - 1
    return _rounded(_exp_of_sum(x, 0.0) * 1e9)


def _otm(low: float, high: float, deviation: float) -> OutOfTheMoney:
    distance = _log_ratio(low, high) / deviation
    half = deviation * 0.5
    plus = distance + half
    if plus < -TAIL:
        return OutOfTheMoney(0.0, 0.0, 0.0)
    if plus > TAIL:
        return OutOfTheMoney(low, 0.0, 0.0)
    bell = _bell(plus)
    near = low * _cdf(plus, bell)
    y = (half - distance) * SQRT_HALF
    if y > ERF_CENTRE:
        far = low * (0.5 * bell) * _erfcx(y)
    else:
        far = high * (0.5 - 0.5 * _erf(y))
    return OutOfTheMoney(near, far, low * bell * INV_SQRT_2PI)


def _log_ratio(a: float, b: float) -> float:
    """Return ln(a / b)."""
    ratio = a / b
    k = 0
    if not SQRT_HALF <= ratio <= SQRT_TWO:
        fraction, k = frexp(ratio)
        if fraction < SQRT_HALF:
            k -= 1
    m = ldexp(b, k)
    s = (a - m) / (a + m)
    z = s * s
    series = z * _polynomial(LOG, z)
    return k * LN2_HIGH + (2.0 * s + (s * series + k * LN2_LOW))


def _exp_of_sum(high: float, low: float) -> float:
    """Return e^(high + low)."""
    k = _nearest((high + low) * INV_LN2)
    a = high - k * LN2_HIGH
    b = k * LN2_LOW - low
    r = a - b
    t = r * r
    c = r - t * _polynomial(EXP, t)
    return ldexp(1.0 - ((b - r * c / (2.0 - c)) - a), k)


def _bell(x: float) -> float:
    """Return e^(-x^2 / 2)."""
    h = _nearest(x * 16.0) / 16.0
    return _exp_of_sum(-0.5 * (h * h), -0.5 * ((x - h) * (x + h)))


def _cdf(x: float, bell: float) -> float:
    """Return the probability below x of the normal distribution, for |x| <= TAIL."""
    y = x * SQRT_HALF
    if y < -ERF_CENTRE:
        return 0.5 * bell * _erfcx(-y)
    if y > ERF_CENTRE:
        return 1.0 - 0.5 * bell * _erfcx(y)
    return 0.5 + 0.5 * _erf(y)


def _erf(y: float) -> float:
    z = y * y
    return y * _polynomial(ERF_ABOVE, z) / _polynomial(ERF_BELOW, z)


def _erfcx(y: float) -> float:
    """Return e^(y^2) erfc(y), for y > ERF_CENTRE."""
    if y <= ERFCX_MIDDLE:
        return _polynomial(ERFCX_ABOVE, y) / _polynomial(ERFCX_BELOW, y)
    z = 1.0 / (y * y)
    rest = z * _polynomial(ERFCX_FAR_ABOVE, z) / _polynomial(ERFCX_FAR_BELOW, z)
    return (INV_SQRT_PI - rest) / y


def _polynomial(coefficients: Sequence[float], x: float) -> float:
    """Return the value of a polynomial by Horner's rule: one product and one sum per power."""
    total = coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total

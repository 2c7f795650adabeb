"""Black-76 with the same bits on every machine, and exp, log and the normal distribution under it.

Owns the only floats of the core ([NUM-5]): IEEE 754 binary64 `+ - * /` and sqrt, which every
machine rounds the same way, in one written order. docs/detmath.md is that order with its sources,
complete enough for a second implementation; whoever changes one operation here changes prices,
that page and the table of pinned values in the tests. It calls no transcendental function of libm,
which differ between machines, and keeps nothing between calls.

The functions for the rest of the core, `black76`, `price_e6`, `power_e9`, `growth_e9`, `decay_e9`
and `log_ratio_e9`, take and return integers. No step of them overflows, makes a NaN or divides by
zero for any input in the stated ranges.
"""

import math
from typing import Final

PRICE_MAX_E6: Final = 9_007_199_254_740_992
"""2^53, the highest forward and strike: integers up to it are floats, their differences too."""
VOL_MAX_E9: Final = 100_000_000_000
TO_EXPIRY_NS_MAX: Final = 4_611_686_018_427_387_904
GREEK_MAX_E9: Final = 4_611_686_018_427_387_903
"""2^62 - 1. Gamma and theta beyond it, seen at prices of a few micro-dollars, are cut to it."""

POWER_MAX: Final = 4_611_686_018_427_387_904
"""2^62, the highest numerator and denominator of `power_e9`."""
EXPONENT_MAX_E9: Final = 10_000_000_000
RATE_MAX_E9: Final = 100_000_000_000
ELAPSED_NS_MAX: Final = 4_611_686_018_427_387_904

EXP_MIN: Final = -708.0
EXP_MAX: Final = 709.0
LOG_MIN: Final = 1e-300
LOG_MAX: Final = 1e300
TAIL: Final = 37.5
"""Beyond it the normal density is 0; up to it, it is no subnormal number."""

YEAR_NS: Final = 31_536_000_000_000_000.0  # 365 days
DAYS_TWICE: Final = 730.0
ONE_E9: Final = 1_000_000_000
HALF_E9: Final = 500_000_000

# Adding and taking away 1.5 x 2^52 rounds to the nearest whole number, ties to even, below 2^51;
# a sixteenth of it rounds to the nearest sixteenth.
TO_WHOLE: Final = 6755399441055744.0
TO_SIXTEENTH: Final = 422212465065984.0
TWO_TO_51: Final = 2251799813685248.0
TWO_TO_62: Final = 4611686018427387904.0

# fdlibm, e_exp.c and e_log.c (Sun Microsystems, 1993). LN2_HIGH times a whole number is exact.
INV_LN2: Final = 1.4426950408889634
LN2_HIGH: Final = 0.6931471803691238
LN2_LOW: Final = 1.9082149292705877e-10
EXP_1: Final = 0.16666666666666602
EXP_2: Final = -0.0027777777777015593
EXP_3: Final = 6.613756321437934e-05
EXP_4: Final = -1.6533902205465252e-06
EXP_5: Final = 4.1381367970572385e-08
LOG_1: Final = 0.6666666666666735
LOG_2: Final = 0.3999999999940942
LOG_3: Final = 0.2857142874366239
LOG_4: Final = 0.22222198432149784
LOG_5: Final = 0.1818357216161805
LOG_6: Final = 0.15313837699209373
LOG_7: Final = 0.14798198605116586

SQRT_HALF: Final = 0.7071067811865476
SQRT_TWO: Final = 1.4142135623730951
INV_SQRT_PI: Final = 0.5641895835477563
INV_SQRT_2PI: Final = 0.3989422804014327

# W. J. Cody, "Rational Chebyshev Approximations for the Error Function", Mathematics of Computation
# 23 (1969), 631-637, in the digits of his CALERF (netlib, specfun/erf).
ERF_CENTRE: Final = 0.46875
ERF_A0: Final = 3.1611237438705655
ERF_A1: Final = 113.86415415105016
ERF_A2: Final = 377.485237685302
ERF_A3: Final = 3209.3775891384694
ERF_A4: Final = 0.18577770618460315
ERF_B0: Final = 23.601290952344122
ERF_B1: Final = 244.02463793444417
ERF_B2: Final = 1282.6165260773723
ERF_B3: Final = 2844.236833439171
ERFCX_MIDDLE: Final = 4.0
ERFCX_C0: Final = 0.5641884969886701
ERFCX_C1: Final = 8.883149794388377
ERFCX_C2: Final = 66.11919063714163
ERFCX_C3: Final = 298.6351381974001
ERFCX_C4: Final = 881.952221241769
ERFCX_C5: Final = 1712.0476126340707
ERFCX_C6: Final = 2051.0783778260716
ERFCX_C7: Final = 1230.3393547979972
ERFCX_C8: Final = 2.1531153547440383e-08
ERFCX_D0: Final = 15.744926110709835
ERFCX_D1: Final = 117.6939508913125
ERFCX_D2: Final = 537.1811018620099
ERFCX_D3: Final = 1621.3895745666903
ERFCX_D4: Final = 3290.7992357334597
ERFCX_D5: Final = 4362.619090143247
ERFCX_D6: Final = 3439.3676741437216
ERFCX_D7: Final = 1230.3393548037495
ERFCX_P0: Final = 0.30532663496123236
ERFCX_P1: Final = 0.36034489994980445
ERFCX_P2: Final = 0.12578172611122926
ERFCX_P3: Final = 0.016083785148742275
ERFCX_P4: Final = 0.0006587491615298378
ERFCX_P5: Final = 0.016315387137302097
ERFCX_Q0: Final = 2.568520192289822
ERFCX_Q1: Final = 1.8729528499234604
ERFCX_Q2: Final = 0.5279051029514285
ERFCX_Q3: Final = 0.06051834131244132
ERFCX_Q4: Final = 0.0023352049762686918


def _powers_of_two() -> tuple[float, ...]:
    falling = [0.5]
    for _ in range(1020):
        falling.append(falling[-1] * 0.5)
    rising = [1.0]
    for _ in range(1023):
        rising.append(rising[-1] * 2.0)
    return (*reversed(falling), *rising)


POWER_ZERO: Final = 1021
POWERS: Final = _powers_of_two()
"""2^-1021 to 2^1023; POWERS[POWER_ZERO] is 1."""


def black76(
    is_call: bool, forward_e6: int, strike_e6: int, to_expiry_ns: int, vol_e9: int
) -> tuple[int, int, int, int, int]:
    """Return (price_e6, delta_e9, gamma_e9, vega_e9, theta_e9) of one unit of underlying.

    Undiscounted Black-76. Delta and gamma are with respect to the forward (gamma: change of delta
    per dollar), vega is in dollars per vol point (0.01), theta in dollars per day of a year of 365
    days: what the option gains in it, so not above 0. Each number is rounded once, half-even.

    Put-call parity is exact: price of call less put is forward less strike, delta of call less put
    is 1. The price lies between intrinsic value and forward (put: strike). Expired (`to_expiry_ns`
    not above 0) or without volatility: intrinsic value, delta 0 or 1 (put: -1 or 0) and one half of
    that at the money; the other greeks are 0. Gamma, vega and theta end at 2^62 - 1.

    ValueError names a field outside its range: forward and strike 1 to 2^53, volatility 0 to 10^11
    (100 = 10,000 %), time up to 2^62. O(1).
    """
    _check(forward_e6, strike_e6, to_expiry_ns, vol_e9)
    if to_expiry_ns <= 0 or vol_e9 == 0:
        return _intrinsic(is_call, forward_e6, strike_e6), *_delta_at_expiry(
            is_call, forward_e6 - strike_e6
        )
    root = math.sqrt(float(to_expiry_ns) / YEAR_NS)
    value, call_delta, gamma, vega, theta = _greeks(
        float(forward_e6), float(strike_e6), root, float(vol_e9) / 1e9
    )
    delta_e9 = quantised(call_delta * 1e9)
    return (
        quantised(value) + _intrinsic(is_call, forward_e6, strike_e6),
        delta_e9 if is_call else delta_e9 - ONE_E9,
        quantised(gamma * 1e15),
        quantised(vega * 1000.0),
        quantised(theta * 1000.0),
    )


def price_e6(is_call: bool, forward_e6: int, strike_e6: int, to_expiry_ns: int, vol_e9: int) -> int:
    """Return the first number of `black76`, with its ranges and errors, in less time. O(1)."""
    _check(forward_e6, strike_e6, to_expiry_ns, vol_e9)
    intrinsic = _intrinsic(is_call, forward_e6, strike_e6)
    if to_expiry_ns <= 0 or vol_e9 == 0:
        return intrinsic
    deviation = float(vol_e9) / 1e9 * math.sqrt(float(to_expiry_ns) / YEAR_NS)
    if forward_e6 <= strike_e6:
        near, far, _ = out_of_the_money(float(forward_e6), float(strike_e6), deviation)
    else:
        near, far, _ = out_of_the_money(float(strike_e6), float(forward_e6), deviation)
    return quantised(near - far) + intrinsic if near > far else intrinsic


def power_e9(numerator: int, denominator: int, exponent_e9: int) -> int:
    """Return (numerator / denominator)^exponent, rounded half-even, at most 2^62 - 1.

    ValueError names a field outside its range: numerator and denominator 1 to 2^62, exponent -10^10
    to 10^10. O(1).

    >>> power_e9(30, 1, 300_000_000), power_e9(7, 7, -5), power_e9(1, 4, 500_000_000)
    (2774191115, 1000000000, 500000000)
    """
    if not 1 <= numerator <= POWER_MAX:
        raise ValueError(f"numerator: expected 1 to {POWER_MAX}, found {numerator}")
    if not 1 <= denominator <= POWER_MAX:
        raise ValueError(f"denominator: expected 1 to {POWER_MAX}, found {denominator}")
    if not -EXPONENT_MAX_E9 <= exponent_e9 <= EXPONENT_MAX_E9:
        raise ValueError(
            f"exponent_e9: expected -{EXPONENT_MAX_E9} to {EXPONENT_MAX_E9}, found {exponent_e9}"
        )
    exponent = float(exponent_e9) / 1e9
    return _exp_e9(exponent * log_ratio(float(numerator), float(denominator)))


def growth_e9(elapsed_ns: int, rate_e9: int) -> int:
    """Return e^(years x rate), rounded half-even, at most 2^62 - 1.

    ValueError names a field outside its range: elapsed 0 to 2^62, rate 0 to 10^11. O(1).

    >>> growth_e9(31_536_000 * 10**9, 160_000_000)
    1173510871
    """
    return _exp_e9(_years_times_rate(elapsed_ns, rate_e9))


def decay_e9(elapsed_ns: int, rate_e9: int) -> int:
    """Return e^(-years x rate), rounded half-even, with the ranges of `growth_e9`. O(1).

    >>> decay_e9(31_536_000 * 10**9, 160_000_000), decay_e9(0, 5)
    (852143789, 1000000000)
    """
    return _exp_e9(-_years_times_rate(elapsed_ns, rate_e9))


def log_ratio_e9(a_e6: int, b_e6: int) -> int:
    """Return ln(a / b), rounded half-even.

    ValueError names a field outside its range: both 1 to 2^53. O(1).

    >>> log_ratio_e9(2, 1), log_ratio_e9(5, 5), log_ratio_e9(1, 2)
    (693147181, 0, -693147181)
    """
    if not 1 <= a_e6 <= PRICE_MAX_E6:
        raise ValueError(f"a_e6: expected 1 to {PRICE_MAX_E6}, found {a_e6}")
    if not 1 <= b_e6 <= PRICE_MAX_E6:
        raise ValueError(f"b_e6: expected 1 to {PRICE_MAX_E6}, found {b_e6}")
    return quantised(log_ratio(float(a_e6), float(b_e6)) * 1e9)


def black76_float(
    is_call: bool, forward: float, strike: float, years: float, vol: float
) -> tuple[float, float, float, float, float]:
    """Return (price, delta, gamma, vega, theta) in the unit of forward and strike, not rounded.

    For tests of accuracy: `black76` rounds the same numbers. Forward and strike 1 to 2^53 whole or
    not, years and vol above 0 and not beyond the ranges of `black76`.
    """
    value, call_delta, gamma, vega, theta = _greeks(forward, strike, math.sqrt(years), vol)
    if is_call:
        intrinsic = forward - strike if forward > strike else 0.0
        return value + intrinsic, call_delta, gamma, vega, theta
    intrinsic = strike - forward if strike > forward else 0.0
    return value + intrinsic, call_delta - 1.0, gamma, vega, theta


def quantised(value: float) -> int:
    """Return the nearest integer, ties to the even one, cut to 2^62 - 1 on both sides.

    >>> [quantised(v) for v in (0.5, 1.5, 2.5, -0.5, -1.5, 1e300)]
    [0, 2, 2, 0, -2, 4611686018427387903]
    """
    if -TWO_TO_51 < value < TWO_TO_51:
        return int((value + TO_WHOLE) - TO_WHOLE)
    if value >= TWO_TO_62:
        return GREEK_MAX_E9
    if value <= -TWO_TO_62:
        return -GREEK_MAX_E9
    # Only halves are left between 2^51 and 2^52, and nothing beyond.
    whole = math.floor(value)
    if value - float(whole) == 0.5 and whole % 2 == 1:
        return whole + 1
    return whole


def exp(x: float) -> float:
    """Return e^x for x up to 709; 0 for x under -708. ValueError above."""
    if x > EXP_MAX:
        raise ValueError(f"x: expected at most {EXP_MAX}, found {x}")
    return 0.0 if x < EXP_MIN else _exp_of_sum(x, 0.0)


def log(x: float) -> float:
    """Return the natural logarithm of x from 1e-300 to 1e300. ValueError outside."""
    if not LOG_MIN <= x <= LOG_MAX:
        raise ValueError(f"x: expected {LOG_MIN} to {LOG_MAX}, found {x}")
    return log_ratio(x, 1.0)


def norm_pdf(x: float) -> float:
    """Return the density of the standard normal distribution; 0 beyond 37.5."""
    return 0.0 if x < -TAIL or x > TAIL else _bell(x) * INV_SQRT_2PI


def norm_cdf(x: float) -> float:
    """Return the probability that a standard normal number is below x; 0 or 1 beyond 37.5."""
    if x < -TAIL:
        return 0.0
    return 1.0 if x > TAIL else _cdf(x, _bell(x))


def log_ratio(a: float, b: float) -> float:
    """Return ln(a / b) of positive numbers without the rounding of a / b.

    With m = b x 2^k near a: ln(a / m) = 2 artanh((a - m) / (a + m)), where a - m is exact.
    """
    ratio = a / b
    multiple = 0.0
    if ratio < SQRT_HALF or ratio > SQRT_TWO:
        mantissa, exponent = math.frexp(ratio)
        if mantissa < SQRT_HALF:
            exponent -= 1
        multiple = float(exponent)
        b *= POWERS[exponent + POWER_ZERO]
    s = (a - b) / (a + b)
    z = s * s
    series = z * (
        LOG_1 + z * (LOG_2 + z * (LOG_3 + z * (LOG_4 + z * (LOG_5 + z * (LOG_6 + z * LOG_7)))))
    )
    return multiple * LN2_HIGH + (2.0 * s + (s * series + multiple * LN2_LOW))


def out_of_the_money(low: float, high: float, deviation: float) -> tuple[float, float, float]:
    """Return (near, far, weight) for low <= high: the option's value is near - far.

    A call with forward `low` and strike `high` and a put with strike `low` and forward `high` have
    the same value. near = low N(d+), far = high N(d-), weight = low n(d+) = high n(d-), where
    d+- = ln(low / high) / deviation +- deviation / 2; one exp serves all three.
    """
    distance = log_ratio(low, high) / deviation
    half = deviation * 0.5
    plus = distance + half
    if plus < -TAIL:
        return 0.0, 0.0, 0.0
    if plus > TAIL:
        return low, 0.0, 0.0
    bell = _bell(plus)
    near = low * _cdf(plus, bell)
    y = (half - distance) * SQRT_HALF
    if y > ERF_CENTRE:
        far = low * (0.5 * bell) * _erfcx(y)
    else:
        far = high * (0.5 - 0.5 * _erf(y))
    return near, far, low * bell * INV_SQRT_2PI


def _check(forward_e6: int, strike_e6: int, to_expiry_ns: int, vol_e9: int) -> None:
    if not 1 <= forward_e6 <= PRICE_MAX_E6:
        raise ValueError(f"forward_e6: expected 1 to {PRICE_MAX_E6}, found {forward_e6}")
    if not 1 <= strike_e6 <= PRICE_MAX_E6:
        raise ValueError(f"strike_e6: expected 1 to {PRICE_MAX_E6}, found {strike_e6}")
    if to_expiry_ns > TO_EXPIRY_NS_MAX:
        raise ValueError(f"to_expiry_ns: expected up to {TO_EXPIRY_NS_MAX}, found {to_expiry_ns}")
    if not 0 <= vol_e9 <= VOL_MAX_E9:
        raise ValueError(f"vol_e9: expected 0 to {VOL_MAX_E9}, found {vol_e9}")


def _years_times_rate(elapsed_ns: int, rate_e9: int) -> float:
    if not 0 <= elapsed_ns <= ELAPSED_NS_MAX:
        raise ValueError(f"elapsed_ns: expected 0 to {ELAPSED_NS_MAX}, found {elapsed_ns}")
    if not 0 <= rate_e9 <= RATE_MAX_E9:
        raise ValueError(f"rate_e9: expected 0 to {RATE_MAX_E9}, found {rate_e9}")
    return float(elapsed_ns) / YEAR_NS * (float(rate_e9) / 1e9)


def _exp_e9(x: float) -> int:
    """Return e^x in e9; beyond +-60 the integer is 0 or the highest whatever the digits."""
    if x < -60.0:
        return 0
    return GREEK_MAX_E9 if x > 60.0 else quantised(_exp_of_sum(x, 0.0) * 1e9)


def _intrinsic(is_call: bool, forward_e6: int, strike_e6: int) -> int:
    value = forward_e6 - strike_e6 if is_call else strike_e6 - forward_e6
    return value if value > 0 else 0


def _delta_at_expiry(is_call: bool, moneyness_e6: int) -> tuple[int, int, int, int]:
    """Return delta, and 0 for the other greeks; at the money one half, the limit of both sides."""
    delta_e9 = HALF_E9
    if moneyness_e6 != 0:
        delta_e9 = ONE_E9 if moneyness_e6 > 0 else 0
    return delta_e9 if is_call else delta_e9 - ONE_E9, 0, 0, 0


def _greeks(
    forward: float, strike: float, root: float, vol: float
) -> tuple[float, float, float, float, float]:
    """Return value out of the money, delta of the call, gamma, vega and theta; root = sqrt(years).

    The unit of money is that of forward and strike.
    """
    deviation = vol * root
    if forward <= strike:
        near, far, weight = out_of_the_money(forward, strike, deviation)
        call_delta = near / forward
    else:
        near, far, weight = out_of_the_money(strike, forward, deviation)
        call_delta = (forward - far) / forward
    return (
        near - far if near > far else 0.0,
        call_delta,
        weight / (forward * deviation) / forward,
        weight * root * 0.01,
        -(weight * vol) / (root * DAYS_TWICE),
    )


def _exp_of_sum(high: float, low: float) -> float:
    """Return e^(high + low), where low corrects high."""
    multiple = ((high + low) * INV_LN2 + TO_WHOLE) - TO_WHOLE
    a = high - multiple * LN2_HIGH
    b = multiple * LN2_LOW - low
    r = a - b
    t = r * r
    c = r - t * (EXP_1 + t * (EXP_2 + t * (EXP_3 + t * (EXP_4 + t * EXP_5))))
    return (1.0 - ((b - r * c / (2.0 - c)) - a)) * POWERS[int(multiple) + POWER_ZERO]


def _bell(x: float) -> float:
    """Return e^(-x^2 / 2) for |x| <= 37.5, with the square in two parts, the first one exact."""
    high = (x + TO_SIXTEENTH) - TO_SIXTEENTH
    return _exp_of_sum(-0.5 * (high * high), -0.5 * ((x - high) * (x + high)))


def _cdf(x: float, bell: float) -> float:
    y = x * SQRT_HALF
    if y < -ERF_CENTRE:
        return 0.5 * bell * _erfcx(-y)
    if y > ERF_CENTRE:
        return 1.0 - 0.5 * bell * _erfcx(y)
    return 0.5 + 0.5 * _erf(y)


def _erf(y: float) -> float:
    """Return erf(y) for |y| <= 0.46875."""
    z = y * y
    above = (((ERF_A4 * z + ERF_A0) * z + ERF_A1) * z + ERF_A2) * z + ERF_A3
    below = (((z + ERF_B0) * z + ERF_B1) * z + ERF_B2) * z + ERF_B3
    return y * above / below


def _erfcx(y: float) -> float:
    """Return e^(y^2) erfc(y) for y > 0.46875."""
    if y <= ERFCX_MIDDLE:
        above = ((ERFCX_C8 * y + ERFCX_C0) * y + ERFCX_C1) * y + ERFCX_C2
        above = (((above * y + ERFCX_C3) * y + ERFCX_C4) * y + ERFCX_C5) * y + ERFCX_C6
        below = ((y + ERFCX_D0) * y + ERFCX_D1) * y + ERFCX_D2
        below = (((below * y + ERFCX_D3) * y + ERFCX_D4) * y + ERFCX_D5) * y + ERFCX_D6
        return (above * y + ERFCX_C7) / (below * y + ERFCX_D7)
    z = 1.0 / (y * y)
    above = (((ERFCX_P5 * z + ERFCX_P0) * z + ERFCX_P1) * z + ERFCX_P2) * z + ERFCX_P3
    below = (((z + ERFCX_Q0) * z + ERFCX_Q1) * z + ERFCX_Q2) * z + ERFCX_Q3
    rest = z * (above * z + ERFCX_P4) / (below * z + ERFCX_Q4)
    return (INV_SQRT_PI - rest) / y

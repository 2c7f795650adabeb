"""The four divisions of arith.py ([NUM-2]).

Numerator and divisor are any integers up to the square of [NUM-4], the divisor without 0.
"""

from typing import Annotated

from lockstep_kernel.arith import div_ceil, div_floor, div_half_even, div_trunc
from tests.proofs.contract import Between, Contract, planted

Numerator = Annotated[int, Between(-(2**124), 2**124)]
Divisor = Annotated[int, Between(-(2**124), 2**124, False)]

FILE = "lockstep_kernel/arith.py"


def floor_is_the_greatest_not_above(numerator: Numerator, divisor: Divisor) -> None:
    """q <= n / d < q + 1."""
    rest = numerator - div_floor(numerator, divisor) * divisor
    assert 0 <= rest < divisor if divisor > 0 else divisor < rest <= 0


def ceil_is_the_least_not_below(numerator: Numerator, divisor: Divisor) -> None:
    """q - 1 < n / d <= q."""
    over = div_ceil(numerator, divisor) * divisor - numerator
    assert 0 <= over < divisor if divisor > 0 else divisor < over <= 0


def trunc_is_never_further_from_zero(numerator: Numerator, divisor: Divisor) -> None:
    """|q| <= |n / d| < |q| + 1, and q has the sign of n / d or is 0."""
    quotient = div_trunc(numerator, divisor)
    size = quotient if quotient > 0 else -quotient
    whole, part = abs(divisor), numerator if numerator > 0 else -numerator
    assert size * whole <= part < (size + 1) * whole
    assert quotient == 0 or (quotient > 0) == ((numerator > 0) == (divisor > 0))


def half_even_is_the_nearest(numerator: Numerator, divisor: Divisor) -> None:
    """|n / d - q| <= 1/2, and q is even where it is 1/2."""
    quotient = div_half_even(numerator, divisor)
    twice = 2 * (numerator - quotient * divisor)
    whole = abs(divisor)
    assert -whole <= twice <= whole
    assert quotient % 2 == 0 or -whole < twice < whole


CONTRACTS = (
    Contract(
        floor_is_the_greatest_not_above,
        ("NUM-2",),
        (
            planted(
                FILE,
                "floor rounds towards zero",
                (
                    "    return numerator // divisor\n\n\ndef div_ceil",
                    "    return div_trunc(numerator, divisor)\n\n\ndef div_ceil",
                ),
                {"numerator": 3, "divisor": -2},
            ),
        ),
    ),
    Contract(
        ceil_is_the_least_not_below,
        ("NUM-2",),
        (
            planted(
                FILE,
                "ceil is floor and one",
                (
                    "    return -(-numerator // divisor)\n\n\ndef div_trunc",
                    "    return numerator // divisor + 1\n\n\ndef div_trunc",
                ),
                {"numerator": -1, "divisor": -1},
            ),
        ),
    ),
    Contract(
        trunc_is_never_further_from_zero,
        ("NUM-2",),
        (
            planted(
                FILE,
                "trunc asks for the sign of the numerator only",
                ("if (numerator < 0) == (divisor < 0):", "if numerator >= 0:"),
                {"numerator": -1, "divisor": -2},
            ),
        ),
    ),
    Contract(
        half_even_is_the_nearest,
        ("NUM-2",),
        (
            planted(
                FILE,
                "half-even rounds ties up",
                ("and quotient % 2 == 1", ""),
                {"numerator": 21267647932558653966460912964485513214, "divisor": -4},
            ),
            planted(
                FILE,
                "half-even forgets the sign of the divisor",
                (
                    "        numerator, divisor = -numerator, -divisor\n",
                    "        divisor = -divisor\n",
                ),
                {"numerator": -1, "divisor": -1},
            ),
        ),
    ),
)

"""Integer division with the rounding named: the only divisions of the core ([NUM-2]).

All take any integers with a non-zero divisor and are exact for any size.
"""


def div_floor(numerator: int, divisor: int) -> int:
    """Divide, rounding towards minus infinity.

    >>> div_floor(-7, 2)
    -4
    """
    return numerator // divisor


def div_ceil(numerator: int, divisor: int) -> int:
    """Divide, rounding towards plus infinity.

    >>> div_ceil(-7, 2), div_ceil(7, 2)
    (-3, 4)
    """
    return -(-numerator // divisor)


def div_trunc(numerator: int, divisor: int) -> int:
    """Divide, rounding towards zero.

    >>> div_trunc(-7, 2), div_trunc(7, 2)
    (-3, 3)
    """
    if (numerator < 0) == (divisor < 0):
        return numerator // divisor
    return -(-numerator // divisor)


def div_half_even(numerator: int, divisor: int) -> int:
    """Divide, rounding to the nearest, ties to the even quotient.

    >>> [div_half_even(n, 2) for n in (1, 3, 5, -1, -3)]
    [0, 2, 2, 0, -2]
    """
    if divisor < 0:
        numerator, divisor = -numerator, -divisor
    quotient = numerator // divisor
    twice = 2 * (numerator - quotient * divisor)
    if twice > divisor or (twice == divisor and quotient % 2 == 1):
        return quotient + 1
    return quotient

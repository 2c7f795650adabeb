"""The volatility at which `black76` gives a price: for whoever quotes, never for the core.

Owns the way to the library `lets_be_rational` (extra `implied`; docs/adr/0008) and back. Its result
comes from libm and may differ in the last digits between machines, so it may enter an exchange only
inside a command. Prices, times and volatilities have the units of `lockstep_engine.risk.detmath`.
"""

import importlib
import math
from collections.abc import Callable

from lockstep_engine.risk.detmath import PRICE_MAX_E6, TO_EXPIRY_NS_MAX, VOL_MAX_E9, YEAR_NS

Solver = Callable[[float, float, float, float, int], float]
"""(price, forward, strike, years, 1 for a call or -1 for a put) -> volatility."""


class ImpliedVolError(ValueError):
    """No volatility gives the price; the message says which bound it breaks."""


class NoSolverError(ImportError):
    """The optional library is not installed; the message says how to install it."""


def implied_vol_e9(
    is_call: bool, price_e6: int, forward_e6: int, strike_e6: int, to_expiry_ns: int
) -> int:
    """Return the volatility at which an option has this price, in units of 10^-9.

    A price equal to the intrinsic value has volatility 0: below some volatility all prices round to
    it. In general a price is known to half a micro-dollar, so the volatility to half of that over
    vega. ImpliedVolError: the price lies below the intrinsic value, or not below the forward (put:
    strike), or needs more than 10^11; or an argument is outside the range of `black76`, or the
    option has expired. NoSolverError: the extra is not installed. About 15 us.
    """
    _check_inputs(forward_e6, strike_e6, to_expiry_ns)
    moneyness_e6 = forward_e6 - strike_e6 if is_call else strike_e6 - forward_e6
    intrinsic_e6 = max(moneyness_e6, 0)
    ceiling_e6 = forward_e6 if is_call else strike_e6
    if price_e6 < intrinsic_e6:
        raise ImpliedVolError(
            f"price_e6: expected at least the intrinsic value {intrinsic_e6}, found {price_e6}"
        )
    if price_e6 >= ceiling_e6:
        bound = "forward" if is_call else "strike"
        raise ImpliedVolError(
            f"price_e6: expected less than the {bound} {ceiling_e6}, found {price_e6}"
        )
    if price_e6 == intrinsic_e6:
        return 0
    # By parity, exact in integers, the option out of the money has the same volatility and no
    # intrinsic value in which digits of the price could drown.
    outer_is_call = forward_e6 <= strike_e6
    vol = load_solver()(
        float(price_e6 - intrinsic_e6),
        float(forward_e6),
        float(strike_e6),
        to_expiry_ns / YEAR_NS,
        1 if outer_is_call else -1,
    )
    if not 0.0 <= vol <= VOL_MAX_E9 / 1e9:
        raise ImpliedVolError(
            f"price_e6: expected a price of a volatility up to {VOL_MAX_E9} e-9, found {price_e6},"
            f" which needs {vol:g}"
        )
    return math.floor(vol * 1e9 + 0.5)


def load_solver() -> Solver:
    """Return the library's solver; NoSolverError if it is not installed."""
    try:
        library = importlib.import_module("lets_be_rational")
    except ImportError as error:
        raise NoSolverError(
            "implied volatility needs the library lets-be-rational:"
            " pip install 'lockstep-exchange[implied]'"
        ) from error
    solver: Solver = library.implied_volatility_from_a_transformed_rational_guess
    return solver


def _check_inputs(forward_e6: int, strike_e6: int, to_expiry_ns: int) -> None:
    for name, value, maximum in (
        ("forward_e6", forward_e6, PRICE_MAX_E6),
        ("strike_e6", strike_e6, PRICE_MAX_E6),
        ("to_expiry_ns", to_expiry_ns, TO_EXPIRY_NS_MAX),
    ):
        if not 1 <= value <= maximum:
            raise ImpliedVolError(f"{name}: expected 1 to {maximum}, found {value}")

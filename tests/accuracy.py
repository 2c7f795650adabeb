"""How far detmath is from the truth: mpmath with 40 digits, over random points.

    python -m tests.accuracy [--points N] [--seed N | --speed]

Prints one line per function with the worst relative and absolute error, in the form of
docs/detmath.md. Exit 1 if an option value misses the bound of [NUM-5]: 1e-10 relative or 1e-12 of
the forward. tests/unit/engine/risk/test_detmath_oracles.py runs the same. With --speed it prints
nanoseconds per call, and of which build, instead.
"""

import argparse
import math
import random
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import mpmath
from mpmath import mpf

from lockstep_engine.risk import detmath

POINTS = 10_000
SEED = 76
RELATIVE_BOUND = 1e-10
FORWARD_BOUND = 1e-12
DIGITS = 40
MINUTE_NS = 60 * 10**9
YEAR_NS = 365 * 86_400 * 10**9
GREEKS = ("price", "delta", "gamma", "vega", "theta")
SCALES = {
    "price": "absolute: of the forward",
    "delta": "absolute: of 1",
    "gamma": "absolute: of 1 / forward",
    "vega": "absolute: of the forward",
    "theta": "absolute: of the forward",
}


class Option(NamedTuple):
    """The arguments of `black76`."""

    is_call: bool
    forward_e6: int
    strike_e6: int
    to_expiry_ns: int
    vol_e9: int


class Worst(NamedTuple):
    """The worst errors of one function; `bound` is the worst share of what [NUM-5] allows."""

    name: str
    where: str
    relative: float
    absolute: float
    bound: float

    def __str__(self) -> str:
        bound = f"{self.bound:.1e}" if self.bound else ""
        absolute = f"{self.absolute:.1e}" if self.absolute < 1.0 else ""
        return f"| {self.name} | {self.where} | {self.relative:.1e} | {absolute} | {bound} |"


HEADER = """\
| function | where | worst relative | worst absolute | share of the bound |
|---|---|---|---|---|"""


def random_options(count: int, seed: int) -> list[Option]:
    """Return options over the range of [NUM-5]; all but call or put are even in the logarithm."""
    rng = random.Random(seed)
    options: list[Option] = []
    for _ in range(count):
        forward_e6 = _log_uniform(rng, 10**6, 10**12)
        strike_e6 = _log_uniform(rng, forward_e6 // 10, forward_e6 * 10)
        to_expiry_ns = _log_uniform(rng, MINUTE_NS, 5 * YEAR_NS)
        vol_e9 = _log_uniform(rng, 10_000_000, 5_000_000_000)
        options.append(Option(rng.random() < 0.5, forward_e6, strike_e6, to_expiry_ns, vol_e9))
    return options


def _log_uniform(rng: random.Random, low: int, high: int) -> int:
    return min(high, int(low * math.exp(rng.random() * math.log(high / low))) + 1)


def floats_of(option: Option) -> tuple[float, ...]:
    """Return what `black76` rounds, in micro-dollars."""
    return detmath.black76_float(
        option.is_call,
        float(option.forward_e6),
        float(option.strike_e6),
        option.to_expiry_ns / YEAR_NS,
        option.vol_e9 / 1e9,
    )


def true_values(option: Option) -> list[mpf]:
    """Return price, delta, gamma, vega and theta in micro-dollars, from Black's formula."""
    with mpmath.workdps(DIGITS):
        forward, strike = mpf(option.forward_e6), mpf(option.strike_e6)
        vol = mpf(option.vol_e9) / 10**9
        root = mpmath.sqrt(mpf(option.to_expiry_ns) / YEAR_NS)
        plus = mpmath.log(forward / strike) / (vol * root) + vol * root / 2
        minus = plus - vol * root
        density = mpmath.npdf(plus)
        if option.is_call:
            delta = true_cdf(plus)
            price = forward * delta - strike * true_cdf(minus)
        else:
            delta = -true_cdf(-plus)
            price = strike * true_cdf(-minus) + forward * delta
        weight = forward * density
        return [
            price,
            delta,
            density / (forward * vol * root),
            weight * root / 100,
            -weight * vol / (2 * root) / 365,
        ]


def true_cdf(x: mpf) -> mpf:
    """Return the normal distribution with full relative accuracy in the lower tail."""
    with mpmath.workdps(DIGITS):
        return mpmath.erfc(-mpf(x) / mpmath.sqrt(2)) / 2


def _true_pdf(x: mpf) -> mpf:
    return mpmath.npdf(x)


def measure_functions(count: int, seed: int) -> list[Worst]:
    """Return the worst errors of exp, log and the normal distribution."""
    plans: list[tuple[str, str, Callable[[float], float], Callable[[mpf], mpf], float, float]] = [
        ("exp", "-708 to 709", detmath.exp, mpmath.exp, -708.0, 709.0),
        ("exp", "-1 to 1", detmath.exp, mpmath.exp, -1.0, 1.0),
        ("log", "0.001 to 1000", detmath.log, mpmath.log, 0.001, 1000.0),
        ("log", "0.5 to 2", detmath.log, mpmath.log, 0.5, 2.0),
        ("log", "1 - 1e-6 to 1 + 1e-6", detmath.log, mpmath.log, 1 - 1e-6, 1 + 1e-6),
        ("normal density", "-37.5 to 37.5", detmath.norm_pdf, _true_pdf, -37.5, 37.5),
        ("normal cdf", "-37.5 to 8", detmath.norm_cdf, true_cdf, -37.5, 8.0),
        ("normal cdf", "-4 to 4", detmath.norm_cdf, true_cdf, -4.0, 4.0),
    ]
    rng = random.Random(seed)
    found: list[Worst] = []
    for name, where, function, truth, low, high in plans:
        relative = absolute = 0.0
        for _ in range(count):
            x = rng.uniform(low, high)
            with mpmath.workdps(DIGITS):
                true = truth(mpf(x))
                error = abs(mpf(function(x)) - true)
                relative = max(relative, float(error / abs(true)))
                absolute = max(absolute, float(error))
        found.append(Worst(name, where, relative, absolute, 0.0))
    return found


def measure_options(count: int, seed: int) -> list[Worst]:
    """Return the worst errors of price and greeks.

    Absolute ones are parts of the forward; of 1 for delta, of 1 / forward for gamma.
    """
    relative, absolute, bound = ([0.0] * len(GREEKS) for _ in range(3))
    for option in random_options(count, seed):
        forward = option.forward_e6
        scales = (forward, 1.0, 1.0 / forward, forward, forward)
        pairs = zip(floats_of(option), true_values(option), scales, strict=True)
        for index, (found, true, scale) in enumerate(pairs):
            error = float(abs(found - true))
            of_value = error / abs(float(true)) if abs(true) > 1e-290 else 0.0
            relative[index] = max(relative[index], of_value)
            absolute[index] = max(absolute[index], error / scale)
            share = min(of_value / RELATIVE_BOUND, error / scale / FORWARD_BOUND)
            bound[index] = max(bound[index], share)
    return [
        Worst(name, SCALES[name], *errors)
        for name, *errors in zip(GREEKS, relative, absolute, bound, strict=True)
    ]


def measure_speed() -> list[str]:
    """Return the nanoseconds per call for 20 expiries with 40 strikes, best of seven rounds."""
    forward_e6 = 95_000 * 10**6
    options = [
        (
            strike > 20,
            forward_e6,
            forward_e6 * (20 + strike) // 40,
            YEAR_NS * expiry // 20,
            6 * 10**8,
        )
        for expiry in range(1, 21)
        for strike in range(40)
    ]
    found = [f"build: {'interpreted' if detmath.__file__.endswith('.py') else 'compiled'}"]
    for function in (detmath.black76, detmath.price_e6):
        rounds: list[int] = []
        for _ in range(7):
            start_ns = time.perf_counter_ns()
            for option in options:
                function(*option)
            rounds.append(time.perf_counter_ns() - start_ns)
        found.append(f"{function.__name__}: {min(rounds) // len(options)} ns")
    return found


def main(arguments: list[str]) -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy")
    parser.add_argument("--points", type=int, default=POINTS, help="for each line")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--speed", action="store_true", help="measure time instead")
    asked = parser.parse_args(arguments)
    if asked.speed:
        print("\n".join(measure_speed()))
        return 0
    rows = measure_functions(asked.points, asked.seed)
    rows += measure_options(asked.points, asked.seed)
    print(HEADER)
    print("\n".join(str(row) for row in rows))
    return 1 if any(row.bound > 1.0 for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Option values have the same bits whatever libm does ([NUM-5]).

glibc picks its transcendental functions by what the processor has. With GLIBC_TUNABLES it can be
told to leave out FMA and AVX, as on another machine: math.exp then gives other bits, ours must not.
"""

import hashlib
import json
import math
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockstep_engine.risk import detmath

ROOT = Path(__file__).parents[4]
OTHER_MACHINE = "glibc.cpu.hwcaps=-FMA,-AVX2,-FMA4,-AVX512F"
COUNT = 20_000
DIGEST = "880b3a1a3ba1d6c9b9cc204d01f3651c760527d9b69b859006a85ae8c43525ce"
"""Of the results for `inputs`: any other implementation of docs/detmath.md must find the same."""
EXPONENTS = 100_000


def inputs() -> Iterator[tuple[bool, int, int, int, int]]:
    """Yield options over all ranges, by the generator x -> 6364136223846793005 x + 1 mod 2^64.

    The upper 32 bits of each x count. An integer of a range of b bits: one word modulo b is its
    length, the next two make the bits under its leading one. Every second strike lies near the
    forward. No library is involved: another implementation can make the same options.
    """
    x = 0

    def word() -> int:
        nonlocal x
        x = (6364136223846793005 * x + 1) % 2**64
        return x >> 32

    def integer(bits: int) -> int:
        length = word() % bits
        return 2**length + ((word() << 32) + word()) % 2**length

    for index in range(COUNT):
        forward, strike = integer(53), integer(53)
        if index % 2:
            strike = min(2**53, forward * (500 + word() % 1501) // 1000 + 1)
        yield word() % 2 == 1, forward, strike, integer(62), min(10**11, integer(37))


def digest() -> str:
    """Return SHA-256 of all results as lines of decimals, and check the price alone."""
    sums = hashlib.sha256()
    for option in inputs():
        result = detmath.black76(*option)
        assert detmath.price_e6(*option) == result[0]
        sums.update((",".join(map(str, result)) + "\n").encode())
    return sums.hexdigest()


def float_digest() -> str:
    """Return SHA-256 of unrounded results, which show what rounding would hide."""
    sums = hashlib.sha256()
    for is_call, forward, strike, time, vol in inputs():
        years = time / 31_536_000e9
        found = detmath.black76_float(is_call, float(forward), float(strike), years, vol / 1e9)
        sums.update(struct.pack(">5d", *found))
    rng = random.Random(5)
    for _ in range(COUNT):
        x = rng.random() * 70 - 35
        found_too = (detmath.exp(x), detmath.log(abs(x)), detmath.norm_cdf(x), detmath.norm_pdf(x))
        sums.update(struct.pack(">4d", *found_too))
    return sums.hexdigest()


def libm() -> list[str]:
    """Return math.exp at fixed places, as hexadecimal floats."""
    return [math.exp((index - EXPONENTS // 2) / 1024).hex() for index in range(EXPONENTS)]


def main() -> None:
    """Print what this process finds, for another one."""
    print(json.dumps({"digest": digest(), "floats": float_digest(), "libm": libm()}))


def found_with(tunables: str) -> dict[str, list[str]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    environment.pop("GLIBC_TUNABLES", None)
    if tunables:
        environment["GLIBC_TUNABLES"] = tunables
    done = subprocess.run(
        [sys.executable, __file__], env=environment, cwd=ROOT, capture_output=True, check=True
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.rule("NUM-5")
def test_the_results_of_many_options_are_the_pinned_ones() -> None:
    assert DIGEST == digest()


@pytest.mark.rule("NUM-5")
def test_another_libm_gives_the_same_bits(record_property: Callable[[str, object], None]) -> None:
    here, there = found_with(""), found_with(OTHER_MACHINE)
    assert here["digest"] == there["digest"]
    assert here["floats"] == there["floats"]
    changed = sum(a != b for a, b in zip(here["libm"], there["libm"], strict=True))
    record_property("math_exp_values_changed", changed)
    if changed == 0:
        pytest.skip(
            f"the bits are equal, but {OTHER_MACHINE} changes none of {EXPONENTS} values of"
            " math.exp on this machine: another libm was not exercised"
        )
    print(f"{OTHER_MACHINE} changes {changed} of {EXPONENTS} values of math.exp, none of ours")


if __name__ == "__main__":
    main()

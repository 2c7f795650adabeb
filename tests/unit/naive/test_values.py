"""Option values: the constants of docs/detmath.md, values known by hand, and the engine's bits.

The one place that may import both implementations.
"""

import hashlib
import random
import re
from pathlib import Path

import pytest

from lockstep_engine.risk import detmath as engine
from lockstep_kernel import InvariantError
from lockstep_naive import detmath
from lockstep_naive.detmath import Greeks, Option, black76
from tests.unit.engine.risk.test_detmath_bits import DIGEST, inputs

ROOT = Path(__file__).parents[3]
CONSTANT = re.compile(r"^\| ([A-Z][A-Z0-9_]+) \| (\S+) \| (-?0x\S+) \|$", re.MULTILINE)
TABLES = {
    "EXP": "EXP_5 EXP_4 EXP_3 EXP_2 EXP_1",
    "LOG": "LOG_7 LOG_6 LOG_5 LOG_4 LOG_3 LOG_2 LOG_1",
    "ERF_ABOVE": "ERF_A4 ERF_A0 ERF_A1 ERF_A2 ERF_A3",
    "ERF_BELOW": "1 ERF_B0 ERF_B1 ERF_B2 ERF_B3",
    "ERFCX_ABOVE": "ERFCX_C8 " + " ".join(f"ERFCX_C{n}" for n in range(8)),
    "ERFCX_BELOW": "1 " + " ".join(f"ERFCX_D{n}" for n in range(8)),
    "ERFCX_FAR_ABOVE": "ERFCX_P5 " + " ".join(f"ERFCX_P{n}" for n in range(5)),
    "ERFCX_FAR_BELOW": "1 " + " ".join(f"ERFCX_Q{n}" for n in range(5)),
}
NOT_NEEDED = {"EXP_MIN", "EXP_MAX"}  # exp(x) alone is no part of an option's value
COUNT = 20_000
YEAR_NS = 365 * 86_400 * 10**9
E9 = 10**9


def on_page() -> dict[str, float]:
    page = (ROOT / "docs" / "detmath.md").read_text("utf-8")
    return {name: float.fromhex(digits) for name, _, digits in CONSTANT.findall(page)}


@pytest.mark.rule("NUM-5")
def test_the_constants_are_those_of_the_page() -> None:
    constants = on_page() | {"1": 1.0}
    used = {name for names in TABLES.values() for name in names.split()}
    for table, names in TABLES.items():
        assert tuple(constants[name] for name in names.split()) == getattr(detmath, table)
    for name in constants.keys() - used - NOT_NEEDED:
        assert constants[name] == getattr(detmath, name), name


@pytest.mark.rule("NUM-5")
def test_a_year_at_the_money_is_as_by_hand() -> None:
    # d+ = 0.1: N = 0.5398278372770290, n = 0.3969525474770118
    # price 100 (2 N - 1), gamma n / (100 x 0.2), vega n, theta -100 n x 0.2 / 730
    call = Option(True, 100_000_000, 100_000_000, YEAR_NS, 200_000_000)
    greeks = (19_847_627, 396_952_547, -10_875_412)
    assert Greeks(7_965_567, 539_827_837, *greeks) == black76(call)
    assert Greeks(7_965_567, 539_827_837 - E9, *greeks) == black76(call._replace(is_call=False))


@pytest.mark.rule("NUM-5")
@pytest.mark.parametrize("change", [{"to_expiry_ns": 0}, {"to_expiry_ns": -(2**70)}, {"vol_e9": 0}])
def test_without_time_or_volatility_the_intrinsic_value_is_left(change: dict[str, int]) -> None:
    for forward_e6, price_e6, delta_e9 in ((7, 2, E9), (5, 0, E9 // 2), (4, 0, 0)):
        call = Option(True, forward_e6, 5, YEAR_NS, E9)._replace(**change)
        assert Greeks(price_e6, delta_e9, 0, 0, 0) == black76(call)
        put = call._replace(is_call=False)
        assert Greeks(max(5 - forward_e6, 0), delta_e9 - E9, 0, 0, 0) == black76(put)


@pytest.mark.rule("NUM-5")
@pytest.mark.parametrize(
    "bad",
    [
        {"forward_e6": 0},
        {"forward_e6": 2**53 + 1},
        {"strike_e6": 0},
        {"strike_e6": 2**53 + 1},
        {"to_expiry_ns": 2**62 + 1},
        {"vol_e9": -1},
        {"vol_e9": 10**11 + 1},
    ],
)
def test_an_input_outside_its_range_is_named(bad: dict[str, int]) -> None:
    (name,) = bad
    with pytest.raises(InvariantError, match=name):
        black76(Option(True, 5, 5, 1, 1)._replace(**bad))


@pytest.mark.rule("NUM-5")
def test_the_bits_are_the_pinned_ones() -> None:
    sums = hashlib.sha256()
    for option in inputs():
        sums.update((",".join(map(str, black76(Option(*option)))) + "\n").encode())
    assert DIGEST == sums.hexdigest()


def drawn(rng: random.Random) -> Option:
    """Draw an option from all ranges, every second one near the money."""

    def bits(count: int) -> int:
        return rng.getrandbits(rng.randint(1, count))

    forward_e6 = min(2**53, bits(53) + 1)
    strike_e6 = rng.choice(
        (
            bits(53),
            int(forward_e6 * rng.uniform(0.3, 3)),
            forward_e6 + rng.randint(-5, 5),
            int(forward_e6 * 2.0 ** rng.uniform(-40, 40)),
        )
    )
    to_expiry_ns = rng.choice((bits(62), rng.randint(1, 5 * YEAR_NS), rng.randint(-5, 5), 2**62))
    vol_e9 = rng.choice((bits(37), rng.randint(10**6, 10**10), rng.randint(0, 10**11)))
    return Option(
        bool(rng.getrandbits(1)),
        forward_e6,
        max(1, min(2**53, strike_e6)),
        to_expiry_ns,
        min(10**11, vol_e9),
    )


@pytest.mark.rule("NUM-5")
def test_both_implementations_of_the_page_agree_to_the_bit() -> None:
    rng = random.Random(2026)
    for _ in range(COUNT):
        option = drawn(rng)
        found = black76(option)
        assert tuple(engine.black76(*option)) == tuple(found), option
        twin = black76(option._replace(is_call=not option.is_call))
        sign = 1 if option.is_call else -1
        parity = (sign * (option.forward_e6 - option.strike_e6), sign * E9, 0, 0, 0)
        assert parity == tuple(a - b for a, b in zip(found, twin, strict=True)), option

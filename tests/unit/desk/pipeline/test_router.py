"""Routing: by instrument id, and commands to each trader that they name."""

import pytest

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.pipeline import Address, Router, Target, Trader
from tests.unit.desk.pipeline.support import spec, traders_of

COUNTS = spec("counts")


@pytest.mark.desk("PIPE-D9", "PIPE-14")
def test_instruments_of_one_asset_are_kept_apart() -> None:
    router = Router(traders_of(COUNTS, COUNTS, instruments=("BTC/USD", "BTC/EUR")))
    assert [(0,), (1,), ()] == [
        router.traders_of(name) for name in ("BTC/USD", "BTC/EUR", "BTC/GBP")
    ]


@pytest.mark.desk("PIPE-D4")
def test_a_command_is_for_each_trader_that_its_target_names() -> None:
    router = Router(traders_of(COUNTS, COUNTS, COUNTS, COUNTS))
    assert (0, 1, 2, 3) == router.named_by(Target())
    assert (0, 3) == router.named_by(Target(Address.INSTRUMENT, "A"))
    assert (2,) == router.named_by(Target(Address.DEPLOYMENT, "deployment-2"))


@pytest.mark.desk("DESK-D17", "PIPE-D4")
def test_an_unknown_target_is_refused_and_the_nearest_one_named() -> None:
    router = Router(traders_of(COUNTS))
    with pytest.raises(InvalidValueError, match=r"a known deployment \(did you mean 'deployment-0"):
        router.named_by(Target(Address.DEPLOYMENT, "deploiment-0"))
    with pytest.raises(InvalidValueError, match="expected a known instrument, found 'zzz'"):
        router.named_by(Target(Address.INSTRUMENT, "zzz"))


def test_two_traders_of_one_deployment_are_refused() -> None:
    twice = [Trader(place, "d", "A", COUNTS) for place in range(2)]
    with pytest.raises(InvalidValueError, match="trader 1: expected a deployment of its own"):
        Router(twice)


def test_a_trader_stands_at_its_index() -> None:
    with pytest.raises(InvalidValueError, match="expected index 0, its place"):
        Router([Trader(1, "d", "A", COUNTS)])

"""A desk with a market, a live deployment and healthy links."""

from typing import NamedTuple

import pytest

from tests.support.desk import Desk


class Trading(NamedTuple):
    """A desk that may trade, and the deployment that does."""

    desk: Desk
    alpha: str


@pytest.fixture
def trading() -> Trading:
    desk = Desk()
    alpha = desk.open_market()
    desk.heal()
    desk.enable()
    return Trading(desk, alpha)

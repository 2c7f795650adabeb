"""What host code wants of the engine: who passes the risk manager, and what ends the desk."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from lockstep_desk.core.commands import (
    ClosePositions,
    Filter,
    OpenRequest,
    SendOpenRequests,
    SetTradingState,
)
from lockstep_desk.core.hooks import Intents
from lockstep_desk.core.outputs import Commanded, is_terminal
from lockstep_desk.core.view import DeskView
from lockstep_desk.types import Side
from tests.support.desk import ACCOUNT, ALPHA, BTC, E8, limit_sell
from tests.unit.desk.core.test_engine import DISABLE, ENABLE, Hook, RefuseSells, rig


@pytest.mark.desk("DESK-12", "DESK-16")
@pytest.mark.parametrize("first", [ENABLE, DISABLE], ids=["enabled", "disabled"])
def test_a_closing_strategy_of_the_host_passes_no_risk_manager(first: SetTradingState) -> None:
    class Closer:
        def close(self, view: DeskView, wanted: Filter) -> Sequence[Intents]:
            return [Intents(ALPHA, 0, (), (limit_sell(),))]

    made, _ = rig(risk=RefuseSells(), closer=Closer())
    made.engine.process(first)
    (commanded,) = made.engine.process(ClosePositions()).outputs
    assert isinstance(commanded, Commanded)
    assert ([E8], ()) == (
        [order.qty_e8 for order in commanded.orders.opens],
        commanded.orders.refused_opens,
    )


TOO_LONG = OpenRequest(ACCOUNT, "x" * 65, Side.BUY, 1, 1)
TOO_MUCH = OpenRequest(ACCOUNT, BTC, Side.BUY, 2**62, 1)
NO_TEXT = OpenRequest(ACCOUNT, "\ud800", Side.BUY, 1, 1)


@pytest.mark.parametrize("request_", [TOO_LONG, TOO_MUCH, NO_TEXT], ids=["long", "much", "text"])
@pytest.mark.parametrize("who", ["strategy", "decided", "closer", "hook", "monitor"])
def test_what_no_command_can_hold_ends_the_desk_in_order(request_: OpenRequest, who: str) -> None:
    """Whichever host code wanted it: its call has a tick, and what came back is taken."""
    intents = Intents(ALPHA, 0, (), (request_,))

    class Closer:
        def close(self, view: DeskView, wanted: Filter) -> Sequence[Intents]:
            return [intents]

    class Orders:
        def due(self, view: DeskView, breaches: Sequence[Any]) -> Sequence[msgspec.Struct]:
            return [SendOpenRequests((request_,))] if who == "monitor" else ()

    parts = {"closer": Closer(), "monitor": Orders()}
    if who == "hook":
        parts["hooks"] = Hook(lambda desk: desk.submit(intents))
    made, _ = rig([intents] if who == "strategy" else (), **parts)
    tick = made.engine.process(ENABLE)
    if who == "decided":
        tick = made.engine.decide(intents, made.view.seq)
    elif who in ("closer", "hook"):
        tick = made.engine.process(ClosePositions() if who == "closer" else DISABLE)
    (error,) = tick.errors
    assert error.startswith("host code: InvalidValueError: S")
    assert is_terminal(tick)
    assert made.sender.is_shut_down
    assert () == tuple(made.sender.requests)

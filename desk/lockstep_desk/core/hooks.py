"""What a host plugs into the desk's engine: strategies, risk, hooks, and the way to the venues.

Host code runs outside the journal. What it decides enters as a command, so a replay never calls it.
Every protocol has a default here that does nothing, or the least.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from lockstep_desk.core.codes import Link, SendError
from lockstep_desk.core.commands import Filter, OpenRequest, RiskRefusal
from lockstep_desk.core.events import BreachFound, CancelRequested, OrderQueried, OrderRequested
from lockstep_desk.core.view import DeskView


class Intents(msgspec.Struct, frozen=True):
    """What a strategy wants: cancels by client order id, and opens. `trader` is its own place."""

    deployment: str
    trader: int = 0
    cancels: tuple[str, ...] = ()
    opens: tuple[OpenRequest, ...] = ()


class Checked(msgspec.Struct, frozen=True):
    """What a risk manager left of intents."""

    intents: Intents
    refused: tuple[RiskRefusal, ...] = ()


class Algo(Protocol):
    """Decides after every event while trading is enabled ([DESK-17])."""

    def generate(self, view: DeskView) -> Sequence[Intents]:
        """Return what to do now, nothing if nothing."""
        ...


class RiskManager(Protocol):
    """Checks what strategies want, before the gates; operators' commands do not come by here."""

    def check(self, view: DeskView, intents: Intents) -> Checked:
        """Return what may go on, changed if need be, and what was refused."""
        ...


class ClosePositionsStrategy(Protocol):
    """Decides how positions are closed, in place of the machine's default ([DESK-16])."""

    def close(self, view: DeskView, wanted: Filter) -> Sequence[Intents]:
        """Return the cancels and opens that close what matches."""
        ...


class Controls(Protocol):
    """What a hook may do to the desk ([DESK-23]); every call is a command in the journal."""

    @property
    def view(self) -> DeskView:
        """The desk as it is now."""
        ...

    def disable_trading(self) -> None:
        """Disable the strategies; no hook is called for it."""
        ...

    def cancel_orders(self, wanted: Filter) -> None:
        """Cancel what matches."""
        ...

    def close_positions(self, wanted: Filter) -> None:
        """Close what matches."""
        ...

    def submit(self, intents: Intents) -> None:
        """Ask for cancels and opens."""
        ...


class Hooks(Protocol):
    """Answers to what happens to the desk itself."""

    def on_trading_disabled(self, desk: Controls) -> None:
        """Act when strategies are disabled: once, on the change ([DESK-20])."""
        ...

    def on_disconnect(self, desk: Controls, link: Link, key: str) -> None:
        """Act when a link is lost."""
        ...


class Monitor(Protocol):
    """Answers to breaches of limits: what a gate only names, is done because of it (F2)."""

    def due(self, view: DeskView, breaches: Sequence[BreachFound]) -> Sequence[msgspec.Struct]:
        """Return the commands that are due now, none if nothing is.

        Asked after every event, and again after what it returned, with the breaches since.
        """
        ...


class Sender(Protocol):
    """Hands requests over to venues. What comes of them arrives as events in the feed."""

    def send(self, request: OrderRequested | CancelRequested) -> SendError:
        """Hand a request over; say at once if that was not possible."""
        ...

    def query(self, request: OrderQueried) -> SendError:
        """Ask what became of an order; the answer is a SettleOrder in the feed."""
        ...

    def shutdown(self) -> None:
        """Take no more requests."""
        ...

    def drain(self) -> Sequence[msgspec.Struct]:
        """Return what came back and was not taken yet; again and again until there is nothing."""
        ...


class NoAlgo:
    """A strategy that wants nothing."""

    def generate(self, view: DeskView) -> Sequence[Intents]:
        """Return nothing."""
        return ()


class PassAll:
    """A risk manager that lets everything pass to the gates."""

    def check(self, view: DeskView, intents: Intents) -> Checked:
        """Return the intents as they are."""
        return Checked(intents)


class NoHooks:
    """Hooks that do nothing."""

    def on_trading_disabled(self, desk: Controls) -> None:
        """Do nothing."""

    def on_disconnect(self, desk: Controls, link: Link, key: str) -> None:
        """Do nothing."""


class NoMonitor:
    """A monitor that leaves breaches to people."""

    def due(self, view: DeskView, breaches: Sequence[BreachFound]) -> Sequence[msgspec.Struct]:
        """Return nothing."""
        return ()


class Parts(msgspec.Struct, frozen=True):
    """What an engine is made of beside its journal. `closer` None is the machine's own default."""

    sender: Sender
    algo: Algo = NoAlgo()
    risk: RiskManager = PassAll()
    hooks: Hooks = NoHooks()
    closer: ClosePositionsStrategy | None = None
    monitor: Monitor = NoMonitor()

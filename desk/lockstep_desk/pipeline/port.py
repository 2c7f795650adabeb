"""What a pipeline needs of a desk, and what it tells it.

Owns the protocol. The desk's machine stands behind it, or a fake in a test: all that changes state
goes through here, and is journaled there.
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from lockstep_desk.pipeline.router import Target, Trader
from lockstep_desk.strategy.base import Holding, Intent, Working
from lockstep_desk.strategy.market import MarketEvent


class Seen(NamedTuple):
    """Where an event stands in the desk's journal: sequence number and time of its command."""

    seq: int
    now_ns: int


class Standing(NamedTuple):
    """What a trader has: position, and orders that may trade, in flight or resting."""

    holding: Holding = Holding()
    orders: tuple[Working, ...] = ()


class Answer(NamedTuple):
    """What a trader wants after what it saw at a sequence number."""

    trader: Trader
    seq_seen: int
    now_ns: int
    intents: tuple[Intent, ...]

    @property
    def order(self) -> tuple[int, int]:
        """Return where it stands among all answers: (sequence number seen, trader)."""
        return self.seq_seen, self.trader.index


class CommandKind(Enum):
    """What an operator may tell traders."""

    PAUSE = "pause"
    """Ask them nothing until RESUME."""
    RESUME = "resume"
    """Ask them again."""
    CLEAR = "clear"
    """Ask those again that were halted because they failed."""


class TraderCommand(NamedTuple):
    """A command for every trader that a target names, each of them once (PIPE-D4)."""

    kind: CommandKind
    target: Target


class DeskPort(Protocol):
    """The desk, as one thread sees it."""

    def observe(self, event: MarketEvent) -> Seen:
        """Take a market event in; return its place."""
        ...

    def standing(self, trader: Trader) -> Standing:
        """Return what a trader has now; no position is a flat one."""
        ...

    def submit(self, answer: Answer) -> None:
        """Put intents through risk and gate, and out."""
        ...

    def halt(self, deployment_id: str, reason: str) -> None:
        """Halt a deployment whose strategy failed too often."""
        ...

    def record(self, command: TraderCommand) -> None:
        """Write an operator's command down."""
        ...


class LivePort(DeskPort, Protocol):
    """The desk, as a pipeline sees it that runs free."""

    @property
    def is_trading(self) -> bool:
        """Whether traders are to be asked; while not, what they have yet to see is conflated."""
        ...

    def observe_all(self, events: Sequence[MarketEvent]) -> Sequence[Seen]:
        """Take market events in together, in order; return the place of each."""
        ...

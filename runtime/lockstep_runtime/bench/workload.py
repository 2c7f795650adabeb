"""What is measured: a flow as encoded commands, made once and read by every child from a file.

Commands before `warm` set the exchange up and fill its books; only those from there on are timed.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from lockstep_engine.commands import Command, MassQuote, PlaceOrder
from lockstep_kernel import CannotRunError, Genesis, Machine, find_machine
from lockstep_runtime.bench.floor import Step, steps_of
from lockstep_runtime.feeds.base import Feed
from lockstep_runtime.feeds.options_flow import WOPTIONS, OptionsFlow
from lockstep_runtime.feeds.order_flow import FlashFeed, FlowFeed
from lockstep_runtime.flows import FLOWS, FlowGenerator, Message
from lockstep_runtime.venue import MACHINE

EXCHANGE: Machine = find_machine(MACHINE)
NORMAL = "normal"
OPTIONS = WOPTIONS.name
FLOW_NAMES = (*FLOWS, OPTIONS, NORMAL)
UNIT_FLOW = "w1k"
"""The flow on which the floor is the unit of all speeds."""

WARM_PART_OF_NORMAL = 11
OPTIONS_PART = 50
"""The options flow has one timed command for so many of the others: each is that much work."""

ADMISSION_ACCOUNTS = (10, 1_000, 100_000)
ADMISSION_CALLS = 400
_SAMPLE_FOLDER = Path(__file__).resolve().parents[3] / "examples" / "data"
_SAMPLE_NAME = "normal*.csv*"
_ENTRIES = (PlaceOrder, MassQuote)


class Workload(msgspec.Struct, frozen=True):
    """A flow as the commands (ts_ns, body) of a history that starts at `genesis`.

    The first order is at `first_order`. `trades_sha256` is what the trades must hash to, "" where
    no oracle is known.
    """

    name: str
    genesis: Genesis
    first_order: int
    warm: int
    commands: list[tuple[int, bytes]]
    trades_sha256: str = ""

    @property
    def timed(self) -> list[tuple[int, bytes]]:
        """The commands that are timed."""
        return self.commands[self.warm :]


class FloorWork(msgspec.Struct, frozen=True):
    """A flow as the floor takes it."""

    name: str
    instruments: int
    warm: int
    steps: list[Step]
    trades_sha256: str


class AdmissionWork(msgspec.Struct, frozen=True):
    """An exchange of options whose admission is measured at so many accounts."""

    expiries: int
    strikes: int
    accounts: tuple[int, ...]
    calls: int


_Work = TypeVar("_Work", bound=msgspec.Struct)


def generated(name: str, messages: int) -> tuple[Workload, FloorWork]:
    """Make one of the project's own flows with `messages` timed messages."""
    generator = FlowGenerator(msgspec.structs.replace(FLOWS[name], flow=messages))
    flow: list[Message] = list(generator.messages())
    trades_sha256 = generator.oracle().trades_sha256
    feed = FlowFeed(name, flow)
    commands, first_order = encoded(feed)
    work = Workload(
        name, feed.genesis(), first_order, len(commands) - messages, commands, trades_sha256
    )
    instruments, warm = generator.spec.instruments, generator.resting_messages
    return work, FloorWork(name, instruments, warm, steps_of(flow), trades_sha256)


def options(messages: int) -> Workload:
    """Make the options flow, with one timed command for fifty `messages` of the other flows.

    No bare matcher can run it, so there is no work for the floor.
    """
    spec = msgspec.structs.replace(WOPTIONS, flow=max(1, messages // OPTIONS_PART))
    feed = OptionsFlow(spec)
    commands, first_order = encoded(feed)
    return Workload(OPTIONS, feed.genesis(), first_order, len(commands) - spec.flow, commands)


def normal(path: Path, messages: int) -> Workload:
    """Read a flow in the flash1 form: up to `messages` timed ones, after a tenth as many."""
    feed = FlashFeed(path, messages + messages // (WARM_PART_OF_NORMAL - 1))
    commands, first_order = encoded(feed)
    orders = len(commands) - first_order
    if orders < WARM_PART_OF_NORMAL:
        raise CannotRunError(f"{path}: expected a flow of {WARM_PART_OF_NORMAL} messages or more")
    warm = first_order + orders // WARM_PART_OF_NORMAL
    return Workload(NORMAL, feed.genesis(), first_order, warm, commands)


def sample_path() -> Path | None:
    """Return the cut of the `normal` flow that lies in the repository, None without one."""
    return next(iter(sorted(_SAMPLE_FOLDER.rglob(_SAMPLE_NAME))), None)


def save(path: Path, value: Workload | FloorWork | AdmissionWork) -> None:
    """Write a workload to a file of this release's own."""
    path.write_bytes(msgspec.msgpack.encode(value))


def load(path: Path, kind: type[_Work]) -> _Work:
    """Read what `save` wrote; raise `CannotRunError` if that was work of another kind."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=kind)
    except msgspec.ValidationError:
        expected = "a flow that the floor can run" if kind is FloorWork else kind.__name__
        raise CannotRunError(f"{path.name}: expected {expected}, found other work") from None


def encoded(feed: Feed) -> tuple[list[tuple[int, bytes]], int]:
    """Return a feed's commands, and the place of the first that enters an order."""
    commands: list[tuple[int, bytes]] = []
    first_order = -1
    encode = EXCHANGE.codec.encode
    for chunk in feed.chunks():
        if first_order < 0:
            first_order = _first_order(command for _ts_ns, command in chunk)
            first_order = first_order if first_order < 0 else len(commands) + first_order
        commands += [(ts_ns, encode(command)) for ts_ns, command in chunk]
    return commands, first_order


def _first_order(commands: Iterable[Command]) -> int:
    found = (n for n, command in enumerate(commands) if type(command.action) in _ENTRIES)
    return next(found, -1)


def batches(commands: Sequence[tuple[int, bytes]], size: int) -> list[list[tuple[int, bytes]]]:
    """Cut commands into the batches of a sequencer."""
    return [list(commands[start : start + size]) for start in range(0, len(commands), size)]

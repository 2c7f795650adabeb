"""What runs in a worker process: takes messages from a pipe, asks strategies, answers.

Owns the messages between a pool and its workers. Each is msgpack; only the state of a strategy is
pickled, by the worker that made it and for a worker of the same pool. A worker that loses its pool
ends by itself.
"""

import pickle
import signal
from multiprocessing.connection import Connection
from typing import cast

import msgspec

from lockstep_desk.pipeline.actor import Host, Outcome, Task
from lockstep_desk.pipeline.router import Trader
from lockstep_desk.strategy.base import Algo
from lockstep_desk.strategy.catalog import Catalog


class Load(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Hold a trader: from its state, or afresh, and bring it up to date with the tasks after it.

    The answers to those were given by another worker; they are dropped here.
    """

    trader: Trader
    state: bytes | None = None
    log: tuple[Task, ...] = ()


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Answer these, in order, and send the state of the traders named, as it is afterwards."""

    tasks: tuple[Task, ...]
    states_of: tuple[int, ...] = ()


class Stop(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """End."""


class Answers(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The outcomes of one `Ask`, and states as (trader, bytes); `unkept` could not be pickled."""

    outcomes: tuple[Outcome, ...]
    states: tuple[tuple[int, bytes], ...] = ()
    unkept: tuple[int, ...] = ()


class CannotHold(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A trader's strategy cannot be built, or cannot be pickled."""

    trader: int
    error: str


class Loaded(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """A trader is loaded."""

    trader: int


Order = Load | Ask | Stop
Reply = Answers | CannotHold | Loaded

ORDERS = msgspec.msgpack.Decoder(Order)
REPLIES = msgspec.msgpack.Decoder(Reply)
_encode = msgspec.msgpack.Encoder().encode


def send(connection: Connection, message: Order | Reply) -> None:
    """Write one message; raises `OSError` when the other end is gone."""
    connection.send_bytes(_encode(message))


def work(connection: Connection, catalog: Catalog) -> None:
    """Answer orders until told to stop, or until the pool is gone."""
    # Ctrl-C goes to the whole process group; it is the pool that decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    host = Host(catalog)
    try:
        while True:
            order = ORDERS.decode(connection.recv_bytes())
            if isinstance(order, Stop):
                return
            send(connection, _reply(host, order))
    except (EOFError, OSError):
        return


def _reply(host: Host, order: Load | Ask) -> Reply:
    match order:
        case Load():
            return _load(host, order)
        case Ask():
            outcomes = tuple(host.ask(task) for task in order.tasks)
            states = [(index, _pickled(host.algo(index))) for index in order.states_of]
            kept = tuple((at, state) for at, state in states if state)
            return Answers(outcomes, kept, tuple(at for at, state in states if not state))


def _load(host: Host, order: Load) -> Reply:
    trader = order.trader.index
    try:
        state = None if order.state is None else _unpickled(order.state)
        host.add(order.trader, state)
        if order.state is None:
            pickle.dumps(host.algo(trader))
    except Exception as error:  # noqa: BLE001  # whatever it is, the pool says which trader
        return CannotHold(trader, f"{type(error).__name__}: {error}")
    for task in order.log:
        host.ask(task)
    return Loaded(trader)


def _pickled(algo: Algo) -> bytes | None:
    """Return a strategy as bytes, None if it cannot be pickled any more.

    Its pool then keeps the tasks that rebuild it, counts it, and asks for its state again.
    """
    try:
        return pickle.dumps(algo)
    except Exception:  # noqa: BLE001  # what it keeps is its own affair
        return None


def _unpickled(state: bytes) -> Algo:
    """Return a strategy from bytes that a worker of this pool made of it."""
    return cast(Algo, pickle.loads(state))  # noqa: S301  # it comes from our own pipe

"""Strategies as actors: one task is one question to one of them (PIPE-D1).

Owns what a worker does with a task, wherever the worker runs. A strategy that raises is replaced by
a fresh one and its task fails; the others do not notice. A host holds strategies of many traders:
few workers serve many actors, and no actor holds a worker between two tasks.
"""

from collections.abc import Iterable

import msgspec

from lockstep_desk.errors import printable
from lockstep_desk.pipeline.router import Trader
from lockstep_desk.strategy.base import Actions, Algo, Cancel, Context, Open
from lockstep_desk.strategy.catalog import Catalog

_ERROR_SHOWN = 200


class Task(msgspec.Struct, frozen=True, array_like=True):
    """A question to a trader: what do you want, now that this is so?

    `more` holds later contexts. They are looked at in order as long as nothing is wanted: whoever
    wants something at one of them is asked about the rest again, with that in flight.
    """

    trader: int
    context: Context
    more: tuple[Context, ...] = ()


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """The answer: intents, or an error and none, after the last of `used` contexts.

    `refused` counts intents beyond the bound.
    """

    trader: int
    seq_seen: int
    now_ns: int
    intents: tuple[Open | Cancel, ...] = ()
    error: str = ""
    refused: int = 0
    used: int = 1

    @property
    def order(self) -> tuple[int, int]:
        """Return where it stands among all answers: (sequence number seen, trader)."""
        return self.seq_seen, self.trader


class Host:
    """Holds strategies and asks them. Not safe for two threads on one trader at a time.

    `has_keyboard` is whether Ctrl-C may end what runs here: then an interrupt is not taken for
    something that a strategy raised.
    """

    def __init__(self, catalog: Catalog, *, has_keyboard: bool = False) -> None:
        self._catalog = catalog
        self._has_keyboard = has_keyboard
        self._traders: dict[int, Trader] = {}
        self._algos: dict[int, Algo] = {}

    def add(self, trader: Trader, algo: Algo | None = None) -> None:
        """Take a trader in, with a fresh strategy unless one is given."""
        self._traders[trader.index] = trader
        self._algos[trader.index] = algo or trader.strategy.build(self._catalog)

    def add_all(self, traders: Iterable[Trader]) -> None:
        """Take traders in, each with a fresh strategy."""
        for trader in traders:
            self.add(trader)

    def algo(self, trader: int) -> Algo:
        """Return the strategy of a trader, with all that it remembers."""
        return self._algos[trader]

    def ask(self, task: Task) -> Outcome:
        """Return the answer to a task; whatever the strategy raises becomes a failed one."""
        context, actions, used = task.context, Actions(), 1
        try:
            self._algos[task.trader].on_market(context, actions)
            while used <= len(task.more) and not len(actions):
                context = task.more[used - 1]
                used += 1
                self._algos[task.trader].on_market(context, actions)
        except BaseException as error:  # one strategy fails alone
            if self._has_keyboard and isinstance(error, KeyboardInterrupt):
                raise
            self.add(self._traders[task.trader])
            return failed(task, _told(error), used)
        return Outcome(
            trader=task.trader,
            seq_seen=context.seq_seen,
            now_ns=context.now_ns,
            intents=tuple(actions),
            refused=actions.refused,
            used=used,
        )


def _told(error: BaseException) -> str:
    """Return what was raised, and what it says if it can say anything."""
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except BaseException:  # noqa: BLE001  # it raises while it is asked what it is
        return name


def failed(task: Task, error: str, used: int = 1) -> Outcome:
    """Return the outcome of a task that gave no answer at the last of `used` contexts."""
    context = (task.context, *task.more)[used - 1]
    return Outcome(
        trader=task.trader,
        seq_seen=context.seq_seen,
        now_ns=context.now_ns,
        error=printable(error[:_ERROR_SHOWN])[:_ERROR_SHOWN],
        used=used,
    )

"""The market simulator as a feed: `market:SEED`, a reproducible stream that reacts to events.

It generates in chunks of a fixed number of commands and learns what happened at the border between
two chunks only. So the stream follows from the seed alone, whatever batches the sequencer makes,
and a shorter run is the beginning of a longer one.
"""

from collections.abc import Iterator, Sequence

import msgspec

from lockstep_engine.commands import Command, ExecuteBlock
from lockstep_kernel import Genesis
from lockstep_runtime.feeds.market.blocks import block_behaviours, countersigned
from lockstep_runtime.feeds.market.calendar import calendar_behaviours, relist
from lockstep_runtime.feeds.market.gambling import gambling_behaviours, react
from lockstep_runtime.feeds.market.mischief import order_cases
from lockstep_runtime.feeds.market.mishaps import mishap_cases
from lockstep_runtime.feeds.market.misrule import staff_cases
from lockstep_runtime.feeds.market.operating import operating_behaviours
from lockstep_runtime.feeds.market.overquoting import overquoting_behaviours
from lockstep_runtime.feeds.market.simulation import Behaviour, Simulation, Step
from lockstep_runtime.feeds.market.trading import trading_behaviours
from lockstep_runtime.feeds.market.view import MarketView
from lockstep_runtime.feeds.market.world import World
from lockstep_runtime.signing import NS_PER_MS, Item

CHUNK_COMMANDS = 100
DEFAULT_COMMANDS = 10_000
_WAIT_MS_MAX = 40
_MISCHIEF_PERCENT = 12


class MarketFeed:
    """Makers, takers, arbitrageurs, gamblers, an operator and mischief, from one seed."""

    listens = True

    def __init__(self, seed: int, count: int = DEFAULT_COMMANDS) -> None:
        self.name = f"market:{seed}"
        self._count = count
        self._world = World()
        self._sim = Simulation(seed, self._world)
        staff = [*operating_behaviours(), *calendar_behaviours()]
        others = [
            *(*trading_behaviours(), *block_behaviours()),
            *(*gambling_behaviours(), *overquoting_behaviours()),
        ]
        self._staff = _by_weight(staff)
        self._everybody = _by_weight([*others, *staff])
        self._cases = [case for _code, case in (*order_cases(), *staff_cases(), *mishap_cases())]
        self._deck: list[Behaviour] = []

    @property
    def view(self) -> MarketView:
        """What the simulated traders know: all that `listen` was told."""
        return self._sim.view

    def genesis(self) -> Genesis:
        """Return the genesis of the simulated exchange."""
        return self._world.genesis()

    def chunks(self) -> Iterator[list[Item]]:
        """Yield the set-up and the simulation, exactly `count` commands in all."""
        script = self._world.set_up()
        self._sim.now_ns = script.now_ns
        chunk = script.take()
        spare: list[Item] = []
        left = self._count
        while left > 0:
            yield chunk[:left]
            left -= len(chunk)
            if left > 0:
                self._fill(spare)
                chunk, spare = spare[:CHUNK_COMMANDS], spare[CHUNK_COMMANDS:]

    def listen(self, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of one command."""
        self._sim.view.fold(events)

    def _fill(self, items: list[Item]) -> None:
        """Let things happen until there is a chunk of them."""
        items.extend(self._sign(step) for step in react(self._sim))
        while len(items) < CHUNK_COMMANDS:
            items.extend(self._sign(step) for step in self._draw()(self._sim))

    def _draw(self) -> Behaviour:
        """Draw who acts next. Expired contracts are answered first; mischief is dealt in turn."""
        if self._sim.view.is_expiry_unanswered:
            return relist
        if self._sim.crash is not None and self._sim.crash.is_dark:
            return self._sim.one_of(self._staff)
        if not self._sim.chance(_MISCHIEF_PERCENT):
            return self._sim.one_of(self._everybody)
        if not self._deck:
            self._deck = list(self._cases)
            self._sim.random.shuffle(self._deck)
        return self._deck.pop()

    def _sign(self, step: Step) -> Item:
        """Let some time pass and give the step its place in it."""
        sim = self._sim
        sim.now_ns += step.wait_ns + sim.between(1, _WAIT_MS_MAX) * NS_PER_MS
        signer, ts_ns = step.signer, sim.now_ns
        if step.nonce_offset_ms is not None:
            nonce = ts_ns // NS_PER_MS + step.nonce_offset_ms
        elif step.is_repeat:
            nonce = signer.last_nonce
        else:
            nonce = signer.next_nonce(ts_ns)
        account = signer.account if step.account is None else step.account
        action = step.action
        if step.counter is not None and isinstance(action, ExecuteBlock):
            action = countersigned(action, step.counter, ts_ns)
        return ts_ns, Command(signer.key, nonce, action, account, step.request_id)


def _by_weight(weighted: Sequence[tuple[int, Behaviour]]) -> list[Behaviour]:
    return [one for weight, one in weighted for _ in range(weight)]

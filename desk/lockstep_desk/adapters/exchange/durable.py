"""An exchange in a journal of its own: begun, and after any death recovered and gone on with.

Owns what a demonstration of a desk needs around the exchange core: the counter-side that makes the
market, the key with which the desk trades and does nothing else, protection for its market maker,
and a native stop, which the broker keeps for the account and of which the desk hears only by its
fill.

Nothing here is safe for threads: whoever shares it uses `SharedSession.act`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, cast

import msgspec

from lockstep_desk.adapters.exchange.broker import scopes_of
from lockstep_desk.adapters.exchange.session import ExchangeSession, Membership, Past
from lockstep_desk.adapters.exchange.venue import (
    ACCOUNT,
    FIRST,
    VENUE,
    CounterSide,
    Listing,
    Party,
    VenueOptions,
    VenuePast,
    key_of,
    venue_genesis,
)
from lockstep_desk.recon.credentials import KeyScope
from lockstep_desk.types import Side
from lockstep_engine import commands as asked
from lockstep_engine.codes import OrderFlag, OrderType, TimeInForce
from lockstep_engine.events import InstrumentCreated
from lockstep_engine.state import ExchangeCore
from lockstep_journal import Outlets, is_unfinished, open_reader
from lockstep_journal.environment import DATA_NAME
from lockstep_kernel import CannotRunError, Genesis, find_machine
from lockstep_replay import Live, LiveOptions, begin, resume, steps

EXCHANGE: Final = "exchange"
_AGENT, _STOP = "agent of the desk", "native stop"
_PROTECTION_BPS: Final = 2_000


class NativeStop(msgspec.Struct, frozen=True):
    """An order that the broker keeps: `qty_e8` is traded once the price is at `trigger_e9`.

    A SELL closes a long position and fires at or below the trigger, a BUY at or above it.
    """

    instrument: str
    side: Side
    qty_e8: int
    trigger_e9: int

    def is_hit(self, price_e9: int) -> bool:
        """Return whether a price fires it."""
        if self.side is Side.SELL:
            return price_e9 <= self.trigger_e9
        return price_e9 >= self.trigger_e9


class Place(msgspec.Struct, frozen=True):
    """Where an exchange is: its journal, when it began, and what it lists and protects.

    The desk has the first account of the options.
    """

    directory: Path
    begun_ns: int
    options: VenueOptions


class DurableVenue(CounterSide):
    """The exchange of a place, as its one owner; close it for the next one.

    `numbers` are the desk's orders by their numbers in it (`DeskView.numbers`). `moved` counts the
    moves of the market by all owners together, `shown_e9` has the prices of this one's, `recovery`
    says what was found, and `stop` is the native stop that waits.
    """

    def __init__(
        self, place: Place, clock: Callable[[], int], numbers: Sequence[tuple[int, str]] = ()
    ) -> None:
        self.stop: NativeStop | None = None
        self.shown_e9: dict[str, int] = {}
        past = read_past(place.directory)
        self.moved = past.moved
        self._stopper = past.party(_STOP, FIRST)
        member = Membership(VENUE, ACCOUNT, FIRST, key_of(_AGENT), _PROTECTION_BPS)
        self.session = ExchangeSession(
            member, lambda: live.sequencer.state.ts_ns, Past(past.history, numbers)
        )
        self._live = live = _opened(place, clock, self.session)
        self.recovery = live.recovery
        self.session.attach(live.sequencer)
        try:
            super().__init__(place.options, clock, live.sequencer, past)
        except BaseException:
            live.close()
            raise

    def show(self, name: str, price_e9: int) -> None:
        """Move the market of an instrument; a native stop that this hits fires."""
        super().show(name, price_e9)
        self.moved += 1
        self.shown_e9[name] = price_e9
        stop = self.stop
        if stop is not None and stop.instrument == name and stop.is_hit(price_e9):
            self.stop = None
            self._fire(stop, price_e9)

    def scopes(self) -> KeyScope:
        """Return what the key of the desk may do."""
        core = cast(ExchangeCore, self.sequencer.state.core)
        return scopes_of(core, FIRST, key_of(_AGENT))

    def close(self) -> None:
        """Close the journal."""
        self._live.close()

    def _opening(self) -> list[tuple[Party, asked.Action]]:
        """Return what every exchange begins with, then the keys that the account's owner adds."""
        owner = self._owners[0]
        return [
            *super()._opening(),
            (owner, asked.AuthorizeAgent(key_of(_AGENT))),
            (owner, asked.AuthorizeAgent(self._stopper.key)),
        ]

    def _size(self, listing: Listing) -> int:
        """Quote at least the whole depth: a native stop finds all of its quantity there."""
        return listing.depth_lots + self._random.below(listing.depth_lots)

    def _fire(self, stop: NativeStop, price_e9: int) -> None:
        """Trade what a native stop is for, as the broker."""
        units = self._units[stop.instrument]
        beyond = price_e9 * _PROTECTION_BPS // 10_000
        limit = price_e9 - beyond if stop.side is Side.SELL else price_e9 + beyond
        order = asked.PlaceOrder(
            units.number,
            int(stop.side),
            max(limit // units.tick_e9, 1),
            units.lots(stop.qty_e8),
            int(TimeInForce.IOC),
            int(OrderType.MARKET),
            int(OrderFlag.REDUCE_ONLY),
        )
        self._send(self._stopper, order)


def read_past(directory: Path) -> VenuePast:
    """Return the past of a journal, every hash recomputed; nothing of one that is yet to be."""
    if not is_begun(directory):
        return VenuePast()
    history: list[tuple[int, Sequence[msgspec.Struct]]] = []
    listed: list[InstrumentCreated] = []
    nonces: dict[bytes, int] = {}
    moved = 0
    with open_reader(directory) as journal:
        for step in steps(journal, find_machine(EXCHANGE)):
            history.append((step.record.ts_ns, step.events))
            listed.extend(event for event in step.events if type(event) is InstrumentCreated)
            if isinstance(step.command, asked.Command):
                nonces[step.command.signer] = step.command.nonce
                moved += type(step.command.action) is asked.MassQuote
    return VenuePast(history, listed, moved, nonces)


def is_begun(directory: Path) -> bool:
    """Return whether there is a journal whose creation came to its end."""
    data = directory / DATA_NAME
    return data.exists() and not is_unfinished(data)


def opened(
    directory: Path, genesis: Genesis, clock: Callable[[], int], options: LiveOptions
) -> Live:
    """Begin a journal, or recover it and go on; it must have begun with this genesis."""
    machine = find_machine(genesis.machine)
    if not is_begun(directory):
        return begin(directory, machine, genesis, clock, options)
    with open_reader(directory) as journal:
        if journal.genesis != genesis:
            raise CannotRunError(
                f"{directory}: expected the journal that was begun here, found that of another run"
            )
    return resume(directory, machine, clock, options)


def _opened(place: Place, clock: Callable[[], int], session: ExchangeSession) -> Live:
    genesis = venue_genesis(place.begun_ns)
    return opened(place.directory, genesis, clock, LiveOptions(Outlets(sinks=[session])))

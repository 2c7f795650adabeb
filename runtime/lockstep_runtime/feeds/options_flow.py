"""The options flow woptions: makers under protection, portfolio margin, an index that never rests.

Every account is in PORTFOLIO mode. Every second command moves the index, so between any two orders
or quotes it has moved. Each maker quotes two expiries in sets of quotes under market-maker
protection; each taker trades its own options, of which it holds most before the flow begins. A
flow is a spec: the order of the draws from `random.Random`, whole numbers all, is its definition.
It reacts to nothing, so what it makes of frozen makers and filled orders is for the exchange to
say: a few refusals belong to it.
"""

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from lockstep_engine.codes import MarginMode, OrderFlag, Side, TimeInForce
from lockstep_engine.commands import (
    AdvanceTime,
    CancelByClientId,
    MassQuote,
    PlaceOrder,
    Quote,
    SetMarginMode,
    SetMmpConfig,
    UpdateIndexPrice,
)
from lockstep_kernel import Genesis
from lockstep_runtime.feeds.base import chunked
from lockstep_runtime.options_venue import (
    FIRST_INDEX_E6,
    FIRST_VOL_E9,
    PERPETUAL,
    PERPETUAL_CONTRACT,
    START_NS,
    UNDERLYING,
    OptionsVenue,
)
from lockstep_runtime.signing import Item, Script, Signer
from lockstep_runtime.venue import Staff, open_account

SURFACE_EVERY, TIME_EVERY = 500, 2_000
"""So many commands apart are updates of a surface (one expiry after another) and of the time."""

_DEPOSIT_E6 = 10**14
_SETS_PER_EXPIRY, _EXPIRIES_PER_MAKER, _EXPIRIES_PER_TAKER = 4, 2, 4
_QUOTE_LOTS, _TAKE_LOTS_MAX = 50, 10
_PERPETUAL_SET, _PERPETUAL_LOTS, _PERPETUAL_SPREAD = 1, 500, 20
_INTERVAL_MS, _FROZEN_MS = 2_000, 100
_SIZE_E8, _VEGA_E6 = 120_000_000, 50_000_000
_WIDE = 1_000_000
_INDEX_STEP_E6, _INDEX_REACH_E6 = 2_000_000, 500_000_000
_VOL_STEP_E9, _VOL_REACH_E9 = 5_000_000, 50_000_000
_BUY, _SELL = int(Side.BUY), int(Side.SELL)
_Choice = TypeVar("_Choice")
_IOC, _MMP = int(TimeInForce.IOC), int(OrderFlag.MMP)


class OptionsSpec(msgspec.Struct, frozen=True):
    """What defines an options flow: `flow` commands after those that set it up."""

    name: str
    seed: int
    expiries: int
    strikes: int
    makers: int
    takers: int
    flow: int


WOPTIONS = OptionsSpec("woptions", 20240604, 20, 40, 20, 30, 20_000)


class OptionsFlow:
    """One options flow as a feed: set-up, then the flow."""

    listens = False

    def __init__(self, spec: OptionsSpec) -> None:
        self.name = spec.name
        self.spec = spec
        self.venue = OptionsVenue(spec.expiries, spec.strikes)
        self._random = random.Random(spec.seed)
        self._staff = Staff("options flow")
        accounts = spec.makers + spec.takers + 1
        traders = [Signer(f"options flow trader {n}", n) for n in range(1, accounts + 1)]
        self._makers = traders[: spec.makers]
        self._takers = traders[spec.makers : -1]
        self._hedger = traders[-1]
        self._script = Script(START_NS)
        self._vols_e9 = [FIRST_VOL_E9] * spec.expiries
        self._next_set = 0
        self._next_expiry = 0
        self._next_client_id = 1
        self._resting: list[tuple[Signer, int]] = []

    def genesis(self) -> Genesis:
        """Return the genesis of an exchange for the flow."""
        return self._staff.genesis(START_NS)

    def chunks(self) -> Iterator[list[Item]]:
        """Yield the set-up, then the flow."""
        return chunked(self._items())

    def listen(self, events: Sequence[msgspec.Struct]) -> None:
        """Do nothing: a flow does not depend on events."""

    def _items(self) -> Iterator[Item]:
        self._set_up()
        yield from self._script.take()
        for number in range(self.spec.flow):
            if number % 2 == 0:
                self._move_index()
            else:
                self._act(number)
            yield from self._script.take()

    def _set_up(self) -> None:
        """List and fund, quote everything, let each taker trade all that is its own, quote again.

        Protections are wide until all positions stand.
        """
        script, staff = self._script, self._staff
        staff.grant(script)
        self.venue.list_all(script, staff)
        for trader in (*self._makers, *self._takers, self._hedger):
            open_account(script, staff, trader, _DEPOSIT_E6)
            script.add(trader, SetMarginMode(int(MarginMode.PORTFOLIO)))
        self._protect(_WIDE)
        self._quote_perpetual()
        self._quote_all()
        for taker in self._takers:
            for option in self._own_options(taker):
                self._take(taker, option)
        self._quote_all()
        self._protect(100)

    def _protect(self, percent: int) -> None:
        """Give every maker its protection, one wider than the other, at a share of its size."""
        for number, maker in enumerate(self._makers):
            size_e8 = _SIZE_E8 * (100 + 10 * (number % 6)) // 100 * percent // 100
            vega_e6 = _VEGA_E6 * percent // 100
            limits = (size_e8, size_e8 // 2, vega_e6)
            self._script.add(maker, SetMmpConfig(UNDERLYING, _INTERVAL_MS, _FROZEN_MS, *limits))

    def _act(self, number: int) -> None:
        """Write one command that is no index update."""
        script, oracle = self._script, self._staff.oracle
        if number % SURFACE_EVERY == SURFACE_EVERY - 1:
            self._move_surface()
        elif number % SURFACE_EVERY == SURFACE_EVERY // 2 - 1:
            script.add(oracle, self.venue.perpetual_mark())
        elif number % TIME_EVERY == SURFACE_EVERY // 5 - 1:
            script.add(oracle, AdvanceTime())
        else:
            self._trade(self._random.randrange(100))

    def _trade(self, draw: int) -> None:
        if draw < 40:
            self._quote_next()
        elif draw < 70:
            taker = self._one_of(self._takers)
            self._take(taker, self._one_of(self._own_options(taker)))
        elif draw < 82:
            self._rest()
        elif draw < 94 and self._resting:
            taker, client_id = self._resting.pop(self._random.randrange(len(self._resting)))
            self._script.add(taker, CancelByClientId(client_id))
        elif draw < 97:
            self._quote_perpetual()
        else:
            self._hedge()

    def _move_index(self) -> None:
        """Let the index wander by a few dollars, within a certain reach."""
        venue = self.venue
        index = venue.index_e6 + self._between(-_INDEX_STEP_E6, _INDEX_STEP_E6)
        low, high = FIRST_INDEX_E6 - _INDEX_REACH_E6, FIRST_INDEX_E6 + _INDEX_REACH_E6
        venue.index_e6 = max(low, min(high, index))
        self._script.add(self._staff.oracle, UpdateIndexPrice(UNDERLYING, venue.index_e6))

    def _move_surface(self) -> None:
        """Set the surface of the expiry whose turn it is anew."""
        expiry = self._next_expiry
        self._next_expiry = (expiry + 1) % self.spec.expiries
        vol = self._vols_e9[expiry] + self._between(-_VOL_STEP_E9, _VOL_STEP_E9)
        vol = max(FIRST_VOL_E9 - _VOL_REACH_E9, min(FIRST_VOL_E9 + _VOL_REACH_E9, vol))
        self._vols_e9[expiry] = vol
        surface = self.venue.surface(expiry, vol, self._script.now_ns)
        self._script.add(self._staff.oracle, surface)

    def _quote_all(self) -> None:
        for _ in range(self.spec.makers * _EXPIRIES_PER_MAKER * _SETS_PER_EXPIRY):
            self._quote_next()

    def _quote_next(self) -> None:
        """Let the maker whose turn it is set one of its sets anew: calls or puts, low or high."""
        turn, number = divmod(self._next_set, self.spec.makers)
        sets = _EXPIRIES_PER_MAKER * _SETS_PER_EXPIRY
        self._next_set = (self._next_set + 1) % (self.spec.makers * sets)
        which, part = divmod(turn, _SETS_PER_EXPIRY)
        expiry = (number + which) % self.spec.expiries
        half = self.spec.strikes // 2
        strikes = range(half) if part < 2 else range(half, self.spec.strikes)
        options = [self.venue.option(expiry, strike, bool(part % 2)) for strike in strikes]
        quotes = tuple(self._quote(option) for option in options)
        self._script.add(self._makers[number], MassQuote(turn + 1, quotes, _MMP))

    def _quote(self, option: int) -> Quote:
        fair = self.venue.fair_ticks(option)
        half_spread = _half_spread(fair)
        bid, ask = fair - half_spread, max(fair, 0) + half_spread
        return Quote(option, max(bid, 1), _QUOTE_LOTS if bid >= 1 else 0, ask, _QUOTE_LOTS)

    def _quote_perpetual(self) -> None:
        middle = self.venue.index_e6 // PERPETUAL_CONTRACT.tick_e6
        bid, ask = middle - _PERPETUAL_SPREAD, middle + _PERPETUAL_SPREAD
        quote = Quote(PERPETUAL, bid, _PERPETUAL_LOTS, ask, _PERPETUAL_LOTS)
        self._script.add(self._hedger, MassQuote(_PERPETUAL_SET, (quote,)))

    def _hedge(self) -> None:
        """Let a maker trade the perpetual, through the spread."""
        side = self._random.randrange(2)
        middle = self.venue.index_e6 // PERPETUAL_CONTRACT.tick_e6
        beyond = 3 * _PERPETUAL_SPREAD
        price = middle + (beyond if side == _BUY else -beyond)
        lots = self._between(1, _TAKE_LOTS_MAX)
        order = PlaceOrder(PERPETUAL, side, price, lots, _IOC)
        self._script.add(self._one_of(self._makers), order)

    def _take(self, taker: Signer, option: int) -> None:
        """Buy or sell at what a maker may ask for; what has no value is only bought."""
        fair = self.venue.fair_ticks(option)
        reach = _half_spread(fair) + 2
        side = _BUY if fair <= reach else self._random.randrange(2)
        price = max(fair, 0) + reach if side == _BUY else fair - reach
        lots = self._between(1, _TAKE_LOTS_MAX)
        self._script.add(taker, PlaceOrder(option, side, price, lots, _IOC))

    def _rest(self) -> None:
        """Enter an order behind the makers, and remember it for a cancel."""
        taker = self._one_of(self._takers)
        option = self._one_of(self._own_options(taker))
        fair = self.venue.fair_ticks(option)
        behind = 2 * _half_spread(fair)
        side = _SELL if fair <= behind else self._random.randrange(2)
        price = fair - behind if side == _BUY else max(fair, 0) + behind
        client_id, self._next_client_id = self._next_client_id, self._next_client_id + 1
        lots = self._between(1, _TAKE_LOTS_MAX)
        order = PlaceOrder(option, side, price, lots, client_id=client_id)
        self._script.add(taker, order)
        self._resting.append((taker, client_id))

    def _own_options(self, taker: Signer) -> list[int]:
        """Return what a taker trades: calls and puts of every fifth expiry, the middle strikes."""
        spec, venue = self.spec, self.venue
        stride = max(1, spec.expiries // _EXPIRIES_PER_TAKER)
        expiries = range(taker.account % stride, spec.expiries, stride)
        edge = spec.strikes * 3 // 16
        strikes = range(edge, edge + spec.strikes * 5 // 8)
        return [
            venue.option(expiry, strike, is_put)
            for expiry in expiries
            for strike in strikes
            for is_put in (False, True)
        ]

    def _one_of(self, choices: Sequence[_Choice]) -> _Choice:
        return choices[self._random.randrange(len(choices))]

    def _between(self, low: int, high: int) -> int:
        return low + self._random.randrange(high - low + 1)


def _half_spread(fair_ticks: int) -> int:
    """Return how far from the fair price makers quote: two ticks and a fortieth of it."""
    return 2 + max(fair_ticks, 0) // 40

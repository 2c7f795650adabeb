"""An exchange for backtests: the real core in this process, and a counter-side that makes a market.

The counter-side quotes both sides around a price, or what a recording quoted, and trades what a
recording traded. Orders of the desk rest in the same books and fill by real matching, by price and
then by time. Sizes are drawn from a seed; the time is that of a clock that is handed in; keys and
nonces are derived: equal events give equal commands.

Owns what the counter-side asks for. What the exchange refuses of it ends the backtest: results with
a hole in the market would look like any others.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from lockstep_desk.adapters.exchange.session import (
    NS_PER_MS,
    ExchangeSequencer,
    ExchangeSession,
    Membership,
)
from lockstep_desk.adapters.exchange.units import E9_PER_E6, Units, units_of
from lockstep_desk.pipeline.generator import SplitMix64
from lockstep_desk.strategy.market import MarketTrade, Quote
from lockstep_desk.types import E8, Side
from lockstep_engine import commands as asked
from lockstep_engine.codes import Code, OrderType, Role, SelfTradeMode, TimeInForce
from lockstep_engine.events import CommandRejected, InstrumentCreated, OrderRejected
from lockstep_engine.exchange import exchange_genesis
from lockstep_engine.views import account as account_view
from lockstep_journal import Outlets, Sequencer, SequencerJournal
from lockstep_kernel import CannotRunError, Genesis, Machine, find_machine, initial
from lockstep_kernel.arith import div_ceil

VENUE: Final = "lockstep"
ACCOUNT: Final = "main"

_COUNTER: Final = 1
FIRST: Final = 2
"""The number of the first account at the exchange; the others follow."""

_TIER: Final = 1
_QUOTE_SET: Final = 1
_FUNDS_E6: Final = 2**58
_VALUE_MAX_E6: Final = 2**56
"""The bound of [INS-3] on what a position may be worth, which all instruments share here."""

_LOTS_MAX: Final = 10**9
_MARK_BPS: Final = 10
_BPS: Final = 10_000

OpenJournal = Callable[[Machine, Genesis], SequencerJournal]


class FundingRate(msgspec.Struct, frozen=True):
    """What longs pay shorts from a time on: a share of the mark's value, at each interval.

    Funding times are the multiples of the interval since 1970; the first one is after `from_ns`.
    """

    from_ns: int
    rate_e9: int
    interval_s: int


class Listing(msgspec.Struct, frozen=True):
    """A perpetual to list, and how the counter-side quotes it where no recording says how.

    `funding` are its rates in the order of their times; without one it has no funding. Quotes stand
    `half_spread_ticks` off the price on both sides; sizes are 1 to twice `depth_lots`.
    """

    name: str
    tick_e9: int
    lot_e8: int
    half_spread_ticks: int = 1
    depth_lots: int = 10_000
    price_max_ticks: int = 10_000_000
    funding: tuple[FundingRate, ...] = ()

    @property
    def value_e6(self) -> int:
        """One tick times one lot, rounded down; 0 is too little for the exchange."""
        return self.tick_e9 * self.lot_e8 // (E9_PER_E6 * E8)

    def lots_max(self, listings: int) -> int:
        """Return how many lots may be held when so many instruments share the exchange's bound."""
        worth_e6 = max(1, self.value_e6) * self.price_max_ticks * listings * 2
        return min(_LOTS_MAX, _VALUE_MAX_E6 // worth_e6)


class VenueAccount(msgspec.Struct, frozen=True):
    """An account of the desk at the exchange, and what it begins with."""

    name: str = ACCOUNT
    capital_cents: int = 100_000_000


class Protection(msgspec.Struct, frozen=True):
    """What MMP orders of an account may trade of an underlying in an interval before they freeze.

    A frozen account's MMP orders are cancelled, and none is taken for `frozen_ms`.
    """

    qty_e8: int = 10**17
    interval_ms: int = 1_000
    frozen_ms: int = 1_000


class VenueOptions(msgspec.Struct, frozen=True):
    """What all runs of a backtest share: instruments, the counter-side's seed, accounts and fees.

    Of several accounts the first one tells of the market.
    """

    listings: tuple[Listing, ...]
    seed: int = 1
    accounts: tuple[VenueAccount, ...] = (VenueAccount(),)
    protection: Protection = Protection()
    maker_fee_e9: int = 200_000
    taker_fee_e9: int = 500_000


class Standing(msgspec.Struct, frozen=True):
    """An account as the exchange has it; `cost_e9` is what its open positions cost, signed.

    `positions` are (instrument, quantity), sorted; negative is short.
    """

    cash_e9: int
    cost_e9: int
    positions: tuple[tuple[str, int], ...]


class Party:
    """One key that acts for one account (0: the operator); its nonces rise with the time."""

    def __init__(self, name: str, account: int, last_nonce: int = -1) -> None:
        self.name = name
        self.key = key_of(name)
        self.account = account
        self._last_nonce = last_nonce

    def sign(self, now_ns: int, action: asked.Action) -> asked.Command:
        """Wrap an action."""
        self._last_nonce = max(now_ns // NS_PER_MS, self._last_nonce + 1)
        return asked.Command(self.key, self._last_nonce, action, self.account)


class VenuePast(msgspec.Struct, frozen=True):
    """What an exchange's journal says of the time before: its events, and what was listed.

    `moved` counts the quotes of the counter-side; `nonces` are the last ones by key.
    """

    history: Sequence[tuple[int, Sequence[msgspec.Struct]]] = ()
    listed: Sequence[InstrumentCreated] = ()
    moved: int = 0
    nonces: Mapping[bytes, int] = {}

    def party(self, name: str, account: int) -> Party:
        """Return a party that goes on with its nonces."""
        return Party(name, account, self.nonces.get(key_of(name), -1))


class CounterSide:
    """The staff and the counter-side of an exchange, and the opening of what they trade in.

    The opening is the first commands of the exchange: one that holds a part of them goes on with
    the rest. `past` is what there was of it before.
    """

    def __init__(
        self,
        options: VenueOptions,
        clock: Callable[[], int],
        sequencer: ExchangeSequencer,
        past: VenuePast | None = None,
    ) -> None:
        past = past or VenuePast()
        self._options = options
        self._clock = clock
        self._random = SplitMix64(options.seed)
        self._staff = past.party("staff", 0)
        self._counter = past.party("counter-side", _COUNTER)
        self._owners = [
            past.party(owner_name(account.name), FIRST + place)
            for place, account in enumerate(options.accounts)
        ]
        self.sequencer = sequencer
        self.listed: list[InstrumentCreated] = []
        self._units: dict[str, Units] = {}
        self._listing = {listing.name: listing for listing in options.listings}
        self._marked_e6: dict[str, int] = {}
        for created in past.listed:
            self._learn(created)
        for party, action in self._opening()[sequencer.state.seq :]:
            for event in self._send(party, action):
                if isinstance(event, InstrumentCreated):
                    self._learn(event)

    def show(self, name: str, price_e9: int) -> None:
        """Quote both sides around a price."""
        listing, units = self._listing[name], self._units[name]
        ticks = max(price_e9 // units.tick_e9, 1)
        self._mark(name, ticks)
        bid, ask = ticks - listing.half_spread_ticks, ticks + listing.half_spread_ticks
        bid_lots, ask_lots = self._size(listing), self._size(listing)
        self._quote(units, (max(bid, 1), bid_lots if bid > 0 else 0), (ask, ask_lots))

    def quote(self, name: str, quote: Quote) -> None:
        """Quote what a recording quoted: prices rounded away from each other, a lot at least."""
        units = self._units[name]
        bid, ask = quote.bid_e9 // units.tick_e9, div_ceil(quote.ask_e9, units.tick_e9)
        bid_lots = self._lots(units, quote.bid_qty_e8) if bid else 0
        ask_lots = self._lots(units, quote.ask_qty_e8)
        if bid_lots and ask_lots:
            self._mark(name, (bid + ask) // 2)
        self._quote(units, (max(bid, 1), bid_lots), (max(ask, 1), ask_lots))

    def trade(self, name: str, trade: MarketTrade) -> None:
        """Trade what a recording traded, with whatever stands at its price or better."""
        units = self._units[name]
        is_buy = trade.side is Side.BUY
        up = div_ceil(trade.price_e9, units.tick_e9)
        ticks = up if is_buy else max(trade.price_e9 // units.tick_e9, 1)
        self._mark(name, ticks)
        order = asked.PlaceOrder(
            units.number,
            int(trade.side),
            ticks,
            self._lots(units, trade.qty_e8),
            int(TimeInForce.IOC),
            int(OrderType.LIMIT),
            self_trade=int(SelfTradeMode.ALLOW),
        )
        self._send(self._counter, order)

    def fund(self, name: str, rate: FundingRate) -> None:
        """Let longs pay shorts at a rate from the next funding time on."""
        number = self._units[name].number
        self._send(self._staff, asked.UpdateFundingRate(number, rate.rate_e9, rate.interval_s))

    def _opening(self) -> list[tuple[Party, asked.Action]]:
        """Return the commands that an exchange begins with, each with who asks for it."""
        options, staff = self._options, self._staff
        fees = asked.SetFeeSchedule(
            _TIER, options.maker_fee_e9, options.taker_fee_e9, 0, 0, 0, 0, 0, 0, 0, 0
        )
        free = asked.SetFeeSchedule(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        roles = int(Role.ADMIN | Role.ORACLE | Role.TREASURY | Role.RISK)
        actions: list[asked.Action] = [
            asked.GrantRole(staff.key, roles),
            free,
            fees,
            asked.OpenAccount(_COUNTER, self._counter.key),
            asked.Deposit(_COUNTER, _FUNDS_E6),
        ]
        for owner, account in zip(self._owners, options.accounts, strict=True):
            actions += [
                asked.OpenAccount(owner.account, owner.key),
                asked.SetFeeTier(owner.account, _TIER),
                asked.Deposit(owner.account, account.capital_cents * 10**4),
            ]
        actions += [
            asked.CreateUnderlying(underlying, self._index_max_e6(underlying))
            for underlying in self._underlyings()
        ]
        actions += [
            self._create(number, listing) for number, listing in enumerate(options.listings, 1)
        ]
        return [*((staff, action) for action in actions), *self._protections()]

    def _protections(self) -> list[tuple[Party, asked.Action]]:
        """Return what protects the accounts: without it the exchange takes no MMP order of them."""
        wanted = self._options.protection
        return [
            (
                owner,
                asked.SetMmpConfig(underlying, wanted.interval_ms, wanted.frozen_ms, wanted.qty_e8),
            )
            for owner in self._owners
            for underlying in self._underlyings()
        ]

    def _underlyings(self) -> list[str]:
        return sorted({_underlying(listing.name) for listing in self._options.listings})

    def _index_max_e6(self, underlying: str) -> int:
        return max(
            listing.price_max_ticks * listing.tick_e9 // E9_PER_E6
            for listing in self._options.listings
            if _underlying(listing.name) == underlying
        )

    def _create(self, number: int, listing: Listing) -> asked.CreateInstrument:
        lots = listing.lots_max(len(self._listing))
        limits = asked.TradingLimits(
            max_price_ticks=listing.price_max_ticks,
            max_order_lots=lots,
            max_position_lots=lots,
        )
        tick_e6 = listing.tick_e9 // E9_PER_E6
        return asked.CreateInstrument(
            number, listing.name, tick_e6, listing.lot_e8, E8, limits, allows_self_trade=True
        )

    def _learn(self, created: InstrumentCreated) -> None:
        self.listed.append(created)
        self._units[created.symbol] = units_of(created)

    def _mark(self, name: str, ticks: int) -> None:
        """Move mark and index once the price is 10 bps off the mark: they follow, and seldom."""
        units = self._units[name]
        self._check_price(name, ticks)
        price_e6 = ticks * units.tick_e9 // E9_PER_E6
        before_e6 = self._marked_e6.get(name, 0)
        if before_e6 and abs(price_e6 - before_e6) * _BPS <= before_e6 * _MARK_BPS:
            return
        self._marked_e6[name] = price_e6
        self._send(self._staff, asked.UpdateIndexPrice(_underlying(name), price_e6))
        self._send(self._staff, asked.UpdateMarkPrice(units.number, price_e6))

    def _check_price(self, name: str, ticks: int) -> None:
        most = self._listing[name].price_max_ticks
        if ticks > most:
            raise CannotRunError(
                f"{name} at {self._clock()} ns: expected prices up to its price_max_ticks {most}, "
                f"found {ticks}"
            )

    def _quote(self, units: Units, bid: tuple[int, int], ask: tuple[int, int]) -> None:
        self._check_price(units.name, ask[0])
        quote = asked.Quote(units.number, *bid, *ask)
        allow = int(SelfTradeMode.ALLOW)
        set_ = _QUOTE_SET + units.number
        self._send(self._counter, asked.MassQuote(set_, (quote,), self_trade=allow))

    def _size(self, listing: Listing) -> int:
        return min(1 + self._random.below(2 * listing.depth_lots), self._most(listing.name))

    def _lots(self, units: Units, qty_e8: int) -> int:
        """Return a size of a recording in lots, at least one; nothing stays nothing."""
        return min(max(qty_e8 // units.lot_e8, 1), self._most(units.name)) if qty_e8 else 0

    def _most(self, name: str) -> int:
        """A quarter of what may be held: quotes on both sides, and what is held already."""
        return max(self._listing[name].lots_max(len(self._listing)) // 4, 1)

    def _send(self, party: Party, action: asked.Action) -> Sequence[msgspec.Struct]:
        now_ns = self._clock()
        result = self.sequencer.submit([party.sign(now_ns, action)])[0]
        if isinstance(result, Exception):
            raise result
        for event in result[1]:
            if isinstance(event, CommandRejected):
                raise _refused(party, action, now_ns, event.code)
            if isinstance(event, OrderRejected) and event.account == party.account:
                raise _refused(party, action, now_ns, event.code)
        return result[1]


class CounterVenue(CounterSide):
    """The exchange of a backtest: new, with its counter-side and the accounts of the desk."""

    def __init__(
        self,
        options: VenueOptions,
        start_ns: int,
        clock: Callable[[], int],
        open_journal: OpenJournal,
    ) -> None:
        genesis = venue_genesis(start_ns)
        machine = find_machine(genesis.machine)
        members = [
            Membership(
                *(VENUE, account.name, FIRST + place, key_of(owner_name(account.name))),
                tells_market=place == 0,
            )
            for place, account in enumerate(options.accounts)
        ]
        self.sessions = {
            member.account: ExchangeSession(member, lambda: sequencer.state.ts_ns)
            for member in members
        }
        sequencer = Sequencer(
            initial(machine, genesis),
            open_journal(machine, genesis),
            clock,
            Outlets(sinks=list(self.sessions.values())),
        )
        for session in self.sessions.values():
            session.attach(sequencer)
        super().__init__(options, clock, sequencer)

    def standing(self, account: str) -> Standing:
        """Return an account as the exchange has it."""
        session = self.sessions[account]
        view, units = account_view(self.sequencer.state, session.member.number), self._units
        held = {one.instrument: one.qty_lots for one in view.positions}
        return Standing(
            view.cash_e6 * E9_PER_E6,
            sum(one.cost_e6 for one in view.positions) * E9_PER_E6,
            tuple(
                (name, units[name].qty_e8(held[units[name].number]))
                for name in sorted(units)
                if units[name].number in held
            ),
        )


def venue_genesis(start_ns: int) -> Genesis:
    """Return the genesis of an exchange whose operator is the staff of a counter-side."""
    return exchange_genesis(asked.ExchangeParams(key_of("staff"), start_ns, max_step_ns=2**60))


def owner_name(account: str) -> str:
    """Return what the party is called that owns an account."""
    return f"account {account}"


def key_of(name: str) -> bytes:
    """Return the key of a party, which is no secret."""
    return sha256(b"lockstep backtest key of " + name.encode()).digest()


def _underlying(symbol: str) -> str:
    return symbol.partition("-")[0]


def _refused(party: Party, action: asked.Action, now_ns: int, code: int) -> CannotRunError:
    asked_for = f"{type(action).__name__} at {now_ns} ns"
    return CannotRunError(
        f"the {party.name} of the backtest: expected the exchange to take its {asked_for}, found "
        f"it refused with {Code(code).name}"
    )

"""The small world of the property tests: at most 4 accounts, 5 ticks, 3 instruments.

Sizes are odd numbers of micro-dollars (7 for a tick of a lot, some 700 for a lot at the index), so
that every rounding shows. `setup` lists the commands that build the world from genesis.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from lockstep_engine.codes import Role
from lockstep_engine.commands import (
    Action,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    ExchangeParams,
    FundInsurance,
    GrantRole,
    OpenAccount,
    SetFeeSchedule,
    SetFeeTier,
    SetMarginMode,
    SetMmpConfig,
    SetPortfolioModel,
    TradingLimits,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
)
from lockstep_engine.exchange import exchange_genesis
from lockstep_kernel import Genesis
from tests.property.dice import Dice, pick
from tests.property.models import MODELS

NS_PER_MS = 10**6
MS, SECOND = NS_PER_MS, 10**9
MAX_STEP_NS = 60 * SECOND
NONCE_MS = 60_000


def key(name: str) -> bytes:
    """Return a 32-byte key that can be read."""
    return name.encode().ljust(32, b".")


ROOT, ADMIN, ORACLE, TREASURY, RISK = (
    key(name) for name in ("root", "admin", "oracle", "treasury", "risk")
)
STAFF = ((ADMIN, Role.ADMIN), (ORACLE, Role.ORACLE), (TREASURY, Role.TREASURY), (RISK, Role.RISK))
AGENTS = (key("agent-a"), key("agent-b"))
STRANGER = key("stranger")

ACCOUNTS = (1, 2, 3, 4)
INSTRUMENTS = (1, 2, 3)
UNDERLYINGS = ("BTC", "ETH")
TICK_E6, LOT_E8, CONTRACT_E8 = 10**7, 70, 10**8
VALUE_E6 = 7
INDEX_E6 = 1_000_000_000
OPTION_MARK_E6 = 21 * TICK_E6
FLAT_POINTS = ((INDEX_E6, 10**9),)
MAX_DEPOSITS_E6 = 10**13

START_NS = 1_772_319_600 * SECOND  # 2026-02-28 23:00 UTC: dated instruments expire two hours later
EXPIRY_TIME_S = 3_600
WINDOW_NS = 1_800 * SECOND
LIMITS = TradingLimits(
    max_price_ticks=400,
    max_order_lots=12,
    max_position_lots=14,
    max_open_orders=5,
)
PERPETUAL, FUTURE, CALL, PUT = "PERP", "{date}", "{date}-1000-C", "{date}-1001-P"
HIGH_CALL, LATE_CALL = "{date}-1010-C", "20290601-990-C"
NEXT_FUTURE, NEXT_PUT = "20260302", "20260302-990-P"

FEES = (
    (
        *(10_000_000, 20_000_000, 10_000_000, 20_000_000, 125_000_000, 0),
        *(150_000, 125_000_000, 10_000_000, 300_000),
    ),
    (
        *(-15_000_000, 20_000_000, -15_000_000, 20_000_000, 5_000_000, 5_000),
        *(1_500_007, 60_000_000, 3_000_003, 1_000_003),
    ),
    (
        *(-30_000_000, -10_000_000, -20_000_000, -20_000_000, 10_000_000, 10_000),
        *(0, 0, 0, 0),
    ),
    (
        *(7_300_000, 100_000_000, 11_100_000, 33_300_000, 21_000_000, 3_333),
        *(10**8, 10**9, 10**8, 10**8),
    ),
)
"""Rates by tier, in the order of SetFeeSchedule; tier 0 replaces the one of the genesis."""


PROTECTIONS = (
    (),
    (60_000, 1_000, 3 * LOT_E8),
    (3_000, 3, 5 * LOT_E8, 2 * LOT_E8),
    (60_000, 0, 0, 3 * LOT_E8, 0, 2),
    (60_000, 10, 0, 0, 1),
    (3_000, 1, 6 * LOT_E8, 0, 3, 1),
    (2, 100, 2 * LOT_E8, 0, 0, 3),
    (60_000, 1, 3 * LOT_E8, 0, 0, 4),
    (3_000, 2, 4 * LOT_E8 - 1, 0, 0, 6),
)
"""What accounts begin with, in the order of SetMmpConfig; a lot is LOT_E8 of a limit."""


class World(msgspec.Struct, frozen=True):
    """What is different from one world to the next."""

    start_ns: int
    symbols: tuple[str, ...]
    allows_self_trade: tuple[bool, ...]
    groups: tuple[int, ...]
    cash_e6: tuple[int, ...]
    tiers: tuple[int, ...]
    owners: tuple[int, ...] = ACCOUNTS
    has_prices: bool = True
    digest_every: int = 1
    mark_age_ns: int = 0
    protections: tuple[int, ...] = (0, 0, 0, 0)
    has_surfaces: bool = False
    models: tuple[int, int] = (-1, -1)
    modes: tuple[int, ...] = (0, 0, 0, 0)
    nonce_capacity: int = 6
    min_samples: int = 2
    insurance_e6: int = 0
    funding: tuple[int, int] = (0, 0)
    opening: tuple[tuple[int, ...], ...] = ()
    max_deposits_e6: int = MAX_DEPOSITS_E6

    def genesis(self, digest_every: int = 0) -> Genesis:
        """Return a genesis with capacities so small that they are reached."""
        params = ExchangeParams(
            ROOT,
            self.start_ns,
            max_step_ns=MAX_STEP_NS,
            max_total_deposits_e6=self.max_deposits_e6,
            nonce_past_ms=NONCE_MS,
            nonce_future_ms=NONCE_MS,
            nonce_capacity=self.nonce_capacity,
            request_capacity=2,
            max_mark_age_ns=self.mark_age_ns,
        )
        return exchange_genesis(params, digest_every or self.digest_every)

    def setup(self) -> Iterator[tuple[bytes, Action]]:
        """Yield (signer, action) of everything that must be there before trading."""
        for staff, role in STAFF:
            yield ROOT, GrantRole(staff, int(role))
        for underlying in UNDERLYINGS:
            facts = (4 * INDEX_E6, EXPIRY_TIME_S, self.min_samples)
            yield ADMIN, CreateUnderlying(underlying, *facts)
        for number, symbol in zip(INSTRUMENTS, self.symbols, strict=True):
            yield ADMIN, listing(number, symbol, self.allows_self_trade[number - 1])
        for tier, rates in enumerate(FEES):
            yield ADMIN, SetFeeSchedule(tier, *rates)
        for account, group in zip(ACCOUNTS, self.groups, strict=True):
            yield ADMIN, OpenAccount(account, self.owner(account), group)
        for account, cash in zip(ACCOUNTS, self.cash_e6, strict=True):
            yield TREASURY, Deposit(account, cash)
        for account, tier in zip(ACCOUNTS, self.tiers, strict=True):
            yield ADMIN, SetFeeTier(account, tier)
        for underlying, number in zip(UNDERLYINGS, self.models, strict=True):
            if number >= 0:
                yield ADMIN, SetPortfolioModel(underlying, MODELS[number])
        if self.insurance_e6:
            yield TREASURY, FundInsurance(self.insurance_e6)
        if self.has_prices:
            yield from self._prices()
        for number, symbol in zip(INSTRUMENTS, self.symbols, strict=True):
            if self.funding[1] and symbol.endswith(PERPETUAL):
                yield ORACLE, UpdateFundingRate(number, *self.funding)

    def chosen(self) -> Iterator[tuple[int, Action]]:
        """Yield (account, action) of the protections and margin modes that accounts begin with."""
        for account, number in zip(ACCOUNTS, self.protections, strict=True):
            if PROTECTIONS[number]:
                for underlying in UNDERLYINGS:
                    yield account, SetMmpConfig(underlying, *PROTECTIONS[number])
        for account, mode in zip(ACCOUNTS, self.modes, strict=True):
            if mode:
                yield account, SetMarginMode(mode)

    def owner(self, account: int) -> bytes:
        """Return the root key of an account; a key may own several."""
        return owner_key(self.owners[(account - 1) % len(self.owners)])

    def _prices(self) -> Iterator[tuple[bytes, Action]]:
        for underlying in UNDERLYINGS:
            yield ORACLE, UpdateIndexPrice(underlying, INDEX_E6)
        for number, symbol in zip(INSTRUMENTS, self.symbols, strict=True):
            mark_e6 = OPTION_MARK_E6 if is_option(symbol) else INDEX_E6
            yield ORACLE, UpdateMarkPrice(number, mark_e6)
        if self.has_surfaces:
            dated = {(name[:3], name[4:12]): None for name in self.symbols if name[4].isdigit()}
            for underlying, date in dated:
                yield ORACLE, UpdateVolSurface(underlying, expiry_ns(date), INDEX_E6, FLAT_POINTS)


def owner_key(number: int) -> bytes:
    """Return the key of an owner."""
    return key(f"owner-{number}")


def expiry_ns(date: str) -> int:
    """Return when the instruments of a date (YYYYMMDD) expire."""
    day = datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC)
    return (int(day.timestamp()) + EXPIRY_TIME_S) * SECOND


def is_option(symbol: str) -> bool:
    """Return whether a symbol of this world is an option's."""
    return symbol[-2:] in ("-C", "-P")


def listing(number: int, symbol: str, allows_self_trade: bool) -> CreateInstrument:
    """Return the action that lists an instrument with this world's units and limits."""
    return CreateInstrument(number, symbol, TICK_E6, LOT_E8, CONTRACT_E8, LIMITS, allows_self_trade)


def first_tick(symbol: str) -> int:
    """Return the lowest of the five ticks at which orders of an instrument meet."""
    return 19 if is_option(symbol) else 98


_SYMBOLS = (
    (("BTC", PERPETUAL), ("BTC", CALL), ("BTC", PUT)),
    (("BTC", PERPETUAL), ("BTC", FUTURE), ("ETH", PUT)),
    (("BTC", FUTURE), ("BTC", CALL), ("ETH", PERPETUAL)),
    (("BTC", PERPETUAL), ("ETH", PUT), ("ETH", CALL)),
    (("BTC", CALL), ("BTC", HIGH_CALL), ("BTC", PUT)),
    (("BTC", CALL), ("BTC", LATE_CALL), ("BTC", PERPETUAL)),
    (("BTC", FUTURE), ("BTC", NEXT_FUTURE), ("BTC", NEXT_PUT)),
    (("ETH", PERPETUAL), ("ETH", CALL), ("ETH", NEXT_FUTURE)),
)
_CASH = (20_000, 10**9, 10**6, 2_000, 300)
_GROUPS = ((0, 0, 0, 0), (5, 5, 0, 0), (0, 5, 0, 5), (5, 5, 6, 6))
_ALLOWED = ((True, True, True), (False, False, False), (True, False, True))
_OWNERS = (ACCOUNTS, ACCOUNTS, (1, 1, 2, 2), (1, 2, 1, 3))
_DATES = ("20260301", "20260301", "20260301", "20260301", "20270301")
_MINUTE_NS = 60 * SECOND
_STARTS_NS = (
    *(START_NS, START_NS, START_NS + 89 * _MINUTE_NS, START_NS + 90 * _MINUTE_NS - 20 * MS),
    *(START_NS + 100 * _MINUTE_NS, START_NS + 118 * _MINUTE_NS, START_NS, 0),
)
"""Two hours before the expiry, shortly before its window, in it, and long before."""

_CAPACITIES = (6, 6, 6, 6, 1, 2)
_SAMPLES = (2, 0, 1, 2, 5)
_INSURANCE_E6 = (0, 0, 60, 1_000, 100_000)
_FUNDINGS = ((0, 0), (0, 0), (10**8, 3_600), (-(10**8), 3_600), (5_000_000, 7_200), (7, 3_600))
_AGES_NS = (0, 0, 0, 0, 0, 50 * SECOND)
_PROTECTED = (
    *((1, 2, 1, 0), (0, 0, 0, 0), (2, 5, 3, 1), (4, 6, 1, 2), (3, 2, 4, 5)),
    *((7, 8, 7, 1), (8, 7, 0, 7)),
)
_MODELS = ((-1, -1), (0, 0), (0, 1), (1, 0), (1, 2), (2, 1), (3, -1), (4, 4), (4, 0))
_MODES = ((0, 0, 0, 0), (0, 1, 2, 0), (2, 2, 1, 1), (1, 1, 1, 1), (2, 0, 2, 2), (2, 2, 2, 2))
"""Portfolio models by number, of BTC and ETH; margin modes by account."""

_TIERS = ((0, 0, 0, 0), (0, 1, 2, 3), (1, 1, 3, 3), (2, 0, 1, 0), (3, 2, 3, 1))


_OPENINGS: tuple[tuple[tuple[int, ...], ...], ...] = (
    (),
    (),
    ((1, 2, 14, 0, 0), (3, 2, 0, 9, -9), (3, 4, -8, 0, 2)),
    ((1, 2, -7, 3, 5), (1, 4, 0, -3, 3), (3, 4, 12, -12, 0)),
    ((1, 2, 4, 4, 0), (3, 2, 4, 0, 4), (4, 2, 4, 0, 0)),
    ((1, 4, 1, -1, 1), (2, 3, 2, 14, -14)),
)
"""Blocks that accounts begin with: first party, second party, signed lots of each instrument."""


def draw_world(dice: Dice, digest_every: int = 1) -> World:
    """Draw a world; the simplest comes first in every choice."""
    start_ns = pick(dice, _STARTS_NS)
    date = pick(dice, _DATES) if start_ns else "20000101"
    symbols = tuple(
        f"{underlying}-{form.format(date=date)}" for underlying, form in pick(dice, _SYMBOLS)
    )
    return World(
        start_ns,
        symbols,
        pick(dice, _ALLOWED),
        pick(dice, _GROUPS),
        tuple(pick(dice, _CASH) for _ in ACCOUNTS),
        pick(dice, _TIERS),
        pick(dice, _OWNERS),
        dice.below(8) != 7,
        digest_every,
        pick(dice, _AGES_NS),
        pick(dice, _PROTECTED),
        dice.below(4) > 0,
        pick(dice, _MODELS),
        pick(dice, _MODES),
        pick(dice, _CAPACITIES),
        pick(dice, _SAMPLES),
        pick(dice, _INSURANCE_E6),
        pick(dice, _FUNDINGS),
        pick(dice, _OPENINGS),
    )

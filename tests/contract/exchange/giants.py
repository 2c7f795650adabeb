"""The largest amounts that the limits allow: what it takes to get near the bounds of [NUM-4]."""

import msgspec
from xxhash import xxh3_64_intdigest

from lockstep_engine.commands import (
    CreateUnderlying,
    Deposit,
    MarginRates,
    OpenAccount,
    SetFeeSchedule,
    SetMarginModel,
    TradingLimits,
    UpdateFundingRate,
)
from lockstep_kernel import Machine, Record, SnapshotHead, sorted_records
from lockstep_kernel.chain import restored
from lockstep_kernel.entity import name_of
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    FUTURE,
    PERP,
    Exchange,
    root_of,
    staffed_exchange,
)

GIANT_LOTS = 10**9
GIANT_PRICE = 72_000
"""A position of both is worth 7.2 x 10^16, a little under 2^56."""

GIANT_FUNDING_E6 = 72 * 10**14
"""What it pays at each funding: 10 %."""

LONG_CASH_E6 = 5 * 10**15

GIANTS = (11, 12, 13, 14)
"""Futures that expire one day after the other; a giant position in two of them is allowed."""

SPARE_LOTS = 2**57 // (GIANT_PRICE * 1_000) - 2 * GIANT_LOTS
"""What an account may have in a third one: its lots are worth 72,000,000 e6 at most, too."""

_LIMITS = TradingLimits(
    max_price_ticks=GIANT_PRICE, max_order_lots=GIANT_LOTS, max_position_lots=GIANT_LOTS
)


def giant_market(machine: Machine) -> Exchange:
    """Return a market in which Alice pays Bob, who has all but 5 x 10^15 of 2^60, every hour."""
    market = staffed_exchange(machine)
    market.do(CreateUnderlying("BTC", GIANT_PRICE * 10**6))
    market.index(GIANT_PRICE)
    market.create(PERP, "BTC-PERP", limits=_LIMITS)
    market.create(FUTURE, "BTC-20260108", limits=_LIMITS)
    for number in (PERP, FUTURE):
        market.mark(GIANT_PRICE, number)
    for account, cash in ((ALICE, LONG_CASH_E6), (BOB, 2**60 - LONG_CASH_E6)):
        market.do(OpenAccount(account, root_of(account)))
        market.do(Deposit(account, cash))
    market.trade(ALICE, BOB, GIANT_PRICE, GIANT_LOTS)
    market.do(UpdateFundingRate(PERP, 10**8, 3_600))
    return market


def row_of_giants(machine: Machine) -> Exchange:
    """Return a market of futures for giants, without margin and without fees; all start at 0."""
    market = staffed_exchange(machine)
    market.do(CreateUnderlying("BTC", GIANT_PRICE * 10**6))
    market.index(GIANT_PRICE)
    market.do(SetMarginModel("BTC", MarginRates(0, 0)))
    market.do(SetFeeSchedule(0, *(0,) * 10))
    for day, number in enumerate(GIANTS, start=8):
        market.create(number, f"BTC-202601{day:02}", limits=_LIMITS)
        market.mark(GIANT_PRICE, number)
    for account in (ALICE, BOB, CAROL):
        market.do(OpenAccount(account, root_of(account)))
    return market


def with_records(market: Exchange, *records: Record) -> Exchange:
    """Return the market as if these were its records of their names; all sums must come out."""
    named = {name_of(record): record for record in (*sorted_records(market.state), *records)}
    digest = sum(xxh3_64_intdigest(msgspec.msgpack.encode(each)) >> 3 for each in named.values())
    head = market.state.head()
    state = restored(
        market.state.machine,
        market.state.genesis,
        SnapshotHead(
            head.seq, head.ts_ns, head.hash, head.genesis_hash, digest % 2**61, head.clocks
        ),
        [named[name] for name in sorted(named)],
    )
    changed = market.fork()
    changed.state, changed.unverified = state, state.fork()
    return changed

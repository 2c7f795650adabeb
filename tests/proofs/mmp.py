"""The window of market-maker protection: sums, age and breaches ([MMP-1], [MMP-2]).

Amounts are any signed lots, greeks any within range: their products stay products of unknowns,
which these contracts only add and compare. Three fills are enough for a window to keep some and
drop some. Times are any nanosecond of the first centuries.
"""

from typing import Annotated

from lockstep_engine.codes import MmpLimit, MmpOption, OrderFlag
from lockstep_engine.matching.protection import protect
from lockstep_engine.protection import Mmp, MmpFill, MmpSums
from tests.proofs.contract import Between, Contract, OneOf, planted
from tests.proofs.world import (
    BUY,
    SELL,
    new_account,
    new_core,
    new_holding,
    new_instrument,
    new_order,
)

Lots = Annotated[int, Between(-(2**56), 2**56)]
Size = Annotated[int, Between(1, 2**56)]
Greek = Annotated[int, Between(-(2**40), 2**40)]
Sum = Annotated[int, Between(-(2**124), 2**124)]
Total = Annotated[int, Between(0, 2**124)]
Limit = Annotated[int, Between(0, 2**62)]
Time = Annotated[int, Between(0, 2**62)]
Millis = Annotated[int, Between(1, 86_400_000)]
Options = Annotated[int, OneOf((0, int(MmpOption.EXCEEDING)))]
NS_PER_MS, E8, E17, E19 = 10**6, 10**8, 10**17, 10**19
QTY, DELTA, VEGA = int(MmpLimit.QTY), int(MmpLimit.DELTA), int(MmpLimit.VEGA)

FILE = "lockstep_engine/protection.py"
MATCHING = "lockstep_engine/matching/protection.py"


def _fill(mmp: Mmp, ts_ns: int, lots: int, greeks: tuple[int, int], unit: int) -> MmpFill:
    fill = MmpFill(mmp, mmp.next_fill, (ts_ns, 1, lots, *greeks), unit)
    mmp.next_fill += 1
    return fill


def _mmp(limits: tuple[int, int, int], options: int = 0, interval_ms: int = 1) -> Mmp:
    return Mmp(1, "BTC", (interval_ms, 0, *limits, options))


def _totals(mmp: Mmp) -> tuple[int, int, int]:
    """Return what the fills in the window add up to, from nothing."""
    qty = delta = vega = 0
    for fill in mmp.window:
        qty += abs(fill.amount_e16)
        delta += fill.amount_e16 * fill.delta_e9
        vega += fill.amount_e16 * fill.vega_e9
    return qty, delta, vega


def _numbers(sums: MmpSums) -> tuple[int, int, int]:
    return sums.qty_e16, sums.delta_e25, sums.vega_e25


def sums_are_those_of_the_fills_kept(
    first: Lots, second: Lots, delta: Greek, vega: Greek, dropped: bool
) -> None:
    """Whatever was kept and dropped, the sums are those of the window."""
    mmp = _mmp((0, 0, 0))
    mmp.keep(_fill(mmp, 1, first, (delta, vega), 7))
    mmp.keep(_fill(mmp, 2, second, (vega, delta), 10**13))
    if dropped:
        assert 1 == mmp.drop_first().ts_ns
    assert _totals(mmp) == _numbers(mmp.sums)
    assert mmp.sums.qty_e16 >= 0


def a_window_that_is_emptied_adds_up_to_nothing(
    first: Lots, second: Lots, third: Lots, delta: Greek, vega: Greek
) -> None:
    """Taking every fill out again leaves exact zeros."""
    mmp = _mmp((0, 0, 0))
    for lots in (first, second, third):
        mmp.keep(_fill(mmp, 1, lots, (delta, vega), 7))
    while mmp.window:
        mmp.drop_first()
    assert (0, 0, 0) == _numbers(mmp.sums)


def a_breach_of_quantity_is_exact(options: Options, limit: Limit, qty: Total) -> None:
    """Quantity breaches from limit x 10^8 on, under EXCEEDING beyond it, and never at limit 0."""
    mmp = _mmp((limit, 0, 0), options)
    reached = qty > limit * E8 if options else qty >= limit * E8
    assert (QTY if limit > 0 and reached else 0) == mmp.breached(MmpSums(qty, 0, 0))


def a_breach_of_greeks_is_exact(
    options: Options, limit: Limit, delta: Sum, vega: Sum, is_both: bool
) -> None:
    """Delta and vega breach on either side, each for itself, at 10^17 and 10^19."""
    mmp = _mmp((0, limit, limit if is_both else 0), options)
    expected = 0
    for total, unit, bit in ((delta, E17, DELTA), (vega, E19, VEGA if is_both else 0)):
        size = total if total > 0 else -total
        if limit > 0 and (size > limit * unit if options else size >= limit * unit):
            expected |= bit
    assert expected == mmp.breached(MmpSums(0, delta, vega))


def a_window_forgets_what_is_an_interval_old(
    interval: Millis, first_ns: Time, later: Time, now: Time, lots: Size
) -> None:
    """A fill counts while its time is after now - interval, and in `sums_at` just as at a fill."""
    core = new_core()
    instrument, account = new_instrument(core), new_account(core)
    mmp = account.mmps["BTC"] = _mmp((0, 0, 0), 0, interval)
    maker = new_order(core, new_holding(account, instrument), SELL, 1, lots)
    taker = new_order(core, new_holding(new_account(core), instrument), BUY, 1, lots)
    maker.flags = int(OrderFlag.MMP)
    times = [first_ns, first_ns + later, first_ns + later + now]
    for time_ns in times[:2]:
        mmp.keep(_fill(mmp, time_ns, lots, (0, 0), instrument.unit_e16))
    core.now_ns = times[2]
    expected = _numbers(mmp.sums_at(core.now_ns))
    protect(core, maker, taker, lots, [])
    kept = [time_ns for time_ns in times if time_ns > times[2] - interval * NS_PER_MS]
    assert kept == [fill.ts_ns for fill in mmp.window]
    mmp.sums.take(mmp.window[-1])
    assert expected == _numbers(mmp.sums)


def a_fill_freezes_exactly_when_it_breaches(
    options: Options, limit: Limit, lots: Lots, delta: Greek, frozen_ms: Millis
) -> None:
    """The first fill of a window freezes it, and empties it, iff it reaches the limit on delta."""
    core = new_core()
    instrument, account = new_instrument(core), new_account(core)
    instrument.mark.delta_e9 = delta
    mmp = account.mmps["BTC"] = Mmp(1, "BTC", (1, frozen_ms, 0, limit, 0, options))
    maker = new_order(core, new_holding(account, instrument), SELL, 1, 1)
    taker = new_order(core, new_holding(new_account(core), instrument), BUY, 1, 1)
    maker.flags = int(OrderFlag.MMP)
    core.now_ns = 5
    protect(core, maker, taker, lots, [])
    reached = abs(lots * delta) * instrument.unit_e16
    is_breach = limit > 0 and (reached > limit * E17 if options else reached >= limit * E17)
    assert (0 if is_breach else 1) == len(mmp.window)
    assert (5 + frozen_ms * NS_PER_MS if is_breach else 0) == mmp.frozen_until_ns
    assert not is_breach or (0, 0, 0) == _numbers(mmp.sums)


_ADD = "        self.vega_e25 += amount_e16 * vega_e9\n"
_TAKE = "        self.vega_e25 -= amount * fill.vega_e9\n"

CONTRACTS = (
    Contract(
        sums_are_those_of_the_fills_kept,
        ("MMP-2",),
        (
            planted(
                FILE,
                "the quantity of a window is net",
                ("amount_e16 if amount_e16 > 0 else -amount_e16", "amount_e16"),
                {"first": -1, "second": 0, "delta": 0, "vega": 0, "dropped": 1},
            ),
            planted(
                FILE,
                "vega counts by its size",
                (_ADD, "        self.vega_e25 += abs(amount_e16) * vega_e9\n"),
                {
                    "first": -72057594037927935,
                    "second": -72057594037927935,
                    "delta": 0,
                    "vega": 1,
                    "dropped": 1,
                },
            ),
        ),
    ),
    Contract(
        a_window_that_is_emptied_adds_up_to_nothing,
        ("MMP-2",),
        (
            planted(
                FILE,
                "a fill that leaves keeps its vega",
                (_TAKE, ""),
                {"first": 0, "second": -1, "third": 0, "delta": 0, "vega": -1},
            ),
            planted(
                FILE,
                "a fill that leaves takes net quantity",
                ("self.qty_e16 -= amount if amount > 0 else -amount", "self.qty_e16 -= amount"),
                {"first": -1, "second": 0, "third": 0, "delta": 0, "vega": 0},
            ),
        ),
    ),
    Contract(
        a_breach_of_quantity_is_exact,
        ("MMP-2",),
        (
            planted(
                FILE,
                "reaching a limit is a breach under EXCEEDING too",
                ("more = 1 if self.options & _EXCEEDING else 0", "more = 0"),
                {"options": 2, "limit": 1, "qty": 100000000},
            ),
            planted(
                FILE,
                "a quantity limit of 0 is a limit",
                ("if self.qty_limit_e8 and sums", "if sums"),
                {"options": 2, "limit": 0, "qty": 1},
            ),
        ),
    ),
    Contract(
        a_breach_of_greeks_is_exact,
        ("MMP-2",),
        (
            planted(
                FILE,
                "a short delta breaches nothing",
                ("abs(sums.delta_e25) >= self", "sums.delta_e25 >= self"),
                {"options": 2, "limit": 1, "delta": -100000000000000001, "vega": 0, "is_both": 1},
            ),
            planted(
                FILE,
                "a breach of vega hides that of delta",
                ("breached |= _VEGA", "breached = _VEGA"),
                {
                    "options": 2,
                    "limit": 1,
                    "delta": -100000000000000001,
                    "vega": -10000000000000000001,
                    "is_both": 1,
                },
            ),
        ),
    ),
    Contract(
        a_window_forgets_what_is_an_interval_old,
        ("MMP-1",),
        (
            planted(
                MATCHING,
                "a fill stays in the window a nanosecond longer",
                ("mmp.window[0].ts_ns <= start_ns", "mmp.window[0].ts_ns < start_ns"),
                {"interval": 1, "first_ns": 0, "later": 0, "now": 1000000, "lots": 1},
            ),
            planted(
                FILE,
                "sums to come forget only the first old fill",
                (
                    "            sums.take(fill)\n",
                    "            sums.take(fill)\n            break\n",
                ),
                {"interval": 1, "first_ns": 0, "later": 0, "now": 1000000, "lots": 1},
            ),
        ),
    ),
    Contract(
        a_fill_freezes_exactly_when_it_breaches,
        ("MMP-2", "MMP-3"),
        (
            planted(
                MATCHING,
                "the fill that breaches does not count",
                (
                    "    breached = mmp.breached(mmp.sums)\n",
                    (
                        "    mmp.sums.take(fill)\n"
                        "    breached = mmp.breached(mmp.sums)\n"
                        "    mmp.sums.add(fill.amount_e16, fill.delta_e9, fill.vega_e9)\n"
                    ),
                ),
                {"options": 2, "limit": 1, "lots": 11, "delta": 1, "frozen_ms": 1},
            ),
            planted(
                MATCHING,
                "a freeze leaves the window as it is",
                ("    empty_window(core, mmp)\n    if mmp.frozen_ms:", "    if mmp.frozen_ms:"),
                {"options": 2, "limit": 1, "lots": 11, "delta": -1, "frozen_ms": 1},
            ),
        ),
    ),
)

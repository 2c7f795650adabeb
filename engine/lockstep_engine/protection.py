"""The entities of market-maker protection: a configuration, its window of fills and their sums.

Owns the arithmetic of the window ([MMP-1], [MMP-2]); which fills count, and what a breach does,
stands in `matching.protection`. Amounts of underlying are lots x lot_e8 x contract_size_e8, so in
units of 10^-16; the sums are exact and may be larger than a record can hold.
"""

from collections import deque
from typing import Final

from lockstep_engine.codes import EntityKind, MmpLimit, MmpOption
from lockstep_kernel.entity import Entity, Record

_MMP: Final = int(EntityKind.MMP)
_MMP_FILL: Final = int(EntityKind.MMP_FILL)
_QTY: Final = int(MmpLimit.QTY)
_DELTA: Final = int(MmpLimit.DELTA)
_VEGA: Final = int(MmpLimit.VEGA)
_MAKER_ONLY: Final = int(MmpOption.MAKER_ONLY)
_EXCEEDING: Final = int(MmpOption.EXCEEDING)
_NS_PER_MS: Final = 10**6
_E8: Final = 10**8
_E17: Final = 10**17
_E19: Final = 10**19

UNTIL_RESET: Final = -1
"""The `frozen_until_ns` of a freeze that no time ends; 0 is no freeze."""


class MmpSums:
    """What fills add up to: gross amount (10^-16), net delta and net vega (both 10^-25)."""

    __slots__ = ("delta_e25", "qty_e16", "vega_e25")

    def __init__(self, qty_e16: int, delta_e25: int, vega_e25: int) -> None:
        self.qty_e16 = qty_e16
        self.delta_e25 = delta_e25
        self.vega_e25 = vega_e25

    def add(self, amount_e16: int, delta_e9: int, vega_e9: int) -> None:
        """Count a fill of a signed amount in."""
        self.qty_e16 += amount_e16 if amount_e16 > 0 else -amount_e16
        self.delta_e25 += amount_e16 * delta_e9
        self.vega_e25 += amount_e16 * vega_e9

    def take(self, fill: "MmpFill") -> None:
        """Count a fill out again."""
        amount = fill.amount_e16
        self.qty_e16 -= amount if amount > 0 else -amount
        self.delta_e25 -= amount * fill.delta_e9
        self.vega_e25 -= amount * fill.vega_e9


class Mmp(Entity):
    """The protection of one account in one underlying.

    `frozen_until_ns` is 0 while it is not frozen, `UNTIL_RESET` while only a reset ends it.
    Derived: `window`, the fills kept, first one first, and `sums`, what they add up to.
    Invariants: the numbers in the window rise and stay below `next_fill`; no fill in it is as old
    as `interval_ns` before the last one; it is empty while frozen.
    """

    __slots__ = (
        "account",
        "delta_limit_e8",
        "frozen_ms",
        "frozen_until_ns",
        "interval_ms",
        "is_live",
        "next_fill",
        "options",
        "qty_limit_e8",
        "sums",
        "underlying",
        "vega_limit_e6",
        "window",
    )

    def __init__(
        self, account: int, underlying: str, limits: tuple[int, int, int, int, int, int]
    ) -> None:
        super().__init__()
        self.account = account
        self.underlying = underlying
        self.set(limits)
        self.frozen_until_ns = 0
        self.next_fill = 1
        self.is_live = True
        self.window: deque[MmpFill] = deque()
        self.sums = MmpSums(0, 0, 0)

    def set(self, limits: tuple[int, int, int, int, int, int]) -> None:
        """Replace the configuration, in the order of the record."""
        self.interval_ms = limits[0]
        self.frozen_ms = limits[1]
        self.qty_limit_e8 = limits[2]
        self.delta_limit_e8 = limits[3]
        self.vega_limit_e6 = limits[4]
        self.options = limits[5]

    def limits(self) -> tuple[int, int, int, int, int, int]:
        """Return the configuration, in the order of the record."""
        return (
            self.interval_ms,
            self.frozen_ms,
            self.qty_limit_e8,
            self.delta_limit_e8,
            self.vega_limit_e6,
            self.options,
        )

    def counts_takers(self) -> bool:
        """Return whether fills as the taker count too."""
        return self.options & _MAKER_ONLY == 0

    def breached(self, sums: MmpSums) -> int:
        """Return the limits that the sums breach, as a sum of `MmpLimit`."""
        # Reaching a limit is a breach: one more than the limit, if only exceeding it is one.
        more = 1 if self.options & _EXCEEDING else 0
        breached = 0
        if self.qty_limit_e8 and sums.qty_e16 >= self.qty_limit_e8 * _E8 + more:
            breached = _QTY
        if self.delta_limit_e8 and abs(sums.delta_e25) >= self.delta_limit_e8 * _E17 + more:
            breached |= _DELTA
        if self.vega_limit_e6 and abs(sums.vega_e25) >= self.vega_limit_e6 * _E19 + more:
            breached |= _VEGA
        return breached

    def keep(self, fill: "MmpFill") -> None:
        """Put a fill at the end of the window."""
        self.window.append(fill)
        self.sums.add(fill.amount_e16, fill.delta_e9, fill.vega_e9)

    def drop_first(self) -> "MmpFill":
        """Take the oldest fill out of the window and return it."""
        fill = self.window.popleft()
        fill.is_live = False
        self.sums.take(fill)
        return fill

    def window_start_ns(self, now_ns: int) -> int:
        """Return the time up to which fills are too old to stand in the window."""
        return now_ns - self.interval_ms * _NS_PER_MS

    def sums_at(self, now_ns: int) -> MmpSums:
        """Return new sums of the fills that a fill now would leave. O(fills that are too old)."""
        known = self.sums
        sums = MmpSums(known.qty_e16, known.delta_e25, known.vega_e25)
        start_ns = self.window_start_ns(now_ns)
        for fill in self.window:
            if fill.ts_ns > start_ns:
                break
            sums.take(fill)
        return sums

    def record(self) -> Record | None:
        if not self.is_live:
            return None
        return (
            _MMP,
            (self.account, self.underlying),
            *self.limits(),
            self.frozen_until_ns,
            self.next_fill,
        )


class MmpFill(Entity):
    """A counted fill in a window: signed lots (bought +) with the greeks of that time ([MMP-4]).

    Derived: `amount_e16`, the lots times the size of one in units of 10^-16 of the underlying.
    """

    __slots__ = (
        "account",
        "amount_e16",
        "delta_e9",
        "instrument",
        "is_live",
        "lots",
        "number",
        "ts_ns",
        "underlying",
        "vega_e9",
    )

    def __init__(
        self, mmp: Mmp, number: int, fields: tuple[int, int, int, int, int], lot_e16: int
    ) -> None:
        """Take the fields of the record after its key, and the size of one lot."""
        super().__init__()
        self.account = mmp.account
        self.underlying = mmp.underlying
        self.number = number
        self.ts_ns, self.instrument, self.lots, self.delta_e9, self.vega_e9 = fields
        self.amount_e16 = self.lots * lot_e16
        self.is_live = True

    def record(self) -> Record | None:
        if not self.is_live:
            return None
        return (
            _MMP_FILL,
            (self.account, self.underlying, self.number),
            self.ts_ns,
            self.instrument,
            self.lots,
            self.delta_e9,
            self.vega_e9,
        )

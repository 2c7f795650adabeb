"""The entities of expiry and funding: index windows, settlement prices, funding rates.

Owns the arithmetic of the average ([SET-1]) and of funding times ([SET-3]); when they are used
stands in `lifecycle.settlement` and `lifecycle.funding`.
"""

from typing import Final

from lockstep_engine.codes import EntityKind
from lockstep_kernel.arith import div_half_even
from lockstep_kernel.entity import Entity, Record

WINDOW_NS: Final = 1_800 * 10**9
"""How long before an expiry the average of the index begins: 30 minutes."""

_INDEX_WINDOW: Final = int(EntityKind.INDEX_WINDOW)
_SETTLEMENT: Final = int(EntityKind.SETTLEMENT)
_FUNDING: Final = int(EntityKind.FUNDING)
_NS_PER_S: Final = 10**9
_SUM_BYTES: Final = 16


class IndexWindow(Entity):
    """The index of an underlying in the 30 minutes before a time at which it may expire.

    `weighed` is the sum of price_e6 x ns from `open_ns` to `since_ns`, the last update. It may be
    wider than 64 bits, so its record has it as bytes.
    """

    __slots__ = (
        *("expiry_ns", "is_live", "open_ns", "samples", "since_ns", "underlying", "weighed"),
    )

    def __init__(self, underlying: str, expiry_ns: int, open_ns: int) -> None:
        super().__init__()
        self.underlying = underlying
        self.expiry_ns = expiry_ns
        self.open_ns = open_ns
        self.since_ns = open_ns
        self.samples = 0
        self.weighed = 0
        self.is_live = True

    def add(self, price_e6: int, now_ns: int) -> None:
        """Count one update: the price before it was in force until now."""
        self.weighed += price_e6 * (now_ns - self.since_ns)
        self.since_ns = now_ns
        self.samples += 1

    def average_e6(self, price_e6: int) -> int:
        """Return the average up to the expiry, `price_e6` being the last one."""
        weighed = self.weighed + price_e6 * (self.expiry_ns - self.since_ns)
        return div_half_even(weighed, self.expiry_ns - self.open_ns)

    def record(self) -> Record | None:
        if not self.is_live:
            return None
        return (
            _INDEX_WINDOW,
            self.underlying,
            self.expiry_ns,
            self.open_ns,
            self.since_ns,
            self.samples,
            self.weighed.to_bytes(_SUM_BYTES, "big"),
        )


class Settlement(Entity):
    """The price at which an expiry settles; until `is_final` it is an average of too few samples.

    A price of 0 means that the underlying never had an index.
    """

    __slots__ = ("expiry_ns", "is_final", "price_e6", "samples", "underlying")

    def __init__(
        self, underlying: str, expiry_ns: int, price_e6: int, samples: int, is_final: bool
    ) -> None:
        super().__init__()
        self.underlying = underlying
        self.expiry_ns = expiry_ns
        self.price_e6 = price_e6
        self.samples = samples
        self.is_final = is_final

    def record(self) -> Record | None:
        key = (self.underlying, self.expiry_ns)
        return (_SETTLEMENT, key, self.price_e6, self.samples, self.is_final)


class Funding(Entity):
    """The funding rate of a perpetual per interval. Derived: `next_ns`, the next time it is paid.

    Invariant: between commands `next_ns` is the first multiple of the interval after the clock.
    """

    __slots__ = ("instrument", "interval_s", "next_ns", "rate_e9")

    def __init__(self, instrument: int, rate_e9: int, interval_s: int, now_ns: int) -> None:
        super().__init__()
        self.instrument = instrument
        self.set(rate_e9, interval_s, now_ns)

    def set(self, rate_e9: int, interval_s: int, now_ns: int) -> None:
        """Replace rate and interval."""
        self.rate_e9 = rate_e9
        self.interval_s = interval_s
        interval_ns = interval_s * _NS_PER_S
        self.next_ns = (now_ns // interval_ns + 1) * interval_ns

    def step(self) -> None:
        """Go on to the funding time after the next."""
        self.next_ns += self.interval_s * _NS_PER_S

    def record(self) -> Record | None:
        return (_FUNDING, self.instrument, self.rate_e9, self.interval_s)

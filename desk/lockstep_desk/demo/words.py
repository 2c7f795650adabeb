"""Numbers of a demo as people read them: quantities, prices, money, durations."""

from typing import Final, Protocol

from lockstep_desk.stats.display import money
from lockstep_desk.types import Side
from lockstep_kernel.arith import div_half_even

_E8_DIGITS: Final = 8


class Execution(Protocol):
    """A fill, as the desk or as the exchange tells it."""

    @property
    def side(self) -> Side:
        """Buy or sell."""
        ...

    @property
    def qty_e8(self) -> int:
        """How much, at 1e-8."""
        ...

    @property
    def price_e9(self) -> int:
        """At which price, at 1e-9."""
        ...


def quantity(qty_e8: int) -> str:
    """Return a quantity with the decimals that it needs, two at least.

    >>> quantity(-5_000_000), quantity(20 * 10**8), quantity(0)
    ('-0.05', '20.00', '0.00')
    """
    whole, rest = divmod(abs(qty_e8), 10**_E8_DIGITS)
    digits = f"{rest:08}".rstrip("0").ljust(2, "0")
    return f"{'-' if qty_e8 < 0 else ''}{whole:,}.{digits}"


def price(price_e9: int) -> str:
    """Return a price with two decimals, a dash if there is none."""
    return money(price_e9) if price_e9 else "-"


def seconds(length_ns: int) -> str:
    """Return a duration in seconds with two decimals.

    >>> seconds(1_234_567_890)
    '1.23 s'
    """
    return f"{money(length_ns)} s"


def fill_text(fill: Execution) -> str:
    """Return what an execution was: side, quantity and price."""
    return f"{fill.side.name.lower()} {quantity(fill.qty_e8)} at {price(fill.price_e9)}"


def clock(length_s: float) -> str:
    """Return minutes and seconds.

    >>> clock(75.2)
    '1:15'
    """
    whole = int(length_s)
    return f"{whole // 60}:{whole % 60:02}"


def share(part: int, whole: int) -> str:
    """Return a part of a whole in percent."""
    return f"{div_half_even(100 * part, whole) if whole else 100} %"

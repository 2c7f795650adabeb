"""Symbols: what contract a name means, and when it expires ([INS-1], [INS-2]).

Owns the two spellings and the calendar. A contract is pure: the same symbol always means the same.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from lockstep_engine.codes import InstrumentKind
from lockstep_kernel import InvariantError

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
STRIKE_MAX = 10**9

_UNDERLYING = re.compile(r"[A-Z][A-Z0-9]{0,15}")
_DIGIT_DATE = re.compile(r"(20[0-9]{2})([0-9]{2})([0-9]{2})")
_WORD_DATE = re.compile(r"([1-9][0-9]?)([A-Z]{3})([0-9]{2})")
_STRIKE = re.compile(r"[1-9][0-9]{0,9}")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_OPTION_KINDS = {"C": InstrumentKind.CALL, "P": InstrumentKind.PUT}
_OPTION_LETTERS = {InstrumentKind.CALL: "C", InstrumentKind.PUT: "P"}


class Date(NamedTuple):
    """A calendar date."""

    year: int
    month: int
    day: int


class Contract(NamedTuple):
    """What an instrument is; `date` is None for a perpetual, `strike` 0 unless an option."""

    underlying: str
    kind: InstrumentKind
    date: Date | None
    strike: int

    @property
    def symbol(self) -> str:
        """The canonical spelling."""
        if self.date is None:
            return f"{self.underlying}-PERP"
        future = f"{self.underlying}-{self.date.year}{self.date.month:02}{self.date.day:02}"
        if not self.is_option:
            return future
        return f"{future}-{self.strike}-{_OPTION_LETTERS[self.kind]}"

    @property
    def is_option(self) -> bool:
        """Whether this is a call or a put."""
        return self.kind in (InstrumentKind.CALL, InstrumentKind.PUT)

    @property
    def strike_e6(self) -> int:
        """The strike in micro-dollars, 0 unless an option."""
        return self.strike * 10**6

    def expiry_ns(self, expiry_time_s: int) -> int:
        """Return when it expires, given the time of day of its underlying; 0 for never."""
        if self.date is None:
            return 0
        return _days_since_1970(self.date) * DAY_NS + expiry_time_s * SECOND_NS


def is_underlying_name(name: str) -> bool:
    """Return whether a text can name an underlying."""
    return _UNDERLYING.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def parse(symbol: str) -> Contract | None:
    """Return the contract that a symbol of either spelling means, None if it means nothing.

    >>> parse("BTC-5DEC26-100000-C").symbol
    'BTC-20261205-100000-C'
    """
    name, *rest = symbol.split("-")
    if not is_underlying_name(name):
        return None
    match rest:
        case ["PERP" | "PERPETUAL"]:
            return Contract(name, InstrumentKind.PERPETUAL, None, 0)
        case [date]:
            return _future(name, _date(date))
        case [date, strike, letter]:
            return _option(_future(name, _date(date)), strike, letter)
        case _:
            return None


@lru_cache(maxsize=4096)
def contract_of(symbol: str) -> Contract:
    """Return the contract of a canonical symbol; raise `InvariantError` for any other."""
    contract = parse(symbol)
    if contract is None or contract.symbol != symbol:
        raise InvariantError(f"expected a canonical symbol, found {symbol}")
    return contract


def _future(name: str, date: Date | None) -> Contract | None:
    return None if date is None else Contract(name, InstrumentKind.FUTURE, date, 0)


def _option(future: Contract | None, strike: str, letter: str) -> Contract | None:
    kind = _OPTION_KINDS.get(letter)
    if future is None or kind is None or not _STRIKE.fullmatch(strike):
        return None
    return None if int(strike) > STRIKE_MAX else future._replace(kind=kind, strike=int(strike))


def _date(text: str) -> Date | None:
    if digits := _DIGIT_DATE.fullmatch(text):
        date = Date(int(digits[1]), int(digits[2]), int(digits[3]))
    elif (words := _WORD_DATE.fullmatch(text)) and words[2] in _MONTHS:
        date = Date(2000 + int(words[3]), _MONTHS.index(words[2]) + 1, int(words[1]))
    else:
        return None
    is_in_calendar = 1 <= date.month <= 12 and 1 <= date.day <= _days_in_month(date)
    return date if is_in_calendar else None


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_in_month(date: Date) -> int:
    return _MONTH_DAYS[date.month - 1] + (date.month == 2 and _is_leap(date.year))


@lru_cache(maxsize=4096)
def _days_since_1970(date: Date) -> int:
    """Count them: whole years, whole months, days."""
    years = sum(365 + _is_leap(year) for year in range(1970, date.year))
    months = sum(_days_in_month(date._replace(month=month)) for month in range(1, date.month))
    return years + months + date.day - 1

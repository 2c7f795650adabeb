"""The strict parser of instrument symbols ([INS-1], [INS-2]); two spellings, one contract."""

from typing import Final

import msgspec

from lockstep_engine.codes import InstrumentKind

_MONTHS: Final = (
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
)
_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS: Final = "0123456789"
_NAME_LENGTH_MAX: Final = 16
_STRIKE_MAX: Final = 10**9
_DAY_S: Final = 86_400
_E6: Final = 10**6
_E9: Final = 10**9


class Symbol(msgspec.Struct, frozen=True):
    """What a symbol names. `day` counts from 1970-01-01, -1 for a perpetual."""

    canonical: str
    underlying: str
    kind: int
    day: int
    strike_e6: int


def parse_symbol(text: str) -> Symbol | None:
    """Parse either spelling; None for anything else."""
    parts = text.split("-")
    name = parts[0]
    if not is_underlying_name(name):
        return None
    if len(parts) == 2 and parts[1] in ("PERP", "PERPETUAL"):
        return Symbol(f"{name}-PERP", name, int(InstrumentKind.PERPETUAL), -1, 0)
    if len(parts) == 2:
        return _dated(name, parts[1])
    if len(parts) == 4:
        return _option(name, parts)
    return None


def is_underlying_name(name: str) -> bool:
    """Return whether the name is 1 to 16 of A-Z and 0-9, starting with a letter."""
    if not 1 <= len(name) <= _NAME_LENGTH_MAX or name[0] not in _LETTERS:
        return False
    return all(letter in _LETTERS or letter in _DIGITS for letter in name)


def expiry_of(symbol: Symbol, expiry_time_s: int) -> int:
    """Return the expiry in UTC nanoseconds, 0 for a perpetual."""
    return (symbol.day * _DAY_S + expiry_time_s) * _E9 if symbol.day >= 0 else 0


def _dated(name: str, date: str) -> Symbol | None:
    parsed = _parse_date(date)
    if parsed is None:
        return None
    return Symbol(f"{name}-{parsed[0]}", name, int(InstrumentKind.FUTURE), parsed[1], 0)


def _option(name: str, parts: list[str]) -> Symbol | None:
    parsed = _parse_date(parts[1])
    strike = _number(parts[2])
    right = parts[3]
    if parsed is None or not 1 <= strike <= _STRIKE_MAX or right not in ("C", "P"):
        return None
    if parts[2][0] == "0":
        return None
    kind = InstrumentKind.CALL if right == "C" else InstrumentKind.PUT
    canonical = f"{name}-{parsed[0]}-{strike}-{right}"
    return Symbol(canonical, name, int(kind), parsed[1], strike * _E6)


def _parse_date(text: str) -> tuple[str, int] | None:
    """Parse YYYYMMDD or D[D]MMMYY into (YYYYMMDD, day number)."""
    if len(text) == 8 and _number(text) >= 0:
        year, month, day = _number(text[:4]), _number(text[4:6]), _number(text[6:])
    elif len(text) in (6, 7) and text[-5:-2] in _MONTHS:
        year = 2000 + _number(text[-2:]) if _number(text[-2:]) >= 0 else 0
        month = _MONTHS.index(text[-5:-2]) + 1
        day = _number(text[:-5]) if text[0] != "0" else 0
    else:
        return None
    if not 2000 <= year <= 2099 or not 1 <= month <= 12 or not 1 <= day <= _month_days(year, month):
        return None
    return f"{year:04d}{month:02d}{day:02d}", _day_number(year, month, day)


def _number(text: str) -> int:
    """Return the value of ASCII digits, -1 for anything else."""
    if not 1 <= len(text) <= 10 or not all(digit in _DIGITS for digit in text):
        return -1
    return int(text)


def _month_days(year: int, month: int) -> int:
    """Return the days of a month from 2000 to 2099, where every fourth year is a leap year."""
    return 29 if month == 2 and year % 4 == 0 else _DAYS[month - 1]


def _day_number(year: int, month: int, day: int) -> int:
    """Count the days from 1970-01-01 (10,957 days before 2000-01-01)."""
    years = year - 2000
    days = 10_957 + years * 365 + (years + 3) // 4
    for earlier in range(1, month):
        days += _month_days(year, earlier)
    return days + day - 1

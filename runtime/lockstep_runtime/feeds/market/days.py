"""The simulated exchange's days: when contracts expire, which are listed, whose oracle is away.

Everything expires at 08:00 UTC: the next two days, and the Friday after them.
"""

from datetime import UTC, date, datetime, timedelta

NS_PER_S = 1_000_000_000
HOUR_NS = 3_600 * NS_PER_S
EXPIRY_TIME_S = 28_800
WINDOW_NS = HOUR_NS // 2
"""How long before an expiry the average of the index begins ([SET-1])."""

_EPOCH = date(1970, 1, 1)
_DAY = timedelta(days=1)
_DAY_NS = 24 * HOUR_NS
_FRIDAY = 4
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def expiry_ns_of(day: date) -> int:
    """Return the time at which that day's contracts expire."""
    return (day - _EPOCH).days * _DAY_NS + EXPIRY_TIME_S * NS_PER_S


def next_expiry_day(now_ns: int) -> date:
    """Return the first day whose contracts have not expired."""
    today = datetime.fromtimestamp(now_ns // NS_PER_S, UTC).date()
    return today if now_ns < expiry_ns_of(today) else today + _DAY


def next_expiry_ns(now_ns: int) -> int:
    """Return when the next contracts expire."""
    return expiry_ns_of(next_expiry_day(now_ns))


def listed_days(now_ns: int) -> tuple[date, date, date]:
    """Return the days whose contracts should be listed: two dailies and a weekly."""
    first = next_expiry_day(now_ns)
    weekly = first + 2 * _DAY
    while not is_weekly(weekly):
        weekly += _DAY
    return first, first + _DAY, weekly


def is_weekly(day: date) -> bool:
    """Return whether a day's chain is a weekly one: Friday's is."""
    return day.weekday() == _FRIDAY


def spelled(day: date) -> str:
    """Return a day in one of the two spellings of symbols: odd days in the longer-known one."""
    if day.day % 2:
        return f"{day.day}{_MONTHS[day.month - 1]}{day.year % 100:02}"
    return f"{day.year}{day.month:02}{day.day:02}"


def is_neglected(underlying: str, now_ns: int) -> bool:
    """Return whether an oracle is away: ETH's is in the window of every third expiry."""
    if underlying != "ETH" or next_expiry_day(now_ns).toordinal() % 3:
        return False
    return now_ns >= next_expiry_ns(now_ns) - WINDOW_NS

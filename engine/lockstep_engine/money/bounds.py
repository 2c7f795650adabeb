"""How much cash there may be: to take new risk, after what brings or moves cash ([NUM-4])."""

from typing import Final

CASH_MAX_E6: Final = 2**61


def is_cash_in_bounds(cash_e6: int) -> bool:
    """Return whether an account may have that much cash, or owe it."""
    return -CASH_MAX_E6 < cash_e6 < CASH_MAX_E6

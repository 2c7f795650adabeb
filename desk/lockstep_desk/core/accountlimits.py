"""What an account is held to, and its equity as far as that is limited, in the desk's state.

Owns the record of it, so that the highest equity and whether anything may open are under the hash.
What follows from a drawdown is in `equity`.
"""

from typing import Final

import msgspec

from lockstep_desk.core.codes import EntityKind
from lockstep_desk.core.commands import NO_ACCOUNT_LIMITS, AccountLimits
from lockstep_desk.core.deployments import narrow, wide
from lockstep_desk.types import E8
from lockstep_kernel.entity import Entity, Record

_KIND: Final = int(EntityKind.ACCOUNT_LIMITS)
_BPS: Final = 10_000


class LimitedAccount(Entity):
    """An account with limits of its own; without any it is no entity.

    `base_e17` is the profit that the account had made when the limits were set: the equity is
    `limits.equity_e9` and what was made since.
    """

    __slots__ = ("account", "base_e17", "equity_e17", "is_blocked", "limits", "peak_e17")

    def __init__(self, account: str) -> None:
        super().__init__()
        self.account = account
        self.limits = NO_ACCOUNT_LIMITS
        self.base_e17 = self.equity_e17 = self.peak_e17 = 0
        self.is_blocked = False

    def record(self) -> Record | None:
        if self.limits == NO_ACCOUNT_LIMITS:
            return None
        return (
            *(_KIND, self.account, msgspec.structs.astuple(self.limits), self.is_blocked),
            *(wide(self.base_e17), wide(self.equity_e17), wide(self.peak_e17)),
        )

    def begin(self, limits: AccountLimits, base_e17: int) -> None:
        """Take other limits: the equity that they name is the highest from now on."""
        self.limits = limits
        self.base_e17 = base_e17
        self.equity_e17 = self.peak_e17 = limits.equity_e9 * E8
        self.is_blocked = False

    @property
    def drawdown_bps(self) -> int:
        """How far the equity is below its highest, rounded down."""
        return (self.peak_e17 - self.equity_e17) * _BPS // self.peak_e17

    def move(self, equity_e17: int) -> None:
        """Take another equity: beyond the limit, and strictly beyond it, nothing opens."""
        self.equity_e17 = equity_e17
        self.peak_e17 = max(self.peak_e17, equity_e17)
        limit_bps = self.limits.max_drawdown_bps
        lost = (self.peak_e17 - equity_e17) * _BPS
        self.is_blocked = limit_bps is not None and lost > limit_bps * self.peak_e17


def restored_limits(fields: Record) -> LimitedAccount:
    """Return the limits of a dumped record."""
    _kind, account, limits, is_blocked, base, equity, peak = fields
    limited = LimitedAccount(account)
    limited.limits, limited.base_e17 = AccountLimits(*limits), narrow(base)
    limited.equity_e17, limited.peak_e17 = narrow(equity), narrow(peak)
    limited.is_blocked = is_blocked
    return limited

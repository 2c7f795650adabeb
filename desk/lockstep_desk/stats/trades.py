"""Statistics of closed positions, apart from those of the equity (DESK-81, DESK-D1, D2, D6)."""

from dataclasses import dataclass

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.stats.ratios import profit_factor, win_rate
from lockstep_desk.stats.welford import Dispersion, Sample, dispersion_of
from lockstep_kernel.arith import div_half_even

ONE_E9 = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A position from opening to flat: profit after fees, entry price times largest quantity."""

    pnl_e9: int
    cost_e9: int

    def __post_init__(self) -> None:
        if self.cost_e9 <= 0:
            raise InvalidValueError(
                f"closed trade: expected a cost_e9 above zero, found {self.cost_e9}"
            )

    @property
    def return_e9(self) -> int:
        """Return profit / cost in 1e-9, rounded half to even (DESK-36)."""
        return div_half_even(self.pnl_e9 * ONE_E9, self.cost_e9)


@dataclass(frozen=True, slots=True)
class TradeReport:
    """Closed positions up to a time; a gross loss is a magnitude, returns are in 1e-9."""

    count: int
    wins: int
    losses: int
    gross_profit_e9: int
    gross_loss_e9: int
    win_rate: float | None
    profit_factor: float | None
    returns: Dispersion


class TradeTracker:
    """Counts closed positions one by one, in O(1) time and space."""

    def __init__(self) -> None:
        self._returns = Sample()
        self._wins = 0
        self._losses = 0
        self._gross_profit_e9 = 0
        self._gross_loss_e9 = 0

    def add(self, trade: ClosedTrade) -> None:
        """Take one closed position."""
        self._returns = self._returns.add(trade.return_e9)
        if trade.pnl_e9 > 0:
            self._wins += 1
            self._gross_profit_e9 += trade.pnl_e9
        elif trade.pnl_e9 < 0:
            self._losses += 1
            self._gross_loss_e9 -= trade.pnl_e9

    @property
    def pnl_e9(self) -> int:
        """Return the profit of all of them."""
        return self._gross_profit_e9 - self._gross_loss_e9

    def report(self) -> TradeReport:
        """Return the statistics; changes nothing."""
        return TradeReport(
            count=self._returns.count,
            wins=self._wins,
            losses=self._losses,
            gross_profit_e9=self._gross_profit_e9,
            gross_loss_e9=self._gross_loss_e9,
            win_rate=win_rate(self._wins, self._returns.count),
            profit_factor=profit_factor(self._gross_profit_e9, self._gross_loss_e9),
            returns=dispersion_of(self._returns),
        )

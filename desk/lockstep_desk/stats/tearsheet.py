"""Tear sheets: all statistics of one instrument, deployment, portfolio or asset (DESK-80).

A report is a pure function of what was taken in: asked twice, it says the same (I14, DESK-D3).
"""

from dataclasses import dataclass

from lockstep_desk.errors import INT_MAX, InvalidValueError, need_int
from lockstep_desk.stats.drawdown import DrawdownReport, DrawdownTracker
from lockstep_desk.stats.intervals import Basis
from lockstep_desk.stats.ratios import (
    ONE_E9,
    calmar,
    rate_of_return,
    sharpe,
    sortino,
    sortino_downside,
)
from lockstep_desk.stats.returns import ReturnSamples, ReturnTracker
from lockstep_desk.stats.trades import ClosedTrade, TradeReport, TradeTracker
from lockstep_desk.stats.welford import Dispersion, Sample, dispersion_of
from lockstep_kernel.arith import div_half_even


@dataclass(frozen=True, slots=True)
class TearSheet:
    """One row of a summary. Money and returns are integers in 1e-9; floats are for display."""

    name: str
    start_ns: int
    end_ns: int
    capital_e9: int
    equity_e9: int
    pnl_e9: int
    pnl_return_e9: int
    rate_of_return: float | None
    sharpe: float | None
    sortino: float | None
    sortino_downside: float | None
    calmar: float | None
    returns: Dispersion
    drawdown: DrawdownReport
    trades: TradeReport


@dataclass(frozen=True, slots=True)
class AssetSheet:
    """The balance of one asset and its drawdowns, in units of 1e-9."""

    name: str
    balance_end_e9: int
    drawdown: DrawdownReport


class TearSheetTracker:
    """Follows one equity and the positions that were closed under it."""

    def __init__(self, name: str, capital_e9: int, start_ns: int, basis: Basis) -> None:
        need_int("start_ns", start_ns, 0)
        if need_int(f"capital_e9 of tear sheet '{name}'", capital_e9, -INT_MAX) <= 0:
            raise InvalidValueError(
                f"tear sheet '{name}': expected a starting capital_e9 above zero, found "
                f"{capital_e9}: returns and drawdowns are shares of an equity"
            )
        self._name = name
        self._capital_e9 = capital_e9
        self._equity_e9 = capital_e9
        self._start_ns = start_ns
        self._basis = basis
        self._drawdown = DrawdownTracker(start_ns, capital_e9)
        self._returns = ReturnTracker(start_ns, capital_e9, basis)
        self._trades = TradeTracker()

    def mark(self, ts_ns: int, pnl_e9: int) -> None:
        """Take the profit so far, realised and unrealised, at a time."""
        need_int("ts_ns", ts_ns, 0)
        if type(pnl_e9) is not int:
            raise InvalidValueError(f"pnl_e9: expected an integer, found {pnl_e9!r}")
        self._equity_e9 = self._capital_e9 + pnl_e9
        self._drawdown.add(ts_ns, self._equity_e9)
        self._returns.add(ts_ns, self._equity_e9)

    def close(self, trade: ClosedTrade) -> None:
        """Take a position that was closed; its profit reaches the equity by `mark`."""
        self._trades.add(trade)

    def report(self, end_ns: int) -> TearSheet:
        """Return the sheet up to `end_ns`, which may not be before what was taken in."""
        if need_int("end_ns", end_ns, 0) < self._returns.last_ns:
            raise InvalidValueError(
                f"end_ns: expected {self._returns.last_ns} or later, as equity is known by then, "
                f"found {end_ns}"
            )
        samples, basis = self._returns.samples(end_ns), self._basis
        drawdown = self._drawdown.report(end_ns)
        returns = _sound(samples)
        pnl_e9 = self._equity_e9 - self._capital_e9
        return TearSheet(
            name=self._name,
            start_ns=self._start_ns,
            end_ns=end_ns,
            capital_e9=self._capital_e9,
            equity_e9=self._equity_e9,
            pnl_e9=pnl_e9,
            pnl_return_e9=div_half_even(pnl_e9 * ONE_E9, self._capital_e9),
            rate_of_return=rate_of_return(returns, basis),
            sharpe=sharpe(returns, basis),
            sortino=sortino(returns, samples.losses, basis),
            sortino_downside=sortino_downside(returns, samples.below, basis),
            calmar=calmar(returns, drawdown.depth_max_e9, basis),
            returns=dispersion_of(returns),
            drawdown=drawdown,
            trades=self._trades.report(),
        )


class AssetTracker:
    """Follows the total balance of one asset."""

    def __init__(self, name: str, balance_e9: int, start_ns: int) -> None:
        self._name = name
        self._balance_e9 = balance_e9
        self._drawdown = DrawdownTracker(start_ns, balance_e9)

    def mark(self, ts_ns: int, balance_e9: int) -> None:
        """Take the balance at a time."""
        self._drawdown.add(ts_ns, balance_e9)
        self._balance_e9 = balance_e9

    def report(self, end_ns: int) -> AssetSheet:
        """Return the sheet up to `end_ns`."""
        return AssetSheet(self._name, self._balance_e9, self._drawdown.report(end_ns))


def _sound(samples: ReturnSamples) -> Sample:
    """Return the returns, or none of them if one of them is no number."""
    return Sample() if samples.is_broken else samples.all

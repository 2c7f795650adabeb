"""Sharpe, Sortino and Calmar ratio, profit factor and win rate (DESK-82, DESK-D1, D2, D5).

Returns come in as samples of integers in 1e-9. All is exact up to the last float. A ratio whose
denominator is zero is None: it says nothing, and no largest number stands in for it.
"""

from fractions import Fraction
from math import sqrt

from lockstep_desk.stats.intervals import Basis
from lockstep_desk.stats.welford import Sample

ONE_E9 = 1_000_000_000


def sharpe(returns: Sample, basis: Basis) -> float | None:
    """Return (mean - risk-free) / standard deviation, scaled by the root of target / sample."""
    return _over_deviation(returns, returns.variance, basis)


def sortino(returns: Sample, losses: Sample, basis: Basis) -> float | None:
    """Return (mean - risk-free) / standard deviation of the losing returns alone (DESK-82)."""
    return _over_deviation(returns, losses.variance, basis)


def sortino_downside(returns: Sample, below: Sample, basis: Basis) -> float | None:
    """Return (mean - risk-free) / downside deviation, the form of textbooks.

    `below` holds the returns under the risk-free one; the deviation is taken from that rate and
    over the count of all returns, so that equal losses still count as risk.
    """
    if not returns.count:
        return None
    squares = below.squares_about(basis.risk_free_of_sample_e9)
    return _over_deviation(returns, squares / returns.count, basis)


def calmar(returns: Sample, drawdown_max_e9: int | None, basis: Basis) -> float | None:
    """Return (mean - risk-free) of one target interval / deepest drawdown.

    A mean grows with its interval, a drawdown does not: hence the linear scale here, and the root
    only where a deviation is below the line.
    """
    excess = _excess_e9(returns, basis)
    if excess is None or not drawdown_max_e9:
        return None
    return float(excess * basis.scale / drawdown_max_e9)


def rate_of_return(returns: Sample, basis: Basis) -> float | None:
    """Return the mean return of one target interval, scaled linearly (DESK-83)."""
    mean = returns.mean
    return None if mean is None else float(mean * basis.scale / ONE_E9)


def win_rate(wins: int, trades: int) -> float | None:
    """Return winners / trades, None without trades. A trade that made nothing is no winner."""
    return wins / trades if trades else None


def profit_factor(gross_profit_e9: int, gross_loss_e9: int) -> float | None:
    """Return money won / money lost, None if none was lost. Both are given as magnitudes."""
    return float(Fraction(gross_profit_e9, gross_loss_e9)) if gross_loss_e9 else None


def _excess_e9(returns: Sample, basis: Basis) -> Fraction | None:
    mean = returns.mean
    return None if mean is None else mean - basis.risk_free_of_sample_e9


def _over_deviation(returns: Sample, variance: Fraction | None, basis: Basis) -> float | None:
    excess = _excess_e9(returns, basis)
    if excess is None or not variance:
        return None
    root = sqrt(excess * excess * basis.scale / variance)
    return -root if excess < 0 else root

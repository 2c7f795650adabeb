"""Portfolio margin as accounts keep it: one lot of an instrument, and the sums of one account.

A `LotRisk` is made once per mark and model and shared by all accounts. An `UnderlyingPortfolio`
follows the positions of one account in one underlying: a fill moves its sums in O(scenarios), a new
mark moves a position out at the old values and in at the new ones. What the numbers mean stands in
portfolio.py ([MRG-3]).
"""

from typing import Final

from lockstep_engine.risk.portfolio import (
    ExpirySums,
    Portfolio,
    initial_line_e33,
    loss_e24,
    requirements,
    requirements_of_loss,
)
from lockstep_engine.risk.shapes import FutureLot, Grid, OptionLot, Shape
from lockstep_kernel.arith import div_ceil

NO_INDEX: Final = -1
_NOT_YET: Final = -1
_E27: Final = 10**27


class LotRisk:
    """One lot of an instrument under the model of its underlying, at its mark.

    Exactly one of `future` and `option` is there; `shape` with the latter. IM of one lot alone,
    long or short, is a line in the index: `long_base` + `long_slope` x index_e6, in units of
    10^-33; the bases are -1 until they are needed.
    """

    __slots__ = (
        *("expiry_ns", "future", "grid", "long_base", "long_slope", "option", "shape"),
        *("short_base", "short_slope"),
    )

    def __init__(
        self,
        grid: Grid,
        expiry_ns: int,
        shape: Shape | None,
        option: OptionLot | None,
        future: FutureLot | None,
    ) -> None:
        self.grid = grid
        self.expiry_ns = expiry_ns
        self.shape = shape
        self.option = option
        self.future = future
        self.long_base = _NOT_YET
        self.long_slope = 0
        self.short_base = _NOT_YET
        self.short_slope = 0

    def alone_e6(self, lots: int, index_e6: int) -> tuple[int, int]:
        """Return IM and MM of signed lots and nothing else. O(scenarios)."""
        sums = UnderlyingPortfolio(self.grid)
        sums.count(0, self, lots)
        return requirements(sums.portfolio, index_e6)

    def open_e6(self, buys: int, sells: int, index_e6: int) -> int:
        """Return the open margin of so many lots on either side ([MRG-4]).

        O(1), but O(scenarios) the first time for each side.
        """
        long = short = 0
        if buys:
            if self.long_base < 0:
                self.long_base, self.long_slope = self._line(1)
            long = buys * div_ceil(self.long_base + self.long_slope * index_e6, _E27)
        if sells:
            if self.short_base < 0:
                self.short_base, self.short_slope = self._line(-1)
            short = sells * div_ceil(self.short_base + self.short_slope * index_e6, _E27)
        return long if long > short else short

    def _line(self, lots: int) -> tuple[int, int]:
        sums = UnderlyingPortfolio(self.grid)
        sums.count(0, self, lots)
        return initial_line_e33(sums.portfolio, loss_e24(sums.portfolio))


class Leg:
    """A position as it is counted: lots at the values of `risk`."""

    __slots__ = ("lots", "risk")

    def __init__(self, risk: LotRisk, lots: int) -> None:
        self.risk = risk
        self.lots = lots


class UnderlyingPortfolio:
    """The positions of one account in one underlying, and their margin as it was computed last.

    Invariants: `portfolio` is the sum of all legs; `expiries` holds the sums of those expiries in
    which there is an option leg, `counts` how many; flat legs are not kept; `loss_e24` is that of
    the portfolio unless it `is_stale`.
    """

    __slots__ = (
        *("counts", "expiries", "index_e6", "initial_e6", "is_stale", "legs", "loss_e24"),
        *("maintenance_e6", "portfolio"),
    )

    def __init__(self, grid: Grid) -> None:
        self.portfolio = Portfolio(grid)
        self.expiries: dict[int, ExpirySums] = {}
        self.counts: dict[int, int] = {}
        self.legs: dict[int, Leg] = {}
        self.index_e6 = NO_INDEX
        self.loss_e24 = 0
        self.initial_e6 = 0
        self.maintenance_e6 = 0
        self.is_stale = False

    def count(self, instrument: int, risk: LotRisk, lots: int) -> None:
        """Set the position in an instrument, at the values of one lot now. O(scenarios)."""
        leg = self.legs.get(instrument)
        if leg is None:
            if lots == 0:
                return
            leg = self.legs[instrument] = Leg(risk, 0)
            self._hold(risk, 1)
        elif leg.risk is not risk:
            self._move(leg.risk, leg.lots, 0)
            leg.risk = risk
            leg.lots = 0
        elif leg.lots == lots:
            return
        if risk.shape is not None:
            self.expiries[risk.expiry_ns].shape = risk.shape
        self._move(risk, leg.lots, lots)
        leg.lots = lots
        if lots == 0:
            del self.legs[instrument]
            self._hold(risk, -1)
        self.is_stale = True

    def drop(self, instrument: int) -> None:
        """Take a position out that no longer counts. O(scenarios)."""
        leg = self.legs.get(instrument)
        if leg is not None:
            self.count(instrument, leg.risk, 0)

    def refresh(self, index_e6: int) -> None:
        """Compute the margin. O(scenarios x expiries); if only the index moved, O(expiries)."""
        if self.is_stale:
            self.loss_e24 = loss_e24(self.portfolio)
            self.is_stale = False
        self.index_e6 = index_e6
        self.initial_e6, self.maintenance_e6 = requirements_of_loss(
            self.portfolio, index_e6, self.loss_e24
        )

    def initial_if(self, instrument: int, risk: LotRisk, lots: int, index_e6: int) -> int:
        """Return IM with another position in one instrument: there and back again, exactly."""
        leg = self.legs.get(instrument)
        before = 0 if leg is None else leg.lots
        was_stale = self.is_stale
        self.count(instrument, risk, lots)
        initial = requirements(self.portfolio, index_e6)[0]
        self.count(instrument, risk, before)
        self.is_stale = was_stale
        return initial

    def _move(self, risk: LotRisk, before: int, after: int) -> None:
        if risk.option is not None:
            self.expiries[risk.expiry_ns].move(risk.option, before, after)
        elif risk.future is not None:
            self.portfolio.move(risk.future, before, after)

    def _hold(self, risk: LotRisk, change: int) -> None:
        """Count the option legs of an expiry; its sums come with the first and go with the last."""
        if risk.shape is None:
            return
        expiry_ns = risk.expiry_ns
        count = self.counts.get(expiry_ns, 0)
        if count == 0:
            sums = self.expiries[expiry_ns] = ExpirySums(risk.shape)
            self.portfolio.expiries.append(sums)
        count += change
        self.counts[expiry_ns] = count
        if count == 0:
            self.portfolio.expiries.remove(self.expiries.pop(expiry_ns))
            del self.counts[expiry_ns]

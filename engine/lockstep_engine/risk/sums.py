"""Portfolio margin as accounts keep it: one lot of an instrument, and the sums of one account.

A `LotRisk` is made once per mark and model and shared by all accounts. An `UnderlyingPortfolio`
follows the positions of one account in one underlying: a fill moves its sums in O(scenarios), a new
mark moves a position out at the old values and in at the new ones. What the numbers mean stands in
portfolio.py ([MRG-3]).
"""

from lockstep_engine.risk.portfolio import ExpirySums, Portfolio, requirements
from lockstep_engine.risk.shapes import FutureLot, Grid, OptionLot, Shape

NO_INDEX = -1


class LotRisk:
    """One lot of an instrument under the model of its underlying, at its mark.

    Exactly one of `future` and `option` is there; `shape` with the latter. `long_e6` and `short_e6`
    are the IM of one lot alone at `index_e6`, -1 until they are needed.
    """

    __slots__ = (
        *("expiry_ns", "future", "grid", "index_e6", "long_e6", "option", "shape", "short_e6"),
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
        self.index_e6 = NO_INDEX
        self.long_e6 = NO_INDEX
        self.short_e6 = NO_INDEX

    def alone_e6(self, lots: int, index_e6: int) -> tuple[int, int]:
        """Return IM and MM of signed lots and nothing else. O(scenarios)."""
        sums = UnderlyingPortfolio(self.grid)
        sums.count(0, self, lots)
        return requirements(sums.portfolio, index_e6)

    def open_e6(self, buys: int, sells: int, index_e6: int) -> int:
        """Return the open margin of so many lots on either side ([MRG-4])."""
        if index_e6 != self.index_e6:
            self.index_e6 = index_e6
            self.long_e6 = self.short_e6 = NO_INDEX
        long = short = 0
        if buys:
            if self.long_e6 < 0:
                self.long_e6 = self.alone_e6(1, index_e6)[0]
            long = buys * self.long_e6
        if sells:
            if self.short_e6 < 0:
                self.short_e6 = self.alone_e6(-1, index_e6)[0]
            short = sells * self.short_e6
        return long if long > short else short


class Leg:
    """A position as it is counted: lots at the values of `risk`."""

    __slots__ = ("lots", "risk")

    def __init__(self, risk: LotRisk, lots: int) -> None:
        self.risk = risk
        self.lots = lots


class UnderlyingPortfolio:
    """The positions of one account in one underlying, and their margin as it was computed last.

    Invariants: `portfolio` is the sum of all legs; `expiries` holds the sums of those expiries in
    which there is an option leg, `counts` how many; flat legs are not kept.
    """

    __slots__ = (
        *("counts", "expiries", "index_e6", "initial_e6", "is_stale", "legs", "maintenance_e6"),
        "portfolio",
    )

    def __init__(self, grid: Grid) -> None:
        self.portfolio = Portfolio(grid)
        self.expiries: dict[int, ExpirySums] = {}
        self.counts: dict[int, int] = {}
        self.legs: dict[int, Leg] = {}
        self.index_e6 = NO_INDEX
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
        """Compute the margin at an index. O(scenarios x expiries)."""
        self.initial_e6, self.maintenance_e6 = requirements(self.portfolio, index_e6)
        self.index_e6 = index_e6
        self.is_stale = False

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

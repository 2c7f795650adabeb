"""The trading summary: a sheet per instrument or deployment, a sheet per asset (DESK-80)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.stats.intervals import Basis
from lockstep_desk.stats.tearsheet import AssetSheet, AssetTracker, TearSheet, TearSheetTracker
from lockstep_desk.stats.trades import ClosedTrade


@dataclass(frozen=True, slots=True)
class TradingSummary:
    """Sheets by name, sorted by name."""

    start_ns: int
    end_ns: int
    sheets: tuple[TearSheet, ...]
    assets: tuple[AssetSheet, ...]

    def plain(self) -> dict[str, object]:
        """Return what JSON can hold: integers stay integers, what says nothing is null."""
        return asdict(self)


class SummaryTracker:
    """Takes in profits, closed positions and balances, and gives the summary when asked."""

    def __init__(self, start_ns: int, basis: Basis, capital_e9: Mapping[str, int]) -> None:
        """Start with a capital for each name that a sheet is wanted for."""
        self._start_ns = start_ns
        self._last_ns = start_ns
        self._sheets = {
            name: TearSheetTracker(name, capital_e9[name], start_ns, basis)
            for name in sorted(capital_e9)
        }
        self._assets: dict[str, AssetTracker] = {}

    def mark(self, name: str, ts_ns: int, pnl_e9: int) -> None:
        """Take the profit of a sheet so far, realised and unrealised."""
        self._sheet(name).mark(ts_ns, pnl_e9)
        self._last_ns = max(self._last_ns, ts_ns)

    def close(self, name: str, trade: ClosedTrade) -> None:
        """Take a position that was closed."""
        self._sheet(name).close(trade)

    def balance(self, asset: str, ts_ns: int, balance_e9: int) -> None:
        """Take the total balance of an asset; the first one starts its sheet."""
        tracker = self._assets.get(asset)
        if tracker is None:
            self._assets[asset] = AssetTracker(asset, balance_e9, ts_ns)
        else:
            tracker.mark(ts_ns, balance_e9)
        self._last_ns = max(self._last_ns, ts_ns)

    def report(self, end_ns: int) -> TradingSummary:
        """Return the summary up to `end_ns`; changes nothing."""
        if end_ns < self._last_ns:
            raise InvalidValueError(
                f"summary: expected an end from {self._last_ns} ns on, the last time taken in, "
                f"found {end_ns}"
            )
        sheets = tuple(self._sheets[name].report(end_ns) for name in sorted(self._sheets))
        assets = tuple(self._assets[name].report(end_ns) for name in sorted(self._assets))
        return TradingSummary(self._start_ns, end_ns, sheets, assets)

    def _sheet(self, name: str) -> TearSheetTracker:
        sheet = self._sheets.get(name)
        if sheet is None:
            known = ", ".join(self._sheets) or "none"
            raise InvalidValueError(f"summary: expected one of the sheets {known}, found '{name}'")
        return sheet

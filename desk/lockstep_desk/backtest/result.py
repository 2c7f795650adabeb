"""What one backtest came to."""

from dataclasses import asdict, dataclass

from lockstep_desk.backtest.books import AccountBooks
from lockstep_desk.reports import Curve
from lockstep_desk.stats import TearSheet, TradingSummary


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """Numbers and hashes of a run; equal plans give equal results, whoever runs them.

    `events` are market events; `intents` and `failures` are those of strategies, `halts` of their
    deployments, be it for failures or for a breach; `refused` orders the desk did not let go,
    `rejected` the exchange did not take; `refusals` counts both by what was against each: "risk"
    with a check, "gate" with a limit, "exchange" with its reason, or a code of the desk; what went
    all the same beyond a limit is there as "warning". `books` are those of each account, compared
    with the exchange's. The hashes stand for all commands and states.
    """

    run_id: str
    summary: TradingSummary
    curves: tuple[Curve, ...]
    books: tuple[AccountBooks, ...]
    events: int
    intents: int
    refused: int
    rejected: int
    refusals: tuple[tuple[str, int], ...]
    failures: int
    halts: int
    fills: int
    desk_seq: int
    desk_hash: str
    exchange_seq: int
    exchange_hash: str

    @property
    def portfolio(self) -> TearSheet:
        """The sheet of the whole run."""
        return next(sheet for sheet in self.summary.sheets if sheet.name == "portfolio")

    def plain(self) -> dict[str, object]:
        """Return what JSON can hold, without the curves."""
        fields: dict[str, object] = asdict(self)
        del fields["curves"]
        fields["refusals"] = dict(self.refusals)
        return fields

"""What the exchange's events tell of money: cash, positions, debts, the insurance fund, margins.

Cash and positions are exact, since every event that moves them says what they are afterwards. What
an account needs is a rough figure: enough to know whom to look at.
"""

from collections.abc import Sequence

import msgspec

from lockstep_engine.codes import CashReason, InstrumentKind, MarginMode
from lockstep_engine.commands import MarginRates
from lockstep_engine.events import (
    AutoDeleveraged,
    BlockSide,
    BlockTraded,
    CashMoved,
    DeleveragedSide,
    FundingPaid,
    IndexPriceUpdated,
    InstrumentCreated,
    InstrumentExpired,
    InsuranceFunded,
    LiquidationEnded,
    MarginModelSet,
    MarginModeSet,
    MarkPriceUpdated,
    MarksUpdated,
    PositionSettled,
    Trade,
    TradeSide,
)

_LINEAR = (InstrumentKind.PERPETUAL, InstrumentKind.FUTURE)
_UNITS = 10**16
_E9 = 10**9
_DEBT_REASONS = (CashReason.DEBT, CashReason.DEBT_REPAID)


class Held:
    """A position: signed lots, and what they cost."""

    __slots__ = ("cost_e6", "lots")

    def __init__(self, lots: int, cost_e6: int) -> None:
        self.lots = lots
        self.cost_e6 = cost_e6


class AccountsView:
    """Folds events. `held` has no flat positions, `cash_e6` every account that ever had some."""

    def __init__(self) -> None:
        self.cash_e6: dict[int, int] = {}
        self.debt_e6: dict[int, int] = {}
        self.held: dict[int, dict[int, Held]] = {}
        self.insurance_e6 = 0
        self.index_e6: dict[str, int] = {}
        self.mark_e6: dict[int, int] = {}
        self.rates: dict[str, MarginRates] = {}
        self.mode: dict[int, int] = {}
        self._contracts: dict[int, InstrumentCreated] = {}

    def fold(self, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of one command."""
        for event in events:
            self._fold_money(event)
            self._fold_prices(event)

    def position(self, account: int, instrument: int) -> int:
        """Return the signed lots of an account in an instrument."""
        held = self.held.get(account, {}).get(instrument)
        return 0 if held is None else held.lots

    def lot_e6(self, instrument: int) -> int:
        """Return what a lot is worth at the mark."""
        created = self._contracts[instrument]
        unit = created.lot_e8 * created.contract_size_e8
        return self.mark_e6.get(instrument, 0) * unit // _UNITS

    def index_lot_e6(self, instrument: int) -> int:
        """Return what a lot is worth at the index."""
        created = self._contracts[instrument]
        unit = created.lot_e8 * created.contract_size_e8
        return self.index_e6.get(created.underlying, 0) * unit // _UNITS

    def rates_of(self, instrument: int) -> MarginRates:
        """Return the standard margin rates of an instrument's underlying."""
        return self.rates.get(self._contracts[instrument].underlying, MarginRates())

    def collateral_e6(self, account: int) -> int:
        """Return cash and unrealised profit, in mode PORTFOLIO with options at their marks."""
        total, is_portfolio = self.cash_e6.get(account, 0), self._is(account, MarginMode.PORTFOLIO)
        for number, held in self.held.get(account, {}).items():
            if self._contracts[number].kind in _LINEAR:
                total += held.lots * self.lot_e6(number) - held.cost_e6
            elif is_portfolio:
                total += held.lots * self.lot_e6(number)
        return total

    def maintenance_e6(self, account: int) -> int:
        """Return about what the account needs: futures, and outside every group short options."""
        is_naked = self._is(account, MarginMode.STANDARD)
        return sum(
            self._needed_e6(number, held.lots)
            for number, held in self.held.get(account, {}).items()
            if is_naked or self._contracts[number].kind in _LINEAR
        )

    def _is(self, account: int, mode: MarginMode) -> bool:
        return self.mode.get(account, MarginMode.STANDARD) == mode

    def _needed_e6(self, number: int, lots: int) -> int:
        rates, mark_lot = self.rates_of(number), self.lot_e6(number)
        if self._contracts[number].kind in _LINEAR:
            rate = rates.future_initial_e9 * rates.future_maintenance_e9 // _E9
            return abs(lots) * mark_lot * rate // _E9
        if lots > 0:
            return 0
        return -lots * (mark_lot + self.index_lot_e6(number) * rates.option_maintenance_e9 // _E9)

    def _fold_money(self, event: msgspec.Struct) -> None:
        match event:
            case Trade(instrument=instrument, maker=maker, taker=taker):
                self._settle(instrument, maker)
                self._settle(instrument, taker)
            case BlockTraded(instrument=instrument, first=first, second=second):
                self._settle(instrument, first)
                self._settle(instrument, second)
            case AutoDeleveraged(instrument=instrument, liquidated=one, counterparty=other):
                self._settle(instrument, one)
                self._settle(instrument, other)
            case PositionSettled(account=account, instrument=instrument, cash_e6=cash_e6):
                self.cash_e6[account] = cash_e6
                self._hold(account, instrument, 0, 0)
            case FundingPaid(account=account, cash_e6=cash_e6):
                self.cash_e6[account] = cash_e6
            case CashMoved(account=account, reason=reason, amount_e6=amount_e6):
                self.cash_e6[account] = event.balance_e6
                if reason in _DEBT_REASONS:
                    self.debt_e6[account] = self.debt_e6.get(account, 0) + amount_e6
            case InsuranceFunded(insurance_e6=insurance_e6):
                self.insurance_e6 = insurance_e6
            case LiquidationEnded(insurance_e6=insurance_e6):
                self.insurance_e6 = insurance_e6
            case _:
                pass

    def _fold_prices(self, event: msgspec.Struct) -> None:
        match event:
            case InstrumentCreated(instrument=instrument):
                self._contracts[instrument] = event
            case MarkPriceUpdated(instrument=instrument, price_e6=price_e6):
                self.mark_e6[instrument] = price_e6
            case InstrumentExpired(instrument=instrument, price_e6=price_e6):
                self.mark_e6[instrument] = price_e6
            case MarksUpdated(marks=marks):
                for mark in marks:
                    self.mark_e6[mark.instrument] = mark.price_e6
            case IndexPriceUpdated(underlying=underlying, price_e6=price_e6):
                self.index_e6[underlying] = price_e6
            case MarginModeSet(account=account, mode=mode):
                self.mode[account] = mode
            case MarginModelSet(underlying=underlying, rates=rates):
                self.rates[underlying] = rates
            case _:
                pass

    def _settle(self, instrument: int, side: TradeSide | BlockSide | DeleveragedSide) -> None:
        self.cash_e6[side.account] = side.cash_e6
        self._hold(side.account, instrument, side.position_lots, side.cost_e6)

    def _hold(self, account: int, instrument: int, lots: int, cost_e6: int) -> None:
        held = self.held.setdefault(account, {})
        if lots:
            held[instrument] = Held(lots, cost_e6)
        else:
            held.pop(instrument, None)

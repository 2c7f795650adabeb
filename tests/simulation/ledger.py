"""A second bookkeeping, from the events alone: cash, positions, fees, insurance fund, debts.

It shares no code with the engine but the vocabulary of events. Every amount is added up here from
what the event says was traded, paid or settled, and compared with what the event says is there
afterwards; after every command the sum of everything must be what came in less what went out.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from lockstep_engine.codes import CashReason, InstrumentKind, Side
from lockstep_engine.events import (
    AutoDeleveraged,
    BlockTraded,
    CashMoved,
    FundingPaid,
    InstrumentCreated,
    InstrumentExpired,
    InstrumentSettled,
    InsuranceFunded,
    LiquidationEnded,
    MarksUpdated,
    PositionSettled,
    Trade,
)

_UNITS = 10**16
_OPTIONS = (InstrumentKind.CALL, InstrumentKind.PUT)


class Lost(AssertionError):
    """Money appeared, vanished, or is not where an event says it is."""


class Fill(msgspec.Struct, frozen=True):
    """One account's side of an exchange of lots: signed lots and value, fee, and what is said."""

    account: int
    instrument: int
    lots: int
    value_e6: int
    fee_e6: int
    realised_e6: int
    position_lots: int
    cost_e6: int
    cash_e6: int


class Ledger:
    """All money and positions. `outside_e6` is what came in less what went out."""

    def __init__(self) -> None:
        self.cash_e6: Counter[int] = Counter()
        self.debt_e6: Counter[int] = Counter()
        self.lots: Counter[tuple[int, int]] = Counter()
        self.cost_e6: Counter[tuple[int, int]] = Counter()
        self.fees_e6 = 0
        self.insurance_e6 = 0
        self.outside_e6 = 0
        self._created: dict[int, InstrumentCreated] = {}
        self._final_e6: dict[int, int] = {}

    def fold(self, events: Sequence[msgspec.Struct]) -> None:
        """Book the events of one command, then check that nothing was lost."""
        for event in events:
            self.book(event)
        self.check()

    def check(self) -> None:
        """Raise `Lost` unless money is conserved and positions sum to zero per instrument."""
        total = self.fees_e6 + self.insurance_e6 - sum(self.debt_e6.values())
        total += sum(self.cash_e6.values())
        net: Counter[int] = Counter()
        for (_account, instrument), lots in self.lots.items():
            net[instrument] += lots
        for (_account, instrument), cost in self.cost_e6.items():
            if not self._is_option(instrument):
                total -= cost
        _expect(total, self.outside_e6, "all money")
        for instrument, lots in net.items():
            _expect(lots, 0, f"positions in {instrument}")
        _expect(min(self.insurance_e6, 0), 0, "a negative insurance fund")
        _expect(min([0, *self.debt_e6.values()]), 0, "a negative debt")

    def positions(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Return (lots, cost) of every position that is not flat, by (account, instrument)."""
        return {key: (lots, self.cost_e6[key]) for key, lots in self.lots.items()}

    def book(self, event: msgspec.Struct) -> None:
        """Book one event and compare what it says with what is known."""
        match event:
            case InstrumentCreated(instrument=instrument):
                self._created[instrument] = event
            case InstrumentExpired(instrument=instrument, price_e6=price_e6):
                self._final_e6[instrument] = price_e6
            case MarksUpdated(marks=marks):
                for mark in marks:
                    if mark.instrument in self._final_e6:
                        self._final_e6[mark.instrument] = mark.price_e6
            case Trade():
                self._trade(event)
            case BlockTraded():
                self._block(event)
            case AutoDeleveraged():
                self._deleverage(event)
            case FundingPaid():
                self._fund(event)
            case PositionSettled():
                self._settle(event)
            case InstrumentSettled(instrument=instrument):
                left = [key for key, lots in self.lots.items() if key[1] == instrument and lots]
                _expect(len(left), 0, f"positions left in settled {instrument}")
            case CashMoved():
                self._move(event)
            case InsuranceFunded(amount_e6=amount_e6):
                self.insurance_e6 += amount_e6
                self.outside_e6 += amount_e6
                _expect(event.insurance_e6, self.insurance_e6, "insurance fund")
            case LiquidationEnded(account=account):
                _expect(event.insurance_e6, self.insurance_e6, "insurance fund")
                _expect(event.debt_e6, self.debt_e6[account], f"debt of {account}")
            case _:
                pass

    def _trade(self, event: Trade) -> None:
        lots, value = event.qty_lots, self._value_e6(event)
        if event.taker_side == Side.SELL:
            lots, value = -lots, -value
        if event.maker.account == event.taker.account:
            lots = value = 0
        for side, sign in ((event.maker, -1), (event.taker, 1)):
            self.fees_e6 -= side.builder_fee_e6
            self._fill(
                Fill(
                    *(side.account, event.instrument, sign * lots, sign * value, side.fee_e6),
                    *(side.realised_e6, side.position_lots, side.cost_e6, side.cash_e6),
                )
            )

    def _block(self, event: BlockTraded) -> None:
        lots, value = event.qty_lots, self._value_e6(event)
        if event.side == Side.SELL:
            lots, value = -lots, -value
        for side, sign in ((event.first, 1), (event.second, -1)):
            self._fill(
                Fill(
                    *(side.account, event.instrument, sign * lots, sign * value, side.fee_e6),
                    *(side.realised_e6, side.position_lots, side.cost_e6, side.cash_e6),
                )
            )

    def _deleverage(self, event: AutoDeleveraged) -> None:
        lots = event.qty_lots if event.side == Side.BUY else -event.qty_lots
        for side, sign in ((event.liquidated, 1), (event.counterparty, -1)):
            value = sign * lots * event.lot_e6
            self._fill(
                Fill(
                    *(side.account, event.instrument, sign * lots, value, 0),
                    *(side.realised_e6, side.position_lots, side.cost_e6, side.cash_e6),
                )
            )

    def _fill(self, fill: Fill) -> None:
        """Book one side. Its profit is what it gave and got, less what stays invested."""
        key = (fill.account, fill.instrument)
        lots, cost = self.lots[key], self.cost_e6[key]
        after, (cost, realised) = lots + fill.lots, _opened(lots, cost, fill.lots, fill.value_e6)
        where = f"account {fill.account} in {fill.instrument}"
        _expect(fill.position_lots, after, f"lots of {where}")
        _expect(fill.cost_e6, cost, f"cost of {where}")
        self._hold(key, after, cost)
        _expect(fill.realised_e6, realised, f"realised profit of {where}")
        gained = -fill.value_e6 if self._is_option(fill.instrument) else realised
        self.cash_e6[fill.account] += gained - fill.fee_e6
        self.fees_e6 += fill.fee_e6
        _expect(fill.cash_e6, self.cash_e6[fill.account], f"cash of {where}")

    def _hold(self, key: tuple[int, int], lots: int, cost: int) -> None:
        """Keep a position; a flat one costs nothing and is forgotten."""
        if lots:
            self.lots[key], self.cost_e6[key] = lots, cost
            return
        _expect(cost, 0, f"cost of no lots in {key}")
        self.lots.pop(key, None)
        self.cost_e6.pop(key, None)

    def _fund(self, event: FundingPaid) -> None:
        amount = -event.qty_lots * event.lot_e6
        _expect(event.qty_lots, self.lots[event.account, event.instrument], "lots funded")
        _expect(event.amount_e6, amount, f"funding of {event.account}")
        self.cash_e6[event.account] += amount
        _expect(event.cash_e6, self.cash_e6[event.account], f"cash of {event.account}")

    def _settle(self, event: PositionSettled) -> None:
        account, instrument = event.account, event.instrument
        key, created = (account, instrument), self._created[instrument]
        where = f"settlement of {account} in {instrument}"
        numerator = self._final_e6[instrument] * created.lot_e8 * created.contract_size_e8
        value = self.lots[key] * _half_even(numerator, _UNITS)
        cost = self.cost_e6[key]
        _expect(event.qty_lots, self.lots[key], f"lots in {where}")
        _expect(event.cost_e6, cost, f"cost in {where}")
        _expect(event.realised_e6, value - cost, f"profit in {where}")
        _expect(event.amount_e6, value if self._is_option(instrument) else value - cost, where)
        self._hold(key, 0, 0)
        self.cash_e6[account] += event.amount_e6 - event.fee_e6
        self.fees_e6 += event.fee_e6
        _expect(event.cash_e6, self.cash_e6[account], f"cash after {where}")

    def _move(self, event: CashMoved) -> None:
        account, amount = event.account, event.amount_e6
        self.cash_e6[account] += amount
        match CashReason(event.reason):
            case CashReason.DEPOSIT | CashReason.WITHDRAWAL:
                self.outside_e6 += amount
            case CashReason.DEBT | CashReason.DEBT_REPAID:
                self.debt_e6[account] += amount
            case CashReason.LIQUIDATION_FEE | CashReason.INSURANCE:
                self.insurance_e6 -= amount
            case CashReason.TRANSFER_OUT | CashReason.TRANSFER_IN | CashReason.BUILDER_FEE:
                pass  # the other half is an event too, or part of a trade's fee
        _expect(event.balance_e6, self.cash_e6[account], f"cash of {account}")

    def _value_e6(self, event: Trade | BlockTraded) -> int:
        """Return the exact value of what was traded."""
        created = self._created[event.instrument]
        unit = created.tick_e6 * created.lot_e8 * created.contract_size_e8
        return event.price_ticks * event.qty_lots * unit // _UNITS

    def _is_option(self, instrument: int) -> bool:
        return self._created[instrument].kind in _OPTIONS


def _opened(lots: int, cost: int, change: int, value: int) -> tuple[int, int]:
    """Return (cost, realised profit) of a position after a change by lots for a value."""
    if lots * change >= 0:
        return cost + value, 0
    closed = min(abs(lots), abs(change))
    released = abs(cost) * closed // abs(lots) * (1 if cost > 0 else -1)
    closed_value = value * closed // abs(change)
    return cost - released + value - closed_value, -released - closed_value


def _half_even(numerator: int, denominator: int) -> int:
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient % 2):
        return quotient + 1
    return quotient


def _expect(found: int, expected: int, what: str) -> None:
    if found != expected:
        raise Lost(f"{what}: expected {expected}, found {found}")

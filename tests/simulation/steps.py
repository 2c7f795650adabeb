"""What a simulation must have reached: all that flows of the property tests must, and every step of
trouble: liquidation by book, fee, deleveraging, insurance fund and debt, protections by option.
"""

from collections.abc import Sequence

import msgspec

from lockstep_engine.codes import CashReason, Code, InstrumentStatus, MmpLimit, MmpOption
from lockstep_engine.commands import Command, Liquidate, SetSettlementPrice, SettleExpiry
from lockstep_engine.events import (
    AutoDeleveraged,
    CashMoved,
    CommandRejected,
    LiquidationEnded,
    LiquidationStarted,
    MmpConfigSet,
    MmpTriggered,
    SettlementPriceSet,
    Trade,
)
from lockstep_engine.lifecycle.deleveraging import by_maintenance
from lockstep_engine.risk.standing import closing_helps
from lockstep_engine.state import ExchangeCore
from tests.property.reach import Reach, vocabulary

UNREACHABLE = {"event RulesActivated": "there is one rules version, and no newer one to activate"}
"""Name -> why no simulation reaches it."""

STEPS = (
    *("liquidation: book closing", "liquidation: position skipped", "liquidation: fee"),
    *("liquidation: deleveraging", "liquidation: insurance paid", "liquidation: insurance emptied"),
    *("liquidation: debt", "liquidation: positions left", "debt: repaid"),
    *("settlement: final by average", "settlement: too few samples", "settlement: price by hand"),
    "settlement: amount above the limit",
    *(f"trigger by {limit.name} alone" for limit in MmpLimit),
    *(f"trigger with {option.name}" for option in MmpOption),
    "trigger with NONE",
)


class Reached:
    """Counts everything; it must see every command before and after it was applied."""

    def __init__(self) -> None:
        self.reach = Reach()
        self._options: dict[tuple[int, str], int] = {}
        self._is_skipping = False

    def before(self, core: ExchangeCore, command: Command) -> None:
        """Look at an account that is about to be liquidated: is its first position skipped?"""
        self._is_skipping = False
        if not isinstance(command.action, Liquidate):
            return
        account = core.accounts.get(command.action.account)
        if account is None:
            return
        positions = by_maintenance(core, account, int(InstrumentStatus.HALTED))
        self._is_skipping = bool(positions) and not closing_helps(core, positions[0][0])

    def after(self, command: Command, events: Sequence[msgspec.Struct]) -> None:
        """Count a command and its events."""
        self.reach.count(command, events)
        if any(isinstance(event, LiquidationStarted) for event in events):
            self._count_liquidation(events)
        for event in events:
            match event:
                case MmpConfigSet(account=account, underlying=underlying, options=options):
                    self._options[account, underlying] = options
                case MmpTriggered():
                    self._count_trigger(event)
                case SettlementPriceSet():
                    self._count_price(command, event)
                case CommandRejected(code=Code.AMOUNT_ABOVE_LIMIT):
                    if isinstance(command.action, SettleExpiry):
                        self.reach.note("settlement: amount above the limit")
                case CashMoved(reason=CashReason.DEBT_REPAID):
                    self.reach.note("debt: repaid")
                case _:
                    pass

    def missing(self) -> list[str]:
        """Return the names that were not reached and are not excused."""
        names = [name for name in (*vocabulary(), *STEPS) if name not in UNREACHABLE]
        return [name for name in names if not self.reach.counts[name]]

    def table(self) -> str:
        """Return all counters, the rarest first, with what was never reached at the top."""
        counts = dict.fromkeys((*vocabulary(), *STEPS), 0) | dict(self.reach.counts)
        rows = sorted(counts, key=lambda name: (counts[name], name))
        excused = {name: f"  ({reason})" for name, reason in UNREACHABLE.items()}
        return "\n".join(f"{counts[name]:>9}  {name}{excused.get(name, '')}" for name in rows)

    def _count_liquidation(self, events: Sequence[msgspec.Struct]) -> None:
        note, is_paid = self.reach.note, False
        if self._is_skipping:
            note("liquidation: position skipped")
        for event in events:
            match event:
                case Trade():
                    note("liquidation: book closing")
                case AutoDeleveraged():
                    note("liquidation: deleveraging")
                case CashMoved(reason=CashReason.LIQUIDATION_FEE):
                    note("liquidation: fee")
                case CashMoved(reason=CashReason.INSURANCE):
                    is_paid = True
                    note("liquidation: insurance paid")
                case CashMoved(reason=CashReason.DEBT):
                    note("liquidation: debt")
                case LiquidationEnded():
                    if is_paid and event.insurance_e6 == 0:
                        note("liquidation: insurance emptied")
                    if event.initial_e6:
                        note("liquidation: positions left")
                case _:
                    pass

    def _count_trigger(self, event: MmpTriggered) -> None:
        options = MmpOption(self._options[event.account, event.underlying])
        for option in options:
            self.reach.note(f"trigger with {option.name}")
        if not options:
            self.reach.note("trigger with NONE")
        if event.breached in tuple(MmpLimit):
            self.reach.note(f"trigger by {MmpLimit(event.breached).name} alone")

    def _count_price(self, command: Command, event: SettlementPriceSet) -> None:
        if not event.is_final:
            self.reach.note("settlement: too few samples")
        elif isinstance(command.action, SetSettlementPrice):
            self.reach.note("settlement: price by hand")
        else:
            self.reach.note("settlement: final by average")

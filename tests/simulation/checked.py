"""A state that is checked after every command: invariants, conservation, at times all of it."""

from collections.abc import Sequence

import msgspec

from lockstep_engine.exchange import MACHINE
from lockstep_engine.invariants import check_all
from lockstep_engine.state import ExchangeCore
from lockstep_kernel import Genesis, apply, initial, verify
from lockstep_runtime.signing import Item
from tests.simulation.ledger import Ledger, Lost
from tests.simulation.steps import Reached


class Checked:
    """Applies commands. Every `verify_every` of them the whole state is rebuilt and compared."""

    def __init__(self, genesis: Genesis, reached: Reached, verify_every: int) -> None:
        self.state = initial(MACHINE, genesis)
        self.ledger = Ledger()
        self._reached = reached
        self._verify_every = verify_every

    @property
    def core(self) -> ExchangeCore:
        """The state's core, for looking at it."""
        core = self.state.core
        assert isinstance(core, ExchangeCore)
        return core

    def apply(self, item: Item) -> Sequence[msgspec.Struct]:
        """Apply one command, check what must hold after it, and return its events."""
        ts_ns, command = item
        self._reached.before(self.core, command)
        self.state, events, _hash = apply(self.state, MACHINE.codec.sequence(ts_ns, command))
        check_all(self.core)
        self.ledger.fold(events)
        self._reached.after(command, events)
        if self.state.seq % self._verify_every == 0:
            self.verify()
        return events

    def verify(self) -> None:
        """Rehash and rebuild everything, and compare the ledger with the state."""
        verify(self.state)
        core, ledger = self.core, self.ledger
        found = {account.account: account.cash_e6 for account in core.accounts.values()}
        debts = {account.account: account.debt_e6 for account in core.accounts.values()}
        positions = {
            (account.account, number): (holding.qty_lots, holding.cost_e6)
            for account in core.accounts.values()
            for number, holding in account.holdings.items()
            if holding.qty_lots
        }
        treasury = core.treasury
        _same("cash", found, {account: ledger.cash_e6[account] for account in found})
        _same("debts", debts, {account: ledger.debt_e6[account] for account in debts})
        _same("positions", positions, ledger.positions())
        _same("fees", treasury.fees_e6, ledger.fees_e6)
        _same("insurance fund", treasury.insurance_e6, ledger.insurance_e6)
        _same("net deposits", treasury.net_deposits_e6, ledger.outside_e6)


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Lost(f"{what}: expected {expected}, found {found}")

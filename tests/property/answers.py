"""What the author of a flow asks about accounts: of the naive machine or of an engine.

Beside a running engine only the naive machine is asked: the engine's own answer would refresh sums
that are lazy, and hide a mistake in keeping them.
"""

from typing import Protocol

from lockstep_engine.risk.standing import standing_of
from lockstep_engine.state import ExchangeCore
from lockstep_naive.core import NaiveCore
from lockstep_naive.margin import account_margin, collateral_e6, free_e6
from tests.property.twins import Twins

_FREE_E6 = 10_000


class Answers(Protocol):
    """Answers about the accounts that are open."""

    def free_e6(self, account: int) -> int:
        """Return what is free."""
        ...

    def collateral_e6(self, account: int) -> int:
        """Return the collateral."""
        ...

    def is_healthy(self, account: int) -> bool:
        """Return whether an account has its maintenance margin."""
        ...


class NaiveAnswers:
    """Answers of the naive machine beside an engine."""

    def __init__(self, twins: Twins) -> None:
        self._twins = twins

    def free_e6(self, account: int) -> int:
        """Return what is free."""
        return free_e6(self._core(), account)

    def collateral_e6(self, account: int) -> int:
        """Return the collateral."""
        return collateral_e6(self._core(), account)

    def is_healthy(self, account: int) -> bool:
        """Return whether an account has its maintenance margin."""
        needed = account_margin(self._core(), account).maintenance_e6
        return self.collateral_e6(account) >= needed

    def _core(self) -> NaiveCore:
        core = self._twins.naive.core
        assert isinstance(core, NaiveCore)
        return core


class EngineAnswers:
    """Answers of an engine that nothing is compared with; what is free is a guess."""

    def __init__(self, core: ExchangeCore) -> None:
        self._core = core

    def free_e6(self, account: int) -> int:
        """Return a guess."""
        return _FREE_E6

    def collateral_e6(self, account: int) -> int:
        """Return the collateral."""
        return standing_of(self._core, self._core.accounts[account]).collateral_e6

    def is_healthy(self, account: int) -> bool:
        """Return whether an account has its maintenance margin."""
        standing = standing_of(self._core, self._core.accounts[account])
        return standing.collateral_e6 >= standing.maintenance_e6

"""The shell of exits: which positions are to be left, each after a look at the broker ([RECON-24]).

Owns the pace at which a position is tried again. How often that was done already is in the desk's
ledger, so after a crash no exit is taken for one that was sent before.
"""

from collections.abc import Mapping
from typing import Final

from lockstep_desk.core.recon.sweeper import Sweeper
from lockstep_desk.core.view import DeskView
from lockstep_desk.risk.exits import ExitReason, ExitRules, exit_due
from lockstep_desk.types import Position

_RETRY_NS: Final = 10**9


class ExitKeeper:
    """Leaves positions of one account by the rules of their deployments, through its sweeper."""

    def __init__(
        self, sweeper: Sweeper, rules: Mapping[str, ExitRules], retry_ns: int = _RETRY_NS
    ) -> None:
        self._sweeper = sweeper
        self._rules = rules
        self._retry_ns = retry_ns
        self._tried_ns: dict[str, int] = {}

    def exit_if_due(self, now_ns: int) -> list[tuple[str, ExitReason]]:
        """Ask to leave every position that is to be left; return (position id, why).

        Of these the broker may hold none: then nothing was published, and a sweep is demanded.
        """
        found: list[tuple[str, ExitReason]] = []
        for deployment, rules in sorted(self._rules.items()):
            for position in self._held(deployment):
                reason = exit_due(position, rules, now_ns)
                if reason is not None and self._may_try(position, now_ns):
                    self._tried_ns[position.position_id] = now_ns
                    ordinal = self._ordinal(position)
                    self._sweeper.exit(position.position_id, ordinal, position.qty_e8)
                    found.append((position.position_id, reason))
        return found

    def _held(self, deployment: str) -> list[Position]:
        account = self._sweeper.view.account
        held = DeskView(self._sweeper.driver.state).holdings(deployment)
        return [position for position in held if position.account == account]

    def _may_try(self, position: Position, now_ns: int) -> bool:
        """Return whether nothing works on it, no sweep is awaited and the last try is old."""
        if position.position_id in self._sweeper.core.reconciliation.deferred:
            return False
        place = (position.account, position.instrument, position.deployment_id)
        orders = DeskView(self._sweeper.driver.state).orders()
        is_closing = any(
            (order.account, order.instrument, order.deployment) == place
            and order.side is not position.side
            for order in orders
        )
        tried_ns = self._tried_ns.get(position.position_id)
        return not is_closing and (tried_ns is None or now_ns >= tried_ns + self._retry_ns)

    def _ordinal(self, position: Position) -> int:
        """Return how many exits of a position the ledger has."""
        entries = [note.entry for note in self._sweeper.core.reconciliation.messages.values()]
        return sum(
            entry is not None and entry.message.position_id == position.position_id
            for entry in entries
        )

"""Properties that need no second machine: money, nonces and requests, folded from what happened.

Money: what accounts have is what was minted less what left. Nonces: none is accepted twice, over
all restarts. Requests: none is paid twice, however often it was sent.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from lockstep_runtime.simulate import till
from lockstep_runtime.simulate.faults import Board, Reached
from lockstep_runtime.simulate.plain_till import PlainTill

if TYPE_CHECKING:
    from lockstep_runtime.simulate.oracle import Second

_NOT_ACCEPTED = {till.Code.NONCE_REUSED, till.Code.NONCE_TOO_OLD, till.Code.REQUEST_CONFLICT}


class Ledger:
    """Folds the commands of a till and their events."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._nonces: set[tuple[int, int]] = set()
        self._paid: set[tuple[int, bytes]] = set()
        self._inside = 0

    def take(self, command: msgspec.Struct, events: Sequence[msgspec.Struct]) -> str:
        """Take a durable command; return what is wrong with it, or nothing."""
        if not isinstance(command, till.Pay):
            if events and isinstance(events[0], till.RulesActivated):
                self._board.reach(Reached.RULES_SWITCHED)
            return ""
        match events[0]:
            case till.Paid():
                return self._pay(command) or self._accept(command)
            case till.Refused(code=code) if code in _NOT_ACCEPTED:
                self._board.reach(Reached.NONCE_REFUSED)
                return ""
            case till.Refused():
                return self._accept(command)
            case _:
                self._board.reach(Reached.REPEAT_KNOWN)
                return ""

    def compare(self, second: "Second") -> str:
        """Return what is wrong with the money of a state, or nothing."""
        if not isinstance(second, PlainTill):
            return ""
        found = sum(second.money.values())
        if found == self._inside:
            return ""
        return f"accounts have {found}, minted less spent is {self._inside}"

    def _accept(self, pay: till.Pay) -> str:
        nonce = (pay.account, pay.nonce)
        if nonce in self._nonces:
            return f"nonce {pay.nonce} of account {pay.account} was accepted twice"
        self._nonces.add(nonce)
        return ""

    def _pay(self, pay: till.Pay) -> str:
        request = (pay.account, pay.request)
        if request in self._paid:
            return f"request {pay.request.hex()} of account {pay.account} was paid twice"
        self._paid.add(request)
        self._inside += pay.amount * ((pay.account == till.OUTSIDE) - (pay.target == till.OUTSIDE))
        return ""

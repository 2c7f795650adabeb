"""What an exchange's journal says of the desk's account: the other side of every check.

Owns the reading. Every hash is recomputed on the way; nothing is taken from the desk.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lockstep_desk.adapters.exchange.account import ExchangeAccount
from lockstep_desk.adapters.exchange.durable import EXCHANGE
from lockstep_desk.adapters.exchange.venue import ACCOUNT, FIRST, key_of
from lockstep_desk.core.commands import FillReport
from lockstep_engine.commands import Command
from lockstep_engine.events import OrderAccepted, Trade
from lockstep_journal import open_reader
from lockstep_kernel import find_machine
from lockstep_replay import steps

_STOP = key_of("native stop")


class Placed(msgspec.Struct):
    """What became of one number of the desk's: orders that were taken, and lots that traded."""

    accepted: int = 0
    qty_lots: int = 0
    filled_lots: int = 0


class Evidence(msgspec.Struct, frozen=True):
    """What an account holds, its fills, and what became of each order that the desk numbered.

    `stopped` are the fills of native stops; `standing` are orders that rest.
    """

    last_seq: int
    last_hash: bytes
    cash_e6: int
    held: tuple[tuple[str, int], ...]
    fills: tuple[FillReport, ...]
    stopped: tuple[FillReport, ...]
    standing: int
    placed: tuple[tuple[int, Placed], ...]

    def faults(self) -> list[str]:
        """Return what must not be: a number with two orders, or with more fills than its quantity.

        The exchange refuses a second order of a client's number only while the first one lives.
        """
        found: list[str] = []
        for number, placed in self.placed:
            if placed.accepted > 1:
                found.append(f"order {number} of the desk was placed {placed.accepted} times")
            if placed.filled_lots > placed.qty_lots:
                found.append(
                    f"order {number} of the desk: {placed.filled_lots} of {placed.qty_lots} lots "
                    f"were filled"
                )
        return found


def read_evidence(directory: Path) -> Evidence:
    """Return what a journal says; raises what reading and re-executing it raise."""
    account = ExchangeAccount(ACCOUNT, FIRST)
    placed: dict[int, Placed] = {}
    stopped: list[FillReport] = []
    seq, hash_ = 0, b""
    with open_reader(directory) as journal:
        for step in steps(journal, find_machine(EXCHANGE)):
            before = len(account.fills)
            account.take(step.record.ts_ns, step.events)
            _count(placed, step.events)
            if isinstance(step.command, Command) and step.command.signer == _STOP:
                stopped += account.fills[before:]
            seq, hash_ = step.record.seq, step.record.hash
    held = tuple((report.instrument, report.qty_e8) for report in account.position_reports())
    return Evidence(
        *(seq, hash_, account.cash_e6, held, tuple(account.fills), tuple(stopped)),
        *(len(account.live), tuple(sorted(placed.items()))),
    )


def _count(placed: dict[int, Placed], events: Sequence[msgspec.Struct]) -> None:
    """Take note of orders and trades of numbers that the desk gave; 0 is none of its."""
    for event in events:
        if isinstance(event, OrderAccepted) and event.account == FIRST and event.client_id:
            one = placed.setdefault(event.client_id, Placed())
            one.accepted += 1
            one.qty_lots = event.qty_lots
        elif isinstance(event, Trade):
            ours = [side for side in (event.maker, event.taker) if side.account == FIRST]
            for number in [side.client_id for side in ours if side.client_id]:
                placed.setdefault(number, Placed()).filled_lots += event.qty_lots

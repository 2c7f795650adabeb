"""Cash that moves other than by a trade, with its event."""

from lockstep_engine.events import CashMoved
from lockstep_engine.state import Account, Events, ExchangeCore


def move_cash(
    core: ExchangeCore, account: Account, reason: int, amount_e6: int, events: Events
) -> None:
    """Add an amount to an account's cash and say so."""
    account.cash_e6 += amount_e6
    core.touch(account)
    events.append(CashMoved(account.account, reason, amount_e6, account.cash_e6))

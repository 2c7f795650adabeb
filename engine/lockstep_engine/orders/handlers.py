"""The order actions by type, and Batch, which carries out several under one nonce ([CMD-1])."""

from collections.abc import Callable
from typing import Final

import msgspec

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    AmendOrder,
    Batch,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    PlaceOrder,
    ReplaceOrder,
)
from lockstep_engine.orders.amend import amend
from lockstep_engine.orders.cancel import cancel, cancel_all, cancel_by_client_id
from lockstep_engine.orders.place import place, replace
from lockstep_engine.state import Account, Events, ExchangeCore

Handler = Callable[..., int]
"""Takes the core, the account (not for operator actions), the action of its type, the events."""

_ACCEPTED: Final = int(Code.ACCEPTED)
_BAD_BATCH: Final = int(Code.BAD_BATCH)
_ACTIONS_MAX: Final = 50

ORDER_HANDLERS: Final[dict[type[msgspec.Struct], Handler]] = {
    PlaceOrder: place,
    CancelOrder: cancel,
    CancelByClientId: cancel_by_client_id,
    CancelAll: cancel_all,
    AmendOrder: amend,
    ReplaceOrder: replace,
}
"""Their refusals are OrderRejected, which they emit themselves."""


def batch(core: ExchangeCore, account: Account, action: Batch, events: Events) -> int:
    """Carry out every action; the caller refuses the command if the code is not 0."""
    if not 1 <= len(action.actions) <= _ACTIONS_MAX:
        return _BAD_BATCH
    for one in action.actions:
        ORDER_HANDLERS[type(one)](core, account, one, events)
    return _ACCEPTED

"""Fees that a venue takes in another asset than the quote ([DESK-D18]).

Owns the order in which such a fee is doubted. It is never valued here and never mixed into the
profit of a position, which is in its instrument's quote; whoever has a price may do so.
"""

import hashlib
from typing import Final

import msgspec

from lockstep_desk.core.codes import Divergence, EntityKind
from lockstep_desk.core.commands import FeeReport
from lockstep_desk.core.events import FeeBooked, FillIgnored
from lockstep_desk.core.memory import Seen, recall, remember
from lockstep_desk.core.notes import Events, Finding, diverge
from lockstep_desk.core.orders import find
from lockstep_desk.core.state import Account, DeskCore
from lockstep_desk.core.totals import total_of

_CONTENT_BYTES: Final = 16
_encode: Final = msgspec.msgpack.Encoder().encode


def take_fee(core: DeskCore, events: Events, account: Account, fee: FeeReport) -> None:
    """Book a fee once, to the deployment of its order, or write down why not."""
    if not fee.fill_id or not fee.asset or fee.ts_ns < 0:
        what = f"expected a fill, an asset and a time, found {fee}"
        _diverge(core, events, account, fee, (Divergence.FILL_MALFORMED, what))
        return
    name = f"{fee.fill_id} fee {fee.asset}"
    content = hashlib.sha256(_encode(fee)).digest()[:_CONTENT_BYTES]
    known = recall(core, account, name)
    if known is not None and known.content == content:
        events.append(FillIgnored(name, account.name))
    elif known is not None:
        what = f"the fee of fill {fee.fill_id} was told before with another content"
        _diverge(core, events, account, fee, (Divergence.FILL_OTHER_CONTENT, what))
    elif fee.ts_ns <= account.fill_floor_ns:
        what = f"the fee of fill {fee.fill_id} is not after {account.fill_floor_ns}"
        _diverge(core, events, account, fee, (Divergence.FILL_TOO_OLD, what))
    else:
        remember(core, account, name, Seen(content, fee.ts_ns))
        _book(core, events, account, fee)


def _book(core: DeskCore, events: Events, account: Account, fee: FeeReport) -> None:
    order = find(core, fee.client_order_id)
    owner = order.deployment if order is not None and order.account == account.name else ""
    key = (account.name, fee.asset, owner)
    total = total_of(core.fees, EntityKind.FEE, key)
    total.add(fee.fee_e9)
    core.touch(total)
    events.append(FeeBooked(fee.fill_id, account.name, fee.asset, owner, fee.fee_e9))


def _diverge(
    core: DeskCore,
    events: Events,
    account: Account,
    fee: FeeReport,
    why: tuple[Divergence, str],
) -> None:
    evidence = (fee.fill_id, fee.asset, hashlib.sha256(_encode(fee)).hexdigest())
    diverge(core, events, Finding(why[0], account.name, "", why[1], evidence))

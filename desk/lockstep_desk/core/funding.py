"""Funding: what an account was paid, or paid, for a position that it held at a funding time.

Owns the order in which a payment is doubted, and its split. A venue pays for the position of the
account; here each owner has the part of what it holds, so that one who is long pays and one who is
short receives, and together they have what the account has. The cash did move: what no holding
explains is booked as nobody's, beside a divergence, and never dropped.
"""

import hashlib
from typing import Final, NamedTuple

import msgspec

from lockstep_desk.core.codes import Divergence, EntityKind
from lockstep_desk.core.commands import FundingReport
from lockstep_desk.core.events import FillIgnored, FundingBooked
from lockstep_desk.core.memory import Seen, recall, remember
from lockstep_desk.core.notes import Events, Finding, diverge
from lockstep_desk.core.positions import NET
from lockstep_desk.core.state import Account, DeskCore
from lockstep_desk.core.totals import total_of
from lockstep_kernel.arith import div_trunc

_CONTENT_BYTES: Final = 16
_AMOUNT_MAX_E9: Final = 2**62
_NOBODY: Final = ""
_encode: Final = msgspec.msgpack.Encoder().encode


class _Share(NamedTuple):
    """What one owner has of a payment, and the position that it has it for."""

    owner: str
    qty_e8: int
    amount_e9: int


class _Told(NamedTuple):
    """A payment, the account that tells it, and where what comes of it goes."""

    core: DeskCore
    events: Events
    account: Account
    funding: FundingReport

    def diverge(self, code: Divergence, what: str) -> None:
        """Write down that the payment is not what was expected."""
        funding, account = self.funding, self.account.name
        evidence = (funding.funding_id, hashlib.sha256(_encode(funding)).hexdigest())
        diverge(self.core, self.events, Finding(code, account, funding.instrument, what, evidence))


def take_funding(core: DeskCore, events: Events, account: Account, funding: FundingReport) -> None:
    """Book a payment once, or write down why not."""
    told = _Told(core, events, account, funding)
    wrong = _wrong(core, funding)
    if wrong is not None:
        told.diverge(*wrong)
        return
    name = f"funding {funding.funding_id}"
    content = hashlib.sha256(_encode(funding)).digest()[:_CONTENT_BYTES]
    known = recall(core, account, name)
    if known is not None and known.content == content:
        events.append(FillIgnored(name, account.name))
    elif known is not None:
        what = f"{name} was told before with another content"
        told.diverge(Divergence.FILL_OTHER_CONTENT, what)
    elif funding.ts_ns <= account.fill_floor_ns:
        told.diverge(Divergence.FILL_TOO_OLD, f"{name} is not after {account.fill_floor_ns}")
    else:
        remember(core, account, name, Seen(content, funding.ts_ns))
        _book(told)


def _wrong(core: DeskCore, funding: FundingReport) -> tuple[Divergence, str] | None:
    """Return what makes a payment one that nobody can book."""
    if not funding.funding_id or not funding.qty_e8 or funding.ts_ns < 0:
        found = (funding.funding_id, funding.qty_e8, funding.ts_ns)
        what = f"expected an id, a position and ts_ns of 0 or more, found {found}"
        return Divergence.FILL_MALFORMED, what
    if funding.instrument not in core.instruments:
        what = f"funding of '{funding.instrument}', which is not registered"
        return Divergence.UNKNOWN_NAME, what
    return None


def _book(told: _Told) -> None:
    """Add to each owner's total; tell if the books hold another position than was paid for."""
    core, events, account, funding = told
    held = core.net(account.name, funding.instrument)
    if held != funding.qty_e8:
        what = f"{funding.funding_id} is paid for {funding.qty_e8}, the desk holds {held}"
        told.diverge(Divergence.POSITION_DIFFERS, what)
    for share in _shares(told):
        key = (account.name, funding.instrument, share.owner)
        total = total_of(core.fundings, EntityKind.FUNDING, key)
        total.add(share.amount_e9)
        core.touch(total)
        events.append(
            FundingBooked(
                *(funding.funding_id, account.name, funding.instrument, share.owner),
                *(share.qty_e8, share.amount_e9, funding.ts_ns),
            )
        )


def _shares(told: _Told) -> list[_Share]:
    """Return each owner's part, sorted by owner; they sum to the payment."""
    core, _events, account, funding = told
    amount, whole = funding.amount_e9, funding.qty_e8
    shares: dict[str, _Share] = {}
    for book in core.books_of.get(funding.instrument, ()):
        name, _instrument, owner = book.key
        if name == account.name and owner != NET and book.qty_e8:
            shares[owner] = _Share(owner, book.qty_e8, div_trunc(amount * book.qty_e8, whole))
    if any(abs(share.amount_e9) >= _AMOUNT_MAX_E9 for share in shares.values()):
        told.diverge(Divergence.FILL_OUT_OF_RANGE, f"shares of {funding.funding_id} are too large")
        shares = {}
    rest = amount - sum(share.amount_e9 for share in shares.values())
    if rest or not shares:
        qty_e8, known = shares.get(_NOBODY, _Share(_NOBODY, 0, 0))[1:]
        shares[_NOBODY] = _Share(_NOBODY, qty_e8, known + rest)
    return [shares[owner] for owner in sorted(shares)]

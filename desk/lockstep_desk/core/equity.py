"""The equity of accounts, and what their limits keep from opening ([RECON-20], [RECON-21]).

Owns two rules that hold for an account, whatever its deployments may do: beyond a drawdown of its
highest equity the size of a new opening is zero, and all that it holds of an underlying is on one
side. Both are the desk's own doing; the switches of an operator stand apart. What only closes is
never asked here.

The equity follows every command that moves a book or cash: fills at what they really cost, prices
at once, funding, and fees that are taken in the asset of the equity.
"""

from typing import Final

from lockstep_desk.core.accountlimits import LimitedAccount
from lockstep_desk.core.codes import Refusal
from lockstep_desk.core.commands import OpenRequest, SetAccountLimits
from lockstep_desk.core.events import (
    AccountLimitsSet,
    AlertCleared,
    AlertRaised,
    EquityChanged,
    FillBooked,
    FundingBooked,
    PositionAdjusted,
)
from lockstep_desk.core.notes import Events, refuse
from lockstep_desk.core.positions import NET, Book, BookKey
from lockstep_desk.core.state import DeskCore
from lockstep_desk.core.totals import Total
from lockstep_desk.recon.alerts import make_alert
from lockstep_desk.types import E8

_BPS_MAX: Final = 10_000
_E9_MAX: Final = 2**62 - 1
_TRADED: Final = (FillBooked, PositionAdjusted, FundingBooked)


def set_account_limits(core: DeskCore, command: SetAccountLimits, events: Events) -> None:
    """Put other limits of an account in force; its highest equity begins anew."""
    account, limits = command.account, command.limits
    if account not in core.accounts:
        refuse(events, command, Refusal.UNKNOWN_ACCOUNT, account)
        return
    wrong = _wrong_drawdown(core, command)
    if wrong is not None:
        refuse(events, command, Refusal.BAD_VALUE, wrong)
        return
    limited = core.limited.setdefault(account, LimitedAccount(account))
    if limited.is_blocked:
        events.append(AlertCleared(_alert_key(account)))
    limited.begin(limits, _profit_e17(core, account, limits.asset))
    core.touch(limited)
    if limited.record() is None:
        del core.limited[account]
    events.append(AccountLimitsSet(account, limits))


def opening_refusal(core: DeskCore, owner: str, request: OpenRequest) -> tuple[Refusal, str] | None:
    """Return why an account's limits let an order of an owner ("" for nobody) not open."""
    limited = core.limited.get(request.account)
    if limited is None:
        return None
    if limited.is_blocked:
        limit_bps = limited.limits.max_drawdown_bps
        why = f"account {limited.account}: {limited.drawdown_bps} bps down, {limit_bps} allowed"
        return Refusal.DRAWDOWN, why
    opposed = _opposed(core, owner, request) if limited.limits.is_one_directional else None
    if opposed is None:
        return None
    _account, instrument, holder = opposed
    return Refusal.DIRECTION, f"{holder or 'nobody'} is on the other side, in {instrument}"


def follow_equity(core: DeskCore, events: Events) -> None:
    """Let the equity of limited accounts follow the books that this command moved."""
    moved = {entity.key[0] for entity in core.touched if isinstance(entity, Book | Total)}
    traded = {event.account for event in events if isinstance(event, _TRADED)}
    for account in sorted(moved & core.limited.keys()):
        limited = core.limited[account]
        if limited.limits.max_drawdown_bps is not None:
            _follow(core, events, limited, account in traded)


def _follow(core: DeskCore, events: Events, limited: LimitedAccount, is_told: bool) -> None:
    """Move one equity; tell it after a trade, and when openings stop or begin again."""
    was_blocked, account, limits = limited.is_blocked, limited.account, limited.limits
    made = _profit_e17(core, account, limits.asset) - limited.base_e17
    limited.move(limits.equity_e9 * E8 + made)
    core.touch(limited)
    if is_told or limited.is_blocked != was_blocked:
        events.append(_changed(limited))
    if limited.is_blocked and not was_blocked:
        shown = (
            ("account", account),
            ("drawdown_bps", str(limited.drawdown_bps)),
            ("max_drawdown_bps", str(limits.max_drawdown_bps)),
        )
        alert = make_alert("DRAWDOWN", _alert_key(account), *shown)
        events.append(AlertRaised(alert.severity, alert.code, alert.dedup_key, alert.context))
    elif was_blocked and not limited.is_blocked:
        events.append(AlertCleared(_alert_key(account)))


def _changed(limited: LimitedAccount) -> EquityChanged:
    return EquityChanged(
        limited.account,
        _e9(limited.equity_e17),
        _e9(limited.peak_e17),
        min(limited.drawdown_bps, _E9_MAX),
        limited.is_blocked,
    )


def _e9(value_e17: int) -> int:
    """Return money as an event can hold it, rounded down; the record keeps all of it."""
    return max(-_E9_MAX, min(value_e17 // E8, _E9_MAX))


def _profit_e17(core: DeskCore, account: str, asset: str) -> int:
    """Return what an account made of an asset, open positions at marks, funding and fees in."""
    traded_e17 = sum(
        book.total_e17 + book.realised_e17 + book.unrealised_e17
        for key, book in core.books.items()
        if key[0] == account and key[2] == NET and core.instruments[key[1]].spec.quote == asset
    )
    funded_e9 = sum(
        one.total_e9
        for key, one in core.fundings.items()
        if key[0] == account and core.instruments[key[1]].spec.quote == asset
    )
    fees_e9 = sum(one.total_e9 for key, one in core.fees.items() if key[:2] == (account, asset))
    return traded_e17 + (funded_e9 - fees_e9) * E8


def _opposed(core: DeskCore, owner: str, request: OpenRequest) -> BookKey | None:
    """Return a holding on the other side than an order, working orders counted; None without one.

    An owner's own holding in the instrument is not opposed: the order closes it before it opens.
    """
    own = (request.account, request.instrument, owner)
    underlying = core.instruments[request.instrument].spec.underlying
    sign = request.side.sign
    reach_e8 = {
        key: book.qty_e8
        for key, book in core.books.items()
        if key[2] != NET and _is_in(core, key, request.account, underlying)
    }
    for order in core.live.values():
        key = (order.account, order.instrument, order.deployment)
        is_other_side = order.side.sign != sign
        if is_other_side and _is_in(core, key, request.account, underlying):
            reach_e8[key] = reach_e8.get(key, 0) + order.signed_working_e8
    opposed = sorted(key for key, qty_e8 in reach_e8.items() if key != own and qty_e8 * sign < 0)
    return opposed[0] if opposed else None


def _is_in(core: DeskCore, key: BookKey, account: str, underlying: str) -> bool:
    return key[0] == account and core.instruments[key[1]].spec.underlying == underlying


def _wrong_drawdown(core: DeskCore, command: SetAccountLimits) -> str | None:
    """Return what is wrong with limits, None if nothing is."""
    limits = command.limits
    if limits.max_drawdown_bps is None:
        is_alone = (limits.asset, limits.equity_e9) != ("", 0)
        return "expected max_drawdown_bps beside asset and equity_e9" if is_alone else None
    if not 0 < limits.max_drawdown_bps < _BPS_MAX:
        return f"max_drawdown_bps: expected 1 to 9999, found {limits.max_drawdown_bps}"
    if limits.equity_e9 <= 0:
        return f"equity_e9: expected more than 0, found {limits.equity_e9}"
    if not any(one.spec.quote == limits.asset for one in core.instruments.values()):
        return f"asset: expected the quote of an instrument, found {limits.asset!r}"
    return None


def _alert_key(account: str) -> str:
    return f"drawdown|{account}"

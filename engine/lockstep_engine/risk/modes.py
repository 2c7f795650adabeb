"""Margin modes ([MRG-7]): what an account and an order need for one, and the change of it."""

from typing import Final

from lockstep_engine.codes import Code, MarginMode
from lockstep_engine.risk.lots import surface_of
from lockstep_engine.risk.margin import free_e6
from lockstep_engine.risk.open_lots import note_reliefs
from lockstep_engine.state import Account, ExchangeCore, Instrument

_ACCEPTED: Final = int(Code.ACCEPTED)
_INSUFFICIENT_MARGIN: Final = int(Code.INSUFFICIENT_MARGIN)
_NO_MARGIN_MODEL: Final = int(Code.NO_MARGIN_MODEL)
_NO_SURFACE: Final = int(Code.NO_SURFACE)
_PORTFOLIO: Final = int(MarginMode.PORTFOLIO)


def portfolio_code(core: ExchangeCore, instrument: Instrument) -> int:
    """Return why portfolio margin cannot value an instrument that trades, 0 if it can."""
    if instrument.underlying.model is None:
        return _NO_MARGIN_MODEL
    if instrument.is_option and surface_of(core, instrument) is None:
        return _NO_SURFACE
    return _ACCEPTED


def change_mode(core: ExchangeCore, account: Account, mode: int) -> int:
    """Change the mode, or leave it and return why not. O(holdings)."""
    if mode == _PORTFOLIO:
        code = _account_code(core, account)
        if code != _ACCEPTED:
            return code
    before = account.mode
    enter_mode(account, mode)
    if free_e6(core, account) < 0:
        enter_mode(account, before)
        return _INSUFFICIENT_MARGIN
    core.touch(account)
    return _ACCEPTED


def enter_mode(account: Account, mode: int) -> None:
    """Set the mode and have all margin computed anew when it is needed."""
    account.mode = mode
    note_reliefs(account)
    account.groups.clear()
    account.portfolios.clear()
    account.margin_e6 = 0
    for holding in account.holdings.values():
        holding.margin_e6 = 0
        holding.seen_version = 0
        if not holding.is_dirty:
            holding.is_dirty = True
            account.dirty.append(holding)


def _account_code(core: ExchangeCore, account: Account) -> int:
    """Return what portfolio margin lacks for the positions and live orders, 0 if nothing."""
    code = _ACCEPTED
    for holding in account.holdings.values():
        if holding.qty_lots == 0 and not holding.orders:
            continue
        instrument = holding.instrument
        if instrument.underlying.model is None:
            return _NO_MARGIN_MODEL
        is_live = not instrument.is_expired()
        if is_live and instrument.is_option and surface_of(core, instrument) is None:
            code = _NO_SURFACE
    return code

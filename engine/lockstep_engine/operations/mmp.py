"""SetMmpConfig, DeleteMmpConfig and ResetMmp ([MMP-1], [MMP-3])."""

from typing import Final

from lockstep_engine.codes import Code, MmpOption
from lockstep_engine.commands import DeleteMmpConfig, ResetMmp, SetMmpConfig
from lockstep_engine.events import MmpConfigDeleted, MmpConfigSet, MmpReset
from lockstep_engine.lifecycle.expiry import thaw
from lockstep_engine.matching.protection import cancel_protected, empty_window
from lockstep_engine.protection import Mmp
from lockstep_engine.risk.margin import free_e6
from lockstep_engine.risk.open_lots import follow_relief, note_reliefs
from lockstep_engine.state import Account, Events, ExchangeCore

_ACCEPTED: Final = int(Code.ACCEPTED)
_UNKNOWN_UNDERLYING: Final = int(Code.UNKNOWN_UNDERLYING)
_BAD_MMP_CONFIG: Final = int(Code.BAD_MMP_CONFIG)
_INSUFFICIENT_MARGIN: Final = int(Code.INSUFFICIENT_MARGIN)
_MMP_NOT_CONFIGURED: Final = int(Code.MMP_NOT_CONFIGURED)
_INTERVAL_MAX_MS: Final = 86_400_000
_OPTIONS_ALL: Final = int(MmpOption.MAKER_ONLY | MmpOption.EXCEEDING | MmpOption.RELIEF)
_RELIEF: Final = int(MmpOption.RELIEF)


def set_mmp_config(
    core: ExchangeCore, account: Account, action: SetMmpConfig, events: Events
) -> int:
    """Set or replace a protection; its window begins anew, a freeze stays.

    One that lets more orders count than margin bears is refused: relief is not taken away from
    orders that rest on it.
    """
    if action.underlying not in core.underlyings:
        return _UNKNOWN_UNDERLYING
    if not _is_good(action):
        return _BAD_MMP_CONFIG
    limits = (
        action.interval_ms,
        action.frozen_ms,
        action.qty_limit_e8,
        action.delta_limit_e8,
        action.vega_limit_e6,
        action.options,
    )
    mmp = account.mmps.get(action.underlying)
    if mmp is None:
        mmp = account.mmps[action.underlying] = Mmp(account.account, action.underlying, limits)
        note_reliefs(account)
    elif not _replace(core, account, mmp, limits):
        return _INSUFFICIENT_MARGIN
    core.touch(mmp)
    events.append(MmpConfigSet(account.account, action.underlying, *limits))
    return _ACCEPTED


def delete_mmp_config(
    core: ExchangeCore, account: Account, action: DeleteMmpConfig, events: Events
) -> int:
    """Take a protection away, and the orders that it protected out of the books."""
    mmp = account.mmps.pop(action.underlying, None)
    if mmp is None:
        return _MMP_NOT_CONFIGURED
    empty_window(core, mmp)
    thaw(core, mmp)
    mmp.is_live = False
    note_reliefs(account)  # the margin of the orders follows: each is cancelled below
    events.append(MmpConfigDeleted(account.account, action.underlying))
    cancel_protected(core, account, action.underlying, events)
    return _ACCEPTED


def reset_mmp(core: ExchangeCore, account: Account, action: ResetMmp, events: Events) -> int:
    """End a freeze, if there is one, and begin a new window."""
    mmp = account.mmps.get(action.underlying)
    if mmp is None:
        return _MMP_NOT_CONFIGURED
    empty_window(core, mmp)
    thaw(core, mmp)
    events.append(MmpReset(account.account, action.underlying))
    return _ACCEPTED


def _replace(
    core: ExchangeCore, account: Account, mmp: Mmp, limits: tuple[int, int, int, int, int, int]
) -> bool:
    """Replace the configuration if margin bears it, and return whether it does ([MMP-1])."""
    before, free = mmp.limits(), free_e6(core, account)
    mmp.set(limits)
    follow_relief(account, mmp.underlying)
    left = free_e6(core, account)
    if left < 0 and left < free:
        mmp.set(before)
        follow_relief(account, mmp.underlying)
        return False
    empty_window(core, mmp)
    return True


def _is_good(action: SetMmpConfig) -> bool:
    if not 1 <= action.interval_ms <= _INTERVAL_MAX_MS:
        return False
    if not 0 <= action.frozen_ms <= _INTERVAL_MAX_MS:
        return False
    limits = (action.qty_limit_e8, action.delta_limit_e8, action.vega_limit_e6)
    if min(limits) < 0 or max(limits) == 0:
        return False
    if action.options & _RELIEF and action.qty_limit_e8 == 0:
        return False
    return 0 <= action.options <= _OPTIONS_ALL

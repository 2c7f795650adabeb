"""Market-maker protection: configurations, windows of fills, freezes ([MMP-1] to [MMP-4]).

Owns every change of a configuration and of a window. While an account is frozen in an underlying,
its window is empty and none of its MMP orders rests there.
"""

from typing import NamedTuple

from lockstep_engine.codes import CancelReason, Code, MmpLimit, MmpOption, OrderFlag
from lockstep_engine.commands import DeleteMmpConfig, ResetMmp, SetMmpConfig
from lockstep_engine.events import (
    MmpConfigDeleted,
    MmpConfigSet,
    MmpReset,
    MmpThawed,
    MmpTriggered,
)
from lockstep_naive.book import cancel, protected_orders, protection_of
from lockstep_naive.core import NaiveCore, Refusal
from lockstep_naive.margin import free_e6
from lockstep_naive.rows import Mmp, MmpFill, Order

MS_NS = 10**6
TIME_MAX_MS = 86_400_000
ALL_OPTIONS = int(MmpOption.MAKER_ONLY | MmpOption.EXCEEDING | MmpOption.RELIEF)
NOT_FROZEN = 0
UNTIL_RESET = -1


class _Measure(NamedTuple):
    """What a window adds up to, beside the limit in the same unit."""

    limit: MmpLimit
    found: int
    allowed: int


def set_mmp_config(core: NaiveCore, account: int, action: SetMmpConfig) -> Refusal:
    """[MMP-1]: a freeze stays, and fills are counted on from where they were."""
    if core.underlyings.get(action.underlying) is None:
        return Code.UNKNOWN_UNDERLYING
    limits = (action.qty_limit_e8, action.delta_limit_e8, action.vega_limit_e6)
    is_good_time = 1 <= action.interval_ms <= TIME_MAX_MS and 0 <= action.frozen_ms <= TIME_MAX_MS
    are_good_limits = min(limits) >= 0 and max(limits) > 0
    are_good_options = 0 <= action.options <= ALL_OPTIONS
    is_relieved = action.options & int(MmpOption.RELIEF) != 0
    if is_relieved and action.qty_limit_e8 == 0:
        are_good_options = False
    if not (is_good_time and are_good_limits and are_good_options):
        return Code.BAD_MMP_CONFIG
    key = (account, action.underlying)
    before = core.mmps.get(key)
    after = Mmp(
        key=key,
        interval_ms=action.interval_ms,
        frozen_ms=action.frozen_ms,
        qty_limit_e8=action.qty_limit_e8,
        delta_limit_e8=action.delta_limit_e8,
        vega_limit_e6=action.vega_limit_e6,
        options=action.options,
        frozen_until_ns=NOT_FROZEN if before is None else before.frozen_until_ns,
        next_fill=1 if before is None else before.next_fill,
    )
    tried = core.copy()
    tried.mmps.put(after)
    free_after_e6 = free_e6(tried, account)
    if free_after_e6 < 0 and free_after_e6 < free_e6(core, account):
        return Code.INSUFFICIENT_MARGIN
    _empty_window(core, key)
    core.mmps.put(after)
    core.emit(
        MmpConfigSet(*key, action.interval_ms, action.frozen_ms, *limits, options=action.options)
    )
    return None


def delete_mmp_config(core: NaiveCore, account: int, action: DeleteMmpConfig) -> Refusal:
    """[MMP-3]: the orders that it protected end with it."""
    key = (account, action.underlying)
    if core.mmps.get(key) is None:
        return Code.MMP_NOT_CONFIGURED
    _empty_window(core, key)
    core.mmps.drop(key)
    core.emit(MmpConfigDeleted(*key))
    _cancel_mmp_orders(core, key)
    return None


def reset_mmp(core: NaiveCore, account: int, action: ResetMmp) -> Refusal:
    """[MMP-3]."""
    key = (account, action.underlying)
    mmp = core.mmps.get(key)
    if mmp is None:
        return Code.MMP_NOT_CONFIGURED
    _empty_window(core, key)
    core.mmps.put(mmp._replace(frozen_until_ns=NOT_FROZEN))
    core.emit(MmpReset(*key))
    return None


def thaw(core: NaiveCore, key: tuple[int, str]) -> None:
    """End a freeze whose time has come ([TIM-2])."""
    core.mmps.put(core.mmps.must(key)._replace(frozen_until_ns=NOT_FROZEN))
    core.emit(MmpThawed(*key))


def check_mmp_order(core: NaiveCore, order: Order) -> Refusal:
    """Return why an order with flag MMP may not be entered; the end of step 5 of [ORD-5]."""
    if not order.has(OrderFlag.MMP):
        return None
    mmp = core.mmps.get(protection_of(core, order))
    if mmp is None:
        return Code.MMP_NOT_CONFIGURED
    return Code.MMP_FROZEN if mmp.is_frozen else None


def is_stopped(core: NaiveCore, order: Order) -> bool:
    """Return whether an order with flag MMP stands under a freeze."""
    return check_mmp_order(core, order) == Code.MMP_FROZEN


def count_fill(core: NaiveCore, order: Order, lots: int, *, is_maker: bool) -> None:
    """Count a fill of an order, if it counts, and freeze the account on a breach ([MMP-2])."""
    key = protection_of(core, order)
    mmp = core.mmps.get(key)
    if mmp is None or mmp.is_frozen or not order.has(OrderFlag.MMP):
        return
    if mmp.has(MmpOption.MAKER_ONLY) and not is_maker:
        return
    window_start_ns = core.now_ns - mmp.interval_ms * MS_NS
    for fill in window_of(core, key):
        if fill.ts_ns <= window_start_ns:
            core.mmp_fills.drop(fill.key)
    mark = core.marks.must(order.instrument)
    core.mmp_fills.put(
        MmpFill(
            key=(*key, mmp.next_fill),
            ts_ns=core.now_ns,
            instrument=order.instrument,
            lots=order.sign * lots,
            delta_e9=mark.delta_e9,
            vega_e9=mark.vega_e9,
        )
    )
    mmp = mmp._replace(next_fill=mmp.next_fill + 1)
    core.mmps.put(mmp)
    breached = _breached(core, mmp)
    if breached:
        _freeze(core, mmp, breached)


def window_of(core: NaiveCore, key: tuple[int, str]) -> list[MmpFill]:
    """Return the kept fills of a configuration by number."""
    return sorted(core.mmp_fills.group("window", key))


def _breached(core: NaiveCore, mmp: Mmp) -> int:
    """Return the sum of the limits that the window breaches."""
    qty = delta = vega = 0
    for fill in window_of(core, mmp.key):
        instrument = core.instruments.must(fill.instrument)
        size = fill.lots * instrument.lot_e8 * instrument.contract_size_e8
        qty += abs(size)
        delta += size * fill.delta_e9
        vega += size * fill.vega_e9
    measures = (
        _Measure(MmpLimit.QTY, qty, mmp.qty_limit_e8 * 10**8),
        _Measure(MmpLimit.DELTA, abs(delta), mmp.delta_limit_e8 * 10**17),
        _Measure(MmpLimit.VEGA, abs(vega), mmp.vega_limit_e6 * 10**19),
    )
    # One more than the limit is the least that passes it.
    least = 1 if mmp.has(MmpOption.EXCEEDING) else 0
    return sum(
        int(measure.limit)
        for measure in measures
        if measure.allowed > 0 and measure.found >= measure.allowed + least
    )


def _freeze(core: NaiveCore, mmp: Mmp, breached: int) -> None:
    """Empty the window, freeze the account there, and cancel its MMP orders."""
    _empty_window(core, mmp.key)
    until_ns = core.now_ns + mmp.frozen_ms * MS_NS if mmp.frozen_ms else UNTIL_RESET
    core.mmps.put(mmp._replace(frozen_until_ns=until_ns))
    core.emit(MmpTriggered(*mmp.key, breached, until_ns))
    _cancel_mmp_orders(core, mmp.key)


def _cancel_mmp_orders(core: NaiveCore, key: tuple[int, str]) -> None:
    for order in protected_orders(core, key):
        cancel(core, order, CancelReason.MMP)


def _empty_window(core: NaiveCore, key: tuple[int, str]) -> None:
    for fill in window_of(core, key):
        core.mmp_fills.drop(fill.key)

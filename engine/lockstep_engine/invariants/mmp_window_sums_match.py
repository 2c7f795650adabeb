"""MmpWindowSumsMatch: a protection's sums are those of its fills, all of one window ([MMP-1])."""

from lockstep_engine.protection import Mmp
from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def mmp_window_sums_match(core: ExchangeCore) -> None:
    """Add up the fills of every window anew; their numbers and times rise and none is too old."""
    for account in core.accounts.values():
        for mmp in account.mmps.values():
            _check_window(core, mmp)


def _check_window(core: ExchangeCore, mmp: Mmp) -> None:
    where = f"window of account {mmp.account} in {mmp.underlying}"
    qty = delta = vega = number = 0
    last_ns = mmp.window[0].ts_ns if mmp.window else 0
    for fill in mmp.window:
        instrument = core.instruments[fill.instrument]
        amount = fill.lots * instrument.lot_e8 * instrument.contract_size_e8
        qty += abs(amount)
        delta += amount * fill.delta_e9
        vega += amount * fill.vega_e9
        is_next = number < fill.number < mmp.next_fill and last_ns <= fill.ts_ns <= core.now_ns
        check(is_next, f"{where}: fill {fill.number} does not follow {number}")
        number, last_ns = fill.number, fill.ts_ns
    if mmp.window:
        is_young = mmp.window[0].ts_ns > mmp.window_start_ns(last_ns)
        check(is_young, f"{where}: fill {mmp.window[0].number} is too old")
    found = (mmp.sums.qty_e16, mmp.sums.delta_e25, mmp.sums.vega_e25)
    check(found == (qty, delta, vega), f"{where}: expected {qty, delta, vega}, found {found}")
    check(mmp.breached(mmp.sums) == 0, f"{where} breaches its limits")

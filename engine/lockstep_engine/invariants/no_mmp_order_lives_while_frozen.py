"""NoMmpOrderLivesWhileFrozen: an MMP order has a protection, and it is not frozen ([MMP-2])."""

from lockstep_engine.codes import OrderFlag
from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def no_mmp_order_lives_while_frozen(core: ExchangeCore) -> None:
    """Look up the protection of every live order with the flag, and the window of every freeze."""
    for account in core.accounts.values():
        for order in account.orders.values():
            if not order.flags & OrderFlag.MMP:
                continue
            mmp = account.mmps.get(order.instrument.underlying.name)
            where = f"MMP order {order.order_id} of account {account.account}"
            check(mmp is not None, f"{where} lives without a protection")
            check(mmp is None or mmp.frozen_until_ns == 0, f"{where} lives while frozen")
        for mmp in account.mmps.values():
            is_empty = mmp.frozen_until_ns == 0 or not mmp.window
            where = f"protection of account {account.account} in {mmp.underlying}"
            check(is_empty, f"{where} is frozen and has fills")

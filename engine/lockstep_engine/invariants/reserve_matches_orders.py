"""ReserveMatchesOrders: reserve and open lots are the sums over the live orders ([MRG-4]), in every
mode, and those with flag MMP, which [MRG-5] counts, are all known.
"""

from typing import Final

from lockstep_engine.codes import OrderFlag, Side
from lockstep_engine.state import Account, ExchangeCore, Holding, Order
from lockstep_kernel.errors import check

_BUY: Final = int(Side.BUY)
_MMP: Final = int(OrderFlag.MMP)


def reserve_matches_orders(core: ExchangeCore) -> None:
    """Add up reserves and open lots of every account from its orders. O(holdings + orders)."""
    for account in core.accounts.values():
        total = sum(order.reserve_e6 for order in account.orders.values())
        found = account.reserve_e6
        check(found == total, f"reserve of account {account.account}: {found}, orders {total}")
        _check_open_lots(account)


def _check_open_lots(account: Account) -> None:
    orders: dict[int, list[Order]] = {}
    for order in account.orders.values():
        number = order.instrument.instrument
        is_its_own = order.holding is account.holdings.get(number)
        check(is_its_own, f"order {order.order_id} of account {account.account} is of another")
        orders.setdefault(number, []).append(order)
    for number, holding in account.holdings.items():
        if number in orders or _is_in_use(holding):
            _check_holding(holding, orders.get(number, []))


def _is_in_use(holding: Holding) -> bool:
    """Return whether a holding says that it has orders."""
    lots = holding.open_buy_lots != 0 or holding.open_sell_lots != 0
    return lots or len(holding.orders) > 0 or len(holding.mmp_orders) > 0


def _check_holding(holding: Holding, orders: list[Order]) -> None:
    buys = sum(order.remaining_lots for order in orders if order.side == _BUY)
    sells = sum(order.remaining_lots for order in orders if order.side != _BUY)
    found = (holding.open_buy_lots, holding.open_sell_lots, sorted(holding.orders))
    expected = (buys, sells, sorted(order.order_id for order in orders))
    where = f"account {holding.account.account} in {holding.instrument.instrument}"
    check(found == expected, f"open lots of {where}: expected {expected}, found {found}")
    protected = sorted(order.order_id for order in orders if order.flags & _MMP)
    is_known = protected == sorted(holding.mmp_orders)
    check(is_known, f"MMP orders of {where} are {protected}")

"""ReserveMatchesOrders: reserve and open lots are the sums over the live orders ([MRG-4]), in every
mode, and those with flag MMP, which [MRG-5] counts, are all known.
"""

from lockstep_engine.codes import OrderFlag, Side
from lockstep_engine.state import Account, ExchangeCore
from lockstep_kernel.errors import check


def reserve_matches_orders(core: ExchangeCore) -> None:
    """Add up reserves and open lots of every account from its orders."""
    for account in core.accounts.values():
        total = sum(order.reserve_e6 for order in account.orders.values())
        found = account.reserve_e6
        check(found == total, f"reserve of account {account.account}: {found}, orders {total}")
        _check_open_lots(account)


def _check_open_lots(account: Account) -> None:
    for number, holding in account.holdings.items():
        orders = [order for order in account.orders.values() if order.holding is holding]
        buys = sum(order.remaining_lots for order in orders if order.side == Side.BUY)
        sells = sum(order.remaining_lots for order in orders if order.side == Side.SELL)
        found = (holding.open_buy_lots, holding.open_sell_lots, holding.open_orders)
        expected = (buys, sells, len(orders))
        where = f"open lots of account {account.account} in {number}"
        check(found == expected, f"{where}: expected {expected}, found {found}")
        protected = sorted(order.order_id for order in orders if order.flags & OrderFlag.MMP)
        is_known = protected == sorted(holding.mmp_orders)
        check(is_known, f"MMP orders of account {account.account} in {number} are {protected}")

"""IndexMatchesBooks: the indexes hold exactly the orders that rest in the books."""

from lockstep_engine.lifecycle.expiry import orders_of
from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def index_matches_books(core: ExchangeCore) -> None:
    """Compare the orders of all accounts with the orders of all books."""
    resting: list[int] = []
    for instrument in core.instruments.values():
        for order in orders_of(instrument.bids) + orders_of(instrument.asks):
            resting.append(order.order_id)
            found = order.account.orders.get(order.order_id)
            check(found is order, f"order {order.order_id} rests but is not in its account's index")
    indexed = sum(len(account.orders) for account in core.accounts.values())
    check(indexed == len(resting), f"index has {indexed} orders, the books have {len(resting)}")

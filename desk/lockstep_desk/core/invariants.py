"""What holds of a desk after every command, one sentence each."""

from lockstep_desk.core.links import count_lost
from lockstep_desk.core.positions import NET
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import MANUAL
from lockstep_kernel.errors import check


def check_all(core: DeskCore) -> None:
    """Check every invariant and every derived value; raise `InvariantError` on a difference."""
    _holdings_sum_to_positions(core)
    _gates_know_their_holdings(core)
    _tracked_orders_are_active(core)
    _memories_keep_their_size(core)
    _derived_values_are_right(core)


def _holdings_sum_to_positions(core: DeskCore) -> None:
    """What the deployments and nobody hold of an instrument is what the account holds."""
    sums: dict[tuple[str, str], int] = {}
    for (account, instrument, owner), book in core.books.items():
        sign = 1 if owner == NET else -1
        place = (account, instrument)
        sums[place] = sums.get(place, 0) + sign * book.qty_e8
    for place in sorted(sums):
        check(sums[place] == 0, f"{place}: the holdings are {sums[place]} short of the position")


def _gates_know_their_holdings(core: DeskCore) -> None:
    """The quantity that a gate counts is what its deployment holds, in every account."""
    held: dict[str, dict[str, int]] = {}
    for (_account, instrument, owner), book in core.books.items():
        if owner != NET:
            of_owner = held.setdefault(owner or MANUAL, {})
            of_owner[instrument] = of_owner.get(instrument, 0) + book.qty_e8
    for name, deployment in core.deployments.items():
        expected = {key: qty for key, qty in held.get(name, {}).items() if qty}
        found = dict(deployment.gate.state().quantities)
        check(expected == found, f"{name}: the gate counts {found}, the books hold {expected}")


def _tracked_orders_are_active(core: DeskCore) -> None:
    """An order is tracked exactly as long as it may trade."""
    for order in core.live.values():
        is_right = order.state.is_active and order.ended_number == 0
        check(is_right, f"order {order.client_order_id} is tracked in state {order.state.name}")
    for order in core.ended.values():
        is_right = not order.state.is_active and order.ended_number > 0
        check(is_right, f"order {order.client_order_id} ended in state {order.state.name}")


def _memories_keep_their_size(core: DeskCore) -> None:
    """What is remembered of the past is bounded."""
    check(len(core.ended) <= core.params.ended_capacity, "too many ended orders")
    check(len(core.divergences) <= core.params.divergence_capacity, "too many divergences")
    for account, notes in core.fills.items():
        check(len(notes) <= core.params.fill_capacity, f"too many fills of {account}")


def _derived_values_are_right(core: DeskCore) -> None:
    """Links are counted, books found by instrument, and what has an order stands in it."""
    check(core.lost_links == count_lost(core), f"{core.lost_links} links are counted as lost")
    expected = {id_: sorted(b.key for b in books) for id_, books in core.books_of.items()}
    found: dict[str, list[tuple[str, str, str]]] = {}
    for key in sorted(core.books):
        found.setdefault(key[1], []).append(key)
    check(expected == found, "books by instrument are not the books")
    numbers = [order.number for order in core.live.values()]
    check(numbers == sorted(numbers), "tracked orders do not stand by number")
    ended = [order.ended_number for order in core.ended.values()]
    check(ended == sorted(ended), "ended orders do not stand by their end")

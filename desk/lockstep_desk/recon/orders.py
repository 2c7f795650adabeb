"""The orders of a sweep: what the desk has in flight against what the broker has working.

Owns how an order whose fate is not known is settled: by asking for its client order id, never by
sending it again ([RECON-44], [DESK-D11]). Orders that this desk did not send are told and left
alone. An answer that is about another order, or older than the pages it came with, is none.
"""

from typing import Final

import msgspec

from lockstep_desk.recon.config import SweepConfig
from lockstep_desk.recon.findings import (
    Divergence,
    Kind,
    RefreshOrder,
    Repair,
    SettleOrder,
    Status,
    divergence_id,
)
from lockstep_desk.recon.pages import (
    BrokerOrder,
    OrderQuery,
    OrderStatus,
    Page,
    Unknown,
    UnknownReason,
    whole,
)
from lockstep_desk.recon.view import LocalOrder, LocalOrderState, LocalView
from lockstep_desk.types import Fill, Severity

_SENT: Final = (LocalOrderState.IN_FLIGHT, LocalOrderState.UNKNOWN)


class Said(msgspec.Struct, frozen=True):
    """What the broker said of orders, and the whole history of fills that came with it."""

    queries: tuple[OrderQuery, ...]
    working: Page[BrokerOrder]
    fills: Page[Fill]


class Orders(msgspec.Struct):
    """What the orders came to.

    `unknown` says in words of which the broker gave no answer; `held_back` names the instruments in
    which an order has fills that the history has not.
    """

    found: list[Divergence]
    repairs: list[Repair]
    unknown: list[str]
    held_back: list[str]


def compare_orders(view: LocalView, said: Said, missed: list[Fill], config: SweepConfig) -> Orders:
    """Settle what is known to have ended, refresh what works, and tell what is not ours.

    `missed` are the fills of the history that the books have not.
    """
    return _Comparison(view, said, missed, config).run()


def missing_id(view: LocalView, client_order_id: str) -> str:
    """Return the id of the divergence that an order's fills are not in the history."""
    return divergence_id(Kind.FILL_MISSING, (*view.where, ""), client_order_id)


def told_unknown(what: str, answer: Unknown) -> str:
    """Return in words what is not known, and why."""
    return f"{what}: {answer.reason.name.lower()} {answer.detail}".rstrip()


class _Comparison:
    """The orders of one sweep, while it collects."""

    def __init__(
        self, view: LocalView, said: Said, missed: list[Fill], config: SweepConfig
    ) -> None:
        self.view = view
        self.said = said
        self.missed = missed
        self.config = config
        self.result = Orders([], [], [], [])

    def run(self) -> Orders:
        listed = self.listed()
        answers = {query.client_order_id: self.answer(query) for query in self.said.queries}
        # Also of an order that ended meanwhile: the same pages are the same sweep.
        self.result.unknown.extend(
            told_unknown(f"order {name}", answer)
            for name, answer in answers.items()
            if isinstance(answer, Unknown)
        )
        for local in self.view.orders:
            seen = listed.get(local.client_order_id)
            answer = answers.get(local.client_order_id)
            if isinstance(seen, BrokerOrder):
                self.refresh(local, seen)
            elif isinstance(seen, Unknown) or answer is None or isinstance(answer, Unknown):
                # Without an answer, or sent after the broker was asked: the next sweep asks again.
                continue
            elif answer.items:
                self.settle(local, answer.items[0])
            else:
                late_ns = local.sent_ns + self.config.in_flight_ns
                self.absent(local, is_late=answer.as_of_ns >= late_ns)
        self.tell_foreign()
        return self.result

    def listed(self) -> dict[str, BrokerOrder | Unknown]:
        """Return the working orders that have a client order id, by that id."""
        found: dict[str, BrokerOrder | Unknown] = {}
        for order in self.said.working.items:
            name = order.client_order_id
            fault = self.fault(order)
            if order.status.is_terminal:
                fault = f"it is {order.status.name}, and among those that work"
            if name in self.view.owners and fault:
                found[name] = Unknown(UnknownReason.CUT, fault)
                self.result.unknown.append(f"order {name}: {fault}")
            elif name:
                found[name] = order
        return found

    def answer(self, query: OrderQuery) -> Page[BrokerOrder] | Unknown:
        """Return the answer to a query if it can be one."""
        page: Page[BrokerOrder] | Unknown = whole(query.answer)
        if isinstance(page, Unknown):
            return page
        least_seq, most_seq = self.said.working.as_of_seq, self.said.fills.as_of_seq
        if not least_seq <= page.as_of_seq <= most_seq:
            what = f"expected it as of {least_seq} to {most_seq}, found {page.as_of_seq}"
            return Unknown(UnknownReason.STALE, what)
        if len(page.items) > 1:
            return Unknown(UnknownReason.CUT, f"expected one order, found {len(page.items)}")
        for seen in page.items:
            if seen.client_order_id != query.client_order_id:
                what = f"the answer is about order '{seen.client_order_id or seen.order_id}'"
                return Unknown(UnknownReason.CUT, what)
            fault = self.fault(seen)
            if fault:
                return Unknown(UnknownReason.CUT, fault)
        return page

    def fault(self, seen: BrokerOrder) -> str:
        """Return how an order is not the one that was sent, in words; empty if it may be."""
        wanted = self.view.wants.get(seen.client_order_id)
        if wanted is None or wanted == (seen.instrument, seen.side):
            return ""
        instrument, side = wanted
        return f"expected {side.name} {instrument}, found {seen.side.name} {seen.instrument}"

    def refresh(self, local: LocalOrder, seen: BrokerOrder) -> None:
        """Take over a working order, unless the desk knows more of it than the page."""
        if seen.filled_e8 < local.filled_e8:
            return
        is_new = local.state in _SENT
        if is_new or (seen.order_id, seen.filled_e8) != (local.order_id, local.filled_e8):
            self.result.repairs.append(RefreshOrder(seen))

    def settle(self, local: LocalOrder, seen: BrokerOrder) -> None:
        """End an order, once the history has the fills that it is said to have ended with."""
        if not seen.status.is_terminal:
            self.refresh(local, seen)
            return
        told_e8 = seen.qty_e8 if seen.status is OrderStatus.FILLED else seen.filled_e8
        told_e8 = min(told_e8, local.qty_e8)
        if self.known_e8(local, seen.order_id) >= told_e8:
            repair = SettleOrder(local.client_order_id, seen.status, seen.filled_e8)
            self.result.repairs.append(repair)
        elif self.said.fills.from_seq <= self.view.synced.floor(local.instrument):
            # Before a history that starts too late they may be: that stands for the account.
            self.miss(local, seen, told_e8)

    def miss(self, local: LocalOrder, seen: BrokerOrder, told_e8: int) -> None:
        """Let it stand that an order has fills that nobody has seen, and wait for them."""
        known_e8 = self.known_e8(local, seen.order_id)
        self.result.held_back.append(local.instrument)
        self.result.found.append(
            msgspec.structs.replace(
                self.divergence(Kind.FILL_MISSING, Status.UNRESOLVED, local.client_order_id),
                instrument=local.instrument,
                local_e8=local.side.sign * known_e8,
                broker_e8=local.side.sign * told_e8,
                floor_seq=self.view.synced.floor(local.instrument),
                as_of_seq=self.said.fills.as_of_seq,
                note=f"order {local.client_order_id} is {seen.status.name} with {told_e8}, "
                f"the fills known are {known_e8}",
            )
        )

    def absent(self, local: LocalOrder, is_late: bool) -> None:
        """The broker has no such order: it never came, or the broker lost one that it had.

        One whose fills are all there has ended by them.
        """
        known_e8 = self.known_e8(local, local.order_id)
        if known_e8 >= local.qty_e8:
            return
        if not is_late:
            return
        if local.order_id or known_e8:
            made = self.divergence(Kind.ORDER_LOST, Status.UNRESOLVED, local.client_order_id)
            self.result.found.append(msgspec.structs.replace(made, instrument=local.instrument))
        else:
            self.result.repairs.append(SettleOrder(local.client_order_id, None, 0))
            made = self.divergence(Kind.ORDER_SETTLED, Status.HEALED, local.client_order_id)
            self.result.found.append(
                msgspec.structs.replace(
                    made, severity=Severity.WARNING, instrument=local.instrument
                )
            )

    def known_e8(self, local: LocalOrder, order_id: str) -> int:
        """Return what an order's fills come to: those that are booked and those that are missed."""
        return local.booked_e8 + sum(
            fill.qty_e8 for fill in self.missed if self.is_of(local, order_id, fill)
        )

    def is_of(self, local: LocalOrder, order_id: str, fill: Fill) -> bool:
        """Return whether an order made a fill: by client order id, or by the broker's id."""
        if self.view.is_misplaced(fill) or fill.instrument != local.instrument:
            return False
        if fill.client_order_id in self.view.owners:
            return fill.client_order_id == local.client_order_id
        return fill.order_id != "" and fill.order_id in (order_id, local.order_id)

    def tell_foreign(self) -> None:
        owners = self.view.owners
        for order in self.said.working.items:
            if order.client_order_id not in owners and order.order_id not in owners:
                made = self.divergence(Kind.FOREIGN_ORDER, Status.UNRESOLVED, order.order_id)
                self.result.found.append(msgspec.structs.replace(made, instrument=order.instrument))

    def divergence(self, kind: Kind, status: Status, order: str) -> Divergence:
        where = self.view.where
        return Divergence(
            divergence_id=divergence_id(kind, (*where, ""), order),
            kind=kind,
            status=status,
            severity=Severity.CRITICAL,
            venue=self.view.venue,
            account=self.view.account,
            note=f"order {order}",
        )

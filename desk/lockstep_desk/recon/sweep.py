"""The recovery sweep: a pure function from books and broker pages to findings and repairs.

Owns the comparison of everything of one account ([RECON-31]). It reads no clock and asks nobody.

Invariants: the same books and pages give the same outcome. With its repairs carried out the same
sweep is quiet (I8). No repair touches the broker (I9). An `Unknown` answer repairs nothing of what
it was asked for (I10): where positions, fills or orders are unknown, nothing at all.
"""

from typing import Final

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.recon.broker import SweepRequest
from lockstep_desk.recon.config import SweepConfig
from lockstep_desk.recon.findings import (
    Divergence,
    Kind,
    Outcome,
    RefreshBalance,
    ReleaseExit,
    Repair,
    Status,
    SyncPoint,
    divergence_id,
)
from lockstep_desk.recon.history import (
    checked_balances,
    checked_fills,
    checked_orders,
    checked_positions,
    stale,
)
from lockstep_desk.recon.lines import Line, Truth, compare_line
from lockstep_desk.recon.orders import Said, compare_orders, told_unknown
from lockstep_desk.recon.pages import (
    BrokerBalance,
    BrokerOrder,
    BrokerPages,
    BrokerPosition,
    Page,
    Unknown,
    UnknownReason,
    whole,
)
from lockstep_desk.recon.view import LocalView
from lockstep_desk.types import Fill, Severity

_ACCOUNT_LEVEL: Final = (
    *(Kind.UNREACHABLE, Kind.FOREIGN_ORDER, Kind.ORDER_LOST, Kind.FILL_MISSING),
)


def request_for(view: LocalView) -> SweepRequest:
    """Return what a sweep of these books has to ask the broker."""
    return SweepRequest(view.synced.seq, tuple(order.client_order_id for order in view.orders))


def sweep(view: LocalView, pages: BrokerPages, config: SweepConfig) -> Outcome:
    """Compare the books of an account with its broker's pages.

    Raises `InvalidValueError` if the pages are of another account or start behind the books.
    """
    _check_addressed(view, pages)
    positions = checked_positions(whole(pages.positions))
    fills = checked_fills(view, pages.since_seq, whole(pages.fills))
    orders = checked_orders(whole(pages.orders))
    if isinstance(positions, Unknown) or isinstance(fills, Unknown) or isinstance(orders, Unknown):
        return _nothing_known(view, _unknowns(positions, fills, orders))
    old = stale(view, positions, fills) or _stale_orders(positions, orders, fills)
    if old:
        return _nothing_known(view, [old])
    return _Sweep(view, pages, config).run(Truth(positions, fills, pages.since_seq), orders)


class _Sweep:
    """A sweep whose pages are whole, while it collects."""

    def __init__(self, view: LocalView, pages: BrokerPages, config: SweepConfig) -> None:
        self.view = view
        self.pages = pages
        self.config = config
        self.found: list[Divergence] = []
        self.repairs: list[Repair] = []
        self.held_back: list[str] = []

    def run(self, truth: Truth, working: Page[BrokerOrder]) -> Outcome:
        lines = [
            compare_line(self.view, truth, instrument, self.config)
            for instrument in _instruments(self.view, truth)
        ]
        for line in lines:
            self.found.extend(line.found)
            self.repairs.extend(line.repairs)
        unknown = self.sweep_orders(truth, working, lines)
        unknown.extend(self.sweep_balances())
        if unknown:
            self.found.append(_unreachable(self.view, unknown))
        if truth.fills.from_seq > self.view.synced.seq:
            self.found.append(_too_short(self.view, truth.fills))
        self.release(lines)
        settling = [line.instrument for line in lines if line.is_settling]
        synced = _synced(self.view, lines, truth, self.held_back)
        return _outcome(self.view, self.found, self.repairs, settling, synced)

    def sweep_orders(
        self, truth: Truth, working: Page[BrokerOrder], lines: list[Line]
    ) -> list[str]:
        """Compare orders; return what is not known of them.

        Where a fill must still come, the floor stays below it.
        """
        said = Said(self.pages.queries, working, truth.fills)
        missed = [fill for line in lines for fill in line.missed]
        orders = compare_orders(self.view, said, missed, self.config)
        self.found.extend(orders.found)
        self.repairs.extend(orders.repairs)
        self.held_back = orders.held_back
        for line in lines:
            line.is_clean = line.is_clean and line.instrument not in self.held_back
        return orders.unknown

    def sweep_balances(self) -> list[str]:
        """Take over balances that differ: the broker's are authoritative ([RECON-01])."""
        page: Page[BrokerBalance] | Unknown = checked_balances(whole(self.pages.balances))
        if isinstance(page, Unknown):
            return [told_unknown("balances", page)]
        if page.as_of_ns < self.view.balances_ns:
            return []
        known = {balance.asset: balance for balance in self.view.balances}
        self.repairs.extend(
            RefreshBalance(balance) for balance in page.items if known.get(balance.asset) != balance
        )
        return []

    def release(self, lines: list[Line]) -> None:
        """Let deferred exits go on where books and broker agree again."""
        clean = [line.instrument for line in lines if line.is_clean]
        self.repairs.extend(
            ReleaseExit(position_id)
            for position_id, instrument in self.view.deferred
            if instrument in clean
        )


def _check_addressed(view: LocalView, pages: BrokerPages) -> None:
    if (pages.venue, pages.account) != view.where:
        raise InvalidValueError(
            f"pages: expected those of {view.venue} account {view.account}, "
            f"found {pages.venue} account {pages.account}"
        )
    if pages.since_seq > view.synced.seq:
        raise InvalidValueError(
            f"since_seq: expected at most {view.synced.seq}, up to where the books are complete, "
            f"found {pages.since_seq}"
        )


def _instruments(view: LocalView, truth: Truth) -> list[str]:
    """Return every instrument of which anything is known, sorted."""
    names = [position.instrument for position in view.positions]
    names.extend(held.instrument for held in truth.positions.items)
    names.extend(fill.instrument for fill in truth.fills.items)
    names.extend(fill.instrument for fill in (*view.booked, *view.unclaimed))
    names.extend(record.instrument for record in view.standing if _is_of_line(record))
    names.extend(instrument for _position_id, instrument in view.deferred)
    names.extend(instrument for instrument, _seq in view.synced.floors)
    return sorted(set(names))


def _is_of_line(record: Divergence) -> bool:
    return record.instrument != "" and record.kind not in _ACCOUNT_LEVEL


def _unknowns(
    positions: Page[BrokerPosition] | Unknown,
    fills: Page[Fill] | Unknown,
    orders: Page[BrokerOrder] | Unknown,
) -> list[str]:
    """Return what is not known, in words."""
    answers = (("positions", positions), ("fills", fills), ("orders", orders))
    return [told_unknown(name, answer) for name, answer in answers if isinstance(answer, Unknown)]


def _stale_orders(
    positions: Page[BrokerPosition], orders: Page[BrokerOrder], fills: Page[Fill]
) -> str:
    """Return why the working orders are not those of this moment, in words; empty if they are."""
    if positions.as_of_seq <= orders.as_of_seq <= fills.as_of_seq:
        return ""
    return (
        f"{UnknownReason.STALE.name.lower()}: expected orders as of {positions.as_of_seq} to "
        f"{fills.as_of_seq}, found {orders.as_of_seq}"
    )


def _nothing_known(view: LocalView, unknown: list[str]) -> Outcome:
    """Unknown is not flat: repair nothing, end nothing, say so once ([RECON-34] (g))."""
    kept = [record for record in view.standing if record.kind is not Kind.UNREACHABLE]
    found = [*kept, _unreachable(view, unknown)]
    return _outcome(view, found, [], [], view.synced)


def _unreachable(view: LocalView, unknown: list[str]) -> Divergence:
    return Divergence(
        divergence_id=divergence_id(Kind.UNREACHABLE, (*view.where, "")),
        kind=Kind.UNREACHABLE,
        status=Status.UNRESOLVED,
        severity=Severity.CRITICAL,
        venue=view.venue,
        account=view.account,
        note="; ".join(unknown),
    )


def _too_short(view: LocalView, fills: Page[Fill]) -> Divergence:
    """Return that whole positions may have come and gone before the history starts.

    It stands beside those of instruments of which something is known, and ends after them.
    """
    floor_seq = view.synced.seq
    return Divergence(
        divergence_id=divergence_id(Kind.WINDOW_TOO_SHORT, (*view.where, ""), str(floor_seq)),
        kind=Kind.WINDOW_TOO_SHORT,
        status=Status.UNRESOLVED,
        severity=Severity.CRITICAL,
        venue=view.venue,
        account=view.account,
        floor_seq=floor_seq,
        as_of_seq=fills.as_of_seq,
        note=f"the history starts after {fills.from_seq}, the books are complete up to {floor_seq}",
    )


def _synced(view: LocalView, lines: list[Line], truth: Truth, held_back: list[str]) -> SyncPoint:
    """Return up to where the books are complete once the repairs are carried out.

    No floor goes back: what is below one was booked and is forgotten.
    """
    as_of_seq = truth.positions.as_of_seq
    is_long_enough = truth.fills.from_seq <= view.synced.seq and not held_back
    if is_long_enough and all(line.is_clean for line in lines):
        return SyncPoint(as_of_seq)
    floors = [
        (
            line.instrument,
            max(as_of_seq if line.is_clean else 0, view.synced.floor(line.instrument)),
        )
        for line in lines
    ]
    return SyncPoint(
        view.synced.seq, tuple((name, seq) for name, seq in floors if seq > view.synced.seq)
    )


def _outcome(
    view: LocalView,
    found: list[Divergence],
    repairs: list[Repair],
    settling: list[str],
    synced: SyncPoint,
) -> Outcome:
    """Tell new from known, each once, and what is no more."""
    known = {record.divergence_id: record for record in view.standing}
    found = list({record.divergence_id: record for record in found}.values())
    ids = {record.divergence_id: None for record in found}
    ids.update(
        (record.divergence_id, None)
        for record in view.standing
        if _is_of_line(record) and record.instrument in settling
    )
    return Outcome(
        tuple(repairs),
        tuple(record for record in found if record.divergence_id not in known),
        tuple(name for name in known if name in ids),
        tuple(name for name in known if name not in ids),
        synced,
    )

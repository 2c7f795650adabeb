"""The broker's word: sweeps of an account, and what an operator adopts of them (RECON-30 to 36).

Everything that a sweep reads is in the command, so a replay asks nobody; everything it changes is
changed within the command, so a crash finds it done or not begun.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from lockstep_desk.core.codes import Divergence, Link, Refusal
from lockstep_desk.core.commands import AdoptBrokerPosition, Reconcile
from lockstep_desk.core.events import (
    AlertCleared,
    AlertRaised,
    BrokerAgreed,
    BrokerDiverged,
    Reconciled,
)
from lockstep_desk.core.fills import tell_misplaced
from lockstep_desk.core.links import heal
from lockstep_desk.core.notes import Events, Finding, diverge_once, refuse, tag_of
from lockstep_desk.core.recon.carry import Sweep, carry_out, report_of
from lockstep_desk.core.recon.entities import Standing, Synced
from lockstep_desk.core.recon.local import local_view
from lockstep_desk.core.state import Account, DeskCore
from lockstep_desk.fund import MANUAL
from lockstep_desk.recon import alerts
from lockstep_desk.recon.adopt import Adoption, AdoptRefusal, adopt
from lockstep_desk.recon.findings import BookFill, Kind, Outcome, Status, SyncPoint
from lockstep_desk.recon.findings import Divergence as BrokerDivergence
from lockstep_desk.recon.pages import BrokerPages, Moment, Page, Unknown, make_page, whole
from lockstep_desk.recon.sweep import sweep
from lockstep_desk.recon.view import LocalView
from lockstep_desk.types import Fill

T = TypeVar("T")

_REFUSALS: Final = {
    AdoptRefusal.UNKNOWN_DIVERGENCE: (Refusal.OTHER_STATE, "no such divergence stands"),
    AdoptRefusal.NOT_A_POSITION: (Refusal.BAD_VALUE, "the divergence is not about a position"),
    AdoptRefusal.PRICE_NEEDED: (Refusal.NO_PRICE, "what opens or turns a position needs a price"),
    AdoptRefusal.BAD_PRICE: (Refusal.BAD_PRICE, "expected a price of 0 or more"),
    AdoptRefusal.INSTRUMENTS_FIRST: (Refusal.OTHER_STATE, "its instruments come first"),
}


def reconcile(core: DeskCore, command: Reconcile, events: Events) -> None:
    """Compare the books of an account with its broker, and do what the comparison says."""
    pages = command.pages
    account = core.accounts.get(pages.account)
    if account is None:
        refuse(events, command, Refusal.UNKNOWN_ACCOUNT, pages.account)
        return
    if pages.venue != account.venue:
        refuse(events, command, Refusal.OTHER_VENUE, f"{account.name} is at {account.venue}")
        return
    view = local_view(core, account.name)
    if pages.since_seq > view.synced.seq:
        what = f"since_seq: expected at most {view.synced.seq}, found {pages.since_seq}"
        refuse(events, command, Refusal.BAD_VALUE, what)
        return
    pages = _registered(core, events, pages)
    outcome = sweep(view, pages, command.config)
    if not isinstance(pages.positions, Unknown):
        heal(core, events, Link.ACCOUNT, account.name)
    fills = whole(pages.fills)
    if isinstance(fills, Page):
        _tell_misplaced(core, events, account, view, fills.items)
    _do(core, events, Sweep(account, _by_id(pages), _as_of_ns(pages), tag_of(command)), outcome)


def adopt_position(core: DeskCore, command: AdoptBrokerPosition, events: Events) -> None:
    """Let the books follow the broker where a divergence stands."""
    account = core.accounts.get(command.account)
    if account is None:
        refuse(events, command, Refusal.UNKNOWN_ACCOUNT, command.account)
        return
    is_named = command.deployment in core.deployments and command.deployment != MANUAL
    if command.deployment and not is_named:
        refuse(events, command, Refusal.UNKNOWN_DEPLOYMENT, command.deployment)
        return
    decision = Adoption(command.divergence_id, command.deployment or None, command.price_e9)
    found = adopt(local_view(core, account.name), decision, core.now_ns)
    if isinstance(found, AdoptRefusal):
        refuse(events, command, *_REFUSALS[found])
        return
    record = found.divergence
    whole_fills = {fill.fill_id: fill for fill in record.fills}
    shared = Sweep(account, whole_fills, core.now_ns, tag_of(command))
    done = [carry_out(core, events, shared, repair) for repair in found.repairs]
    if all(done):
        _end(core, events, record.divergence_id, is_adopted=True)
        _move_floor(core, account, found.synced)


def _do(core: DeskCore, events: Events, shared: Sweep, outcome: Outcome) -> None:
    """Carry out an outcome: repairs, then what is told, then how far the books are complete."""
    done = [carry_out(core, events, shared, repair) for repair in outcome.repairs]
    for record in outcome.opened:
        _open(core, events, record)
    for name in outcome.ended:
        _end(core, events, name, is_adopted=False)
    if all(done):
        _move_floor(core, shared.account, outcome.synced)
    is_whole = not any(
        standing.divergence.kind is Kind.UNREACHABLE
        and standing.divergence.account == shared.account.name
        for standing in core.reconciliation.standing.values()
    )
    events.append(
        Reconciled(
            shared.account.name,
            is_whole,
            sum(isinstance(repair, BookFill) for repair in outcome.repairs),
            len(outcome.opened),
            len(outcome.standing),
            len(outcome.ended),
            core.reconciliation.point(shared.account.name).seq,
        )
    )


def _open(core: DeskCore, events: Events, record: BrokerDivergence) -> None:
    """Write a divergence down, and call somebody; what stands already is not told again."""
    if record.divergence_id in core.reconciliation.standing:
        return
    if record.status is Status.UNRESOLVED:
        core.note_number += 1
        standing = Standing(record, core.note_number)
        core.reconciliation.standing[record.divergence_id] = standing
        core.touch(standing)
    alert = alerts.alert_of(record)
    raised = AlertRaised(alert.severity, alert.code, alert.dedup_key, alert.context)
    events += [BrokerDiverged(record), raised]


def _end(core: DeskCore, events: Events, divergence_id: str, is_adopted: bool) -> None:
    standing = core.reconciliation.standing.pop(divergence_id)
    standing.is_gone = True
    core.touch(standing)
    record = standing.divergence
    agreed = BrokerAgreed(divergence_id, record.account, record.instrument, is_adopted)
    events += [agreed, AlertCleared(divergence_id)]


def _move_floor(core: DeskCore, account: Account, point: SyncPoint) -> None:
    """Take note up to where the books are complete, and forget the fills below."""
    state = core.reconciliation
    synced = state.synced.get(account.name)
    if synced is None:
        synced = state.synced[account.name] = Synced(account.name, SyncPoint())
    if synced.point == point:
        return
    synced.point = point
    core.touch(synced)
    for noted in list(state.fills_of(account.name)):
        if 0 < noted.fill.seq <= point.floor(noted.fill.instrument):
            noted.is_gone = True
            core.touch(noted)
            del state.fills[noted.key]


def _registered(core: DeskCore, events: Events, pages: BrokerPages) -> BrokerPages:
    """Return the pages without what is in instruments that the desk does not know, and tell it."""
    positions, fills = whole(pages.positions), whole(pages.fills)
    if isinstance(positions, Unknown) or isinstance(fills, Unknown):
        return pages
    held = [item for item in positions.items if item.instrument in core.instruments]
    known = [fill for fill in fills.items if fill.instrument in core.instruments]
    names = [item.instrument for item in positions.items]
    names += [fill.instrument for fill in fills.items]
    strangers = [name for name in dict.fromkeys(names) if name not in core.instruments]
    if not strangers:
        return pages
    _tell_strangers(core, events, pages.account, strangers)
    return msgspec.structs.replace(
        pages,
        positions=make_page(held, _moment(positions)),
        fills=make_page(known, _moment(fills)),
    )


def _tell_strangers(core: DeskCore, events: Events, account: str, strangers: Iterable[str]) -> None:
    """Write down, once each, what is in instruments that are not registered."""
    for name in strangers:
        what = f"the broker holds or traded '{name}', which is not registered"
        finding = Finding(Divergence.UNKNOWN_NAME, account, name, what, ("reconcile",))
        diverge_once(core, events, finding)


def _tell_misplaced(
    core: DeskCore, events: Events, account: Account, view: LocalView, fills: Iterable[Fill]
) -> None:
    """Write down, once each, what cannot be of the order that it names, as the stream would."""
    for fill in fills:
        if view.is_misplaced(fill) and fill.seq > view.synced.floor(fill.instrument):
            tell_misplaced(core, events, account, report_of(fill))


def _moment(page: Page[T]) -> Moment:
    return Moment(page.as_of_seq, page.as_of_ns, page.from_seq)


def _by_id(pages: BrokerPages) -> dict[str, Fill]:
    """Return the broker's own fills by id."""
    if isinstance(pages.fills, Unknown):
        return {}
    return {fill.fill_id: fill for fill in pages.fills.items}


def _as_of_ns(pages: BrokerPages) -> int:
    """Return the time of the pages, that of the balances if there are any."""
    for page in (pages.balances, pages.orders):
        if isinstance(page, Page):
            return page.as_of_ns
    return 0

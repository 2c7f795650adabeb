"""A core rebuilt from its records, with everything derived; also how `verify` checks a live one."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from lockstep_desk.core.accountlimits import restored_limits
from lockstep_desk.core.codes import EntityKind, Health, TradingState
from lockstep_desk.core.commands import RegisterInstrument
from lockstep_desk.core.deployments import restored_deployment
from lockstep_desk.core.links import count_lost
from lockstep_desk.core.params import decode_params
from lockstep_desk.core.positions import restored_book
from lockstep_desk.core.prices import Market, restored_market
from lockstep_desk.core.recon.entities import KINDS as RECON_KINDS
from lockstep_desk.core.state import (
    CLOCKS,
    Account,
    Balance,
    DeskCore,
    DivergenceNote,
    FillNote,
    Instrument,
    Venue,
)
from lockstep_desk.core.totals import restored_total
from lockstep_desk.oms.order import restored_order
from lockstep_kernel.entity import Entity, Record
from lockstep_kernel.errors import InvariantError


def genesis_core(rules_version: int, params: bytes) -> DeskCore:
    """Return the core before the first command: empty."""
    return DeskCore(decode_params(params), rules_version)


def restored_core(params: bytes, clocks: bytes, records: Iterable[Record]) -> DeskCore:
    """Return the core that has these clocks and records."""
    now_ns, sequence, rules, *numbers = CLOCKS.unpack(clocks)
    core = DeskCore(decode_params(params), rules)
    core.now_ns, core.sequence = now_ns, sequence
    core.order_number, core.ended_number, core.note_number, core.deployment_number = numbers
    for record in records:
        restore = _RESTORE.get(record[0])
        if restore is None:
            raise InvariantError(f"expected a record of the desk, found kind {record[0]}")
        entity = restore(core, record)
        entity.is_touched = True
        core.touched.append(entity)
    for instrument in core.instruments:
        core.markets.setdefault(instrument, Market(instrument))
    _put_in_order(core)
    core.lost_links = count_lost(core)
    return core


def _put_in_order(core: DeskCore) -> None:
    """Bring what stands in the order of its arrival into that order."""
    core.live = dict(sorted(core.live.items(), key=lambda item: item[1].number))
    ended = sorted(core.ended.items(), key=lambda item: item[1].ended_number)
    core.ended = OrderedDict(ended)
    for account, notes in core.fills.items():
        core.fills[account] = OrderedDict(sorted(notes.items(), key=lambda item: item[1].number))
    divergences = sorted(core.divergences.items(), key=lambda item: item[1].number)
    core.divergences = OrderedDict(divergences)
    deployments = sorted(core.deployments.items(), key=lambda item: item[1].number)
    core.deployments = dict(deployments)
    core.reconciliation.put_in_order()


def _desk(core: DeskCore, fields: Record) -> Entity:
    core.desk.trading, core.desk.is_shut_down = TradingState(fields[2]), fields[3]
    return core.desk


def _venue(core: DeskCore, fields: Record) -> Entity:
    venue = core.venues[fields[1]] = Venue(fields[1])
    venue.health, venue.is_quarantined = Health(fields[2]), fields[3]
    return venue


def _account(core: DeskCore, fields: Record) -> Entity:
    account = core.accounts[fields[1]] = Account(fields[1], fields[2])
    account.health, account.is_quarantined = Health(fields[3]), fields[4]
    account.fill_floor_ns = fields[5]
    return account


def _instrument(core: DeskCore, fields: Record) -> Entity:
    instrument = core.instruments[fields[1]] = Instrument(RegisterInstrument(*fields[1:]))
    return instrument


def _market(core: DeskCore, fields: Record) -> Entity:
    market = core.markets[fields[1]] = restored_market(fields)
    return market


def _deployment(core: DeskCore, fields: Record) -> Entity:
    deployment = core.deployments[fields[1]] = restored_deployment(fields, core.mark_e9)
    return deployment


def _order(core: DeskCore, fields: Record) -> Entity:
    order = restored_order(fields)
    orders = core.ended if order.ended_number else core.live
    orders[order.client_order_id] = order
    return order


def _position(core: DeskCore, fields: Record) -> Entity:
    book = core.books[(key := fields[1])[0], key[1], key[2]] = restored_book(fields)
    core.books_of.setdefault(key[1], []).append(book)
    return book


def _balance(core: DeskCore, fields: Record) -> Entity:
    (account, asset), total, free, time_ns = fields[1:]
    balance = core.balances[(account, asset)] = Balance(account, asset)
    balance.total_e9, balance.free_e9, balance.time_ns = total, free, time_ns
    return balance


def _fee(core: DeskCore, fields: Record) -> Entity:
    fee = restored_total(fields)
    core.fees[fee.key] = fee
    return fee


def _funding(core: DeskCore, fields: Record) -> Entity:
    funding = restored_total(fields)
    core.fundings[funding.key] = funding
    return funding


def _account_limits(core: DeskCore, fields: Record) -> Entity:
    limited = restored_limits(fields)
    core.limited[limited.account] = limited
    return limited


def _fill(core: DeskCore, fields: Record) -> Entity:
    (account, fill_id), number, content, ts_ns = fields[1:]
    note = FillNote(account, fill_id, number)
    note.content, note.ts_ns = content, ts_ns
    core.fills.setdefault(account, OrderedDict())[fill_id] = note
    return note


def _divergence(core: DeskCore, fields: Record) -> Entity:
    note = DivergenceNote(fields[1], fields[2], fields[3])
    note.count = fields[4]
    core.divergences[note.divergence_id] = note
    return note


def _reconciliation(core: DeskCore, fields: Record) -> Entity:
    return core.reconciliation.restore(fields)


_RESTORE: Final[dict[int, Callable[[DeskCore, Record], Entity]]] = {
    int(EntityKind.DESK): _desk,
    int(EntityKind.VENUE): _venue,
    int(EntityKind.ACCOUNT): _account,
    int(EntityKind.INSTRUMENT): _instrument,
    int(EntityKind.MARKET): _market,
    int(EntityKind.DEPLOYMENT): _deployment,
    int(EntityKind.ORDER): _order,
    int(EntityKind.POSITION): _position,
    int(EntityKind.BALANCE): _balance,
    int(EntityKind.FILL): _fill,
    int(EntityKind.FEE): _fee,
    int(EntityKind.FUNDING): _funding,
    int(EntityKind.ACCOUNT_LIMITS): _account_limits,
    int(EntityKind.DIVERGENCE): _divergence,
    **dict.fromkeys(RECON_KINDS, _reconciliation),
}

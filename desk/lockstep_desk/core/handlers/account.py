"""What happens in an account ([DESK-29]): its link first, then what the report is about.

A snapshot replaces what the desk believed: an order that is not in it does not live any more.
"""

from lockstep_desk.core.codes import Divergence, Link, Refusal
from lockstep_desk.core.commands import (
    BalanceReport,
    FillReport,
    OrderReport,
    RecordAccountDisconnect,
    RecordBalance,
    RecordCancelResponse,
    RecordFee,
    RecordFill,
    RecordFunding,
    RecordOrder,
    ReplaceAccount,
    SettleOrder,
)
from lockstep_desk.core.events import BalanceChanged
from lockstep_desk.core.fees import take_fee
from lockstep_desk.core.fills import take_fill
from lockstep_desk.core.funding import take_funding
from lockstep_desk.core.links import heal, lose
from lockstep_desk.core.notes import Events, Finding, diverge, ignore, refuse, tag_of
from lockstep_desk.core.orders import end, forget_cancel, query
from lockstep_desk.core.positions import NET
from lockstep_desk.core.reports import take_cancel_response, take_report
from lockstep_desk.core.state import Account, Balance, DeskCore
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.states import OrderError, OrderState

AccountCommand = (
    ReplaceAccount
    | RecordBalance
    | RecordOrder
    | RecordCancelResponse
    | RecordFill
    | RecordFee
    | RecordFunding
    | SettleOrder
)


def replace_account(core: DeskCore, command: ReplaceAccount, events: Events) -> None:
    """Book what was missed, then let the account be what it says it is."""
    account = _account(core, command, events)
    if account is None:
        return
    for fill in command.fills:
        _take_fill(core, events, account, fill)
    for balance in command.balances:
        if not _is_nameless(core, events, account, balance):
            _take_balance(core, events, account, balance)
    for report in command.orders:
        _take_order(core, events, account, report, tag_of(command))
    named = {report.client_order_id for report in command.orders}
    for order in list(core.live.values()):
        if order.account == account.name and order.client_order_id not in named:
            _take_absence(core, events, order, command.time_ns)
    if command.positions is not None:
        _compare_positions(core, events, command)


def record_balance(core: DeskCore, command: RecordBalance, events: Events) -> None:
    """Take a balance that is not older than the one known."""
    account = _account(core, command, events)
    if account is None or _is_nameless(core, events, account, command.balance):
        return
    if not _take_balance(core, events, account, command.balance):
        ignore(events, command, command.balance.asset)


def record_order(core: DeskCore, command: RecordOrder, events: Events) -> None:
    """Carry out a report of one order."""
    account = _account(core, command, events)
    if account is not None:
        _take_order(core, events, account, command.order, tag_of(command))


def record_cancel_response(core: DeskCore, command: RecordCancelResponse, events: Events) -> None:
    """Carry out the answer to a cancel."""
    account = _account(core, command, events)
    if account is None:
        return
    order = core.live.get(command.client_order_id)
    if order is None or order.account != account.name:
        ignore(events, command, command.client_order_id)
        return
    take_cancel_response(core, events, order, command.error, command.time_ns)


def record_fill(core: DeskCore, command: RecordFill, events: Events) -> None:
    """Book a fill."""
    account = _account(core, command, events)
    if account is not None:
        _take_fill(core, events, account, command.fill)


def settle_order(core: DeskCore, command: SettleOrder, events: Events) -> None:
    """Settle an order of which nothing was known; one that is known is left alone."""
    account = _account(core, command, events)
    if account is None:
        return
    order = core.live.get(command.client_order_id)
    is_asked = order is not None and order.state is OrderState.OPEN_UNKNOWN
    if order is None or not is_asked or order.account != account.name:
        ignore(events, command, command.client_order_id)
        return
    if command.order is None:
        end(core, events, order, OrderState.OPEN_FAILED, OrderError.NOT_FOUND)
    elif command.order.client_order_id == command.client_order_id:
        _take_order(core, events, account, command.order, tag_of(command))
    else:
        found = command.order.client_order_id
        refuse(events, command, Refusal.BAD_VALUE, f"the answer is about order '{found}'")


def record_fee(core: DeskCore, command: RecordFee, events: Events) -> None:
    """Book a fee in another asset than the quote."""
    account = _account(core, command, events)
    if account is not None:
        take_fee(core, events, account, command.fee)


def record_funding(core: DeskCore, command: RecordFunding, events: Events) -> None:
    """Book a funding payment."""
    account = _account(core, command, events)
    funding = command.funding
    if account is not None and _is_at_home(
        core, events, account, funding.instrument, funding.funding_id
    ):
        take_funding(core, events, account, funding)


def record_account_disconnect(
    core: DeskCore, command: RecordAccountDisconnect, events: Events
) -> None:
    """Take note that an account's link is lost."""
    if command.account not in core.accounts:
        refuse(events, command, Refusal.UNKNOWN_ACCOUNT, command.account)
        return
    lose(core, events, Link.ACCOUNT, command.account)
    for order in list(core.live.values()):
        if order.account == command.account:
            forget_cancel(core, events, order)


def _account(core: DeskCore, command: AccountCommand, events: Events) -> Account | None:
    """Return the account that a report is from and heal its link, or refuse the report."""
    account = core.accounts.get(command.account)
    if account is None:
        refuse(events, command, Refusal.UNKNOWN_ACCOUNT, command.account)
        return None
    heal(core, events, Link.ACCOUNT, account.name)
    return account


def _take_fill(core: DeskCore, events: Events, account: Account, fill: FillReport) -> None:
    if _is_at_home(core, events, account, fill.instrument, fill.fill_id):
        take_fill(core, events, account, fill)


def _take_order(
    core: DeskCore, events: Events, account: Account, report: OrderReport, tag: int
) -> None:
    if _is_at_home(core, events, account, report.instrument, report.client_order_id):
        take_report(core, events, account.name, report, tag)


def _is_at_home(
    core: DeskCore, events: Events, account: Account, instrument: str, name: str
) -> bool:
    """Return whether an instrument is not at another venue than the account that names it."""
    known = core.instruments.get(instrument)
    if known is None or known.spec.venue == account.venue:
        return True
    what = f"'{name}' is in {instrument}, which is at {known.spec.venue}, not at {account.venue}"
    finding = Finding(Divergence.UNKNOWN_NAME, account.name, instrument, what, (name,))
    diverge(core, events, finding)
    return False


def _is_nameless(core: DeskCore, events: Events, account: Account, report: BalanceReport) -> bool:
    """Return whether a balance is of no asset, and say so."""
    if report.asset:
        return False
    what = f"expected a balance of an asset, found {report}"
    evidence = (str(report.total_e9), str(report.free_e9))
    code = Divergence.BALANCE_MALFORMED
    diverge(core, events, Finding(code, account.name, "", what, evidence))
    return True


def _take_balance(core: DeskCore, events: Events, account: Account, report: BalanceReport) -> bool:
    """Take a balance and return whether it was new enough; an equal time is ([DESK-2A])."""
    key = (account.name, report.asset)
    balance = core.balances.get(key)
    if balance is None:
        balance = core.balances[key] = Balance(*key)
    if report.time_ns < balance.time_ns or report.time_ns < 0:
        return False
    balance.total_e9, balance.free_e9 = report.total_e9, report.free_e9
    balance.time_ns = report.time_ns
    core.touch(balance)
    told = BalanceChanged(account.name, report.asset, report.total_e9, report.free_e9)
    events.append(told)
    return True


def _take_absence(core: DeskCore, events: Events, order: Order, time_ns: int) -> None:
    """Take note that a snapshot does not name a tracked order.

    One that its venue confirmed is gone, unless that was after the snapshot. Of one in flight
    nobody knows: the snapshot may be older than its arrival.
    """
    if order.live is None:
        query(core, events, order)
        return
    if order.live.time_ns > time_ns:
        return
    what = f"order {order.client_order_id} is not in the account's snapshot at {time_ns}"
    evidence = (order.client_order_id, str(order.live.time_ns))
    finding = Finding(Divergence.ORDER_VANISHED, order.account, order.instrument, what, evidence)
    order.ended_ns = time_ns
    diverge(core, events, finding)
    end(core, events, order, OrderState.VANISHED, OrderError.NONE)


def _compare_positions(core: DeskCore, events: Events, command: ReplaceAccount) -> None:
    """Write down where the account's own count of a position is not the desk's."""
    told = {report.instrument: report.qty_e8 for report in command.positions or ()}
    held = {key[1]: book.qty_e8 for key, book in core.books.items() if _is_net(key, command)}
    for instrument in sorted(told.keys() | held.keys()):
        theirs, ours = told.get(instrument, 0), held.get(instrument, 0)
        if theirs != ours:
            what = f"the account holds {theirs} of {instrument}, the desk {ours}"
            evidence = (str(theirs), str(ours))
            finding = Finding(
                Divergence.POSITION_DIFFERS, command.account, instrument, what, evidence
            )
            diverge(core, events, finding)


def _is_net(key: tuple[str, str, str], command: ReplaceAccount) -> bool:
    return key[0] == command.account and key[2] == NET

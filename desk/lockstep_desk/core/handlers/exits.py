"""Exits that ask the broker first, each with one effect (RECON-30, RECON-40 to 46).

Owns the order of the checks: the ledger, so that a message that comes again gets its first answer;
then the books, less what earlier orders already close; then the broker's word. Looking up, acting
and recording are one command, so there is no crash between them.
"""

import msgspec

from lockstep_desk.core.closing import closing_e8, is_reducing
from lockstep_desk.core.codes import OrderKind, Origin, Refusal, TimeInForce
from lockstep_desk.core.commands import ExitPosition, OpenRequest
from lockstep_desk.core.events import AlertRaised, ExitDeferred, MessageAnswered, OrderRequested
from lockstep_desk.core.notes import Events, refuse
from lockstep_desk.core.positions import NET, Book
from lockstep_desk.core.recon.entities import Deferred, MessageNote
from lockstep_desk.core.recon.local import local_view
from lockstep_desk.core.state import DeskCore
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.oms.submit import Asker, submit
from lockstep_desk.recon.alerts import make_alert
from lockstep_desk.recon.ledger import Answer, Entry, Ledger, Message, Verdict, payload_hash
from lockstep_desk.recon.reactive import PreCheck, PreState, check_pre_state
from lockstep_desk.types import Alert, Side

REFUSED = "refused"
"""The outcome of an exit that the boundary did not let go."""
_FORGOTTEN = "forgotten|"


def exit_position(core: DeskCore, command: ExitPosition, events: Events) -> None:
    """Close a part of a position at the market, once, if the broker holds what the books say."""
    try:
        message = _message(command)
    except InvalidValueError as error:
        refuse(events, command, Refusal.BAD_VALUE, str(error))
        return
    answer = _consult(core, message)
    if answer.verdict is not Verdict.NEW:
        _answer(events, answer)
        return
    book = _open_book(core, command.position_id)
    if book is None:
        refuse(events, command, Refusal.OTHER_STATE, f"{command.position_id} is not open")
        return
    closing = closing_e8(core, book, is_of_owner=True)
    if not 0 < command.qty_e8 <= abs(book.qty_e8) - closing:
        what = (
            f"expected qty_e8 from 1 to {abs(book.qty_e8)} less {closing} that is being closed, "
            f"found {command.qty_e8}"
        )
        refuse(events, command, Refusal.BAD_QUANTITY, what)
        return
    account, instrument, _owner = book.key
    view = local_view(core, account)
    checked = check_pre_state(view, instrument, command.positions, command.fills, command.since_seq)
    if command.position_id in core.reconciliation.deferred and checked.publishes:
        checked = msgspec.structs.replace(checked, pre_state=PreState.DEFERRED)
    if not checked.publishes:
        _defer(core, events, command.position_id, account, checked)
        return
    _publish(core, events, book, command, message)


def _message(command: ExitPosition) -> Message:
    """Return the message that an exit is; its line and number are in the position's id."""
    line, _, number = command.position_id.rpartition("|")
    if not number.isdecimal() or len(number) > 18:
        raise InvalidValueError(
            f"position_id: expected one of the desk's, found {command.position_id!r}"
        )
    payload = payload_hash((command.position_id, command.qty_e8))
    return Message(command.position_id, line, int(number), "exit", command.ordinal, payload)


def _consult(core: DeskCore, message: Message) -> Answer:
    """Ask the ledger. O(1)."""
    notes = core.reconciliation.messages
    note, floor = notes.get(message.key), notes.get(_FORGOTTEN + message.line)
    ledger = Ledger([note.entry] if note is not None and note.entry is not None else [])
    if floor is not None:
        ledger.forgotten_below[message.line] = floor.number
    return ledger.consult(message)


def _answer(events: Events, answer: Answer) -> None:
    """Give the first outcome again; another message under a known key is worth a call."""
    events.append(MessageAnswered(answer.key, answer.verdict, answer.outcome))
    if answer.verdict is Verdict.CONFLICT:
        events.append(_raised(make_alert("IDEMPOTENCY_CONFLICT", answer.key)))


def _open_book(core: DeskCore, position_id: str) -> Book | None:
    """Return the holding that is open under an id; the account's sum is nobody's holding."""
    for key, book in core.books.items():
        if key[2] != NET and book.qty_e8 and book.position_id == position_id:
            return book
    return None


def _defer(
    core: DeskCore, events: Events, position_id: str, account: str, checked: PreCheck
) -> None:
    """Publish nothing and book nothing: the next sweep finds out ([RECON-30])."""
    events.append(
        ExitDeferred(
            position_id,
            account,
            checked.instrument,
            checked.pre_state,
            checked.local_e8,
            checked.broker_e8,
        )
    )
    if position_id in core.reconciliation.deferred:
        return
    core.note_number += 1
    deferred = Deferred(position_id, account, checked.instrument, core.note_number)
    core.reconciliation.deferred[position_id] = deferred
    core.touch(deferred)
    shown = (("position", position_id), ("pre_state", checked.pre_state.name))
    events.append(_raised(make_alert("EXIT_DEFERRED", f"deferred|{position_id}", *shown)))


def _publish(
    core: DeskCore, events: Events, book: Book, command: ExitPosition, message: Message
) -> None:
    """Send the closing order through the boundary, and record what came of it.

    It is reduce-only wherever the account's position has all of the holding in it: what fills
    before it can then not make it open anything.
    """
    account, instrument, owner = book.key
    side = Side.SELL if book.qty_e8 > 0 else Side.BUY
    request = OpenRequest(
        account,
        instrument,
        side,
        command.qty_e8,
        0,
        OrderKind.MARKET,
        TimeInForce.IOC,
        is_reduce_only=is_reducing(core, book),
    )
    submit(core, events, Asker(owner, Origin.CLOSE), request)
    told = events[-1]
    outcome = f"sent {told.client_order_id}" if isinstance(told, OrderRequested) else REFUSED
    key = message.key
    core.note_number += 1
    entry = Entry(key, message, core.now_ns, outcome)
    note = core.reconciliation.messages[key] = MessageNote(key, entry, core.note_number)
    core.touch(note)
    _forget_oldest(core)


def _forget_oldest(core: DeskCore) -> None:
    """Forget the oldest messages beyond the capacity, of positions that have ended ([RECON-46])."""
    notes = core.reconciliation.messages
    entries = [note for note in notes.values() if note.entry is not None]
    for note in entries[: max(0, len(entries) - core.params.ended_capacity)]:
        entry = note.entry
        if entry is None or _open_book(core, entry.message.position_id) is not None:
            return
        message = entry.message
        del notes[note.key]
        note.number = 0
        core.touch(note)
        _raise_floor(core, _FORGOTTEN + message.line, message.open_seq + 1)


def _raise_floor(core: DeskCore, key: str, below: int) -> None:
    notes = core.reconciliation.messages
    floor = notes.get(key)
    if floor is None:
        floor = notes[key] = MessageNote(key, None, 0)
    floor.number = max(floor.number, below)
    core.touch(floor)


def _raised(alert: Alert) -> AlertRaised:
    return AlertRaised(alert.severity, alert.code, alert.dedup_key, alert.context)

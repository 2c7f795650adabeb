"""Remembered requests: a repeat gets its first outcome and does nothing ([NON-1], [NON-4])."""

from typing import Final

from lockstep_engine.codes import Code
from lockstep_engine.commands import Command
from lockstep_engine.entities import Request
from lockstep_engine.events import DuplicateRequest
from lockstep_engine.state import ExchangeCore
from lockstep_kernel.chain import record_digest

_ACCEPTED: Final = int(Code.ACCEPTED)
REQUEST_ID_CONFLICT: Final = int(Code.REQUEST_ID_CONFLICT)


def payload_hash(command: Command) -> int:
    """Return the 61-bit hash of the action's canonical bytes."""
    return record_digest(command.action)


def find_request(core: ExchangeCore, command: Command) -> Request | None:
    """Return what is remembered under this account and request_id."""
    requests = core.requests.get(command.account)
    return None if requests is None else requests.get(command.request_id)


def repeated(request: Request) -> DuplicateRequest:
    """Return the answer to a repeat."""
    return DuplicateRequest(request.account, request.request_id, request.code, request.order_id)


def remember(core: ExchangeCore, command: Command, code: int) -> None:
    """Remember an outcome; forget the account's oldest above capacity. O(1)."""
    order_id = core.outcome_order_id if code == _ACCEPTED else 0
    number = core.next_request
    core.next_request += 1
    request = Request(
        command.account, command.request_id, payload_hash(command), code, order_id, number
    )
    enter_request(core, request)
    requests = core.requests[command.account]
    if len(requests) > core.params.request_capacity:
        oldest = requests.pop(next(iter(requests)))
        oldest.is_live = False
        core.touch(oldest)


def enter_request(core: ExchangeCore, request: Request) -> None:
    """Enter a request; callers do so in the order of their numbers, which is the dict's order."""
    requests = core.requests.get(request.account)
    if requests is None:
        requests = core.requests[request.account] = {}
    requests[request.request_id] = request
    core.touch(request)

"""Who may do what: authority, nonces, remembered requests, agents ([AUT-1], [NON-1] to [NON-4])."""

from struct import Struct
from typing import cast

from lockstep_engine.codes import Code, Role
from lockstep_engine.commands import (
    ActivateRules,
    AdvanceTime,
    AuthorizeAgent,
    Command,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    GrantRole,
    OpenAccount,
    RevokeAgent,
    RevokeRole,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginModel,
    SetPortfolioModel,
    SetTradingLimits,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
)
from lockstep_engine.events import AgentAuthorized, AgentRevoked
from lockstep_kernel import InvariantError, Record, record_digest
from lockstep_naive.core import NaiveCore, Outcome, Refusal
from lockstep_naive.rows import Agent, Nonces, Request

ROOT_ONLY = (GrantRole, RevokeRole)
ROLES_NEEDED: dict[type, Role] = {
    CreateUnderlying: Role.ADMIN,
    CreateInstrument: Role.ADMIN,
    SetInstrumentStatus: Role.ADMIN | Role.RISK,
    SetTradingLimits: Role.ADMIN,
    SetFeeSchedule: Role.ADMIN,
    SetFeeTier: Role.ADMIN,
    SetMarginModel: Role.ADMIN,
    SetPortfolioModel: Role.ADMIN,
    ActivateRules: Role.ADMIN,
    AdvanceTime: Role.ADMIN | Role.ORACLE,
    OpenAccount: Role.ADMIN,
    Deposit: Role.TREASURY,
    UpdateIndexPrice: Role.ORACLE,
    UpdateMarkPrice: Role.ORACLE,
    UpdateVolSurface: Role.ORACLE,
}
OPERATOR_TAGS = range(1, 18)
AGENT_TAGS = range(40, 51)
NO_FLOOR = -1
MS_NS = 10**6

_NONCE = Struct("<q")


def tag_of(command: Command) -> int:
    """Return the tag of a command's action."""
    tag = command.action.__struct_config__.tag
    if not isinstance(tag, int):
        raise InvariantError(f"expected an integer tag, found {tag!r}")
    return tag


def check_authority(core: NaiveCore, command: Command) -> Refusal:
    """Return why the signer may not ask for this, None if it may ([AUT-1])."""
    if tag_of(command) in OPERATOR_TAGS:
        return _check_operator(core, command)
    account = core.accounts.get(command.account)
    if account is None:
        return Code.UNKNOWN_ACCOUNT
    if command.signer == account.root:
        return None
    if core.agents.get((command.account, command.signer)) is None:
        return Code.UNKNOWN_SIGNER
    return None if tag_of(command) in AGENT_TAGS else Code.NOT_AUTHORIZED


def check_nonce(core: NaiveCore, ts_ns: int, command: Command) -> Refusal:
    """Return why a nonce cannot be used at a time, None if it can ([NON-2])."""
    now_ms, nonce = ts_ns // MS_NS, command.nonce
    first, last = now_ms - core.params.nonce_past_ms, now_ms + core.params.nonce_future_ms
    if not first <= nonce <= last:
        return Code.NONCE_OUT_OF_WINDOW
    row = core.nonces.get(command.signer) or Nonces(command.signer, NO_FLOOR, b"")
    if nonce <= row.floor:
        return Code.NONCE_TOO_OLD
    return Code.NONCE_REUSED if nonce in unpacked_nonces(row) else None


def burn_nonce(core: NaiveCore, command: Command) -> None:
    """Add a nonce that passed to its signer's; above capacity the smallest become the floor."""
    row = core.nonces.get(command.signer) or Nonces(command.signer, NO_FLOOR, b"")
    burnt = sorted([*unpacked_nonces(row), command.nonce])
    floor = row.floor
    while len(burnt) > core.params.nonce_capacity:
        floor = burnt.pop(0)
    packed = b"".join(map(_NONCE.pack, burnt))
    core.nonces.put(Nonces(command.signer, floor, packed))


def unpacked_nonces(row: Nonces) -> list[int]:
    """Return the nonces of a row, rising."""
    return [nonce for (nonce,) in _NONCE.iter_unpack(row.packed)]


def remembered(core: NaiveCore, command: Command) -> Request | None:
    """Return what is remembered under a command's request_id."""
    if not command.request_id:
        return None
    return core.requests.get((command.account, command.request_id))


def remember(core: NaiveCore, command: Command, outcome: Outcome) -> None:
    """Remember the outcome of a request, and forget the oldest above capacity ([NON-4])."""
    if not command.request_id:
        return
    number = core.time.next_request
    core.time = core.time._replace(next_request=number + 1)
    key = (command.account, command.request_id)
    code, order_id = outcome
    core.requests.put(Request(key, payload_hash(command), int(code), order_id, number))
    rows = core.requests.group("account", command.account)
    while len(rows) > core.params.request_capacity:
        core.requests.drop(min(rows, key=lambda row: row.number).key)


def payload_hash(command: Command) -> int:
    """Return the hash of the action's canonical bytes."""
    return _digest(command.action)


def authorize_agent(core: NaiveCore, account: int, action: AuthorizeAgent) -> Refusal:
    """Let another key trade for the account ([AUT-4])."""
    is_root = action.agent == core.accounts.must(account).root
    if is_root or core.agents.get((account, action.agent)) is not None:
        return Code.ALREADY_EXISTS
    core.agents.put(Agent((account, action.agent)))
    core.emit(AgentAuthorized(account, action.agent))
    return None


def revoke_agent(core: NaiveCore, account: int, action: RevokeAgent) -> Refusal:
    """Take that back."""
    if core.agents.get((account, action.agent)) is None:
        return Code.UNKNOWN_AGENT
    core.agents.drop((account, action.agent))
    core.emit(AgentRevoked(account, action.agent))
    return None


def _check_operator(core: NaiveCore, command: Command) -> Refusal:
    if command.account != 0:
        return Code.BAD_PARAMETER
    is_root = command.signer == core.params.operator_root
    holder = core.roles.get(command.signer)
    if not is_root and holder is None:
        return Code.UNKNOWN_SIGNER
    if isinstance(command.action, ROOT_ONLY):
        return None if is_root else Code.NOT_AUTHORIZED
    roles = 0 if holder is None else holder.roles
    return None if roles & ROLES_NEEDED[type(command.action)] else Code.NOT_AUTHORIZED


def _digest(value: object) -> int:
    """Return the kernel's digest, which is the same hash for any value that has an encoding."""
    return record_digest(cast("Record", value))

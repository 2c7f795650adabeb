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
    ExecuteBlock,
    FundInsurance,
    GrantRole,
    Liquidate,
    OpenAccount,
    RevokeAgent,
    RevokeRole,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginModel,
    SetPortfolioModel,
    SetSettlementPrice,
    SettleExpiry,
    SetTradingLimits,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
)
from lockstep_engine.events import AgentAuthorized, AgentRevoked
from lockstep_kernel import InvariantError, Record, record_digest
from lockstep_naive.core import NaiveCore, Outcome, Refusal
from lockstep_naive.rows import Account, Agent, Nonces, Request

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
    UpdateFundingRate: Role.ORACLE,
    SetSettlementPrice: Role.ORACLE,
    SettleExpiry: Role.ORACLE,
    FundInsurance: Role.TREASURY,
    Liquidate: Role.RISK,
}
OPERATOR_TAGS = range(1, 23)
AGENT_TAGS = range(40, 52)
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
    if not _is_signer(core, account, command.signer):
        return Code.UNKNOWN_SIGNER
    if command.signer != account.root and tag_of(command) not in AGENT_TAGS:
        return Code.NOT_AUTHORIZED
    if isinstance(command.action, ExecuteBlock):
        return _check_other_party(core, account, command.action)
    return None


def check_nonces(core: NaiveCore, ts_ns: int, command: Command) -> Refusal:
    """Return why the nonces of a command cannot be used at a time, None if they can ([NON-2])."""
    pairs = _nonces_of(command)
    for signer, nonce in pairs:
        refusal = check_nonce(core, ts_ns, signer, nonce)
        if refusal is not None:
            return refusal
    return Code.NONCE_REUSED if len({*pairs}) < len(pairs) else None


def burn_nonces(core: NaiveCore, command: Command) -> None:
    """Burn the nonces of a command, all of which passed."""
    for signer, nonce in _nonces_of(command):
        burn_nonce(core, signer, nonce)


def check_nonce(core: NaiveCore, ts_ns: int, signer: bytes, nonce: int) -> Refusal:
    """Return why a signer's nonce cannot be used at a time, None if it can ([NON-2])."""
    now_ms = ts_ns // MS_NS
    first, last = now_ms - core.params.nonce_past_ms, now_ms + core.params.nonce_future_ms
    if not first <= nonce <= last:
        return Code.NONCE_OUT_OF_WINDOW
    row = core.nonces.get(signer) or Nonces(signer, NO_FLOOR, b"")
    if nonce <= row.floor:
        return Code.NONCE_TOO_OLD
    return Code.NONCE_REUSED if nonce in unpacked_nonces(row) else None


def burn_nonce(core: NaiveCore, signer: bytes, nonce: int) -> None:
    """Add a nonce that passed to its signer's; above capacity the smallest become the floor.

    The second nonce of a block may lie below the floor that the first one raised: it is dropped
    at once, and the floor does not fall.
    """
    row = core.nonces.get(signer) or Nonces(signer, NO_FLOOR, b"")
    burnt = sorted([*unpacked_nonces(row), nonce])
    floor = row.floor
    while len(burnt) > core.params.nonce_capacity:
        floor = max(floor, burnt.pop(0))
    packed = b"".join(map(_NONCE.pack, burnt))
    core.nonces.put(Nonces(signer, floor, packed))


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


def _is_signer(core: NaiveCore, account: Account, signer: bytes) -> bool:
    """Return whether a key is the root of an account or one of its agents."""
    return signer == account.root or core.agents.get((account.account, signer)) is not None


def _check_other_party(core: NaiveCore, account: Account, action: ExecuteBlock) -> Refusal:
    """Look at the other party of a block as at the first ([AUT-1])."""
    other = core.accounts.get(action.counter_account)
    if other is None:
        return Code.UNKNOWN_ACCOUNT
    is_one_group = account.self_trade_group == other.self_trade_group != 0
    if other.account == account.account or is_one_group:
        return Code.BLOCK_SAME_PARTY
    return None if _is_signer(core, other, action.counter_signer) else Code.UNKNOWN_SIGNER


def _nonces_of(command: Command) -> list[tuple[bytes, int]]:
    """Return (signer, nonce) of a command; a block has two."""
    action = command.action
    if isinstance(action, ExecuteBlock):
        return [(command.signer, command.nonce), (action.counter_signer, action.counter_nonce)]
    return [(command.signer, command.nonce)]


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

"""Nonces: each is accepted once per signer, in a time window and above a floor ([NON-2])."""

from typing import Final

from lockstep_engine.codes import Code
from lockstep_engine.commands import Command, ExecuteBlock
from lockstep_engine.entities import NonceSet
from lockstep_engine.state import Account, ExchangeCore

_ACCEPTED: Final = int(Code.ACCEPTED)
_OUT_OF_WINDOW: Final = int(Code.NONCE_OUT_OF_WINDOW)
_TOO_OLD: Final = int(Code.NONCE_TOO_OLD)
_REUSED: Final = int(Code.NONCE_REUSED)
_NS_PER_MS: Final = 10**6
_NO_FLOOR: Final = -1


def accept_nonce(
    core: ExchangeCore, account: Account | None, signer: bytes, nonce: int, ts_ns: int
) -> int:
    """Burn a nonce of the signer and return 0, or return why it is refused and change nothing."""
    known = None if account is None else account.root_nonces
    if known is None or known.signer != signer:
        known = _known(core, account, signer)
    code = _code(core, known, nonce, ts_ns)
    if code == _ACCEPTED:
        _burn(core, known, signer, nonce)
    return code


def accept_both_nonces(
    core: ExchangeCore, command: Command, action: ExecuteBlock, ts_ns: int
) -> int:
    """Burn the nonces of both parties of a block, or neither and return why."""
    signer, nonce = action.counter_signer, action.counter_nonce
    code = nonce_code(core, command, ts_ns)
    if code == _ACCEPTED:
        code = _code(core, core.nonces.get(signer), nonce, ts_ns)
    if code == _ACCEPTED and signer == command.signer and nonce == command.nonce:
        code = _REUSED
    if code == _ACCEPTED:
        _burn(core, core.nonces.get(command.signer), command.signer, command.nonce)
        _burn(core, core.nonces.get(signer), signer, nonce)
    return code


def nonce_code(core: ExchangeCore, command: Command, ts_ns: int) -> int:
    """Return why the command's nonce would be refused, 0 if it would not; change nothing."""
    return _code(core, core.nonces.get(command.signer), command.nonce, ts_ns)


def _burn(core: ExchangeCore, known: NonceSet | None, signer: bytes, nonce: int) -> None:
    """Enter a nonce that was checked, whatever was entered since."""
    if known is None:
        known = core.nonces[signer] = NonceSet(signer, _NO_FLOOR, b"")
    known.add(nonce, core.nonce_capacity)
    if not known.is_touched:
        known.is_touched = True
        core.touched.append(known)


def _known(core: ExchangeCore, account: Account | None, signer: bytes) -> NonceSet | None:
    """Look a signer up; an account keeps the nonces of its root key at hand."""
    known = core.nonces.get(signer)
    if account is not None and signer == account.root:
        account.root_nonces = known
    return known


def _code(core: ExchangeCore, known: NonceSet | None, nonce: int, ts_ns: int) -> int:
    now_ms = ts_ns // _NS_PER_MS
    if nonce < now_ms - core.nonce_past_ms or nonce > now_ms + core.nonce_future_ms:
        return _OUT_OF_WINDOW
    if known is None:
        return _ACCEPTED if nonce > _NO_FLOOR else _TOO_OLD
    if nonce > known.highest:
        return _ACCEPTED
    if nonce <= known.floor:
        return _TOO_OLD
    return _REUSED if known.has(nonce) else _ACCEPTED

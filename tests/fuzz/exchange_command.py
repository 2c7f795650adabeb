"""Bytes as a command of the exchange: decode, then the engine and the naive machine agree.

The market is small and has a bit of everything: positions, resting orders, options, protection.
"""

import random
from typing import Any, get_args

import msgspec

from lockstep_engine.commands import Command, GrantRole, OperatorAction, RevokeRole
from lockstep_engine.exchange import MACHINE as ENGINE
from lockstep_kernel import (
    Machine,
    Sequenced,
    State,
    UnsupportedError,
    apply,
    sorted_records,
    verify,
)
from lockstep_naive.machine import MACHINE as NAIVE
from tests.fuzz.decoding import decoded
from tests.fuzz.mutation import mutated_msgpack
from tests.fuzz.target import Blind, agree
from tests.support.examples import ALL_EXAMPLES, account_of
from tests.support.exchange import (
    ACCOUNTS,
    ALICE,
    BOB,
    CALL,
    CAROL,
    DAVE,
    ROOT,
    SECOND_NS,
    STAFF,
    Exchange,
    root_of,
    standard_market,
)

DICTIONARY = (b"BTC", b"ETH", b"BTC-PERP", b"BTC-20261225-100-C", b"BTC-25DEC26", b"\x96\x01")
_SIGNERS = {0: STAFF, **{account: root_of(account) for account in ACCOUNTS}}
_decode = msgspec.msgpack.Decoder(Command).decode


def market(machine: Machine) -> State:
    """Return the state that commands meet."""
    exchange: Exchange = standard_market(machine)
    exchange.trade(ALICE, BOB, 100, 20)
    exchange.trade(CAROL, DAVE, 101, 7)
    exchange.bid(ALICE, 95, 10, client_id=1)
    exchange.ask(ALICE, 108, 10)
    exchange.ask(BOB, 110, 5)
    exchange.protect(BOB)
    exchange.trade(ALICE, BOB, 10, 2, CALL)
    return exchange.state


_STATES = (market(ENGINE), market(NAIVE))
_NOW_NS = _STATES[0].ts_ns + SECOND_NS
_NONCE = _NOW_NS // 10**6


def seeds() -> dict[str, bytes]:
    """Return one good command of every type."""
    return {
        f"{number:02d}-{type(action).__name__}": signed(action, account_of(action))
        for number, action in enumerate(ALL_EXAMPLES, 1)
    }


def signed(action: Any, account: int) -> bytes:
    """Return the bytes of a command that passes the checks of authority and nonce."""
    is_root = isinstance(action, GrantRole | RevokeRole)
    signer = ROOT if is_root else _SIGNERS.get(account, STAFF)
    return ENGINE.codec.encode(Command(signer, _NONCE, action, account))


def check(data: bytes) -> None:
    """Decode with both codecs; apply to both machines, and once more; compare everything."""
    command = decoded(ENGINE.codec, _NOW_NS, data)
    agree(command, decoded(NAIVE.codec, _NOW_NS, data), "both codecs")
    if command is None:
        return
    states = [state.fork() for state in _STATES]
    for _time in range(2):
        answers = [_answer(state, command) for state in states]
        agree(answers[0][1:], answers[1][1:], "both machines")
        states = [answer[0] for answer in answers]
    for state in states:
        verify(state)
    agree(*map(sorted_records, states), "the records of both machines")


def mutate(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change one value of the command, and mostly let the right key sign it."""
    changed = mutated_msgpack(data, draw, blind)
    if draw.randrange(4) == 0:
        return changed
    try:
        command = _decode(changed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return changed
    account = command.account
    if draw.randrange(4) == 0:
        account = draw.choice(ACCOUNTS)
    if isinstance(command.action, get_args(OperatorAction)):
        account = 0
    return signed(command.action, account)


def _answer(state: State, command: Sequenced) -> tuple[State, str, bytes, bytes]:
    """Return (next state, refusal, events, hash)."""
    try:
        state, events, hash_ = apply(state, command)
    except UnsupportedError as error:
        return state, str(error), b"", state.hash
    return state, "", ENGINE.codec.encode(list(events)), hash_

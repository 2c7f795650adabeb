"""Executes the records of a fraud proof and finds the first thing that the rules do not yield.

Everything here is signed already: what does not fit is the signer's doing. What this release does
not have (newer rules, another machine) is `UnsupportedError` and says nothing of the signer.
"""

from collections.abc import Sequence
from typing import NoReturn

import msgspec

from lockstep_kernel import (
    EMPTY_ROOT,
    Chain,
    DamagedError,
    Genesis,
    JournalRecord,
    Machine,
    MalformedCommand,
    State,
    TreeHead,
    check_activation,
    dump,
    initial,
    state_digest,
    unpack_record,
)
from lockstep_validator.links import check_link, check_order, checked_head, loaded


class Contradiction(msgspec.Struct, frozen=True):
    """What was signed at `seq` and what the rules yield there."""

    seq: int
    what: str


class _Found(Exception):
    def __init__(self, seq: int, what: str) -> None:
        super().__init__(what)
        self.contradiction = Contradiction(seq, what)


class Start(msgspec.Struct, frozen=True):
    """Where execution begins: genesis (`size` 0, no dump), or a dump that a head binds."""

    size: int
    dump: bytes


def contradiction_of(
    machine: Machine, genesis: Genesis, start: Start, records: Sequence[bytes], head: TreeHead
) -> Contradiction | None:
    """Return the first thing under `head` that the rules do not yield, None if they yield all."""
    try:
        chain = _started(machine, genesis, start)
        _execute(chain, records)
        _compare(chain, head)
    except _Found as found:
        return found.contradiction
    return None


def contradiction_of_none(head: TreeHead) -> Contradiction | None:
    """Return what is false in the root of a head of no records, which has only one; else None."""
    if head.size or head.root == EMPTY_ROOT:
        return None
    what = f"the head signs root {head.root.hex()}, that of no records is {EMPTY_ROOT.hex()}"
    return Contradiction(0, what)


def _started(machine: Machine, genesis: Genesis, start: Start) -> Chain:
    if not start.size:
        try:
            return initial(machine, genesis).take()
        except MalformedCommand as error:
            _found(0, f"the genesis has parameters that the machine refuses: {error}")
    try:
        checked_head(start.dump, start.size, genesis)
        return loaded(machine, genesis, start.dump, start.size).take()
    except DamagedError as error:
        _found(start.size, f"the state that the earlier head binds is none: {error}")


def _execute(chain: Chain, records: Sequence[bytes]) -> None:
    epoch = 0
    for seq, raw in enumerate(records, chain.seq + 1):
        try:
            record = unpack_record(raw, seq)
            check_link(record, chain.hash)
            check_order(record, chain.ts_ns, epoch)
        except DamagedError as error:
            _found(seq, f"the head signs what is no record after the one before: {error}")
        _advance(chain, record)
        epoch = record.epoch


def _advance(chain: Chain, record: JournalRecord) -> None:
    try:
        command = chain.machine.codec.decode(record.ts_ns, record.body)
    except MalformedCommand as error:
        _found(record.seq, f"the head signs a record that holds no canonical command: {error}")
    check_activation(chain.machine, command)
    _events, _encoded, hash_ = chain.advance(command)
    if hash_ != record.hash:
        _found(
            record.seq,
            f"the head signs record {record.seq} with hash {record.hash.hex()}, "
            f"the rules yield {hash_.hex()}",
        )


def _compare(chain: Chain, head: TreeHead) -> None:
    rules_version = chain.core.rules_version()
    if rules_version != head.rules_version:
        _found(
            head.size,
            f"the head signs that rules {head.rules_version} are in force, "
            f"the rules yield {rules_version}",
        )
    if head.state:
        state = state_digest(dump(State(chain)))
        if state != head.state:
            _found(
                head.size, f"the head signs state {head.state.hex()}, the rules yield {state.hex()}"
            )


def _found(seq: int, what: str) -> NoReturn:
    raise _Found(seq, what) from None

"""Checks a proof with nothing but its file, public keys and, for fraud, an installed machine."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from lockstep_kernel import (
    EMPTY_ROOT,
    DamagedError,
    Genesis,
    Machine,
    Tree,
    TreeHead,
    contradictions,
    find_machine,
    genesis_digest,
    root_from_inclusion,
    roots_from_consistency,
    state_digest,
    unpack_record,
)
from lockstep_validator.evidence.judging import Start, contradiction_of, contradiction_of_none
from lockstep_validator.evidence.keys import Keys
from lockstep_validator.evidence.proofs import (
    ConsistencyProof,
    EquivocationProof,
    FraudProof,
    InclusionProof,
    NotProved,
    Proof,
    unpack_proof,
)
from lockstep_validator.report import readable

_T = TypeVar("_T")
_genesis = msgspec.msgpack.Decoder(Genesis)
_encode = msgspec.msgpack.Encoder().encode


class Checked(msgspec.Struct, frozen=True):
    """A proof that holds: its kind, what it proves in one sentence, and the facts."""

    kind: str
    claim: str
    facts: Mapping[str, int | str]


def check_proof(data: bytes, keys: Keys, machine: Machine | str | None = None) -> Checked:
    """Return what the proof in a file proves.

    `machine` executes a fraud proof (default: the one that its genesis names) and decodes the
    command of an inclusion proof (default: none). Raises `NotProved` if the proof proves nothing,
    `DamagedError` or `TornTailError` for bytes that are no proof, `CannotRunError` for what this
    release cannot judge.
    """
    proof = unpack_proof(data)
    match proof:
        case InclusionProof():
            return _check_inclusion(proof, keys, machine)
        case ConsistencyProof():
            return _check_consistency(proof, keys)
        case EquivocationProof():
            return _check_equivocation(proof, keys)
        case FraudProof():
            return _check_fraud(proof, keys, machine)


def expect_under(head: TreeHead, seq: int) -> None:
    """Raise `NotProved` unless a head has a record with this number."""
    if not head.size:
        raise NotProved(f"expected a record, asked for {seq}: a head of 0 has none")
    if not 1 <= seq <= head.size:
        raise NotProved(f"expected a record from 1 to {head.size}, asked for {seq}")


def expect_earlier(old: TreeHead, head: TreeHead) -> None:
    """Raise `NotProved` unless execution can go from one head to the other."""
    if not head.size:
        raise NotProved(f"expected no head before one of 0, found one of {old.size}")
    if old.size >= head.size:
        raise NotProved(f"expected an earlier head than {head.size}, found {old.size}")


def kind_of(proof: Proof) -> str:
    """Return the name of a proof's kind."""
    return type(proof).__name__.removesuffix("Proof").lower()


def _check_inclusion(proof: InclusionProof, keys: Keys, machine: Machine | str | None) -> Checked:
    head = keys.opened_alone(proof.head).head
    expect_under(head, proof.seq)
    root = _computed(
        lambda: root_from_inclusion(proof.record, proof.seq - 1, head.size, proof.path)
    )
    _expect_root(head, root)
    try:
        record = unpack_record(proof.record, proof.seq)
    except DamagedError as error:
        raise NotProved(f"the head signs something else than a record there: {error}") from None
    command = ""
    if machine is not None:
        codec = _found_machine(machine).codec
        command = readable(codec.decode(record.ts_ns, record.body).command)
    return Checked(
        kind_of(proof),
        f"record {proof.seq} is one of the {head.size} that {head.origin} signed",
        {
            **_facts(head),
            "seq": record.seq,
            "ts_ns": record.ts_ns,
            "hash": record.hash.hex(),
            "body": record.body.hex(),
            **({"command": command} if command else {}),
        },
    )


def _check_consistency(proof: ConsistencyProof, keys: Keys) -> Checked:
    old, head = _pair(keys, proof.old_head, proof.head)
    if old.size > head.size:
        raise NotProved(f"expected the smaller head first, found {old.size} before {head.size}")
    contradicted = contradictions(old, head)
    if contradicted:
        raise NotProved(f"the heads contradict each other: {', '.join(contradicted)}")
    claim = f"the {old.size} records that {old.origin} signed first are the first of {head.size}"
    if old.size == 0:
        claim = f"{old.origin} signed no records first, and {head.size or 'none'} then"
        _expect_root(old, EMPTY_ROOT)
        _expect_no_path(proof.path)
    else:
        old_root, root = _computed(
            lambda: roots_from_consistency(old.size, head.size, old.root, proof.path)
        )
        _expect_root(head, root)
        _expect_root(old, old_root)
    return Checked(
        kind_of(proof),
        claim,
        {"old_size": old.size, "old_root": old.root.hex(), **_facts(head)},
    )


def _check_equivocation(proof: EquivocationProof, keys: Keys) -> Checked:
    first, second = _pair(keys, proof.first, proof.second)
    if (first.size, proof.first) >= (second.size, proof.second):
        raise DamagedError("proof: expected two heads in their order, found another", None)
    found = list(contradictions(first, second))
    if found:
        _expect_no_path((*proof.path, *((proof.root,) if proof.root else ())))
    elif first.size < second.size:
        if _first_root(proof, first, second) != proof.root:
            raise NotProved("the path leads to another root of the first records")
        if proof.root == first.root:
            raise NotProved("the heads agree: one history has both")
        found = ["records"]
    else:
        raise NotProved("the heads do not contradict each other")
    return Checked(
        kind_of(proof),
        f"{first.origin} signed two heads that cannot both be true: they differ in "
        f"{' and '.join(found)}",
        {
            "origin": first.origin,
            "first_size": first.size,
            "first_root": first.root.hex(),
            "second_size": second.size,
            "second_root": second.root.hex(),
        },
    )


def _first_root(proof: EquivocationProof, first: TreeHead, second: TreeHead) -> bytes:
    """Return the root that the first records have under the second head: of none, always one."""
    if first.size == 0:
        _expect_no_path(proof.path)
        return EMPTY_ROOT
    old_root, root = _computed(
        lambda: roots_from_consistency(first.size, second.size, proof.root, proof.path)
    )
    _expect_root(second, root)
    return old_root


def _check_fraud(proof: FraudProof, keys: Keys, machine: Machine | str | None) -> Checked:
    head = keys.opened_alone(proof.head).head
    genesis = _bound_genesis(proof, head)
    start, tree = _start(proof, keys, head)
    for record in proof.records:
        tree.append(record)
    if tree.size != head.size:
        raise NotProved(f"expected records up to {head.size}, found them up to {tree.size}")
    found = contradiction_of_none(head)
    if found is None:
        _expect_root(head, tree.root())
        runner = _found_machine(genesis.machine if machine is None else machine)
        found = contradiction_of(runner, genesis, start, proof.records, head)
    if found is None:
        raise NotProved(f"the rules yield all that the head of {head.size} signs")
    return Checked(
        kind_of(proof),
        f"{head.origin} signed what the rules do not yield, at {found.seq}: {found.what}",
        {**_facts(head), "start": start.size, "seq": found.seq},
    )


def _start(proof: FraudProof, keys: Keys, head: TreeHead) -> tuple[Start, Tree]:
    if not proof.old_head:
        if proof.dump or proof.peaks:
            raise DamagedError("proof: expected no dump and no peaks from genesis", None)
        return Start(0, b""), Tree()
    old, _head = _pair(keys, proof.old_head, proof.head)
    if not old.size:
        raise DamagedError("proof: expected no earlier head from genesis, found one of 0", None)
    expect_earlier(old, head)
    if not old.state or state_digest(proof.dump) != old.state:
        raise NotProved(f"the dump is not the state that the head of {old.size} signs")
    tree = _computed(lambda: Tree(old.size, proof.peaks))
    _expect_root(old, tree.root())
    return Start(old.size, proof.dump), tree


def _bound_genesis(proof: FraudProof, head: TreeHead) -> Genesis:
    try:
        genesis = _genesis.decode(proof.genesis)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedError(f"proof: genesis: {error}", None) from None
    if _encode(genesis) != proof.genesis:
        raise DamagedError("proof: genesis: not canonical", None)
    if genesis_digest(genesis) != head.genesis:
        raise NotProved("the genesis is not the one that the head signs")
    return genesis


def _pair(keys: Keys, first: bytes, second: bytes) -> tuple[TreeHead, TreeHead]:
    """Return two heads of one origin."""
    one, other = keys.opened_alone(first).head, keys.opened_alone(second).head
    if one.origin != other.origin:
        raise NotProved(f"expected heads of one origin, found {one.origin} and {other.origin}")
    return one, other


def _computed(compute: Callable[[], _T]) -> _T:
    """Return what a path leads to; a path of a wrong length leads nowhere."""
    try:
        return compute()
    except ValueError as error:
        raise NotProved(f"the path does not fit: {error}") from None


def _expect_root(head: TreeHead, found: bytes) -> None:
    if found != head.root:
        raise NotProved(
            f"head of {head.size}: expected its root {head.root.hex()}, found {found.hex()}"
        )


def _expect_no_path(path: tuple[bytes, ...]) -> None:
    if path:
        raise DamagedError(f"proof: expected no path, found {len(path)} hashes", None)


def _found_machine(machine: Machine | str) -> Machine:
    return find_machine(machine) if isinstance(machine, str) else machine


def _facts(head: TreeHead) -> dict[str, int | str]:
    return {
        "origin": head.origin,
        "size": head.size,
        "root": head.root.hex(),
        "rules_version": head.rules_version,
    }

"""Bytes as a proof file, checked with the key of the tests.

`mutate` holds that key: it signs heads anew, and gives them the roots to which the paths lead.
"""

import random
from collections.abc import Callable
from hashlib import sha256

import msgspec

from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    LockstepError,
    TornTailError,
    Tree,
    TreeHead,
    parse_head,
    root_from_inclusion,
    roots_from_consistency,
    state_digest,
    unpack_note,
)
from lockstep_validator import Checked, Keys, NotProved, check_proof
from lockstep_validator.evidence.proofs import (
    ConsistencyProof,
    EquivocationProof,
    FraudProof,
    InclusionProof,
    Proof,
    pack_proof,
    unpack_proof,
)
from tests.evidence.examples import framed, kinds
from tests.evidence.world import KEY, KEYS, key_of
from tests.fuzz.frames import mutated_record, mutated_snapshot
from tests.fuzz.mutation import mutated_integer, mutated_msgpack, mutated_value
from tests.fuzz.target import Blind, agree
from tests.machines.counter import COUNTER

DICTIONARY = (b"LKPROOF\x01", b"\nrules ", b"\ngenesis ", b"\nstate ", b"\n\n", b"\xc4\x20")
_OTHER_KEY = Keys([key_of(2).public])
_HEADS = ("head", "old_head", "first", "second")
_DOCUMENTED = (NotProved, DamagedError, TornTailError, CannotRunError)


def seeds() -> dict[str, bytes]:
    """Return a small proof of every kind and form."""
    return {name.replace(" ", "-"): proved.data for name, proved in kinds().items()}


def check(data: bytes) -> None:
    """Check the proof; one that holds has one form, and holds for this key alone."""
    found = _checked(data, KEYS)
    if found is None:
        return
    agree(data, pack_proof(unpack_proof(data)), "an accepted proof, packed again")
    agree(found, _checked(data, KEYS), "an accepted proof, checked again")
    agree(None, _checked(data, _OTHER_KEY), "an accepted proof, checked with another key")


def mutate(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change one field of the proof; its check comes right, and mostly roots and signatures."""
    try:
        proof = unpack_proof(data)
    except LockstepError:
        return blind(data)
    if draw.randrange(8) == 0:
        return _reframed(data, draw, blind)
    proof = _mutated(proof, draw, blind)
    if draw.randrange(4):
        proof = _fitted(proof)
    return pack_proof(proof)


def _checked(data: bytes, keys: Keys) -> Checked | None:
    """Return what the proof proves, None if it is refused as the document says."""
    try:
        return check_proof(data, keys, COUNTER)
    except _DOCUMENTED as error:
        agree(True, bool(str(error)), "a refusal says why")
        return None


def _reframed(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change the value as MessagePack and not as a proof; the checks come right."""
    return framed(mutated_msgpack(data[24:-8], draw, blind))


def _mutated(proof: Proof, draw: random.Random, blind: Blind) -> Proof:
    name = draw.choice(proof.__struct_fields__)
    value = getattr(proof, name)
    match value:
        case int():
            changed: object = _u63(mutated_integer(value, draw))
        case tuple():
            changed = _mutated_hashes(value, draw, blind, is_records=name == "records")
        case _ if name in _HEADS:
            changed = _signed(value, lambda head: _mutated_head(head, draw))
        case _ if name == "dump":
            changed = mutated_snapshot(value, draw, blind)
        case _ if name == "record":
            changed = mutated_record(value, draw, blind)
        case _ if name == "genesis":
            changed = mutated_msgpack(value, draw, blind)
        case _:
            changed = blind(value)
    return msgspec.structs.replace(proof, **{name: changed})


def _mutated_hashes(
    hashes: tuple[bytes, ...], draw: random.Random, blind: Blind, is_records: bool
) -> tuple[bytes, ...]:
    """Drop, repeat, exchange or change one of the hashes, or of the records."""
    if not hashes:
        return (draw.randbytes(32),)
    at = draw.randrange(len(hashes))
    before, one, after = hashes[:at], hashes[at], hashes[at + 1 :]
    match draw.randrange(6):
        case 0:
            return before + after
        case 1:
            return (*before, one, one, *after)
        case 2:
            return (*after, one, *before)
        case _:
            changed = mutated_record(one, draw, blind) if is_records else blind(one)
            return (*before, changed, *after)


def _mutated_head(head: TreeHead, draw: random.Random) -> TreeHead:
    name = draw.choice(("size", "root", "genesis", "rules_version", "state"))
    value = getattr(head, name)
    if isinstance(value, int):
        changed: object = draw.choice((_u63(mutated_integer(value, draw)), draw.randrange(40)))
    else:
        changed = draw.choice((draw.randbytes(32), b"", mutated_value(value, draw)))
    return msgspec.structs.replace(head, **{name: changed})


def _fitted(proof: Proof) -> Proof:
    """Return the proof with heads signed for the roots to which its paths lead."""
    try:
        match proof:
            case InclusionProof():
                return _fitted_inclusion(proof)
            case ConsistencyProof():
                return _fitted_consistency(proof)
            case EquivocationProof():
                first, second = sorted((proof.first, proof.second), key=_order)
                return msgspec.structs.replace(proof, first=first, second=second)
            case FraudProof():
                return _fitted_fraud(proof)
    except (ValueError, LockstepError):
        return proof


def _fitted_inclusion(proof: InclusionProof) -> Proof:
    def fit(head: TreeHead) -> TreeHead:
        root = root_from_inclusion(proof.record, proof.seq - 1, head.size, proof.path)
        return msgspec.structs.replace(head, root=root)

    return msgspec.structs.replace(proof, head=_signed(proof.head, fit))


def _fitted_consistency(proof: ConsistencyProof) -> Proof:
    old, head = _head(proof.old_head), _head(proof.head)
    old_root, root = roots_from_consistency(old.size, head.size, old.root, proof.path)
    return msgspec.structs.replace(
        proof,
        old_head=KEY.sign(msgspec.structs.replace(old, root=old_root)),
        head=KEY.sign(msgspec.structs.replace(head, root=root)),
    )


def _fitted_fraud(proof: FraudProof) -> Proof:
    tree = Tree()
    old_head = proof.old_head
    if old_head:
        old = _head(old_head)
        tree = Tree(old.size, proof.peaks)
        state = state_digest(proof.dump)
        old_head = KEY.sign(msgspec.structs.replace(old, root=tree.root(), state=state))
    for record in proof.records:
        tree.append(record)
    genesis = sha256(proof.genesis).digest()
    head = msgspec.structs.replace(
        _head(proof.head), size=tree.size, root=tree.root(), genesis=genesis
    )
    return msgspec.structs.replace(proof, old_head=old_head, head=KEY.sign(head))


def _signed(data: bytes, change: Callable[[TreeHead], TreeHead]) -> bytes:
    """Return the note of a changed head; the bytes as they are if they hold no head."""
    try:
        return KEY.sign(change(_head(data)))
    except (ValueError, TypeError, AttributeError, LockstepError):
        return data


def _order(note: bytes) -> tuple[int, bytes]:
    return _head(note).size, note


def _head(data: bytes) -> TreeHead:
    return parse_head(unpack_note(data).text)


def _u63(value: int) -> int:
    return value % 2**63

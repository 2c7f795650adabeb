"""Makes proofs from heads and the records of a source. Each is checked before it is returned."""

from collections.abc import Iterator, Sequence

import msgspec

from lockstep_kernel import (
    EMPTY_ROOT,
    Machine,
    Tree,
    TreeHead,
    consistency_ranges,
    contradictions,
    find_machine,
    inclusion_ranges,
    range_roots,
)
from lockstep_kernel.merkle import Range
from lockstep_validator.evidence.checking import (
    Checked,
    check_proof,
    expect_earlier,
    expect_under,
)
from lockstep_validator.evidence.history import History, dump_at, opened_history
from lockstep_validator.evidence.keys import Keys, SignedHead
from lockstep_validator.evidence.proofs import (
    ConsistencyProof,
    EquivocationProof,
    FraudProof,
    Hashes,
    InclusionProof,
    NotProved,
    Proof,
    pack_proof,
)
from lockstep_validator.source import Source

_encode = msgspec.msgpack.Encoder().encode


class Proved(msgspec.Struct, frozen=True):
    """The file of a proof, and what checking it says."""

    data: bytes
    checked: Checked


def prove_inclusion(source: Source, keys: Keys, head: SignedHead, seq: int) -> Proved:
    """Prove that record `seq` of a source stands under a head. Reads the records under the head."""
    expect_under(head.head, seq)
    wanted = inclusion_ranges(seq - 1, head.head.size)
    with opened_history(source) as history:
        record = _Kept(seq)
        path = _read(wanted, record.passing(_under(history, head.head)))
    return _proved(InclusionProof(head.note, seq, record.leaf, path), keys, None)


def prove_consistency(source: Source, keys: Keys, first: SignedHead, second: SignedHead) -> Proved:
    """Prove that one head continues the other. Reads the records under the larger."""
    old, new = sorted((first, second), key=_order)
    with opened_history(source) as history:
        ranges = consistency_ranges(old.head.size, new.head.size)
        path = _read(ranges, _under(history, new.head))
    return _proved(ConsistencyProof(old.note, new.note, path), keys, None)


def prove_equivocation(
    source: Source | None, keys: Keys, first: SignedHead, second: SignedHead
) -> Proved:
    """Prove that two heads of one origin cannot both be true.

    Heads of one size, of no records or with another genesis need no source; others need the records
    under the larger one.
    """
    old, new = sorted((first, second), key=_order)
    if contradictions(old.head, new.head):
        return _proved(EquivocationProof(old.note, new.note, b"", ()), keys, None)
    if old.head.size == new.head.size:
        raise NotProved("the heads do not contradict each other")
    if old.head.size == 0:
        return _proved(EquivocationProof(old.note, new.note, EMPTY_ROOT, ()), keys, None)
    if source is None:
        raise NotProved(
            "the heads alone do not contradict each other: give the records under the larger one"
        )
    with opened_history(source) as history:
        tree = _Grown(old.head.size)
        ranges = consistency_ranges(old.head.size, new.head.size)
        path = _read(ranges, tree.passing(_under(history, new.head)))
    return _proved(EquivocationProof(old.note, new.note, tree.root, path), keys, None)


def prove_fraud(
    source: Source,
    keys: Keys,
    head: SignedHead,
    old_head: SignedHead | None,
    machine: Machine | str | None = None,
) -> Proved:
    """Prove that what a head signs is not what the rules yield, from genesis or an earlier head.

    Reads the records under the head and executes those of the proof. An earlier head of no records
    is genesis.
    """
    start = 0 if old_head is None else old_head.head.size
    if old_head is not None:
        expect_earlier(old_head.head, head.head)
    with opened_history(source) as history:
        genesis = history.genesis
        tree = Tree()
        leaves = _under(history, head.head)
        while tree.size < start:
            tree.append(next(leaves))
        _check_root(tree, old_head)
        records = tuple(leaves)
    dump = b""
    if not start:
        old_head = None
    else:
        name = genesis.machine if machine is None else machine
        dump = dump_at(source, start, find_machine(name) if isinstance(name, str) else name)
    proof = FraudProof(
        genesis=_encode(genesis),
        old_head=b"" if old_head is None else old_head.note,
        dump=dump,
        peaks=() if old_head is None else tuple(tree.peaks),
        records=records,
        head=head.note,
    )
    return _proved(proof, keys, machine)


class _Kept:
    """Keeps one record of those that pass."""

    def __init__(self, seq: int) -> None:
        self._seq = seq
        self.leaf = b""

    def passing(self, leaves: Iterator[bytes]) -> Iterator[bytes]:
        for seq, leaf in enumerate(leaves, 1):
            if seq == self._seq:
                self.leaf = leaf
            yield leaf


class _Grown:
    """Keeps the root of the first leaves that pass."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.root = b""

    def passing(self, leaves: Iterator[bytes]) -> Iterator[bytes]:
        tree = Tree()
        for leaf in leaves:
            if tree.size < self._size:
                tree.append(leaf)
            if tree.size == self._size and not self.root:
                self.root = tree.root()
            yield leaf


def _under(history: History, head: TreeHead) -> Iterator[bytes]:
    """Yield the records under a head; raise `NotProved` after them if they are others."""
    tree = Tree()
    for leaf in history.leaves(head.size):
        tree.append(leaf)
        yield leaf
    if head.size and tree.root() != head.root:
        raise NotProved(
            f"the first {head.size} records of the source are not those that the head signs: "
            f"expected root {head.root.hex()}, found {tree.root().hex()}"
        )


def _read(ranges: Sequence[Range], leaves: Iterator[bytes]) -> Hashes:
    """Return the roots of ranges, with every leaf read: what is checked last is checked."""
    found = tuple(range_roots(ranges, leaves))
    for _leaf in leaves:
        pass
    return found


def _check_root(tree: Tree, head: SignedHead | None) -> None:
    if head is not None and tree.root() != head.head.root:
        raise NotProved(
            f"the first {tree.size} records of the source are not those that the earlier head "
            f"signs: prove that the heads contradict each other"
        )


def _order(head: SignedHead) -> tuple[int, bytes]:
    return head.head.size, head.note


def _proved(proof: Proof, keys: Keys, machine: Machine | str | None) -> Proved:
    data = pack_proof(proof)
    return Proved(data, check_proof(data, keys, machine))

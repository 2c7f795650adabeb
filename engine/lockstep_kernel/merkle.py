"""The Merkle tree over records, of RFC 6962: one root names a list of leaves, whatever its length.

A proof is a list of roots of ranges of leaves. Which ranges they are follows from sizes alone, so a
prover reads the leaves once, in order, and keeps O(log leaves) hashes; a checker computes the root
that a proof leads to and compares. Nothing here trusts a proof: a wrong length is `ValueError`.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

ROOT_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of no leaves."""

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"

Range = tuple[int, int]
"""Leaves from the first number up to, not including, the second."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf, which no inner node can have."""
    return sha256(_LEAF + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(_NODE + left + right).digest()


class Tree:
    """Grows by one leaf at a time. Invariant: `peaks` are the roots of the complete subtrees.

    There is one peak for each one-bit of `size`, the largest subtree first; they are all that a
    tree must remember to grow and to know its root.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size < 0 or len(peaks) != size.bit_count():
            raise ValueError(
                f"expected {size.bit_count()} peaks of {size} leaves, found {len(peaks)}"
            )
        _check_hashes(peaks)
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf: bytes) -> None:
        """Add a leaf. O(1) hashes on average, O(log leaves) at most."""
        hash_ = leaf_hash(leaf)
        size, peaks = self.size, self.peaks
        while size & 1:
            hash_ = node_hash(peaks.pop(), hash_)
            size >>= 1
        peaks.append(hash_)
        self.size += 1

    def root(self) -> bytes:
        """Return the root. O(log leaves)."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the ranges whose roots prove leaf `index` (from 0) in a tree of `size` leaves."""
    _check(0 <= index < size, f"a leaf below {size}", index)
    first, last = 0, size
    ranges: list[Range] = []
    while last - first > 1:
        middle = first + _left_size(last - first)
        if index < middle:
            ranges.append((middle, last))
            last = middle
        else:
            ranges.append((first, middle))
            first = middle
    ranges.reverse()
    return ranges


def consistency_ranges(old_size: int, size: int) -> list[Range]:
    """Return the ranges whose roots prove that a tree of `old_size` leaves grew to `size`."""
    _check(0 <= old_size <= size, f"an old size up to {size}", old_size)
    if old_size == 0:
        return []
    first, last = 0, size
    ranges: list[Range] = []
    while last > old_size:
        middle = first + _left_size(last - first)
        if old_size <= middle:
            ranges.append((middle, last))
            last = middle
        else:
            ranges.append((first, middle))
            first = middle
    if first > 0:
        ranges.append((first, last))
    ranges.reverse()
    return ranges


def range_roots(ranges: Sequence[Range], leaves: Iterable[bytes]) -> list[bytes]:
    """Read leaves from the first on and return the roots of disjoint ranges, in their order.

    Raises `ValueError` if the leaves end before the last range does.
    """
    order = sorted(range(len(ranges)), key=lambda at: ranges[at][0])
    found: dict[int, bytes] = {}
    supply = iter(leaves)
    number = 0
    for at in order:
        first, last = ranges[at]
        while number < first:
            _next(supply, number)
            number += 1
        tree = Tree()
        while number < last:
            tree.append(_next(supply, number))
            number += 1
        found[at] = tree.root()
    return [found[at] for at in range(len(ranges))]


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root of the tree in which `path` proves leaf `index`."""
    ranges = inclusion_ranges(index, size)
    _check(len(path) == len(ranges), f"a path of {len(ranges)} hashes", len(path))
    _check_hashes(path)
    root = leaf_hash(leaf)
    for (first, _last), sibling in zip(ranges, path, strict=True):
        root = node_hash(sibling, root) if first <= index else node_hash(root, sibling)
    return root


def roots_from_consistency(
    old_size: int, size: int, old_root: bytes, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Return the roots of old and new tree that `path` leads to, for old sizes above 0.

    The old one is `old_root` itself where the path says nothing else of it.
    """
    _check(old_size > 0, "an old size above 0", old_size)
    ranges = consistency_ranges(old_size, size)
    _check(len(path) == len(ranges), f"a path of {len(ranges)} hashes", len(path))
    _check_hashes((old_root, *path))
    steps = list(zip(ranges, path, strict=True))
    if ranges and ranges[0][1] == old_size:
        (_, root), *steps = steps
        old = root
    else:
        old = root = old_root
    for (first, _last), sibling in steps:
        if first >= old_size:
            root = node_hash(root, sibling)
        else:
            old, root = node_hash(sibling, old), node_hash(sibling, root)
    return old, root


def _left_size(size: int) -> int:
    """Return the largest power of two below `size`, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _next(leaves: Iterable[bytes], number: int) -> bytes:
    for leaf in leaves:
        return leaf
    raise ValueError(f"expected leaf {number}, found the end of {number} leaves")


def _check_hashes(hashes: Sequence[bytes]) -> None:
    """Refuse other lengths: bytes moved from one hash to its neighbour would give the same node."""
    for hash_ in hashes:
        _check(len(hash_) == ROOT_BYTES, f"hashes of {ROOT_BYTES} bytes", len(hash_))


def _check(condition: bool, expected: str, found: int) -> None:
    if not condition:
        raise ValueError(f"expected {expected}, found {found}")

"""The Merkle tree of RFC 6962 as its text defines it, and the checkers that RFC 9162 lists.

Recursive over lists of leaves and quadratic: it shares no code and no idea with the kernel's tree.
"""

from collections.abc import Sequence
from hashlib import sha256


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH of section 2.1."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    k = split(len(leaves))
    return sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), root(leaves[k:])]
    return [*path(m - k, leaves[k:]), root(leaves[:k])]


def proof(m: int, leaves: Sequence[bytes], is_whole: bool = True) -> list[bytes]:
    """PROOF and SUBPROOF of section 2.1.2."""
    if m == len(leaves):
        return [] if is_whole else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*proof(m, leaves[:k], is_whole), root(leaves[k:])]
    return [*proof(m - k, leaves[k:], False), root(leaves[:k])]


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def includes(leaf: bytes, index: int, size: int, hashes: Sequence[bytes], found: bytes) -> bool:
    """Section 2.1.3.2 of RFC 9162, step by step."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, sha256(b"\0" + leaf).digest()
    for p in hashes:
        if sn == 0:
            return False
        if fn % 2 or fn == sn:
            r = sha256(b"\1" + p + r).digest()
            while fn % 2 == 0 and fn:
                fn, sn = fn // 2, sn // 2
        else:
            r = sha256(b"\1" + r + p).digest()
        fn, sn = fn // 2, sn // 2
    return sn == 0 and r == found


def continues(
    old_size: int, size: int, hashes: Sequence[bytes], roots: tuple[bytes, bytes]
) -> bool:
    """Section 2.1.4.2 of RFC 9162, step by step, for 0 < old_size < size."""
    if not hashes:
        return False
    steps = list(hashes)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, roots[0])
    fn, sn = old_size - 1, size - 1
    while fn % 2:
        fn, sn = fn // 2, sn // 2
    fr = sr = steps[0]
    for c in steps[1:]:
        if sn == 0:
            return False
        if fn % 2 or fn == sn:
            fr, sr = sha256(b"\1" + c + fr).digest(), sha256(b"\1" + c + sr).digest()
            while fn % 2 == 0 and fn:
                fn, sn = fn // 2, sn // 2
        else:
            sr = sha256(b"\1" + sr + c).digest()
        fn, sn = fn // 2, sn // 2
    return sn == 0 and (fr, sr) == roots

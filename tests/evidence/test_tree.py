"""The Merkle tree gives what RFC 6962 and its reference vectors say, for every size and place.

The vectors are those of the reference implementation of certificate transparency: eight leaves,
their roots, audit paths and consistency proofs, and one path of a log of 3,630,887 entries.
"""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_kernel import (
    EMPTY_ROOT,
    Tree,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    range_roots,
    root_from_inclusion,
    roots_from_consistency,
)
from tests.evidence import naive

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAF_2 = "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7"
NODE_0 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
NODE_1 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
NODE_2 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
NODE_3 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
NODE_4 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
NODE_5 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
INCLUSIONS = [
    (1, 1, []),
    (1, 8, [NODE_0, NODE_1, NODE_2]),
    (6, 8, [NODE_5, NODE_3, ROOTS[4]]),
    (3, 3, [ROOTS[2]]),
    (2, 5, [ROOTS[1], NODE_1, NODE_5]),
]
CONSISTENCIES = [
    (1, 1, []),
    (1, 8, [NODE_0, NODE_1, NODE_2]),
    (6, 8, [NODE_4, NODE_3, ROOTS[4]]),
    (2, 5, [NODE_1, NODE_5]),
]
LARGE_INDEX, LARGE_SIZE = 848_049, 3_630_887
LARGE_LEAF_HASH = "7a395c866d5ecdb0cccb623e011dbc392cd348d1d1d72776174e127a24b09c78"
LARGE_ROOT = "78316a05c9bcf14a3a4548f5b854a9adfcd46a4c034401b3ce7eb7ac2f1d0ecb"
LARGE_PATH = [
    "1a208aeebcd1b39fe2de247ee8db9454e1e93a312d206b87f6ca9cc6ec6f1ddd",
    "0a1b78b383f580856f433c01a5741e160d451c185910027f6cc9f828687a40c4",
    "3d1745789bc63f2da15850de1c12a5bf46ed81e1cc90f086148b1662e79aab3d",
    "9095b61e14d8990acf390905621e62b1714fb8e399fbb71de5510e0aef45affe",
    "0a332b91b8fab564e6afd1dd452449e04619b18accc0ff9aa8393cd4928451f2",
    "2336f0181d264aed6d8f3a6507ca14a8d3b3c3a23791ac263e845d208c1ee330",
    "b4ce56e300590500360c146c6452edbede25d4ed83919278749ee5dbe178e048",
    "933f6ddc848ea562e4f9c5cfb5f176941301dad0c6fdb9d1fbbe34fac1be6966",
    "b95a6222958a86f74c030be27c44f57dbe313e5e7c7f4ffb98bcbd3a03bb52f2",
    "daeeb3ce5923defd0faeb8e0c210b753b85b809445d7d3d3cd537a9aabaa9c45",
    "7fadd0a13e9138a2aa6c3fdec4e2275af233b94812784f66bcca9aa8e989f2bc",
    "1864e6ba3e32878610546539734fb5eeae2529991f130c575c73a7e25a2a7c56",
    "12842d1202b1dc6828a17ab253c02e7ce9409b5192430feba44189f39cc02d66",
    "29af64b16fa3053c13d02ac63aa75b23aa468506e44c3a2315edc85d2dc22b11",
    "b527b99934a0bd9edd154e449b0502e2c499bba783f3bc3dfe23364b6b532009",
    "4584db8ae8e351ace08e01f306378a92bfd43611714814f3d834a2842d69faa8",
    "86a9a41573b0d6e4292f01e93243d6cc65b30f06606fc6fa57390e7e90ed580f",
    "a88b98fbe84d4c6aae8db9d1605dfac059d9f03fe0fcb0d5dff1295dacba09e6",
    "06326dc617a6d1f7021dc536026dbfd5fffc6f7c5531d48ef6ccd1ed1569f2a1",
    "f41fe8fdc3a2e4e8345e30216e7ebecffee26ff266eeced208a6c2a3cf08f960",
    "40cf5bde8abb76983f3e98ba97aa36240402975674e120f234b3448911090f8d",
    "b3222dc8658538079883d980d7fdc2bef9285344ea34338968f736b04aeb387a",
]
SIZES = range(1, 34)
NAMED = [bytes([size]) * (size % 5) for size in range(70)]


def tree_of(leaves: list[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def unhex(hashes: list[str]) -> list[bytes]:
    return [bytes.fromhex(hash_) for hash_ in hashes]


def test_the_hashes_of_a_leaf_a_node_and_nothing_are_those_of_the_reference() -> None:
    assert ROOTS[0] == EMPTY_ROOT.hex()
    assert ROOTS[1] == leaf_hash(b"").hex()
    assert (
        "3bfb960453ebaebf33727da7a1f4db38acc051d381b6da20d6d4e88f0eabfd7a"
        == leaf_hash(bytes(range(0x10, 0x20))).hex()
    )
    assert (
        "1a378704c17da31e2d05b6d121c2bb2c7d76f6ee6fa8f983e596c2d034963c57"
        == node_hash(bytes(range(32)), bytes(range(32, 64))).hex()
    )


def test_the_tree_grows_through_the_roots_of_the_reference() -> None:
    tree = Tree()
    found = [tree.root().hex()]
    for leaf in LEAVES:
        tree.append(leaf)
        found.append(tree.root().hex())
    assert ROOTS == found


@pytest.mark.parametrize(("leaf", "size", "expected"), INCLUSIONS)
def test_an_inclusion_path_is_that_of_the_reference(
    leaf: int, size: int, expected: list[str]
) -> None:
    path = range_roots(inclusion_ranges(leaf - 1, size), LEAVES[:size])
    assert expected == [hash_.hex() for hash_ in path]
    assert ROOTS[size] == root_from_inclusion(LEAVES[leaf - 1], leaf - 1, size, path).hex()


@pytest.mark.parametrize(("old_size", "size", "expected"), CONSISTENCIES)
def test_a_consistency_path_is_that_of_the_reference(
    old_size: int, size: int, expected: list[str]
) -> None:
    path = range_roots(consistency_ranges(old_size, size), LEAVES[:size])
    assert expected == [hash_.hex() for hash_ in path]
    old_root = bytes.fromhex(ROOTS[old_size])
    found = roots_from_consistency(old_size, size, old_root, path)
    assert (ROOTS[old_size], ROOTS[size]) == tuple(root.hex() for root in found)


def test_a_path_of_a_log_of_millions_leads_to_its_root() -> None:
    ranges = inclusion_ranges(LARGE_INDEX, LARGE_SIZE)
    root = bytes.fromhex(LARGE_LEAF_HASH)
    for (first, _last), sibling in zip(ranges, unhex(LARGE_PATH), strict=True):
        pair = (sibling, root) if first <= LARGE_INDEX else (root, sibling)
        root = node_hash(*pair)
    assert LARGE_ROOT == root.hex()


@pytest.mark.parametrize("size", SIZES)
def test_root_and_paths_are_those_of_the_definition_for_every_place(size: int) -> None:
    leaves = NAMED[:size]
    root = naive.root(leaves)
    assert root == tree_of(leaves).root()
    for index in range(size):
        path = range_roots(inclusion_ranges(index, size), leaves)
        assert naive.path(index, leaves) == path
        assert root == root_from_inclusion(leaves[index], index, size, path)
        assert naive.includes(leaves[index], index, size, path, root)


@pytest.mark.parametrize("size", SIZES)
def test_consistency_is_that_of_the_definition_for_every_pair_of_sizes(size: int) -> None:
    leaves = NAMED[:size]
    root = naive.root(leaves)
    for old_size in range(1, size + 1):
        old_root = naive.root(leaves[:old_size])
        path = range_roots(consistency_ranges(old_size, size), leaves)
        assert naive.proof(old_size, leaves) == path
        assert (old_root, root) == roots_from_consistency(old_size, size, old_root, path)
        if old_size < size:
            assert naive.continues(old_size, size, path, (old_root, root))


@given(leaves=st.lists(st.binary(max_size=3), min_size=1, max_size=70), data=st.data())
def test_a_wrong_leaf_place_size_or_hash_leads_elsewhere(
    leaves: list[bytes], data: st.DataObject
) -> None:
    size = len(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = range_roots(inclusion_ranges(index, size), leaves)
    root = naive.root(leaves)
    other = data.draw(st.integers(0, size + 2)), data.draw(st.integers(1, size + 2))
    try:
        found = root_from_inclusion(leaves[index], *other, path)
    except ValueError:
        found = b""
    # As RFC 9162 has it: a size is bound by the signed head, not by the path alone.
    assert naive.includes(leaves[index], *other, path, root) == (found == root)
    assert root != root_from_inclusion(leaves[index] + b"x", index, size, path)
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        forged = [*path[:at], sha256(path[at]).digest(), *path[at + 1 :]]
        assert root != root_from_inclusion(leaves[index], index, size, forged)


@given(size=st.integers(1, 70), data=st.data())
def test_a_forged_consistency_path_is_refused_as_the_listed_algorithm_does(
    size: int, data: st.DataObject
) -> None:
    leaves = NAMED[:size]
    old_size = data.draw(st.integers(1, size))
    path = range_roots(consistency_ranges(old_size, size), leaves)
    forged = data.draw(st.permutations(path)) if path else [EMPTY_ROOT]
    roots = naive.root(leaves[:old_size]), naive.root(leaves)
    try:
        is_good = roots == roots_from_consistency(old_size, size, roots[0], forged)
    except ValueError:
        is_good = False
    assert is_good == (old_size < size and naive.continues(old_size, size, forged, roots))


@given(count=st.integers(0, 70), cut=st.integers(0, 70))
def test_a_tree_goes_on_from_its_peaks(count: int, cut: int) -> None:
    cut = min(cut, count)
    kept = tree_of(NAMED[:cut])
    grown = Tree(kept.size, kept.peaks)
    for leaf in NAMED[cut:count]:
        grown.append(leaf)
    assert naive.root(NAMED[:count]) == grown.root()
    assert cut == kept.size


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tree(3, [EMPTY_ROOT]),
        lambda: Tree(-1),
        lambda: Tree(1, [b"short"]),
        lambda: inclusion_ranges(8, 8),
        lambda: inclusion_ranges(-1, 8),
        lambda: consistency_ranges(9, 8),
        lambda: root_from_inclusion(b"", 0, 8, [EMPTY_ROOT] * 2),
        lambda: root_from_inclusion(b"", 0, 8, [EMPTY_ROOT] * 4),
        lambda: root_from_inclusion(b"", 0, 2, [EMPTY_ROOT + b"x"]),
        lambda: roots_from_consistency(0, 8, EMPTY_ROOT, []),
        lambda: roots_from_consistency(3, 8, EMPTY_ROOT, [EMPTY_ROOT]),
        lambda: roots_from_consistency(4, 8, b"", [EMPTY_ROOT]),
        lambda: range_roots([(0, 9)], LEAVES),
    ],
)
def test_numbers_and_hashes_that_fit_no_tree_are_refused(make) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()

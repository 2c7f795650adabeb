"""Notes, keys and heads have one text; the vectors of the note format are read and made.

The key of PeterNeumann and the notes are those of the format's first implementation in Go.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockstep_journal.keys import SigningKey
from lockstep_kernel import (
    EMPTY_ROOT,
    DamagedError,
    NoteKey,
    NoteSignature,
    SignedNote,
    Tree,
    TreeHead,
    contradictions,
    dump,
    genesis_digest,
    pack_note,
    parse_head,
    parse_key,
    state_digest,
    unpack_note,
)
from lockstep_kernel.note import _SMALL_ORDER, base64_text, unbase64
from tests.machines.histories import GENESIS, applied, pack

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_LINE = (
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngot"
    "pRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "\u2014 EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTG"
    "wnWLox33WWd1RvMc+QQ=\n"
)
CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
    "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
HEAD = TreeHead("exchange.example/main", 7, b"r" * 32, b"g" * 32, 1, b"s" * 32)
BARE = TreeHead("exchange.example/main", 7, b"r" * 32, b"g" * 32, 1)
P = 2**255 - 19


def test_the_published_note_is_read_and_made_again_byte_for_byte() -> None:
    seed = unbase64(PETER_SEED)[1:]
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = SigningKey("PeterNeumann", key).public
    assert PETER == public.as_text()
    signature = key.sign(TEXT.encode())
    note = SignedNote(TEXT, (NoteSignature("PeterNeumann", public.key_id, signature),))
    assert f"{TEXT}\n{PETER_LINE}".encode() == pack_note(note)
    assert note == unpack_note(pack_note(note))


@pytest.mark.parametrize("key", [PETER, ENOCH])
def test_a_published_key_has_one_text(key: str) -> None:
    assert key == parse_key(key).as_text()


def test_a_note_may_have_signatures_of_several_keys() -> None:
    note = unpack_note(f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}".encode())
    assert ["PeterNeumann", "EnochRoot"] == [one.name for one in note.signatures]
    assert note.signatures[1:] == note.by(parse_key(ENOCH))
    assert () == note.by(NoteKey("EnochRoot", parse_key(PETER).public))


def test_the_checkpoint_of_the_specification_is_a_note_and_no_head_of_ours() -> None:
    note = unpack_note(CHECKPOINT.encode())
    assert CHECKPOINT.encode() == pack_note(note)
    with pytest.raises(DamagedError, match="5 or 6 lines"):
        parse_head(note.text)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n{PETER_LINE[:-1]}",
        f"\x01{TEXT}\n{PETER_LINE}",
        f"{TEXT}\n\u2014 Bad Name {PETER_LINE.split()[2]}\n",
        f"{TEXT}\n{PETER_LINE}Unexpected line.\n",
        f"{TEXT}\n{PETER_LINE.replace('=', '')}",
        f"{TEXT}\n{PETER_LINE.replace('nAM=', 'nAN=')}",
        f"{TEXT}\n{PETER_LINE.replace('x08g', 'x0 8g')}",
        f"{TEXT}\n{PETER_LINE * 17}",
        f"{TEXT}\n\u2014 PeterNeumann x08gow==\n",
        "x" * (1 << 16) + f"\n\n{PETER_LINE}",
    ],
)
def test_any_other_text_is_no_note(text: str) -> None:
    with pytest.raises(DamagedError, match="note: expected"):
        unpack_note(text.encode())


def test_bytes_that_are_no_text_are_no_note() -> None:
    with pytest.raises(DamagedError, match="UTF-8"):
        unpack_note(b"\xff" + f"{TEXT}\n{PETER_LINE}".encode())


def test_no_part_of_a_key_and_no_changed_key_is_a_key() -> None:
    for first in range(len(PETER)):
        for last in range(first + 1, len(PETER) + 1):
            if last - first < len(PETER):
                with pytest.raises(DamagedError):
                    parse_key(PETER[first:last])
    for at in range(len(PETER)):
        with pytest.raises(DamagedError):
            parse_key(f"{PETER[:at]}{chr(ord(PETER[at]) + 1)}{PETER[at + 1 :]}")


def test_keys_of_another_length_or_kind_are_refused() -> None:
    for data in (unbase64(PETER.split("+", 2)[2]) + b"x", b"\2" + parse_key(PETER).public):
        with pytest.raises(DamagedError, match="an Ed25519 key"):
            parse_key(f"PeterNeumann+00000000+{base64_text(data)}")


def eight_times(x: int, y: int, d: int) -> tuple[int, int]:
    """Add a point of the curve to itself, three times over."""
    for _ in range(3):
        product = d * x * x * y * y
        x, y = (
            2 * x * y * pow(1 + product, -1, P) % P,
            (y * y + x * x) * pow(1 - product, -1, P) % P,
        )
    return x, y


def x_of(y: int, d: int) -> int:
    """Return an x of the curve's point with this y."""
    square = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    if root * root % P != square:
        root = root * pow(2, (P - 1) // 4, P) % P
    assert square == root * root % P
    return root


def test_the_weak_points_are_those_whose_order_divides_eight() -> None:
    d = -121665 * pow(121666, -1, P) % P
    points = [(x_of(y, d), y) for y in _SMALL_ORDER]
    for x, y in points:
        assert (0, 1) == eight_times(x, y, d)
    # The group of such points has eight: x and -x are two unless x is 0.
    assert 8 == sum(1 if x == 0 else 2 for x, _y in points)


@pytest.mark.parametrize("y", [*_SMALL_ORDER, P, P + 1])
@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_a_weak_key_is_refused(y: int, sign: int) -> None:
    key = NoteKey("weak.example", (y | sign).to_bytes(32, "little"))
    with pytest.raises(DamagedError, match="proves nothing"):
        parse_key(key.as_text())


@pytest.mark.parametrize("head", [HEAD, BARE])
def test_a_head_has_one_text(head: TreeHead) -> None:
    text = head.as_text()
    assert head == parse_head(text)
    for at in range(len(text)):
        for other in (text[:at] + text[at + 1 :], text[:at] + "\n" + text[at:]):
            try:
                found = parse_head(other)
            except DamagedError:
                continue
            assert (head.origin != found.origin, other) == (True, found.as_text())


def test_a_head_reads_as_documented() -> None:
    assert (
        "exchange.example/main\n7\n" + "cnJy" * 10 + "cnI=\n"
        "lockstep-genesis " + "Z2dn" * 10 + "Z2c=\n"
        "lockstep-rules 1\n"
        "lockstep-state " + "c3Nz" * 10 + "c3M=\n"
    ) == HEAD.as_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n-7\n"),
        ("\n7\n", "\n\u0667\n"),
        ("\n7\n", f"\n{2**62}\n"),
        ("rules 1", "rules 01"),
        ("rules 1", "rule 1"),
        ("exchange.example/main", "exchange example"),
        ("exchange.example/main", "exchange+example"),
        ("cnI=", "cnJ="),
        ("cnJycnI=", "cnI="),
        ("lockstep-genesis", "lockstep-Genesis"),
    ],
)
def test_another_text_is_no_head(old: str, new: str) -> None:
    with pytest.raises(DamagedError, match="expected"):
        parse_head(HEAD.as_text().replace(old, new, 1))


def test_a_head_of_no_records_is_read_with_any_root_so_that_a_false_one_can_be_shown() -> None:
    for root in (EMPTY_ROOT, b"r" * 32):
        empty = TreeHead("exchange.example/main", 0, root, b"g" * 32, 1)
        assert empty == parse_head(empty.as_text())


Change = Callable[[TreeHead], TreeHead]


def changed(**fields: object) -> TreeHead:
    names = ("origin", "size", "root", "genesis", "rules_version", "state")
    values = {name: getattr(HEAD, name) for name in names}
    return TreeHead(**{**values, **fields})


@pytest.mark.parametrize(
    ("expected", "other"),
    [
        ([], HEAD),
        ([], BARE),
        ([], changed(size=8, root=b"R" * 32, rules_version=2, state=b"S" * 32)),
        (["genesis"], changed(size=8, genesis=b"G" * 32)),
        (["records"], changed(root=b"R" * 32)),
        (["rules"], changed(rules_version=2)),
        (["state"], changed(state=b"S" * 32)),
        (["records", "state"], changed(root=b"R" * 32, state=b"S" * 32)),
    ],
)
def test_heads_contradict_each_other_only_where_both_speak_of_one_thing(
    expected: list[str], other: TreeHead
) -> None:
    assert expected == contradictions(HEAD, other)
    assert expected == contradictions(other, HEAD)


def test_the_example_of_the_page_is_the_head_of_its_record() -> None:
    state, done = applied(1)
    tree = Tree()
    tree.append(pack(done[0]))
    genesis, snapshot = genesis_digest(GENESIS), state_digest(dump(state))
    head = TreeHead("exchange.example/main", 1, tree.root(), genesis, 1, snapshot)
    page = (Path(__file__).parents[2] / "docs" / "format.md").read_text("utf-8")
    block = page.partition("<!-- example: head of 1 -->\n\n")[2].partition("\n\n")[0]
    shown = [line.strip().partition("  ")[0] for line in block.splitlines()]
    assert head.as_text().splitlines() == shown

"""Which signatures a note must have, may have and may not have, in every order of its lines."""

from itertools import permutations

import pytest

from lockstep_kernel import NoteSignature, SignedNote, pack_note
from lockstep_validator import Keys, NotProved
from tests.evidence.world import HONEST, KEY, KEYS, key_of, sign

HEAD = HONEST.head(3)
TEXT = HEAD.as_text()
ROTATED = key_of(2)
WITNESS = key_of(3, "witness.example/w")


def line(seed: int, origin: str, signature: bytes = b"") -> NoteSignature:
    """Return the line of a key, with its good signature if no other is given."""
    public = key_of(seed, origin).public
    return NoteSignature(public.name, public.key_id, signature or sign(seed, TEXT))


GOOD = line(1, KEY.public.name)
BAD = line(1, KEY.public.name, sign(1, f"{TEXT}x"))
ROTATED_GOOD = line(2, ROTATED.public.name)
ROTATED_BAD = line(2, ROTATED.public.name, b"\0" * 64)
WITNESS_GOOD = line(3, WITNESS.public.name)
WITNESS_BAD = line(3, WITNESS.public.name, b"\0" * 64)
SHORT = line(1, KEY.public.name, b"\0" * 63)
SAME_ID = NoteSignature("other.example", GOOD.key_id, b"\0" * 64)
SAME_NAME = NoteSignature(GOOD.name, b"\0\1\2\3", b"\0" * 64)

BOTH = Keys([KEY.public, ROTATED.public])
ALL = Keys([WITNESS.public, ROTATED.public, KEY.public])


def note(*lines: NoteSignature) -> bytes:
    return pack_note(SignedNote(TEXT, lines))


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (KEYS, (GOOD, BAD)),
        (KEYS, (GOOD, GOOD, BAD)),
        (KEYS, (GOOD, SHORT)),
        (BOTH, (GOOD, ROTATED_BAD)),
        (BOTH, (GOOD, BAD, ROTATED_GOOD)),
        (ALL, (GOOD, WITNESS_BAD)),
    ],
)
def test_one_bad_signature_of_a_known_key_spoils_a_note_wherever_it_stands(
    keys: Keys, lines: tuple[NoteSignature, ...]
) -> None:
    for order in permutations(lines):
        for given in permutations(keys.keys):
            with pytest.raises(NotProved, match="is not good"):
                Keys(given).opened(note(*order))


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (KEYS, (GOOD, GOOD)),
        (KEYS, (GOOD, ROTATED_BAD, WITNESS_BAD)),
        (KEYS, (GOOD, SAME_ID, SAME_NAME)),
        (ALL, (GOOD, WITNESS_GOOD, SAME_ID)),
    ],
)
def test_signatures_of_unknown_keys_and_good_ones_twice_change_nothing(
    keys: Keys, lines: tuple[NoteSignature, ...]
) -> None:
    for order in permutations(lines):
        assert note(GOOD) == keys.opened(note(*order)).note


def test_of_good_signatures_of_the_origin_the_first_line_is_kept_in_any_order_of_keys() -> None:
    for keys in (BOTH, Keys(BOTH.keys[::-1])):
        assert note(GOOD) == keys.opened(note(GOOD, ROTATED_GOOD)).note
        assert note(ROTATED_GOOD) == keys.opened(note(ROTATED_GOOD, GOOD)).note


def test_a_publisher_takes_no_note_for_its_own_that_a_customer_would_refuse() -> None:
    assert KEY.has_signed(note(ROTATED_BAD, GOOD))
    assert KEY.has_signed(note(GOOD, GOOD))
    for lines in ((GOOD, BAD), (BAD, GOOD), (BAD,), (ROTATED_GOOD,)):
        assert not KEY.has_signed(note(*lines))

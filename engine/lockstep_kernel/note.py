"""Signed notes and their keys, as C2SP signed-note writes them: text, a blank line, signatures.

The module owns the bytes and knows no cryptography but SHA-256: whether a signature is good is for
whoever has Ed25519. It reads only what it would have written: one note has one encoding.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec

from lockstep_kernel.errors import DamagedError

ED25519: Final = 1
PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
KEY_ID_BYTES: Final = 4
NOTE_BYTES_MAX: Final = 1 << 16
SIGNATURES_MAX: Final = 16
PRIVATE_MARK: Final = "PRIVATE+KEY+"
_MARK: Final = "\u2014 "
_SPLIT: Final = "\n\n"
_PRIVATE: Final = re.compile(r"PRIVATE\+KEY\S*", re.IGNORECASE)
_KEY_LIKE: Final = re.compile(r"[A-Za-z0-9+/=]{40,}")
"""A seed with its type byte has 44 characters in base64, a bare one 64 in hex."""


class NoteKey(msgspec.Struct, frozen=True):
    """A public Ed25519 key with its name. `key_id` is a hash of both and tells keys apart."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before the key's signatures."""
        data = self.name.encode() + b"\n" + bytes([ED25519]) + self.public
        return sha256(data).digest()[:KEY_ID_BYTES]

    def as_text(self) -> str:
        """Return the key in one line: name, id and base64 of type and key, with + between them."""
        return f"{self.name}+{self.key_id.hex()}+{base64_text(bytes([ED25519]) + self.public)}"


class NoteSignature(msgspec.Struct, frozen=True):
    """One line of a note: who signed, with which key, and the signature."""

    name: str
    key_id: bytes
    signature: bytes


class SignedNote(msgspec.Struct, frozen=True):
    """A text, which ends in a newline, and its signatures."""

    text: str
    signatures: Sequence[NoteSignature]

    def by(self, key: NoteKey) -> Sequence[NoteSignature]:
        """Return the signatures that say to be of a key, unchecked."""
        of_key = key.name, key.key_id
        return tuple(one for one in self.signatures if (one.name, one.key_id) == of_key)


def pack_note(note: SignedNote) -> bytes:
    """Return the bytes of a note."""
    lines = [
        f"{_MARK}{one.name} {base64_text(one.key_id + one.signature)}\n" for one in note.signatures
    ]
    return f"{note.text}\n{''.join(lines)}".encode()


def unpack_note(data: bytes) -> SignedNote:
    """Return the note in `data`; raise `DamagedError` for any other bytes."""
    _expect(len(data) <= NOTE_BYTES_MAX, f"at most {NOTE_BYTES_MAX} bytes of note", len(data))
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise DamagedError(f"note: expected UTF-8, found {error.reason}", None) from None
    for number, character in enumerate(whole):
        is_control = character < " " and character != "\n"
        _expect(not is_control, "no control character", f"one at {number}")
    text, split, lines = whole.rpartition(_SPLIT)
    _expect(split == _SPLIT, "a blank line before the signatures", "none")
    _expect(lines.endswith("\n"), "a newline at the end", "none")
    signatures = [_signature(line) for line in lines[:-1].split("\n")]
    _expect(
        len(signatures) <= SIGNATURES_MAX, f"at most {SIGNATURES_MAX} signatures", len(signatures)
    )
    return SignedNote(f"{text}\n", tuple(signatures))


def parse_key(text: str) -> NoteKey:
    """Return the key that `NoteKey.as_text` wrote; raise `DamagedError` for anything else.

    A key of small order is refused too: it has signatures that fit every text.
    """
    name, key_id, data = _split_key(text)
    _expect(len(data) == 1 + PUBLIC_BYTES and data[0] == ED25519, "an Ed25519 key", "another")
    key = NoteKey(name, data[1:])
    _expect(key.as_text() == text, f"key id {key.key_id.hex()}", f"{key_id:.8}")
    _expect(not _is_weak(key.public), "a key of full order", "a weak one, which proves nothing")
    return key


def is_key_name(name: str) -> bool:
    """Say whether a key can have this name: visible characters and no +."""
    return bool(name) and name.isprintable() and "+" not in name and name.split() == [name]


def is_private(text: str) -> bool:
    """Say whether a private key, or the start of one, stands in a text; letters may be small."""
    return PRIVATE_MARK[:-1] in text.upper()


def may_be_key(text: str) -> bool:
    """Say whether so much base64 or hex stands in a text that it may be a key without its mark."""
    return is_private(text) or _KEY_LIKE.search(text) is not None


def without_private_keys(text: str) -> str:
    """Return a text for people, with every private key in it cut down to its mark."""
    return _PRIVATE.sub("PRIVATE+KEY...", text)


def without_keys(text: str) -> str:
    """Return a text for people, without anything for which `may_be_key`."""
    return _KEY_LIKE.sub("...", without_private_keys(text))


def base64_text(data: bytes) -> str:
    """Return standard base64 in one line."""
    return b2a_base64(data, newline=False).decode("ascii")


def unbase64(text: str) -> bytes:
    """Return what `base64_text` wrote; raise `DamagedError` for any other text."""
    try:
        data = a2b_base64(text.encode("ascii"), strict_mode=True)
    except (Base64Error, UnicodeEncodeError):
        data = b""
    _expect(base64_text(data) == text and data != b"", "base64", "something else")
    return data


_FIELD_PRIME: Final = 2**255 - 19
_SIGN_BIT: Final = 2**255
_SMALL_ORDER: Final = (
    0,
    1,
    _FIELD_PRIME - 1,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
)
"""The y of every point whose order divides 8."""


def _is_weak(public: bytes) -> bool:
    y = int.from_bytes(public, "little") % _SIGN_BIT
    return y >= _FIELD_PRIME or y in _SMALL_ORDER


def _split_key(text: str) -> tuple[str, str, bytes]:
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    _expect(is_key_name(name), "a key as NAME+ID+BASE64", "something else")
    return name, key_id, unbase64(encoded)


def _signature(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(_MARK).partition(" ")
    _expect(line.startswith(_MARK) and is_key_name(name), "a line of a signature", "something else")
    data = unbase64(encoded)
    _expect(len(data) > KEY_ID_BYTES, "a signature after the key id", "none")
    return NoteSignature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def _expect(condition: bool, expected: str, found: object) -> None:
    if not condition:
        raise DamagedError(f"note: expected {expected}, found {found}", None)

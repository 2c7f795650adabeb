"""The keys that whoever checks believes in, and the heads that they sign.

A key is given by the caller, never found in a proof. Checking a signature needs the library
cryptography (extra `evidence`), which is loaded when it is first used.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    NoteKey,
    NoteSignature,
    SignedNote,
    TreeHead,
    pack_note,
    parse_head,
    parse_key,
    unpack_note,
)
from lockstep_kernel.note import is_private, may_be_key
from lockstep_validator.evidence.proofs import NotProved

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_KEYS_BYTES_MAX = 1 << 16


class SignedHead(msgspec.Struct, frozen=True):
    """A head whose signature was checked. `note` is its one form: the text and that signature."""

    head: TreeHead
    note: bytes


class Keys:
    """Public keys of sequencers; more than one of an origin where it changed its key."""

    def __init__(self, keys: Sequence[NoteKey]) -> None:
        self.keys = tuple(keys)
        self._library = _library()

    def opened(self, data: bytes) -> SignedHead:
        """Return the head in a signed note, stripped of all but its origin's first signature.

        Raises `DamagedError` if it is no head, `NotProved` if no key of its origin signed it, or if
        one signature of a known key is bad. Those of unknown keys say nothing.
        """
        note = unpack_note(data)
        head = parse_head(note.text)
        good = [signature for key in self.keys for signature in self._checked(key, note)]
        for signature in note.signatures:
            if signature in good and signature.name == head.origin:
                return SignedHead(head, pack_note(SignedNote(note.text, (signature,))))
        raise self._unsigned(head, note)

    def opened_alone(self, data: bytes) -> SignedHead:
        """Like `opened`, of a note that has this one signature: it has one form."""
        signed = self.opened(data)
        if signed.note != data:
            raise DamagedError("head: expected one signature, found more", None)
        return signed

    def _unsigned(self, head: TreeHead, note: SignedNote) -> NotProved:
        signers = ", ".join(f"{one.name}+{one.key_id.hex()}" for one in note.signatures)
        known = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in self.keys)
        return NotProved(
            f"head of {head.size} of {head.origin}: expected a signature of {known}, "
            f"found {signers}"
        )

    def _checked(self, key: NoteKey, note: SignedNote) -> Sequence[NoteSignature]:
        """Return the signatures of a key, all of which are good; raise `NotProved` if one is bad.

        So asks the specification of signed notes; which line comes first must not matter.
        """
        from cryptography.exceptions import InvalidSignature

        found = note.by(key)
        public = self._library.from_public_bytes(key.public)
        try:
            for one in found:
                public.verify(one.signature, note.text.encode())
        except InvalidSignature:
            name = f"{key.name}+{key.key_id.hex()}"
            raise NotProved(f"head: a signature of {name} is not good") from None
        return found


def read_keys(texts: Sequence[str]) -> Keys:
    """Return the keys in texts: a key itself, or the path of a file with a key in each line.

    A text or file that looks like a private key is refused, and no part of it is told.
    """
    found: list[NoteKey] = []
    for text in texts:
        _check_not_private(text)
        if os.path.exists(text):
            found += [_key_in(text, number, line) for number, line in enumerate(_lines(text), 1)]
        else:
            found.append(_key(text))
    return Keys(found)


def _key(text: str) -> NoteKey:
    try:
        return parse_key(text)
    except DamagedError as error:
        found = f"there is no file '{text:.80}'"
        if "+" in text or may_be_key(text):
            # It may be a private key without its mark: only what is wrong with it is told.
            found = f"there is no such file, and as a key: {error}"
        raise CannotRunError(
            f"expected a public key or a file of them, found neither: {found}"
        ) from None


def _key_in(path: str, number: int, line: str) -> NoteKey:
    try:
        return parse_key(line)
    except DamagedError as error:
        raise CannotRunError(
            f"{path}: line {number}: expected a public key, found none: {error}"
        ) from None


def _lines(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            data = file.read(_KEYS_BYTES_MAX)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CannotRunError(f"{path}: the key cannot be read: {reason}") from None
    _check_not_private(text)
    return text.splitlines() or [""]


def _check_not_private(text: str) -> None:
    if is_private(text):
        raise CannotRunError("expected a public key, found a private one: keep it secret")


def _library() -> "type[Ed25519PublicKey]":
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise CannotRunError(
            "checking signatures needs the library cryptography, which is not installed: "
            "pip install 'lockstep-exchange[evidence]'"
        ) from None
    return Ed25519PublicKey

"""The key with which a sequencer signs its tree heads. Its file is read by its owner alone.

The secret leaves this module only into its file: no message, value or exception holds it. Signing
needs the library cryptography (extra `evidence`), which is loaded when it is first used.
"""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lockstep_journal.environment import sync_directory
from lockstep_journal.places import check_place
from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    NoteKey,
    NoteSignature,
    SignedNote,
    TreeHead,
    is_key_name,
    pack_note,
    parse_key,
    unpack_note,
)
from lockstep_kernel.note import ED25519, PRIVATE_MARK, base64_text, may_be_key, unbase64

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_ORIGIN_BYTES_MAX: Final = 1024
"""A key's file and a note, in which it stands twice and more, have room for it."""
_PUBLIC_SUFFIX: Final = ".pub"
_SEED_BYTES: Final = 32
_FILE_BYTES_MAX: Final = 4096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class SigningKey:
    """A private key with its name, which is the origin of the heads that it signs."""

    __slots__ = ("_private", "public")

    def __init__(self, name: str, private: "Ed25519PrivateKey") -> None:
        self._private = private
        self.public = NoteKey(name, private.public_key().public_bytes_raw())

    def sign(self, head: TreeHead) -> bytes:
        """Return the head as a signed note. The same head has the same bytes every time."""
        if head.origin != self.public.name:
            raise CannotRunError(f"expected a head of {self.public.name}, found {head.origin}")
        text = head.as_text()
        signature = self._private.sign(text.encode())
        signatures = (NoteSignature(self.public.name, self.public.key_id, signature),)
        return pack_note(SignedNote(text, signatures))

    def has_signed(self, data: bytes) -> bool:
        """Say whether a signed note has a good signature of this key and no bad one.

        There may be some of other keys.
        """
        note = unpack_note(data)
        good = self._private.sign(note.text.encode())
        found = [one.signature for one in note.by(self.public)]
        return bool(found) and all(signature == good for signature in found)

    def _as_text(self) -> str:
        data = bytes([ED25519]) + self._private.private_bytes_raw()
        return f"{PRIVATE_MARK}{self.public.name}+{self.public.key_id.hex()}+{base64_text(data)}"


def make_key(origin: str, path: Path) -> NoteKey:
    """Make a key, write it to the new file `path` and its public half beside it; return that.

    Raises `CannotRunError` for an origin that a note cannot name or hold, a place that is taken, in
    a directory that is missing, or in a journal.
    """
    if not is_key_name(origin):
        raise CannotRunError(f"expected an origin without spaces and +, found {origin!r}")
    if len(origin.encode()) > _ORIGIN_BYTES_MAX:
        raise CannotRunError(
            f"expected an origin of at most {_ORIGIN_BYTES_MAX} bytes, found {len(origin.encode())}"
        )
    if not path.name:
        raise CannotRunError(f"{path}: expected no file, found one")
    public = path.with_name(path.name + _PUBLIC_SUFFIX)
    for place in (path, public):
        if place.exists() or place.is_symlink():
            raise CannotRunError(f"{place}: expected no file, found one")
    check_place(path)
    key = SigningKey(origin, _library().generate())
    _write_new(path, key._as_text(), 0o600)
    try:
        _write_new(public, key.public.as_text(), 0o644)
    except BaseException:
        path.unlink()
        raise
    sync_directory(path.absolute().parent)
    return key.public


def load_key(path: Path) -> SigningKey:
    """Read a key; raise `CannotRunError` if others may read or replace it, or if it is no key."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _check_permissions(path, os.fstat(descriptor))
            text = os.read(descriptor, _FILE_BYTES_MAX).decode("utf-8", "replace")
        finally:
            os.close(descriptor)
    except OSError as error:
        name = (
            "a file whose name is not told, as it may be a key" if may_be_key(str(path)) else path
        )
        raise CannotRunError(f"{name}: the key cannot be read: {error.strerror}") from None
    try:
        return _parse(text)
    except (DamagedError, ValueError):
        # What is wrong with the text may be told by quoting it, and it is a secret.
        raise CannotRunError(f"{path}: expected a private key, found something else") from None


def _parse(text: str) -> SigningKey:
    name, key_id, encoded = text.removesuffix("\n").removeprefix(PRIVATE_MARK).split("+", 2)
    data = unbase64(encoded)
    if len(data) != 1 + _SEED_BYTES or data[0] != ED25519:
        raise ValueError("another kind of key")
    key = SigningKey(name, _library().from_private_bytes(data[1:]))
    parse_key(key.public.as_text())
    if f"{key._as_text()}\n" != text or key.public.key_id.hex() != key_id:
        raise ValueError("other text")
    return key


def _check_permissions(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise CannotRunError(f"{path}: expected a file with a private key, found something else")
    if found.st_mode & _OTHERS:
        raise CannotRunError(
            f"{path}: expected a key that its owner alone can read and write (mode 600), "
            f"found mode {stat.S_IMODE(found.st_mode):o}: make a new key if others may have read it"
        )
    if found.st_uid != os.geteuid():
        raise CannotRunError(f"{path}: expected a key of this user, found one of another")


def _write_new(path: Path, text: str, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(descriptor, mode)
                file.write(f"{text}\n")
                file.flush()
                os.fsync(descriptor)
        except BaseException:
            path.unlink()
            raise
    except OSError as error:
        raise CannotRunError(f"{path}: the key cannot be written: {error.strerror}") from None


def _library() -> "type[Ed25519PrivateKey]":
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError:
        raise CannotRunError(
            "keys and signatures need the library cryptography, which is not installed: "
            "pip install 'lockstep-exchange[evidence]'"
        ) from None
    return Ed25519PrivateKey

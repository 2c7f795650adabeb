"""What a validation is asked to do, and the check that it makes sense."""

from collections.abc import Callable

import msgspec

from lockstep_kernel import CannotRunError, Machine
from lockstep_validator.evidence.keys import Keys

HASH_BYTES = 16


class Mark(msgspec.Struct, frozen=True):
    """A sequence number and the hash that the history must have there."""

    seq: int
    hash: bytes


class Options(msgspec.Struct, frozen=True):
    """How to validate.

    `machine` is an installed machine's name or a machine; None takes the name in the genesis.
    `keys` have the signed heads in a stream compared; they need the stream from its first record.
    `has_events` has a journal's kept events compared too; a stream's events always are.
    `on_progress(seq)` is called before each read, with the last validated sequence number.
    `should_stop()` is asked while a followed stream is waited for.
    """

    machine: Machine | str | None = None
    trust: Mark | None = None
    expect: tuple[Mark, ...] = ()
    until: int | None = None
    keys: Keys | None = None
    is_following: bool = False
    has_events: bool = False
    on_progress: Callable[[int], object] | None = None
    should_stop: Callable[[], bool] | None = None


def parse_mark(text: str) -> Mark:
    """Read `SEQ:HASH`; raise `CannotRunError` for anything else.

    >>> parse_mark("7:000102030405060708090a0b0c0d0e0f").seq
    7
    """
    seq, _, digits = text.partition(":")
    try:
        hash_ = bytes.fromhex(digits)
    except ValueError:
        hash_ = b""
    if not (seq.isascii() and seq.isdigit()) or len(seq) > 20 or len(hash_) != HASH_BYTES:
        raise CannotRunError(f"expected SEQ:HASH with a hash of 32 hex digits, found '{text}'")
    return Mark(int(seq), hash_)


def check_options(options: Options) -> None:
    """Raise `CannotRunError` for options that contradict each other."""
    start = options.trust.seq if options.trust else 0
    if options.keys is not None and start:
        raise CannotRunError(
            "heads are compared with every record from the first on: take --key or --trust"
        )
    if options.until is not None and options.until < start:
        raise CannotRunError(f"expected to stop at {start} or later, found until {options.until}")
    for mark in options.expect:
        if mark.seq < start:
            raise CannotRunError(f"expected hash {mark.seq} lies before the trusted {start}")
        if options.until is not None and mark.seq > options.until:
            raise CannotRunError(f"expected hash {mark.seq} lies behind until {options.until}")

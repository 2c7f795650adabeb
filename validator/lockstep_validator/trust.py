"""The start from a trusted snapshot: everything before it is checked, but not re-executed."""

from collections.abc import Iterator

import msgspec

from lockstep_kernel import CannotRunError, Chain, Frame, FrameType, unpack_record
from lockstep_validator.links import Links, checked_head, loaded
from lockstep_validator.options import Mark
from lockstep_validator.verdict import Diverged, Divergence


class Start(msgspec.Struct, frozen=True):
    """The chain to go on from, and the epoch of the record before it."""

    chain: Chain
    epoch: int


def trusted_start(first: Chain, frames: Iterator[Frame], trust: Mark) -> Start:
    """Go to the snapshot at the trusted sequence number and load it.

    Raises `CannotRunError` if it is not there, `Diverged` if it has another hash, and
    `DamagedError` for damage before or in it. Sequence 0 is the genesis itself.
    """
    if trust.seq == 0:
        check_hash("trusted", trust, first.hash)
        return Start(first, 0)
    links = Links(first.hash)
    others: list[int] = []
    for frame_type, seq, payload in frames:
        if seq > trust.seq or frame_type == FrameType.END:
            break
        if frame_type == FrameType.RECORD:
            links.follow(unpack_record(payload, seq))
        elif frame_type == FrameType.SNAPSHOT:
            head = checked_head(payload, seq, first.genesis)
            if seq == trust.seq:
                check_hash("trusted", trust, head.hash)
            links.follow_snapshot(head)
            others.append(seq)
            if seq == trust.seq:
                state = loaded(first.machine, first.genesis, payload, seq)
                return Start(state.take(), links.epoch)
    found = ", ".join(map(str, others)) or "none"
    raise CannotRunError(
        f"there is no snapshot at {trust.seq} to start from: up to there found {found}; "
        f"0 is the genesis"
    )


def check_hash(reason: str, mark: Mark, found: bytes) -> None:
    """Raise `Diverged` unless `found` is the hash that the user named."""
    if found == mark.hash:
        return
    raise Diverged(
        f"expected {'trusted ' if reason == 'trusted' else ''}hash {mark.hash.hex()} "
        f"at {mark.seq}, found {found.hex()}",
        Divergence(reason, mark.seq, expected_hash=mark.hash, computed_hash=found),
    )

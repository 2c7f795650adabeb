"""The exceptions of Lockstep, with what an operator does about each and the exit code it means.

    LockstepError
      Fault                       the outside world; every one has an exit code
        DivergedError         1   a recomputed hash differs from the published one
        DamagedError          2   corrupt, missing, reordered or foreign data
        CannotRunError        3   usage, missing, locked, read-only, full
          UnsupportedError    3   newer format, newer rules, another machine
          MalformedCommand    3   bytes that are not a canonical command
          StaleStateError     3   a consumed state was used again
        TornTailError         4   a stream or file that ends in the middle
      InvariantError          3   a bug: the process stops and never goes on

A business refusal is none of these: it is an event with a code.
"""

EXIT_OK = 0
EXIT_DIVERGED = 1
EXIT_DAMAGED = 2
EXIT_CANNOT_RUN = 3
EXIT_TORN = 4


class LockstepError(Exception):
    """Base of every exception that Lockstep raises on purpose."""

    exit_code = EXIT_CANNOT_RUN


class Fault(LockstepError):
    """The outside world is at fault: the message says what was expected, found, and where."""


class DivergedError(Fault):
    """A recomputed hash differs from the published one.

    The operator stops trusting the publisher from `seq` on, and keeps the stream as evidence.
    """

    exit_code = EXIT_DIVERGED

    def __init__(self, message: str, seq: int) -> None:
        super().__init__(message)
        self.seq = seq


class DamagedError(Fault):
    """Bytes are corrupt, missing, reordered or foreign, first at `seq` (None: in the header).

    The operator restores the file from a copy; nothing behind `seq` may be used.
    """

    exit_code = EXIT_DAMAGED

    def __init__(self, message: str, seq: int | None) -> None:
        super().__init__(message)
        self.seq = seq


class TornTailError(Fault):
    """The data ends in the middle, after the good record `seq` - 1 (None: inside the header).

    The operator fetches the rest; what stands before the tear is good.
    """

    exit_code = EXIT_TORN

    def __init__(self, message: str, seq: int | None) -> None:
        super().__init__(message)
        self.seq = seq


class CannotRunError(Fault):
    """The work cannot start or go on: wrong usage, a missing, locked, read-only or full place."""


class UnsupportedError(CannotRunError):
    """A newer format, newer rules or another machine: the operator runs the release that has it."""


class MalformedCommand(CannotRunError):
    """Bytes are not the canonical encoding of a known command: the sender corrects them."""


class StaleStateError(CannotRunError):
    """A consumed state was used: the caller keeps only the state that `apply` returned last."""


class InvariantError(LockstepError):
    """The core contradicts itself: a bug. The process stops; recover from the journal."""


def check_format(what: str, expected: int, found: int, seq: int | None = None) -> None:
    """Raise unless a format number is the expected one: the first format of everything is 1.

    `UnsupportedError` for one that another release has, `DamagedError` for one that none ever had.
    """
    if found == expected:
        return
    sentence = f"{what}: expected format {expected}, found {found}"
    if found < 1:
        raise DamagedError(f"{sentence}, which no release writes", seq)
    raise UnsupportedError(f"{sentence}: run the release that has it")


def check(condition: bool, sentence: str) -> None:
    """Raise `InvariantError(sentence)` unless `condition` holds; stays on under `python -O`."""
    if not condition:
        raise InvariantError(sentence)

"""The mutants that survive, each with the reason why no test can, or need, kill it."""

from typing import NamedTuple

from tests.mutation.verdicts import Change


class Explained(NamedTuple):
    """A survivor of a module, and the reason."""

    module: str
    change: Change
    reason: str


EXPLAINED: tuple[Explained, ...] = ()

"""What a fuzz target is: a module with four names, and where its corpus stands.

    seeds() -> dict[str, bytes]    real examples, by name; `make record` writes them to the corpus
    check(data)                    do everything with the bytes; raise for what no document names
    mutate(data, draw, blind)      change the bytes so that checks and lengths come right again
    DICTIONARY                     words that blind mutation would not find

`check` catches what the documents name and nothing else: any other exception is a finding. It
depends on the bytes alone, so that a file repeats what it found.
"""

import random
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import msgspec

CORPUS = Path(__file__).parent / "corpus"

Blind = Callable[[bytes], bytes]
"""Changes bytes without knowing what they mean."""


class Disagreement(AssertionError):
    """A property that must hold for all bytes does not."""


class Harness(Protocol):
    """The names of a target's module."""

    DICTIONARY: tuple[bytes, ...]

    def seeds(self) -> dict[str, bytes]:
        """Return real examples."""
        ...

    def check(self, data: bytes) -> None:
        """Hold all properties against the bytes."""
        ...

    def mutate(self, data: bytes, draw: random.Random, blind: Blind) -> bytes:
        """Return other bytes that get past the checks."""
        ...


class Target(msgspec.Struct, frozen=True):
    """One entry of the catalogue. The module is imported only when it is run."""

    name: str
    what: str
    bytes_max: int = 1 << 14

    @property
    def folder(self) -> Path:
        """Where its corpus stands."""
        return CORPUS / self.name

    def harness(self) -> Harness:
        """Import the module of the target."""
        return cast("Harness", import_module(f"tests.fuzz.{self.name.replace('-', '_')}"))

    def corpus(self) -> dict[str, bytes]:
        """Return the files of the corpus by name."""
        return {path.stem: path.read_bytes() for path in sorted(self.folder.glob("*.bin"))}


def agree(expected: object, found: object, what: str) -> None:
    """Raise `Disagreement` unless the two are equal."""
    if expected != found:
        raise Disagreement(f"{what}: expected {expected!r:.300}, found {found!r:.300}")

"""What a mistake is: a patch of one file of the desk, and the tests that must notice it."""

from typing import NamedTuple


class Mistake(NamedTuple):
    """In `file` (below desk/lockstep_desk) the text `old`, which stands there once, becomes `new`.

    `items` are the items that it breaks; `tests` is a path below tests/, with `::name` if need be.
    """

    name: str
    items: tuple[str, ...]
    file: str
    old: str
    new: str
    tests: str

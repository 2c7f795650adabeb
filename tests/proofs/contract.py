"""What a contract is: a function over integers, where each of them may lie, and bugs it must find.

A contract is a plain function. It builds small real objects around its arguments, calls the engine
and asserts what a rule promises. The annotation of each parameter is its domain, and the domains
are independent of each other, so no draw is ever thrown away:

- `Annotated[int, Between(low, high)]` stays symbolic: one path of the proof stands for the range;
- `Annotated[int, OneOf(values)]` is split into cases, one per value: for kinds and models, and
  where a product or quotient of two unknowns is more than Z3 decides (in general nobody can);
- `bool` is split into its two cases.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from tests.planted.bug import Bug

Arguments = Mapping[str, int]


class Between(NamedTuple):
    """All integers from `low` to `high`, or all but 0."""

    low: int
    high: int
    has_zero: bool = True


class OneOf(NamedTuple):
    """The integers listed, each a case of its own."""

    values: tuple[int, ...]


Domain = Between | OneOf
EITHER = OneOf((0, 1))


class Planted(NamedTuple):
    """A bug that the contract must find, and arguments that showed it, as CrossHair found them."""

    bug: Bug
    counterexample: Arguments


class Contract(NamedTuple):
    """A function, the rules that it holds, the bugs it must find, and seconds to explore each."""

    function: Callable[..., None]
    rules: tuple[str, ...]
    planted: tuple[Planted, ...]
    seconds: int = 120

    @property
    def name(self) -> str:
        """The subsystem and the sentence, as `--only` wants it."""
        return f"{self.function.__module__.rsplit('.', 1)[-1]}.{self.function.__name__}"

    @property
    def domains(self) -> dict[str, Domain]:
        """The domain of each parameter."""
        parameters = inspect.signature(self.function).parameters
        return {name: _domain(one.annotation) for name, one in parameters.items()}

    def bug(self, name: str) -> Planted:
        """Return one of the bugs by its name."""
        (found,) = [planted for planted in self.planted if planted.bug.name == name]
        return found


def failure_of(contract: Contract, arguments: Arguments) -> str:
    """Call the contract and return the name of the error that it raises, "" if it holds."""
    try:
        contract.function(**arguments)
    except Exception as error:  # noqa: BLE001  # a bug may raise anything
        return type(error).__name__
    return ""


def planted(file: str, name: str, patch: tuple[str, str], counterexample: Arguments) -> Planted:
    """Return a bug in a file of the engine: the first text of the patch becomes the second."""
    return Planted(Bug(name, file, *patch), counterexample)


def each(low: int, high: int) -> OneOf:
    """Return every integer from `low` to `high` as a case of its own."""
    return OneOf(tuple(range(low, high + 1)))


def _domain(annotation: Any) -> Domain:
    if annotation is bool:
        return EITHER
    if get_origin(annotation) is Annotated:
        domain = get_args(annotation)[1]
        if isinstance(domain, Between | OneOf):
            return domain
    raise TypeError(f"expected bool, or int with Between or OneOf, found {annotation}")

"""CrossHair at work: all paths of one contract, with integers that stand for whole ranges.

The only module that imports CrossHair. A path through the engine collects conditions on the
arguments; Z3 says which way each branch can go, and whether an assert can fail. A contract is
confirmed when no path is left and Z3 answered on each of them; it is refuted by arguments.

CrossHair's own contract kinds enforce the conditions of every function that is called on the way;
that costs most of the time and cannot construct msgspec structs, so paths are explored directly.
"""

from inspect import BoundArguments, Parameter, Signature
from time import process_time
from typing import Any, NamedTuple

from crosshair.core import LazyCreationRepr, explore_paths
from crosshair.core_and_libs import AnalysisKind
from crosshair.options import DEFAULT_OPTIONS, AnalysisOptions, AnalysisOptionSet
from crosshair.statespace import RootNode, StateSpace, VerificationStatus, context_statespace
from crosshair.tracers import NoTracing

from tests.proofs.contract import Arguments, Contract, Domain, OneOf

_OUTSIDE, _INSIDE = "outside", "inside"


class Exploration(NamedTuple):
    """What became of a contract; `counterexample` is None if no path failed.

    `paths` counts those inside the domains. `is_exhausted`: none is left, and none was given up.
    """

    counterexample: Arguments | None
    failure: str
    is_exhausted: bool
    paths: int
    seconds: float


class _Watch:
    """What is seen of the paths while they are explored."""

    def __init__(self) -> None:
        self.paths = 0
        self.given_up = 0
        self.counterexample: Arguments | None = None
        self.failure = ""

    def end(self, space: StateSpace, drawn: BoundArguments, said: object, error: Any) -> bool:
        """Note how a path ended and return whether to stop."""
        if error is not None:
            space.detach_path(error)
            with NoTracing():
                reprs = context_statespace().extra(LazyCreationRepr)  # noqa: S610  # no Django
                found = reprs.deep_realize(drawn)
                self.counterexample = {name: int(one) for name, one in found.arguments.items()}
                self.failure = type(error).__name__
            return True
        if said == _INSIDE:
            self.paths += 1
        elif said != _OUTSIDE:
            self.given_up += 1
        return False


def explore(contract: Contract) -> Exploration:
    """Explore until nothing is left, something fails, or the contract's seconds are over."""
    domains, root, watch = contract.domains, RootNode(), _Watch()

    def run(drawn: BoundArguments) -> str:
        inside = _inside(domains, drawn.arguments)
        if inside is None:
            return _OUTSIDE
        contract.function(**inside)
        return _INSIDE

    def end(
        space: StateSpace, drawn: BoundArguments, _after: object, said: object, *error: object
    ) -> bool:
        return watch.end(space, drawn, said, error[0])

    start = process_time()
    explore_paths(run, _signature(domains), _options(contract.seconds), root, end)
    status = root.child.get_result().verification_status
    return Exploration(
        watch.counterexample,
        watch.failure,
        status == VerificationStatus.CONFIRMED and watch.given_up == 0 and watch.paths > 0,
        watch.paths,
        process_time() - start,
    )


def _signature(domains: dict[str, Domain]) -> Signature:
    kind = Parameter.POSITIONAL_OR_KEYWORD
    return Signature([Parameter(name, kind, annotation=int) for name in domains])


def _options(seconds: int) -> AnalysisOptions:
    """One path may take a quarter of the time; the search never stops because it seems dull."""
    chosen = AnalysisOptionSet(
        analysis_kind=(AnalysisKind.asserts,),
        per_condition_timeout=seconds,
        per_path_timeout=seconds / 4,
        max_uninteresting_iterations=0,
    )
    return DEFAULT_OPTIONS.overlay(chosen)


def _inside(domains: dict[str, Domain], drawn: dict[str, Any]) -> dict[str, int] | None:
    """Return the arguments with cases made concrete, None if one lies outside its domain."""
    inside: dict[str, int] = {}
    for name, domain in domains.items():
        value = drawn[name]
        if isinstance(domain, OneOf):
            value = _case(domain.values, value)
            if value is None:
                return None
        elif not (domain.low <= value <= domain.high and (domain.has_zero or value != 0)):
            return None
        inside[name] = value
    return inside


def _case(values: tuple[int, ...], value: Any) -> int | None:
    for case in values:
        if value == case:
            return case
    return None

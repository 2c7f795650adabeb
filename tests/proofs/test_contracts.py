"""The contracts without CrossHair: drawn arguments, and the counterexamples that it found."""

import re
from collections.abc import Callable, Iterator
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.planted.bug import Bug
from tests.planted.hunt import ROOT
from tests.proofs.catalogue import CONTRACTS, find
from tests.proofs.contract import (
    EITHER,
    Between,
    Contract,
    Domain,
    OneOf,
    Planted,
    each,
    failure_of,
)
from tests.proofs.runs import planted_failures

EXAMPLES = 40
BREAKS = ("AssertionError", "ZeroDivisionError", "OverflowError")
PLANTED = [(contract, planted) for contract in CONTRACTS for planted in contract.planted]


@pytest.fixture(scope="module")
def failures() -> dict[str, str]:
    """How each contract fails with each of its bugs planted, all of them in one process.

    It runs on the sources of the engine, compiled or not what the tests around it run on.
    """
    return planted_failures()


def name_of(contract: Contract) -> str:
    return contract.name


def of_bug(value: Contract | Planted) -> str:
    return value.bug.name if isinstance(value, Planted) else value.name


def strategy(domain: Domain) -> st.SearchStrategy[int]:
    """Draw from a domain, its corners and what lies beside 0 as often as all the rest."""
    if isinstance(domain, OneOf):
        return st.sampled_from(domain.values)
    corners = [domain.low, domain.low + 1, -1, 0, 1, domain.high - 1, domain.high]
    inside = [corner for corner in corners if domain.low <= corner <= domain.high]
    drawn = st.sampled_from(inside) | st.integers(domain.low, domain.high)
    return drawn if domain.has_zero else drawn.filter(bool)


def is_inside(domain: Domain, value: int) -> bool:
    if isinstance(domain, OneOf):
        return value in domain.values
    return domain.low <= value <= domain.high and (domain.has_zero or value != 0)


@pytest.mark.parametrize("contract", CONTRACTS, ids=name_of)
def test_a_contract_holds_on_drawn_arguments(contract: Contract) -> None:
    drawn = {name: strategy(domain) for name, domain in contract.domains.items()}

    @settings(max_examples=EXAMPLES)
    @given(st.fixed_dictionaries(drawn))
    def hold(arguments: dict[str, int]) -> None:
        contract.function(**arguments)

    hold()


@pytest.mark.parametrize(("contract", "planted"), PLANTED, ids=of_bug)
def test_a_counterexample_lies_in_the_domains_and_holds_on_the_engine(
    contract: Contract, planted: Planted
) -> None:
    domains = contract.domains
    assert domains.keys() == planted.counterexample.keys()
    outside = [
        name
        for name, value in planted.counterexample.items()
        if not is_inside(domains[name], value)
    ]
    assert [] == outside
    assert "" == failure_of(contract, planted.counterexample)


@pytest.mark.parametrize(("contract", "planted"), PLANTED, ids=of_bug)
def test_a_planted_bug_breaks_its_contract(
    contract: Contract, planted: Planted, failures: dict[str, str]
) -> None:
    assert failures[f"{contract.name}: {planted.bug.name}"] in BREAKS


def test_contracts_and_their_bugs_have_names_of_their_own() -> None:
    assert len(CONTRACTS) == len({contract.name for contract in CONTRACTS})
    for contract in CONTRACTS:
        assert contract.planted, f"expected a planted bug for {contract.name}"
        assert len(contract.planted) == len({planted.bug.name for planted in contract.planted})
        assert contract == find(contract.name)


def test_contracts_name_rules_that_exist() -> None:
    defined = set(re.findall(r"\[([A-Z]+-\d+)\]\*\*", (ROOT / "docs/rules.md").read_text("utf-8")))
    named = {rule for contract in CONTRACTS for rule in contract.rules}
    assert set() == named - defined


def _typed(number: Annotated[int, Between(1, 3)], case: Annotated[int, each(4, 5)]) -> None:
    assert number < case


def _broken(number: Annotated[int, Between(1, 3)], is_it: bool) -> None:
    assert number < 3 or is_it


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (_typed, {"number": Between(1, 3), "case": OneOf((4, 5))}),
        (_broken, {"number": Between(1, 3), "is_it": EITHER}),
    ],
)
def test_domains_are_those_of_the_annotations(
    function: Callable[..., None], expected: dict[str, Domain]
) -> None:
    assert expected == Contract(function, (), ()).domains


def test_a_parameter_without_domain_is_refused() -> None:
    def untyped(number: int) -> None:
        assert number

    with pytest.raises(TypeError):
        _ = Contract(untyped, (), ()).domains


def test_a_failure_is_named() -> None:
    broken = Contract(_broken, (), ())
    assert "AssertionError" == failure_of(broken, {"number": 3, "is_it": 0})
    assert "" == failure_of(broken, {"number": 3, "is_it": 1})


def _patched_files() -> Iterator[str]:
    for _contract, planted in PLANTED:
        yield planted.bug.file


def test_bugs_are_planted_in_the_modules_that_contracts_are_about() -> None:
    arithmetic = {
        "lockstep_kernel/arith.py",
        *(
            f"lockstep_engine/{name}.py"
            for name in ("money/settle", "money/fees", "protection", "matching/protection")
        ),
        *(
            f"lockstep_engine/lifecycle/{name}.py"
            for name in ("entities", "funding", "settlement", "deleveraging", "liquidation")
        ),
        *(f"lockstep_engine/{name}.py" for name in ("money/bounds", "operations/funds")),
        "lockstep_engine/orders/block.py",
        *(f"lockstep_engine/{name}.py" for name in ("matching/sweep", "book/queue", "risk/margin")),
        *(f"lockstep_engine/risk/{name}.py" for name in ("standard", "spread", "portfolio")),
    }
    assert set() == arithmetic - set(_patched_files())
    assert all(isinstance(planted.bug, Bug) for _, planted in PLANTED)

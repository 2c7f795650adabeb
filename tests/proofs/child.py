"""Contracts on the engine that PYTHONPATH names, in a process of its own; prints JSON.

    python -m tests.proofs.child [NAME]

With a name CrossHair explores that contract, first on the engine as it is, then with each of its
bugs planted; what it finds is called without CrossHair, with the bug and after it. Without a name
every contract is called with what is kept beside its bugs, each of them planted, and CrossHair is
not needed. `engine` says where the engine was loaded from: it must be Python sources.
"""

import json
import sys
from typing import TYPE_CHECKING, Any

import lockstep_engine
from tests.planted.bug import CannotPlantError
from tests.proofs.catalogue import CONTRACTS, find
from tests.proofs.contract import Contract, Planted, failure_of
from tests.proofs.swap import planted_in_place

if TYPE_CHECKING:
    from tests.proofs.explore import Exploration


def failures() -> dict[str, str]:
    """Plant every bug and return how its contract fails then, by contract and bug."""
    found: dict[str, str] = {}
    for contract in CONTRACTS:
        for planted in contract.planted:
            with planted_in_place(planted.bug):
                failure = failure_of(contract, planted.counterexample)
            found[f"{contract.name}: {planted.bug.name}"] = failure
    return found


def explored(contract: Contract) -> list[dict[str, Any]]:
    """Explore a contract without a bug, then with each; return what became of it."""
    from tests.proofs.explore import explore

    runs = [_run(contract, "", explore(contract), "")]
    for planted in contract.planted:
        runs.append(_with_bug(contract, planted))
    return runs


def _with_bug(contract: Contract, planted: Planted) -> dict[str, Any]:
    from tests.proofs.explore import Exploration, explore

    replayed = ""
    try:
        with planted_in_place(planted.bug):
            found = explore(contract)
            if found.counterexample is not None:
                replayed = failure_of(contract, found.counterexample)
    except CannotPlantError as error:
        return _run(contract, str(error), Exploration(None, "", False, 0, 0.0), "")
    return _run(contract, planted.bug.name, found, replayed)


def _run(contract: Contract, bug: str, found: "Exploration", replayed: str) -> dict[str, Any]:
    """Return a run; it shows a bug if what was found fails with the bug and holds without it."""
    arguments = found.counterexample
    is_shown = arguments is not None and replayed != "" and failure_of(contract, arguments) == ""
    return {"bug": bug, "is_shown": is_shown, **found._asdict()}


def main(name: str | None = None) -> dict[str, Any]:
    """Return what is to be printed."""
    said: dict[str, Any] = {"engine": lockstep_engine.__file__}
    if name is None:
        return {**said, "failures": failures()}
    return {**said, "runs": explored(find(name))}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))

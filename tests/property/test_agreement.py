"""Engine and naive machine agree on events and records, whatever is asked of them.

`python -m tests.property` prints the counters; LOCKSTEP_HYPOTHESIS=explore looks further.
"""

import pytest

from tests.property.agreement import plan_of_environment, run_agreement, run_tour
from tests.property.reach import RARE, UNREACHABLE, expected, never_reached, table
from tests.property.recorded import items_of
from tests.property.twins import Twins


@pytest.mark.slow
@pytest.mark.rule("NUM-2")
def test_engine_and_naive_machine_agree_on_random_flows() -> None:
    outcome = run_agreement(plan_of_environment())
    if outcome.error is not None:
        raise outcome.error
    reached = {**outcome.reached, "tour": run_tour()}
    print(table(reached))
    assert [] == never_reached(list(reached.values()))
    # The tour is for what is rare: random flows must come to nearly everything by themselves.
    never = never_reached(list(outcome.reached.values()))
    assert 3 > len([name for name in never if name not in RARE])


@pytest.mark.rule("EVT-1", "EVT-2", "POS-3", "MRG-6")
def test_the_tour_reaches_everything_and_both_machines_agree_on_it() -> None:
    assert [] == never_reached([run_tour()])


@pytest.mark.slow
def test_both_machines_agree_on_a_simulated_market() -> None:
    genesis, items = items_of("market:5", 1_500)
    twins = Twins(genesis)
    for number, (ts_ns, command) in enumerate(items):
        twins.apply(ts_ns, command)
        if number % 50 == 0:
            twins.verify()
            twins.compare()
    twins.finish()


def test_what_is_excused_is_a_name_that_is_counted() -> None:
    assert [] == [name for name in (*UNREACHABLE, *RARE) if name not in expected()]

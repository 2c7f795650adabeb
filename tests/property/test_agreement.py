"""Engine and naive machine agree on events and records, whatever is asked of them.

`python -m tests.property` prints the counters; LOCKSTEP_HYPOTHESIS=explore looks further.
"""

import pytest

from tests.property.agreement import plan_of_environment, run_agreement, run_tour
from tests.property.reach import UNREACHABLE, expected


@pytest.mark.slow
@pytest.mark.rule("NUM-2")
def test_engine_and_naive_machine_agree_on_random_flows() -> None:
    run, error = run_agreement(plan_of_environment())
    if error is not None:
        raise error
    walked = run_tour()
    print(run.reach.table(walked.reach))
    assert [] == [name for name in run.reach.missing() if not walked.reach.counts[name]]
    # The tour is for what is rare: nearly everything must come up in random flows by itself.
    assert 3 > len(run.reach.missing()), run.reach.missing()


@pytest.mark.rule("EVT-1", "EVT-2", "POS-3", "MRG-6")
def test_the_tour_reaches_everything_and_both_machines_agree_on_it() -> None:
    assert [] == run_tour().reach.missing()


def test_what_is_excused_is_a_name_that_is_counted() -> None:
    assert [] == [name for name in UNREACHABLE if name not in expected()]

"""Settings shared by all tests.

Hypothesis runs the profile `ci`: derandomized, so that a run depends on the sources alone. To look
for new examples, set LOCKSTEP_HYPOTHESIS=explore; a failure then prints how to reproduce it.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore",
    parent=settings.get_profile("ci"),
    derandomize=False,
    max_examples=2000,
)
settings.load_profile(os.environ.get("LOCKSTEP_HYPOTHESIS", "ci"))


def pytest_report_header(config: pytest.Config) -> str:
    """Say which build the run expects; tests/unit/test_build.py asserts it."""
    return f"lockstep: {os.environ.get('LOCKSTEP_EXPECT', 'interpreted')} build expected"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is slow first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)

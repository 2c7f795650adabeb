"""`LOCKSTEP_RECORD=1` (`make record`) writes the golden files anew before they are tested."""

import os

import pytest

from tests.golden.formats import record_formats
from tests.golden.record import record_all


@pytest.fixture(scope="session", autouse=True)
def _record() -> None:
    if os.environ.get("LOCKSTEP_RECORD") == "1":
        record_formats()
        record_all()

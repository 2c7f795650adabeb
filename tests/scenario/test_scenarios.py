"""Every scenario comes out as stored, and both machines give the same hashes.

After a wanted change `LOCKSTEP_RECORD=1` writes the output anew; read the difference.
"""

import os
from pathlib import Path

import pytest

from lockstep_engine.exchange import MACHINE
from lockstep_naive.machine import MACHINE as NAIVE
from tests.scenario.runner import Scenario, read, write

FILES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_comes_out_as_stored(path: Path) -> None:
    stored = read(path)
    scenario = Scenario(MACHINE, NAIVE)
    found = []
    for comments, step, _output in stored:
        found.append((comments, step, scenario.run(step) if step else []))
        scenario.verify()
    if os.environ.get("LOCKSTEP_RECORD") == "1":
        write(path, found)
        stored = read(path)
    assert stored == found


def test_there_are_scenarios() -> None:
    assert len(FILES) >= 5

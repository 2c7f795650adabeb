"""Nothing acknowledged is lost when the writer is killed.

`python -m tests.faults.kills` does it 40 times and prints what happened.
"""

from pathlib import Path

import pytest

from tests.faults.kills import prove
from tests.faults.referee import Heard, listen


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    kills = list(prove(3, 7, tmp_path, 8_000))
    assert ["", "", ""] == [kill.fault for kill in kills]
    assert kills[-1].recovered_seq >= kills[-1].heard.acked_seq


def test_a_line_that_was_cut_off_was_not_said() -> None:
    said = "ready 5\nbegin 6 10\ncommit\ndurable\npublish\nack 15 ab\nbegin 16 3\ncommit\ndura"
    assert Heard("committing", 15, "ab", 3) == listen(said, 5)
    assert Heard("between batches", 5, "", 0) == listen("ready 5\nbegin 6 1", 5)
    assert Heard("starting", 5, "", 0) == listen("rea", 5)

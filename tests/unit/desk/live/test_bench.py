"""The measurement of the live desk: every way does all of the work."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from lockstep_desk.cli import desk
from lockstep_desk.live.bench import measure, on_cores, rows
from lockstep_kernel import CannotRunError


@pytest.mark.desk("PIPE-10")
def test_every_way_takes_all_events_and_asks_about_each(tmp_path: Path) -> None:
    plain, memory, synced, inline, processes = measure(400, tmp_path)
    assert [400, 400, 40, 400, 400] == [
        one.events for one in (plain, memory, synced, inline, processes)
    ]
    for one in (plain, memory, synced, inline, processes):
        assert one.events == one.asked
        assert one.orders > 0 or one is synced
        assert one.events_per_s > 0
    # An event is a command, and so is what an order leads to; a commit may hold many.
    for desk_ in (memory, synced):
        assert desk_.events <= desk_.commits == desk_.commands
    for desk_ in (inline, processes):
        assert desk_.commits < desk_.events <= desk_.commands
    shares = [row[2] for row in rows([plain, memory])]
    assert ["share", "100.00%"] == shares[:2]
    assert (0, 0) == (plain.commands, plain.commands_per_s)


def test_the_program_prints_one_document_or_a_table(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        arguments = ["bench", "--events", "100", "--directory", str(tmp_path)]
        found = CliRunner().invoke(desk, [*arguments, "--json"], catch_exceptions=False)
        report = json.loads(found.stdout)
        assert len(before & os.sched_getaffinity(0)) == report["cores"]
        assert 5 == len(report["ways"])
        assert [] == list(tmp_path.iterdir())
        with pytest.raises(CannotRunError, match="nowhere: expected a directory, found none"):
            CliRunner().invoke(desk, ["bench", "--directory", "nowhere"], catch_exceptions=False)
        assert 1 == on_cores(1)
    finally:
        os.sched_setaffinity(0, before)

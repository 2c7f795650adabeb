"""The scorecard has every check, and a check that proves nothing or lacks a tool does not pass."""

import json
from itertools import chain
from pathlib import Path

import pytest

from tests.faults.checks import CHECKS
from tests.faults.defects import DEFECTS, Defect
from tests.faults.planting import copy_sources, found_by_check, with_defect
from tests.faults.power import Said, Size, Sync, Write, images_of, steps_of
from tests.faults.programs import ROOT, python
from tests.faults.registry import Bench, Check, Outcome
from tests.faults.report import document
from tests.faults.scorecard import Row, exit_code, fill, line, run_check

COUNTS = {"W": 7, "C": 7, "T": 2, "O": 3, "P": 3, "B": 4, "U": 3, "M": 1}
IDS = [*chain(*([f"{group}{n}" for n in range(1, last + 1)] for group, last in COUNTS.items()))]


def check(outcome: Outcome, tools: tuple[str, ...] = ()) -> Check:
    return Check("X1", "a fault", "a mark", 3, 9, lambda bench: outcome, tools)


def row(outcome: Outcome) -> Row:
    return run_check(check(outcome), is_full=False)


def test_every_check_of_the_list_is_there_once_with_a_mark_and_work_to_do() -> None:
    assert IDS == [each.id for each in CHECKS]
    assert [] == [each.id for each in CHECKS if not each.pass_mark or not each.fault]
    assert [] == [each.id for each in CHECKS if not 0 < each.short <= each.full]


def test_a_check_passes_if_faults_fired_and_nothing_failed() -> None:
    good = row(Outcome(runs=5, fired=4))
    assert ("pass", 5, 4, ()) == (good.result, good.runs, good.fired, good.why)
    assert 0 == exit_code([good], allows_missing_tools=False)


def test_a_check_that_fires_no_fault_fails_the_run() -> None:
    blind = row(Outcome(runs=5, fired=0))
    assert "FAIL" == blind.result
    assert ("no fault took effect: this proves nothing",) == blind.why
    assert 1 == exit_code([row(Outcome(5, 4)), blind], allows_missing_tools=True)


def test_a_check_that_misses_its_mark_or_raises_fails_the_run() -> None:
    missed = row(Outcome(5, 4, [f"failure {number}, seed 7" for number in range(8)]))
    assert ("FAIL", 6) == (missed.result, len(missed.why))
    assert "failure 0, seed 7" in line(missed)

    def broken(bench: Bench) -> Outcome:
        raise OSError("no such thing")

    raised = run_check(Check("X1", "a", "b", 1, 1, broken), is_full=False)
    assert ("OSError: no such thing", "FAIL") == (raised.why[0], raised.result)
    assert 1 == exit_code([raised], allows_missing_tools=True)


def test_a_missing_tool_fails_the_run_unless_that_is_allowed() -> None:
    checks = [check(Outcome(1, 1), ("hammer",)), check(Outcome(1, 1))]
    rows = list(fill(checks, is_full=True, why_missing=lambda tool: f"no {tool}"))
    assert ["n/a", "pass"] == [each.result for each in rows]
    assert ("no hammer",) == rows[0].why
    assert 3 == exit_code(rows, allows_missing_tools=False)
    assert 0 == exit_code(rows, allows_missing_tools=True)


def test_a_full_run_does_more_than_a_short_one(tmp_path: Path) -> None:
    sizes: list[tuple[int, bool]] = []

    def run(bench: Bench) -> Outcome:
        sizes.append((bench.size, bench.is_full))
        return Outcome(1, 1)

    for is_full in (False, True):
        run_check(Check("X1", "a", "b", 3, 9, run), is_full=is_full)
    assert [(3, False), (9, True)] == sizes
    assert [0, 4, 9] == Bench(tmp_path, 3, is_full=False).sampled(range(10))
    assert [*range(10)] == Bench(tmp_path, 99, is_full=False).sampled(range(10))


def test_the_document_has_a_line_for_every_check_and_no_date() -> None:
    text = document([row(Outcome(5, 4, notes=["seen"])), row(Outcome(5, 0))], is_full=True)
    assert "| X1 | a fault | a mark | 5 | 4 | pass |" in text
    assert "| X1 | a fault | a mark | 5 | 0 | FAIL |" in text
    assert "- X1: seen.\n" in text
    assert "R1-R3" in text
    assert "The full form: 1 pass, 1 FAIL, 1 n/a; 10 runs" in text


def test_the_program_runs_checks_with_real_faults() -> None:
    ran = python("-m", "tests.faults", "--short", "--only", "M1,W5", "--json")
    found = json.loads(ran.out)
    assert [("W5", "pass"), ("M1", "pass")] == [(each["id"], each["result"]) for each in found]
    assert 0 == ran.code
    assert 3 == python("-m", "tests.faults", "--only", "Z9").code


def test_every_check_has_a_defect_that_it_must_find() -> None:
    assert IDS == [defect.id for defect in DEFECTS]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_every_defect_fits_the_sources(defect: Defect) -> None:
    source = (ROOT / defect.file).read_text("utf-8")
    compile(with_defect(defect, source), defect.file, "exec")


def test_a_check_finds_its_defect_and_not_another_one(tmp_path: Path) -> None:
    copy_sources(tmp_path)
    (late,) = (defect for defect in DEFECTS if defect.id == "T2")
    assert "+0 ns: expected INSTRUMENT_EXPIRED, found accepted" in found_by_check(late, tmp_path)
    assert "" == found_by_check(late._replace(id="B4"), tmp_path)


TRACE = """\
7 openat(AT_FDCWD, "\\x2f\\x64\\x61\\x74\\x61\\x2e\\x6d\\x64\\x62", O_RDWR) = 5
7 openat(AT_FDCWD, "\\x2f\\x64\\x61\\x74\\x61\\x2e\\x6d\\x64\\x62", O_RDWR|O_DSYNC) = 6
7 write(1, "\\x62\\x65\\x67\\x69\\x6e\\x20\\x31\\x20\\x32\\x0a", 10) = 10
7 lseek(5, 8, SEEK_SET) = 8
7 writev(5, [{iov_base="\\x61\\x62", iov_len=2}, {iov_base="\\x63", iov_len=1}], 2) = 3
7 ftruncate(5, 16) = 0
7 fdatasync(5) = 0
7 pwrite64(6, "\\x64", 1, 2) = 1
7 pwrite64(9, "\\x65", 1, 2) = 1
7 write(1, "\\x61\\x63\\x6b\\x20\\x32\\x20\\x66\\x66\\x0a", 9) = 9
"""


def test_a_trace_gives_the_steps_on_the_data_file_and_what_was_said() -> None:
    expected = [
        *(Said(2, 0), Write(8, b"ab", is_durable=False), Write(10, b"c", is_durable=False)),
        *(Size(16), Sync(), Write(2, b"d", is_durable=True), Said(0, 2)),
    ]
    assert expected == list(steps_of(TRACE))


def test_images_hold_what_was_synced_and_any_part_of_the_rest() -> None:
    steps = list(steps_of(TRACE))
    images = list(images_of(b"........", steps, 60))
    before = {image.data for image in images if image.said == Said(2, 0)}
    assert {b"........", b"........abc", b"........ab", b"........abc" + bytes(5)} <= before
    assert b"........\0\0c" in before
    synced = b"........abc" + bytes(5)
    assert synced[:2] + b"d" + synced[3:] in before
    assert [] == [image for image in images if image.said.acked_seq], "nothing comes after the ack"

"""The demo kills, recovers and proves; and it says so when something does not hold."""

import json
import sys
import time
from pathlib import Path

import msgspec
import pytest

from lockstep_kernel import CannotRunError
from lockstep_runtime.demo import (
    Outcome,
    Trial,
    find_sample,
    run_trial,
    trials,
    validate_all,
    validation,
)
from lockstep_runtime.demo.trial import _mark, _wrong
from tests.unit.runtime.driving import SAMPLE, install, lockstep

TRIAL = Trial("small market", "market:7:2000", 600, batch=20)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run_trial(TRIAL, tmp_path_factory.mktemp("demo") / "journal")


def test_a_trial_loses_nothing_that_was_acknowledged(outcome: Outcome) -> None:
    assert [] == list(outcome.wrong)
    assert 600 <= outcome.acknowledged[0] <= outcome.recovered[0] < 2_000
    assert outcome.acknowledged[1] == outcome.recovered_at_acknowledged
    assert outcome.uninterrupted == outcome.final
    assert (2_000, 2_000) == (outcome.commands, outcome.final[0])


def test_both_machines_judge_the_journal(outcome: Outcome) -> None:
    said: list[tuple[int, int]] = []
    fast, naive = validate_all([outcome], lambda done, jobs: said.append((done, jobs)))[0]
    assert ("exchange", True, 2_000) == (fast.machine, fast.is_good, fast.commands)
    assert ("exchange.naive", True, 2_000) == (naive.machine, naive.is_good, naive.commands)
    assert (0, 2) == said[0]
    assert sorted(said) == said


def test_no_validator_goes_on_when_the_demo_is_interrupted(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_done: int, _jobs: int) -> None:
        raise KeyboardInterrupt

    sleeping = [sys.executable, "-c", "import time; time.sleep(30)"]
    monkeypatch.setattr(validation, "python", lambda *_arguments: sleeping)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        validate_all([outcome, outcome], interrupt)
    assert 20 > time.monotonic() - started


def test_a_hash_that_is_not_the_acknowledged_one_is_judged_bad(outcome: Outcome) -> None:
    lied = msgspec.structs.replace(outcome, acknowledged=(outcome.acknowledged[0], bytes(16)))
    whole, _part = validate_all([lied])[0]
    assert 1 == whole.exit_code
    assert not whole.is_good


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"recovered": (1, b"")}, "acknowledged commands were lost"),
        ({"recovered": (2_000, b"")}, "nothing was left to do after the kill"),
        ({"recovered_at_acknowledged": b"x"}, "differs from the acknowledged one"),
        ({"final": (2_000, b"x")}, "differs from the uninterrupted one"),
    ],
)
def test_what_does_not_hold_is_said(
    outcome: Outcome, change: dict[str, object], sentence: str
) -> None:
    (said,) = _wrong(msgspec.structs.replace(outcome, **change))
    assert sentence in said


def test_a_writer_that_ends_before_it_is_killed_is_no_trial(tmp_path: Path) -> None:
    early = Trial("early", "market:7:100", 5_000)
    with pytest.raises(CannotRunError, match="early: the writer was not killed in its work"):
        run_trial(early, tmp_path / "journal")


@pytest.mark.parametrize("line", ["", "12:ab\n", "12:" + "ab" * 16, ":" + "ab" * 16 + "\n", "x\n"])
def test_an_acknowledgement_that_is_cut_short_does_not_count(line: str) -> None:
    assert _mark(line) is None


def test_an_acknowledgement_is_a_sequence_number_and_a_hash() -> None:
    assert (12, b"\xab" * 16) == _mark("12:" + "ab" * 16 + "\n")


def test_the_sample_is_found_in_the_sources() -> None:
    assert find_sample() == SAMPLE


def test_without_the_recorded_sample_the_simulated_feeds_are_left() -> None:
    assert 3 == len(trials(SAMPLE, is_quick=False))
    assert 2 == len(trials(None, is_quick=False))


@pytest.mark.slow
def test_the_quick_demo_is_good(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    done = lockstep(install(tmp_path / "site"), "demo", "--quick", "--json", "--keep", kept)
    assert 0 == done.returncode, done.stderr + done.stdout
    report = json.loads(done.stdout)
    assert report["is_good"]
    assert ["GOOD"] * 3 == [trial["verdict"] for trial in report["trials"]]
    assert 3 == len(list(kept.iterdir()))


def test_a_directory_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    done = lockstep(install(tmp_path / "site"), "demo", "--quick", "--keep", tmp_path)
    assert 3 == done.returncode
    assert "expected a new directory" in done.stderr

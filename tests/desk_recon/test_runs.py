"""A short form of `python -m tests.desk_recon`: the same checks, fewer seeds."""

import json
import os
import subprocess
import sys

import pytest

from tests.desk_recon.__main__ import main
from tests.desk_recon.cached import CachedRun
from tests.desk_recon.machine import MachineDesk
from tests.desk_recon.runs import RunFailed, Tally, play

SEEDS = 200


@pytest.fixture(scope="module")
def tally() -> Tally:
    counted = Tally()
    for seed in range(SEEDS):
        counted.add(play(seed).counted())
    return counted


@pytest.mark.slow
@pytest.mark.desk("RECON-31", "RECON-35", "RECON-44", "I7", "I8", "I9", "I10")
def test_books_equal_the_broker_or_somebody_is_called(tally: Tally) -> None:
    assert SEEDS == tally.runs
    assert 0 < tally.counts["message repeated"]
    assert 0 < tally.counts["adopted"]
    assert 0 < tally.counts["exit deferred"]
    assert SEEDS // 2 < tally.counts["exact runs"]


@pytest.mark.slow
@pytest.mark.desk("RECON-31", "RECON-35", "RECON-44", "I7", "I8", "I9", "I10")
def test_the_desks_machine_holds_the_same_and_replays_it() -> None:
    counted = Tally()
    for seed in range(SEEDS // 2):
        counted.add(play(seed, MachineDesk).counted())
    assert SEEDS // 2 == counted.runs
    assert 0 < counted.counts["message repeated"]
    assert 0 < counted.counts["adopted"]
    assert 0 < counted.counts["restart"]


@pytest.mark.slow
@pytest.mark.desk("RECON-31", "RECON-42", "I7", "I8", "I10")
def test_pages_that_were_true_once_book_nothing_twice() -> None:
    runs = [CachedRun(seed) for seed in range(SEEDS // 2)]
    for run in runs:
        run.play()
    assert 5 * len(runs) < sum(run.cached for run in runs)
    assert len(runs) // 2 < sum(run.counts["exact runs"] for run in runs)


@pytest.mark.slow
@pytest.mark.desk("RECON-34a", "RECON-34b", "RECON-34c", "RECON-34d")
@pytest.mark.desk("RECON-34e", "RECON-34f", "RECON-34g")
def test_every_fault_and_every_case_is_reached(tally: Tally) -> None:
    assert [] == tally.missing()


@pytest.mark.slow
def test_a_seed_repeats_its_run_in_every_process() -> None:
    assert digest_of("1") == digest_of("2")


def digest_of(hash_seed: str) -> str:
    """Play some runs in a process of their own and return what came of them."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.desk_recon", "--runs", "20", "--json", "--desk", "thin"],
        env={
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    digest: str = json.loads(done.stdout)["digest"]
    return digest


def test_a_run_that_reaches_too_little_is_no_proof(capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == main(["--runs", "1", "--json"])
    assert '"not reached": ["case (a)"' in capsys.readouterr().out


def test_what_does_not_hold_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.desk_recon.host.Desk.has_critical", lambda self, record: False)
    with pytest.raises(RunFailed, match="nobody was called"):
        for seed in range(5):
            play(seed)

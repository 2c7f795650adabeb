"""The whole corpus through every target, without a fuzzer; and some mutants of it.

`LOCKSTEP_RECORD=1` (`make record`) writes the real examples anew: files named `seed-...`. All other
files found something once, and stay.
"""

import os
import random
import signal
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import pytest

from tests.fuzz.catalogue import TARGETS
from tests.fuzz.journal import check_programs
from tests.fuzz.mutation import blind_of
from tests.fuzz.target import Target

SECONDS_MAX = 60
MEMORY_BYTES_MAX = 256 << 20
MUTANTS = 60
EACH_TARGET = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
EACH_FILE = pytest.mark.parametrize(
    ("target", "name"),
    [(target, name) for target in TARGETS for name in target.corpus()],
    ids=lambda value: value.name if isinstance(value, Target) else value,
)


@pytest.fixture(scope="session", autouse=True)
def _record() -> None:
    if os.environ.get("LOCKSTEP_RECORD") == "1":
        for target in TARGETS:
            record(target)


def record(target: Target) -> None:
    """Write the real examples of a target, and delete those that are none any more."""
    target.folder.mkdir(parents=True, exist_ok=True)
    for path in target.folder.glob("seed-*.bin"):
        path.unlink()
    for name, data in target.harness().seeds().items():
        (target.folder / f"seed-{name}.bin").write_bytes(data)


@contextmanager
def bounded() -> Generator[None]:
    """Raise if the block takes too long or too much memory."""
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_MAX)
    tracemalloc.start(1)
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
        assert peak <= MEMORY_BYTES_MAX, f"{peak} bytes of memory"
    finally:
        tracemalloc.stop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"expected an end within {SECONDS_MAX} s")


@EACH_FILE
def test_a_file_of_the_corpus_breaks_nothing(target: Target, name: str) -> None:
    with bounded():
        target.harness().check(target.corpus()[name])


@EACH_TARGET
def test_mutants_of_the_corpus_break_nothing(target: Target) -> None:
    harness, files = target.harness(), target.corpus()
    draw = random.Random(target.name)
    for _ in range(MUTANTS):
        data = files[draw.choice(sorted(files))]
        for _step in range(1 + draw.randrange(3)):
            data = harness.mutate(data, draw, blind_of(draw))[: target.bytes_max]
        with bounded():
            harness.check(data)


@pytest.mark.parametrize("name", next(t for t in TARGETS if t.name == "journal").corpus())
def test_no_program_ends_by_a_signal_on_a_damaged_journal(name: str) -> None:
    (target,) = (target for target in TARGETS if target.name == "journal")
    check_programs(target.corpus()[name])


@EACH_TARGET
def test_the_corpus_holds_today_s_examples(target: Target) -> None:
    seeds = {f"seed-{name}": data for name, data in target.harness().seeds().items()}
    files = {name: data for name, data in target.corpus().items() if name.startswith("seed-")}
    assert seeds.keys() == files.keys(), "make record"
    assert seeds == files, "the examples have changed: make record"


@EACH_TARGET
def test_every_example_is_good(target: Target) -> None:
    assert [] == [
        name
        for name, data in target.harness().seeds().items()
        if not 0 < len(data) <= target.bytes_max
    ]

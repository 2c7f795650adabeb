"""Judges mutants inside one pytest run: collect once, then a forked child for each mutant.

    python -m tests.mutation.judging MODULE [all|open]

A child exchanges the code of one function and runs the tests that call it, those first that killed
a mutant of it before, then the quickest, until one fails. It is also killed by a test that takes
far longer than it did on the unchanged sources, and by too much memory.
"""

import json
import os
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import NamedTuple, NoReturn

import pytest

from tests.mutation.codes import exchange, function_of
from tests.mutation.explained import PAGE, still_open
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.subjects import ROOT, judges_of
from tests.mutation.verdicts import Verdict, add, clear

_MEMORY_BYTES_MAX = 4 << 30
_SECONDS_LEAST, _TIMES_SLOWER = 5.0, 20.0
_PASSED, _FAILED, _BROKEN = 0, 1, 2
ALL, OPEN = "all", "open"

Function = tuple[str, str]
"""A module and the qualified name of a function in it."""


class Known(NamedTuple):
    """What a test does on the unchanged sources."""

    seconds: float
    functions: frozenset[Function]


def main(name: str, which: str) -> int:
    """Judge mutants of a module, all or the open ones; the verdicts are written one by one."""
    clear(name)
    mutants = mutants_of(name)
    if which == OPEN:
        listed = still_open(PAGE.read_text("utf-8")).get(name, [])
        mutants = [mutant for mutant in mutants if str(mutant) in listed]
    options = ["-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    return pytest.main([*options, *judges_of(name)], plugins=[Judge(name, mutants)])


class Judge:
    """A plugin of pytest that judges mutants in the place of running the tests once."""

    def __init__(self, name: str, mutants: Sequence[Mutant]) -> None:
        self._name = name
        self._mutants = mutants
        self._killers: dict[Function, Counter[str]] = {}
        self._known: dict[str, Known] = {}
        self._has_failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember that a test failed."""
        self._has_failed |= report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run everything unchanged, then each mutant."""
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be collected")
        self._known = self._measured(session.items)
        for mutant in self._mutants:
            add(self._name, Verdict(str(mutant), self._killer(mutant, session.items)))
        return True

    def _measured(self, items: list[pytest.Item]) -> dict[str, Known]:
        """Return what each test costs and calls; all must pass."""
        status, said = _in_child(lambda say: self._measure(items, say))
        if status != _PASSED:
            raise pytest.UsageError(f"a test fails on the unchanged sources: {said[-1:]}")
        return {
            name: Known(seconds, frozenset((module, function) for module, function in called))
            for name, seconds, called in map(json.loads, said)
        }

    def _measure(self, items: list[pytest.Item], say: Callable[[str], None]) -> int:
        wanted = {
            id(function_of(*name).__code__): name
            for name in {(mutant.module, mutant.function) for mutant in self._mutants}
        }
        for item, after in _pairs(items):
            called: set[Function] = set()
            started = time.perf_counter()
            with _watched(wanted, called):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            say(json.dumps([item.nodeid, time.perf_counter() - started, sorted(called)]))
            if self._has_failed:
                return _FAILED
        return _PASSED

    def _killer(self, mutant: Mutant, items: list[pytest.Item]) -> str:
        function = mutant.module, mutant.function
        before = self._killers.setdefault(function, Counter())
        chosen = sorted(
            (item for item in items if function in self._known[item.nodeid].functions),
            key=lambda item: (-before[item.nodeid], self._known[item.nodeid].seconds),
        )
        status, said = _in_child(lambda say: self._judge(mutant, chosen, say))
        if status == _PASSED:
            return ""
        if status == _BROKEN:
            raise pytest.UsageError(f"{mutant}: {said[-1:]}")
        if said:
            before[said[-1]] += 1
        if status == _FAILED:
            return said[-1]
        return "time" if -status == signal.SIGALRM else f"signal {-status}"

    def _judge(self, mutant: Mutant, items: list[pytest.Item], say: Callable[[str], None]) -> int:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, _MEMORY_BYTES_MAX))
        exchange(mutant.module, mutant.function, mutant.code)
        for item, after in _pairs(items):
            say(item.nodeid)
            limit = _SECONDS_LEAST + _TIMES_SLOWER * self._known[item.nodeid].seconds
            signal.setitimer(signal.ITIMER_REAL, limit)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self._has_failed:
                return _FAILED
        return _PASSED


class _watched:  # noqa: N801  # read as a word
    """Notes which of the wanted functions are called within the block."""

    def __init__(self, wanted: dict[int, Function], called: set[Function]) -> None:
        self._wanted = wanted
        self._called = called

    def __enter__(self) -> None:
        sys.setprofile(self._note)

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            name = self._wanted.get(id(frame.f_code))
            if name is not None:
                self._called.add(name)


def _pairs(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    """Yield each test with the one after it, for which pytest keeps what both need."""
    return zip(items, [*items[1:], None], strict=True)


def _in_child(work: Callable[[Callable[[str], None]], int]) -> tuple[int, list[str]]:
    """Run the work in a forked child; return its exit code or less its signal, and its lines."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are no threads
        pid = os.fork()
    if pid == 0:
        os.close(reading)
        _run(work, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        said = file.read().splitlines()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def _run(work: Callable[[Callable[[str], None]], int], writing: int) -> NoReturn:
    code = _BROKEN

    def say(line: str) -> None:
        os.write(writing, f"{line}\n".encode())

    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        code = work(say)
    except BaseException as error:  # noqa: BLE001  # nothing may return into the parent's stack
        say(f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

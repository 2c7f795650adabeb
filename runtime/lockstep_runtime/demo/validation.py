"""Validates the journals of the trials with the real validator program, two processes at a time."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import msgspec

from lockstep_kernel import CannotRunError
from lockstep_runtime.demo.trial import Mark, Outcome, environment, python

MACHINES = ("exchange", "exchange.naive")
Watch = Callable[[int, int], None]
"""Is told again and again how many of how many validations are done."""

_PROCESSES = 2
_PAUSE_S = 0.25


class Judgement(msgspec.Struct, frozen=True):
    """The verdict of the validator with one machine on one journal."""

    machine: str
    exit_code: int
    commands: int
    seconds: float
    sentence: str

    @property
    def is_good(self) -> bool:
        """Whether every hash was equal."""
        return self.exit_code == 0


def validate_all(
    outcomes: Sequence[Outcome], watch: Watch = lambda _done, _jobs: None
) -> list[tuple[Judgement, ...]]:
    """Return the judgements of both machines on each journal, in order. It takes minutes.

    If the watching is interrupted no validator goes on.
    """
    children = _Children()
    with ThreadPoolExecutor(_PROCESSES) as pool:
        try:
            # The slow machine first, so that both processors are busy to the end.
            slow = [pool.submit(_validate, children, one, MACHINES[1]) for one in outcomes]
            fast = [pool.submit(_validate, children, one, MACHINES[0]) for one in outcomes]
            _wait([*slow, *fast], watch)
            return [(one.result(), two.result()) for one, two in zip(fast, slow, strict=True)]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            children.end()
            raise


class _Children:
    """The processes of the pool's threads, which no signal reaches: they are ended from outside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[str]] = []
        self._is_ended = False

    def run(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end and return what it said."""
        with self._lock:
            if self._is_ended:
                raise CannotRunError("the demonstration was ended")
            process = subprocess.Popen(
                command,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            self._running.append(process)
        with process:
            output, errors = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def end(self) -> None:
        """Kill what runs, and start nothing any more."""
        with self._lock:
            self._is_ended = True
            for process in self._running:
                process.kill()


def _wait(jobs: Sequence[Future[Judgement]], watch: Watch) -> None:
    while (done := sum(job.done() for job in jobs)) < len(jobs):
        watch(done, len(jobs))
        wait(jobs, timeout=_PAUSE_S)


def _validate(children: _Children, outcome: Outcome, machine: str) -> Judgement:
    """Validate from genesis; the hashes that were acknowledged and finished must be there."""
    arguments = [str(outcome.directory), "--machine", machine, "--json"]
    for mark in (outcome.acknowledged, outcome.recovered, outcome.final):
        arguments += ["--expect", _text(mark)]
    started = time.perf_counter()
    done = children.run(python("lockstep_validator", *arguments))
    seconds = time.perf_counter() - started
    verdict = _verdict(done.stdout)
    sentence = str(verdict.get("message") or done.stderr.strip())
    commands = int(str(verdict.get("commands") or 0))
    return Judgement(machine, done.returncode, commands, seconds, sentence)


def _verdict(text: str) -> dict[str, object]:
    try:
        verdict: dict[str, object] = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return verdict


def _text(mark: Mark) -> str:
    return f"{mark[0]}:{mark[1].hex()}"

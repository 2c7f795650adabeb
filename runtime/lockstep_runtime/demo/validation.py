"""Validates the journals of the trials with the real validator program, two processes at a time."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import msgspec

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
    """Return the judgements of both machines on each journal, in order. It takes minutes."""
    with ThreadPoolExecutor(_PROCESSES) as pool:
        # The slow machine first, so that both processors are busy to the end.
        slow = [pool.submit(_validate, outcome, MACHINES[1]) for outcome in outcomes]
        fast = [pool.submit(_validate, outcome, MACHINES[0]) for outcome in outcomes]
        _wait([*slow, *fast], watch)
        return [(one.result(), two.result()) for one, two in zip(fast, slow, strict=True)]


def _wait(jobs: Sequence[Future[Judgement]], watch: Watch) -> None:
    while (done := sum(job.done() for job in jobs)) < len(jobs):
        watch(done, len(jobs))
        wait(jobs, timeout=_PAUSE_S)


def _validate(outcome: Outcome, machine: str) -> Judgement:
    """Validate from genesis; the hashes that were acknowledged and finished must be there."""
    arguments = [str(outcome.directory), "--machine", machine, "--json"]
    for mark in (outcome.acknowledged, outcome.recovered, outcome.final):
        arguments += ["--expect", _text(mark)]
    started = time.perf_counter()
    done = subprocess.run(
        python("lockstep_validator", *arguments),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
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

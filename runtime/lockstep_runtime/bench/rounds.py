"""The parent: prepares the flows, then lets floor and builds take turns in child processes.

In every round and for every flow the floor runs before, between and after the builds; the unit of
a build's turn is the mean of the floor's two turns around it. Nothing is measured in this process,
and never two children at once.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from lockstep_kernel import CannotRunError, check
from lockstep_runtime.bench.admission import AdmissionResult, AdmissionResults
from lockstep_runtime.bench.builds import Build, builds_to_measure
from lockstep_runtime.bench.measures import CheckResult, FloorResult, MemoryResult, RoundResult
from lockstep_runtime.bench.worker import Job
from lockstep_runtime.bench.workload import (
    ADMISSION_ACCOUNTS,
    ADMISSION_CALLS,
    FLOW_NAMES,
    NORMAL,
    OPTIONS,
    UNIT_FLOW,
    AdmissionWork,
    generated,
    normal,
    options,
    sample_path,
    save,
)
from lockstep_runtime.feeds.options_flow import WOPTIONS
from lockstep_runtime.flows import FLOWS

Say = Callable[[str], None]
_Result = TypeVar("_Result", bound=msgspec.Struct)


class Plan(msgspec.Struct, frozen=True):
    """What to measure. No `flows` means all that can be had; `normal` is a file of that flow.

    Admission is measured with the options flow, at each of so many `accounts`.
    """

    messages: int
    rounds: int
    flows: tuple[str, ...] = ()
    normal: Path | None = None
    directory: Path = Path()
    accounts: tuple[int, ...] = ADMISSION_ACCOUNTS


class Prepared(msgspec.Struct, frozen=True):
    """A flow whose files are written."""

    name: str
    timed: int


class Measured(msgspec.Struct):
    """One build on one flow: its check, and for each round the unit and the result."""

    build: str
    flow: Prepared
    check: CheckResult
    units: list[float] = []
    rounds: list[RoundResult] = []


class MeasuredMemory(msgspec.Struct, frozen=True):
    """What resting orders hold in one build."""

    build: str
    flow: str
    result: MemoryResult


class MeasuredAdmission(msgspec.Struct):
    """One build's admissions: for each round the results of all sizes."""

    build: str
    rounds: list[list[AdmissionResult]] = []


class Measurements(msgspec.Struct):
    """All that was measured.

    `floor` holds every turn of the floor on the unit flow, `floor_ratios` for every other flow of
    its form how fast the floor was on it, as a share of the turn before.
    """

    builds: list[str]
    flows: list[str]
    notes: list[str]
    measured: list[Measured]
    memory: list[MeasuredMemory]
    floor: list[float]
    floor_ratios: dict[str, list[float]]
    admission: list[MeasuredAdmission] = []


def run(plan: Plan, say: Say) -> Measurements:
    """Measure everything; journals and flows live in a temporary folder of `plan.directory`."""
    builds, notes = builds_to_measure()
    sources, more_notes = sources_of(plan)
    try:
        scratch = tempfile.TemporaryDirectory(prefix="lockstep-bench-", dir=plan.directory)
    except OSError as error:
        raise CannotRunError(f"{plan.directory}: cannot be written: {error.strerror}") from None
    with scratch as folder:
        bench = _Bench(Path(folder), builds, say)
        for name in sources:
            bench.prepare(name, plan, sources[name])
        bench.check()
        for number in range(1, plan.rounds + 1):
            bench.round(number, plan.rounds)
        return Measurements(
            [build.label for build in builds],
            list(sources),
            notes + more_notes,
            bench.measured,
            bench.memory,
            bench.floor,
            bench.floor_ratios,
            bench.admission,
        )


def sources_of(plan: Plan) -> tuple[dict[str, Path | None], list[str]]:
    """Return the flows to measure, each with its file if it has one, and what is missing."""
    sample = plan.normal or sample_path()
    sources: dict[str, Path | None] = {}
    for name in FLOW_NAMES:
        if plan.flows and name not in plan.flows:
            continue
        sources[name] = sample if name == NORMAL else None
    if NORMAL in sources and sample is None:
        if plan.flows:
            raise CannotRunError("expected a file of the flow 'normal': name one with --normal")
        del sources[NORMAL]
        return sources, ["The flow `normal` was not measured: no sample here, --normal names one."]
    return sources, []


class _Bench:
    """The work in one temporary folder."""

    def __init__(self, folder: Path, builds: Sequence[Build], say: Say) -> None:
        self._folder = folder
        self._builds = builds
        self._say = say
        self._flows: list[Prepared] = []
        self.measured: list[Measured] = []
        self.memory: list[MeasuredMemory] = []
        self.floor: list[float] = []
        self.floor_ratios: dict[str, list[float]] = {}
        self.admission: list[MeasuredAdmission] = []

    def prepare(self, name: str, plan: Plan, source: Path | None) -> None:
        """Write the files of a flow."""
        self._say(f"{name}: preparing")
        if source is not None:
            work = normal(source, plan.messages)
        elif name == OPTIONS:
            work = options(plan.messages)
            expiries, strikes = WOPTIONS.expiries, WOPTIONS.strikes
            admission = AdmissionWork(expiries, strikes, plan.accounts, ADMISSION_CALLS)
            save(self._admission_file, admission)
            self.admission = [MeasuredAdmission(build.label) for build in self._builds]
        else:
            work, floor_work = generated(name, plan.messages)
            save(self._floor_file(name), floor_work)
        save(self._file(name), work)
        if not self._floor_file(UNIT_FLOW).exists():
            save(self._floor_file(UNIT_FLOW), generated(UNIT_FLOW, plan.messages)[1])
        self._flows.append(Prepared(name, len(work.timed)))

    def check(self) -> None:
        """Let every build show that its results are right, and count its memory; untimed."""
        for flow in self._flows:
            for build in self._builds:
                self._say(f"{flow.name}: checking the results of the {build.label} build")
                found = self._child("check", build, self._file(flow.name), CheckResult)
                self.measured.append(Measured(build.label, flow, found))
        deepest = _deepest([flow.name for flow in self._flows])
        for build in self._builds if deepest else ():
            self._say(f"{deepest}: counting the memory of the {build.label} build")
            memory = self._child("memory", build, self._file(deepest), MemoryResult)
            self.memory.append(MeasuredMemory(build.label, deepest, memory))

    def round(self, number: int, rounds: int) -> None:
        """Measure each flow once: the floor, then every build; then admission in every build."""
        for flow in self._flows:
            before = self._unit()
            if flow.name != UNIT_FLOW and self._floor_file(flow.name).exists():
                ratio = self._floor(flow.name).per_second / before
                self.floor_ratios.setdefault(flow.name, []).append(ratio)
            said = [f"{flow.name}: round {number} of {rounds}: floor {before / 1e6:.2f}M/s"]
            for build in self._builds:
                found = self._child("round", build, self._file(flow.name), RoundResult)
                after = self._unit()
                unit, before = (before + after) / 2, after
                self._add(flow, build, unit, found)
                said.append(f"{build.label} {found.apply / unit:.3g}")
            self._say(", ".join(said))
        for build, measured in zip(self._builds, self.admission, strict=False):
            self._say(f"admission: round {number} of {rounds}: {build.label}")
            results = self._child("admission", build, self._admission_file, AdmissionResults)
            measured.rounds.append(results.sizes)

    def _unit(self) -> float:
        """Give the floor its turn."""
        unit = self._floor(UNIT_FLOW).per_second
        self.floor.append(unit)
        return unit

    def _add(self, flow: Prepared, build: Build, unit: float, found: RoundResult) -> None:
        for measured in self.measured:
            if measured.flow.name != flow.name:
                continue
            expected = measured.check.hash
            check(
                found.hash == expected,
                f"{flow.name}: expected hash {expected}, found {found.hash} ({build.label})",
            )
            if measured.build == build.label:
                measured.units.append(unit)
                measured.rounds.append(found)

    def _floor(self, name: str) -> FloorResult:
        return self._child("floor", self._builds[0], self._floor_file(name), FloorResult)

    @property
    def _admission_file(self) -> Path:
        return self._folder / "admission.work"

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.work"

    def _floor_file(self, name: str) -> Path:
        return self._folder / f"{name}.floor"

    def _child(self, kind: str, build: Build, work: Path, result: type[_Result]) -> _Result:
        job = Job(kind, build, str(work), str(self._folder))
        return msgspec.json.decode(_run_child(build, job), type=result)


def _deepest(names: Sequence[str]) -> str:
    """Return the generated flow of one book with the most resting orders, "" without one."""
    one_book = [name for name in names if name in FLOWS and FLOWS[name].instruments == 1]
    return max(one_book, key=lambda name: FLOWS[name].resting, default="")


def _run_child(build: Build, job: Job) -> bytes:
    flags = ["-O"] if sys.flags.optimize else []
    # -P: the directory we happen to stand in must never lend its modules.
    command = [sys.executable, *flags, "-P", "-m", "lockstep_runtime.bench.worker"]
    argument = msgspec.json.encode(job).decode()
    finished = subprocess.run(
        [*command, argument], env=build.environment(), capture_output=True, check=False
    )
    if finished.returncode:
        said = finished.stderr.decode(errors="replace").strip().split("\n")[-1]
        sentence = said or f"it ended with {finished.returncode} without a word"
        raise CannotRunError(f"{job.kind} of the {build.label} build: {sentence}")
    return finished.stdout

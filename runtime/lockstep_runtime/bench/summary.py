"""From rounds to figures: medians with the lowest and highest round, shares of the floor, aims.

A share or ratio is taken within one round and only then summed up, because the machine's speed
changes between rounds. `Summary` is the shape of `lockstep bench --json`.
"""

from collections.abc import Callable, Iterable
from statistics import median

import msgspec

from lockstep_runtime.bench.builds import COMPILED, INTERPRETED
from lockstep_runtime.bench.machine import MachineFacts
from lockstep_runtime.bench.measures import BATCH, Happened, RoundResult
from lockstep_runtime.bench.rounds import Measured, MeasuredAdmission, Measurements, Plan
from lockstep_runtime.bench.workload import FLOW_NAMES, NORMAL, OPTIONS, UNIT_FLOW

FLOOR = "floor"


class Spread(msgspec.Struct, frozen=True):
    """The median of all rounds, the lowest and the highest."""

    median: float
    low: float
    high: float


class Speeds(msgspec.Struct, frozen=True):
    """The four ways to carry out a flow."""

    apply: Spread
    durable: Spread
    recovery: Spread
    validation: Spread


class LatencySpread(msgspec.Struct, frozen=True):
    """Percentiles of single calls of `apply`, and how many times the median they are."""

    p50_ns: Spread
    p99_ns: Spread
    p99_9_ns: Spread
    p99_of_median: Spread
    p99_9_of_median: Spread


class FlowFigures(msgspec.Struct, frozen=True):
    """One flow on one build; `share` is of the floor, live orders are before and after."""

    flow: str
    build: str
    messages: int
    live_orders: tuple[int, int]
    share: Speeds
    per_second: Speeds
    validation_of_apply: Spread
    latency: LatencySpread
    hash: str
    happened: Happened


class FlowRatio(msgspec.Struct, frozen=True):
    """The speed of `apply` on a flow as a share of that on the unit flow; `build` may be floor."""

    flow: str
    build: str
    of_unit_flow: Spread


class MemoryFigures(msgspec.Struct, frozen=True):
    """Bytes per resting order, over so many of them."""

    flow: str
    build: str
    orders: int
    bytes_per_order: float


class AdmissionFigures(msgspec.Struct, frozen=True):
    """Admission at a number of accounts, as multiples of one `black76` of the same build."""

    build: str
    accounts: int
    positions: int
    black76_ns: Spread
    unmoved: Spread
    after_index: Spread
    after_surface: Spread


class Aim(msgspec.Struct, frozen=True):
    """What is aimed at, and the median that was found."""

    what: str
    build: str
    aim: float
    found: float
    is_at_least: bool
    is_met: bool


class Summary(msgspec.Struct, frozen=True):
    """All figures of one run."""

    command: str
    machine: MachineFacts
    messages: int
    rounds: int
    batch: int
    builds: list[str]
    notes: list[str]
    floor_per_second: Spread
    flows: list[FlowFigures]
    ratios: list[FlowRatio]
    memory: list[MemoryFigures]
    admission: list[AdmissionFigures]
    aims: list[Aim]


def summarize(found: Measurements, plan: Plan, machine: MachineFacts, command: str) -> Summary:
    """Sum up all rounds."""
    flows = [_flow_figures(measured) for measured in found.measured]
    ratios = _ratios(found)
    memory = [
        MemoryFigures(m.flow, m.build, m.result.orders, m.result.allocated_bytes / m.result.orders)
        for m in found.memory
    ]
    notes = list(found.notes)
    notes += machine.warnings()
    return Summary(
        command=command,
        machine=machine,
        messages=plan.messages,
        rounds=plan.rounds,
        batch=BATCH,
        builds=found.builds,
        notes=notes,
        floor_per_second=_spread(found.floor),
        flows=flows,
        ratios=ratios,
        memory=memory,
        admission=[one for measured in found.admission for one in _admission(measured)],
        aims=_aims(flows, ratios, memory),
    )


def _flow_figures(measured: Measured) -> FlowFigures:
    rounds = measured.rounds
    return FlowFigures(
        flow=measured.flow.name,
        build=measured.build,
        messages=measured.flow.timed,
        live_orders=(measured.check.live_first, measured.check.live_last),
        share=_speeds(rounds, measured.units),
        per_second=_speeds(rounds, [1.0] * len(rounds)),
        validation_of_apply=_spread(r.validation / r.apply for r in rounds),
        latency=_latency(rounds),
        hash=measured.check.hash,
        happened=measured.check.happened,
    )


def _speeds(rounds: list[RoundResult], units: list[float]) -> Speeds:
    def of(speed: Callable[[RoundResult], float]) -> Spread:
        return _spread(speed(one) / unit for one, unit in zip(rounds, units, strict=True))

    return Speeds(
        apply=of(lambda one: one.apply),
        durable=of(lambda one: one.durable),
        recovery=of(lambda one: one.recovery),
        validation=of(lambda one: one.validation),
    )


def _latency(rounds: list[RoundResult]) -> LatencySpread:
    taken = [one.latency for one in rounds]
    return LatencySpread(
        p50_ns=_spread(one.p50 for one in taken),
        p99_ns=_spread(one.p99 for one in taken),
        p99_9_ns=_spread(one.p99_9 for one in taken),
        p99_of_median=_spread(one.p99 / one.p50 for one in taken),
        p99_9_of_median=_spread(one.p99_9 / one.p50 for one in taken),
    )


def _ratios(found: Measurements) -> list[FlowRatio]:
    """Compare every other flow of the project's own with the unit flow, the floor itself too."""
    ratios: list[FlowRatio] = []
    others = [name for name in FLOW_NAMES if name not in (UNIT_FLOW, NORMAL)]
    units = {m.build: m.rounds for m in found.measured if m.flow.name == UNIT_FLOW}
    for measured in found.measured:
        if measured.flow.name in others and units:
            pairs = zip(measured.rounds, units[measured.build], strict=True)
            spread = _spread(one.apply / unit.apply for one, unit in pairs)
            ratios.append(FlowRatio(measured.flow.name, measured.build, spread))
    for name, floor_ratios in found.floor_ratios.items():
        ratios.append(FlowRatio(name, FLOOR, _spread(floor_ratios)))
    return sorted(ratios, key=lambda ratio: others.index(ratio.flow))


def _admission(measured: MeasuredAdmission) -> list[AdmissionFigures]:
    """Sum up the rounds of every size."""
    figures: list[AdmissionFigures] = []
    for rounds in zip(*measured.rounds, strict=True):
        figures.append(
            AdmissionFigures(
                build=measured.build,
                accounts=rounds[0].accounts,
                positions=rounds[0].positions,
                black76_ns=_spread(one.black76_ns for one in rounds),
                unmoved=_spread(one.unmoved for one in rounds),
                after_index=_spread(one.after_index for one in rounds),
                after_surface=_spread(one.after_surface for one in rounds),
            )
        )
    return figures


_SHARE_AIMS = {INTERPRETED: (0.06, 0.05), COMPILED: (0.15, 0.11)}
"""Build -> the shares of the floor that apply and the durable pipeline aim at on the unit flow."""


def _aims(
    flows: list[FlowFigures], ratios: list[FlowRatio], memory: list[MemoryFigures]
) -> list[Aim]:
    """Judge the plain flows; the options flow, which is another kind of work, has no aim."""
    aims: list[Aim] = []
    for one in flows:
        if one.flow == UNIT_FLOW:
            apply, durable = _SHARE_AIMS[one.build]
            validation = one.validation_of_apply.median
            aims += [
                _at_least(f"{UNIT_FLOW}: apply / floor", one.build, apply, one.share.apply.median),
                _at_least(
                    f"{UNIT_FLOW}: durable / floor", one.build, durable, one.share.durable.median
                ),
                _at_least(f"{UNIT_FLOW}: validation / apply", one.build, 0.7, validation),
            ]
    for ratio in ratios:
        if ratio.build != FLOOR and ratio.flow != OPTIONS:
            what, found = f"{ratio.flow} / {UNIT_FLOW}, apply", ratio.of_unit_flow.median
            aims.append(_at_least(what, ratio.build, 0.75, found))
    for one in flows:
        if one.flow == OPTIONS:
            continue
        what, found = f"{one.flow}: p99.9 / median", one.latency.p99_9_of_median.median
        aims.append(_under(what, one.build, 25.0, found))
    for held in memory:
        aims.append(_under("KB per resting order", held.build, 0.6, held.bytes_per_order / 1000))
    return aims


def _at_least(what: str, build: str, aim: float, found: float) -> Aim:
    return Aim(what, build, aim, found, is_at_least=True, is_met=found >= aim)


def _under(what: str, build: str, aim: float, found: float) -> Aim:
    return Aim(what, build, aim, found, is_at_least=False, is_met=found < aim)


def _spread(values: Iterable[float]) -> Spread:
    rounds = list(values)
    return Spread(median(rounds), min(rounds), max(rounds))

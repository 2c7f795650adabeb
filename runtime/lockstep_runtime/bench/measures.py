"""The measurements, each over the timed part of one workload, in the process that calls them.

Everything of the exchange is on in all of them: accounts, fees, margin check, positions, events,
their encoding, digest and hash. Before each timed part garbage is collected and what lives is
frozen (`gc.freeze`); the collector stays on. The floor is treated in the same way.
"""

import gc
import tempfile
import tracemalloc
from array import array
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from time import perf_counter_ns

import msgspec

from lockstep_engine.codes import EntityKind
from lockstep_engine.events import (
    CommandRejected,
    IndexPriceUpdated,
    MmpTriggered,
    OrderAccepted,
    OrderRejected,
    QuoteKept,
    Trade,
)
from lockstep_journal import Exporter, Sequencer, create, open_reader
from lockstep_kernel import State, apply, apply_batch, check, initial
from lockstep_replay import recover
from lockstep_runtime.bench.floor import Floor
from lockstep_runtime.bench.workload import EXCHANGE, FloorWork, Workload, batches
from lockstep_runtime.flows import trade_line
from lockstep_runtime.live_orders import LiveOrders
from lockstep_validator import Options, Status, validate

BATCH = 1_000
"""Commands per synced transaction."""

IN_MEMORY_BATCH = 100
"""Commands per call where nothing is synced: few enough to stay in a processor's cache."""

FLOOR_RUNS = 5
_NS = 1_000_000_000


class Latency(msgspec.Struct, frozen=True):
    """How long single calls of `apply` took, in nanoseconds."""

    p50: int
    p99: int
    p99_9: int


class RoundResult(msgspec.Struct, frozen=True):
    """One round of one build on one flow. Speeds are commands per second."""

    apply: float
    durable: float
    recovery: float
    validation: float
    latency: Latency
    hash: str


class Happened(msgspec.Struct):
    """What happened in the timed part of a flow; a refusal is of a command or of an order in it."""

    commands: int = 0
    index_updates: int = 0
    orders: int = 0
    kept_quotes: int = 0
    trades: int = 0
    mmp_triggers: int = 0
    refusals: int = 0

    def count(self, events: Sequence[msgspec.Struct]) -> None:
        """Count the events of one command."""
        self.commands += 1
        for event in events:
            field = _COUNTED.get(type(event))
            if field is not None:
                setattr(self, field, getattr(self, field) + 1)


_COUNTED: dict[type[msgspec.Struct], str] = {
    IndexPriceUpdated: "index_updates",
    OrderAccepted: "orders",
    QuoteKept: "kept_quotes",
    Trade: "trades",
    MmpTriggered: "mmp_triggers",
    CommandRejected: "refusals",
    OrderRejected: "refusals",
}


class CheckResult(msgspec.Struct, frozen=True):
    """What came out of a flow: live orders before and after its timed part, and the hash."""

    live_first: int
    live_last: int
    hash: str
    happened: Happened


class MemoryResult(msgspec.Struct, frozen=True):
    """Bytes that Python allocated for resting orders, and how many orders."""

    orders: int
    allocated_bytes: int


class FloorResult(msgspec.Struct, frozen=True):
    """The floor on one flow, in messages per second."""

    per_second: float


def measure_round(work: Workload, scratch: Path) -> RoundResult:
    """Measure everything that is timed; all five ways must come to one hash."""
    applied, expected = measure_apply(work)
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        durable, journaled = measure_durable(work, Path(directory))
        recovery, recovered = measure_recovery(Path(directory))
        validation, validated = measure_validation(work, Path(directory))
    latency, one_by_one = measure_latency(work)
    for found in (journaled, recovered, validated, one_by_one):
        check(found == expected, f"{work.name}: expected hash {expected}, found {found}")
    return RoundResult(applied, durable, recovery, validation, latency, expected)


def measure_apply(work: Workload) -> tuple[float, str]:
    """Decode and apply in memory, in batches; return commands per second and the hash."""
    state, decode = warmed(work), EXCHANGE.codec.decode
    timed = batches(work.timed, IN_MEMORY_BATCH)
    quiet()
    start_ns = perf_counter_ns()
    for batch in timed:
        commands = [decode(ts_ns, body) for ts_ns, body in batch]
        state, _applied = apply_batch(state, commands)
    return per_second(len(work.timed), start_ns), state.hash.hex()


def measure_durable(work: Workload, directory: Path) -> tuple[float, str]:
    """Sequence, apply and commit, one synced transaction per batch."""
    with create(directory, EXCHANGE, work.genesis) as owner:
        owner.claim()
        sequencer = Sequencer(initial(EXCHANGE, work.genesis), owner, clock=lambda: 0)
        for batch in batches(work.commands[: work.warm], BATCH):
            sequencer.submit(batch)
        timed = batches(work.timed, BATCH)
        quiet()
        start_ns = perf_counter_ns()
        for batch in timed:
            sequencer.submit(batch)
        return per_second(len(work.timed), start_ns), sequencer.state.hash.hex()


def measure_recovery(directory: Path) -> tuple[float, str]:
    """Recover a whole journal without a snapshot, its set-up and opening included."""
    quiet()
    start_ns = perf_counter_ns()
    state, recovery = recover(directory, EXCHANGE)
    return per_second(recovery.replayed, start_ns), state.hash.hex()


def measure_validation(work: Workload, directory: Path) -> tuple[float, str]:
    """Validate the portable stream of a journal; the clock starts at its timed part."""
    chunks: list[bytes] = []
    with open_reader(directory) as journal:
        exporter = Exporter(journal, chunks.append)
        exporter.begin()
        exporter.send_to(work.warm)
        mark = sum(map(len, chunks))
        exporter.send_to(len(work.commands))
        exporter.finish()
    stream = MarkedStream(b"".join(chunks), mark)
    chunks.clear()
    verdict = validate(stream, Options(machine=EXCHANGE))
    check(verdict.status is Status.OK, f"{work.name}: {verdict.message}")
    return per_second(len(work.timed), stream.marked_ns), verdict.hash.hex()


def measure_latency(work: Workload) -> tuple[Latency, str]:
    """Time single calls of `apply` on decoded commands."""
    state, decode = warmed(work), EXCHANGE.codec.decode
    timed = work.timed
    taken = array("q", bytes(8 * len(timed)))
    quiet()
    for index, (ts_ns, body) in enumerate(timed):
        command = decode(ts_ns, body)
        start_ns = perf_counter_ns()
        state, _events, _hash = apply(state, command)
        taken[index] = perf_counter_ns() - start_ns
    ordered = sorted(taken)
    p50, p99, p99_9 = (ordered[len(ordered) * part // 1000] for part in (500, 990, 999))
    return Latency(p50, p99, p99_9), state.hash.hex()


def measure_memory(work: Workload) -> MemoryResult:
    """Count with tracemalloc what the orders of the warm part hold, levels and indexes included."""
    state = _advanced(initial(EXCHANGE, work.genesis), work.commands[: work.first_order])
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    state = _advanced(state, work.commands[work.first_order : work.warm])
    gc.collect()
    allocated = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    entities = EXCHANGE.entities(state.peek().core)
    orders = sum(1 for record in entities if record[0] == EntityKind.ORDER)
    return MemoryResult(orders, allocated)


def check_flow(work: Workload) -> CheckResult:
    """Run a flow untimed and follow its events; the trades must be the oracle's, if it has one."""
    state, decode = initial(EXCHANGE, work.genesis), EXCHANGE.codec.decode
    live, trades, live_first, happened = LiveOrders(), sha256(), 0, Happened()
    for ts_ns, body in work.commands:
        if state.seq == work.warm:
            live_first = len(live.orders)
        state, events, _hash = apply(state, decode(ts_ns, body))
        live.fold(events)
        if state.seq > work.warm:
            happened.count(events)
        for event in events:
            if type(event) is Trade:
                taker, maker = event.taker.client_id, event.maker.client_id
                trades.update(trade_line(taker, maker, event.price_ticks, event.qty_lots))
    if work.trades_sha256:
        _check_trades(work.name, work.trades_sha256, trades.hexdigest())
    return CheckResult(live_first, len(live.orders), state.hash.hex(), happened)


def measure_floor(work: FloorWork) -> FloorResult:
    """Run the bare matcher several times, each with new books: one run is over too soon.

    Its trades must be the oracle's.
    """
    warm, timed = work.steps[: work.warm], work.steps[work.warm :]
    elapsed_ns = 0
    for _ in range(FLOOR_RUNS):
        floor = Floor(work.instruments)
        first = floor.run(warm)
        quiet()
        start_ns = perf_counter_ns()
        trades = floor.run(timed)
        elapsed_ns += perf_counter_ns() - start_ns
        digest = sha256()
        for trade in (*first, *trades):
            digest.update(trade_line(*trade))
        _check_trades(work.name, work.trades_sha256, digest.hexdigest())
    return FloorResult(FLOOR_RUNS * len(timed) * _NS / elapsed_ns)


class MarkedStream:
    """A stream in memory that notes when its reader has used up the first `mark` bytes.

    A read never crosses the mark, and the reader asks for more only when it has nothing left.
    """

    def __init__(self, data: bytes, mark: int) -> None:
        self._data = data
        self._mark = mark
        self._offset = 0
        self.marked_ns = 0

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end."""
        start = self._offset
        if start == self._mark:
            quiet()
            self.marked_ns = perf_counter_ns()
        end = start + size if start >= self._mark else min(start + size, self._mark)
        data = self._data[start:end]
        self._offset += len(data)
        return data


def warmed(work: Workload) -> State:
    """Return the state before the timed part."""
    return _advanced(initial(EXCHANGE, work.genesis), work.commands[: work.warm])


def quiet() -> None:
    """Collect garbage and freeze what lives, so that a timed part pays for its own garbage only."""
    gc.collect()
    gc.freeze()


def per_second(count: int, start_ns: int) -> float:
    """Return the speed of something that began at `start_ns` and ends now."""
    return count * _NS / (perf_counter_ns() - start_ns)


def _check_trades(flow: str, expected: str, found: str) -> None:
    check(found == expected, f"{flow}: expected trades that hash to {expected}, found {found}")


def _advanced(state: State, commands: list[tuple[int, bytes]]) -> State:
    decode = EXCHANGE.codec.decode
    for batch in batches(commands, IN_MEMORY_BATCH):
        state, _applied = apply_batch(state, [decode(ts_ns, body) for ts_ns, body in batch])
    return state

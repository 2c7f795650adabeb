"""T: the clock of the system jumps; and what is due at a time is due at that very nanosecond."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from lockstep_engine.codes import Code, TimeInForce
from lockstep_engine.commands import AdvanceTime, CreateUnderlying, GrantRole
from lockstep_engine.exchange import MACHINE as ENGINE
from lockstep_journal import open_reader
from lockstep_kernel import Machine
from lockstep_naive.machine import MACHINE as NAIVE
from tests.faults.playing import fresh
from tests.faults.programs import python, validator
from tests.faults.registry import Bench, Outcome
from tests.support.exchange import (
    ALICE,
    PERP,
    STAFF,
    START_NS,
    Exchange,
    bare_exchange,
    codes,
    staffed_exchange,
    standard_market,
)

_UNDER_FAKETIME = {"FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
_EXPIRIES = {
    "a quarter's last Friday": datetime(2027, 3, 26, 8, tzinfo=UTC),
    "a leap day": datetime(2028, 2, 29, 8, tzinfo=UTC),
    "the day after a leap day": datetime(2028, 3, 1, 8, tzinfo=UTC),
    "the night in which summer time begins in Europe": datetime(2026, 3, 29, 8, tzinfo=UTC),
    "the night in which summer time ends in Europe": datetime(2026, 10, 25, 8, tzinfo=UTC),
}
_DATED = 77


def jumping_clock(bench: Bench) -> Outcome:
    """T1: the clock goes forward, back, stands still, between restarts too: time never goes back.

    Durable times do not decrease, each batch has the larger of the clock and the time before, and
    the validator comes to the same hashes.
    """
    outcome = Outcome()
    directory = fresh(bench.folder / "j", bench.tape)
    tape = bench.folder / "tape"
    bench.tape.save(tape)
    last_ns = 0
    for seed in range(bench.size):
        ran = python(
            *("-m", "tests.faults.timed", directory, tape, seed),
            before=("faketime", "-f", "-9h" if seed % 2 else "+9h"),
            variables=_UNDER_FAKETIME,
        )
        outcome.runs += 1
        outcome.same(0, ran.code, f"seed {seed}: {ran.err}")
        last_ns = _follow(outcome, f"seed {seed}", ran.out, last_ns)
    with open_reader(directory) as journal:
        times = [record.ts_ns for record in journal.records()]
    back = [seq for seq, (low, high) in enumerate(pairwise(times), 2) if high < low]
    outcome.same([], back, "records whose time goes back")
    outcome.expect(bool(times), "nothing was recorded")
    outcome.same(0, validator(directory, "--quiet").code, "lockstep-validator")
    return outcome


def exact_times(bench: Bench) -> Outcome:
    """T2: every boundary one nanosecond before, at, and one after, on both machines."""
    outcome = Outcome()
    for label, machine in (("engine", ENGINE), ("naive", NAIVE)):
        for boundary in boundaries(machine):
            for offset, expected in zip((-1, 0, 1), boundary.expected, strict=True):
                outcome.runs += 1
                outcome.fired += 1
                where = f"{label}: {boundary.name}, {offset:+} ns"
                outcome.same(expected, boundary.outcome(offset), where)
    return outcome


class Boundary(NamedTuple):
    """A moment, and what must come of something just before it, at it, and just after it."""

    name: str
    outcome: Callable[[int], str]
    expected: tuple[str, str, str]


def boundaries(machine: Machine) -> Iterator[Boundary]:
    """Yield the table of boundaries."""
    accepted, late = "accepted", "INSTRUMENT_EXPIRED"
    for name, when in _EXPIRIES.items():
        expiry_ns = int(when.timestamp()) * 10**9
        market = _with_future(machine, when)
        yield Boundary(
            f"an order for a future that expires on {name}",
            lambda offset, market=market, at=expiry_ns: _order_at(market, at + offset),
            (accepted, late, late),
        )
    yield Boundary(
        "an order that is good till a time",
        lambda offset: _resting_at(machine, START_NS + 50, START_NS + 50 + offset),
        ("resting", "gone", "gone"),
    )
    yield Boundary(
        "a time at or before the last one",
        lambda offset: _advance(staffed_exchange(machine), START_NS + offset),
        ("TIME_REGRESSION", accepted, accepted),
    )
    yield Boundary(
        "a step of the clock as long as is allowed",
        lambda offset: _step(staffed_exchange(machine, max_step_ns=1_000), offset),
        (accepted, accepted, "CLOCK_STEP"),
    )
    yield Boundary(
        "the oldest nonce of the window, in milliseconds",
        lambda offset: _nonce(machine, -5 + offset),
        ("NONCE_OUT_OF_WINDOW", accepted, accepted),
    )
    yield Boundary(
        "the newest nonce of the window, in milliseconds",
        lambda offset: _nonce(machine, 7 + offset),
        (accepted, accepted, "NONCE_OUT_OF_WINDOW"),
    )


def _follow(outcome: Outcome, where: str, said: str, last_ns: int) -> int:
    """Check each stamp against the clock that the writer read; return the last stamp."""
    clock_ns = 0
    for line in said.splitlines():
        word, *values = line.split()
        if word == "clock":
            before_ns, clock_ns = clock_ns, int(values[0])
            outcome.fired += clock_ns < before_ns or clock_ns < last_ns
        elif word == "ack":
            outcome.same(max(clock_ns, last_ns), int(values[1]), f"{where}: {line}")
            last_ns = int(values[1])
    return last_ns


def _with_future(machine: Machine, when: datetime) -> Exchange:
    market = standard_market(machine)
    market.create(_DATED, f"BTC-{when:%Y%m%d}")
    market.mark(100, _DATED)
    return market


def _order_at(market: Exchange, at: int) -> str:
    """Let time pass to a moment and place an order there."""
    market = market.fork()
    market.do(AdvanceTime(), at=at)
    return _word(codes(market.buy(ALICE, 100, 1, _DATED)))


def _resting_at(machine: Machine, expires_ns: int, at: int) -> str:
    market = standard_market(machine)
    order = market.bid(ALICE, 90, 1, PERP, tif=TimeInForce.GTD, expires_ns=expires_ns)
    market.send(AdvanceTime(), at=at)
    return "gone" if market.order(order) is None else "resting"


def _advance(exchange: Exchange, at: int) -> str:
    return _word(codes(exchange.send(AdvanceTime(), at=at)))


def _step(exchange: Exchange, offset: int) -> str:
    """Send something else than AdvanceTime, which alone may step further."""
    return _word(
        codes(exchange.send(CreateUnderlying("BTC", 10**11), at=START_NS + 1_000 + offset))
    )


def _nonce(machine: Machine, offset_ms: int) -> str:
    exchange = bare_exchange(machine, nonce_past_ms=5, nonce_future_ms=7)
    nonce = START_NS // 10**6 + offset_ms
    return _word(codes(exchange.send(GrantRole(STAFF, 15), nonce=nonce)))


def _word(found: list[Code]) -> str:
    return found[0].name if found else "accepted"

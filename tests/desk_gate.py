"""Measures what a check before an order costs, as a multiple of a call of an empty function.

    python -m tests.desk_gate [--calls 100000]

Prints a table; decides nothing. With eight threads a call counts as the time between two calls of
all threads together, for the empty function as well.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable
from statistics import median

from lockstep_desk import Fill, Side
from lockstep_desk.fund import (
    DeploymentGate,
    GateMode,
    GateOptions,
    LimitSet,
    OrderIntent,
    PreTradeGate,
)

ROUNDS = 5
E8, E9 = 10**8, 10**9
Call = Callable[[str, OrderIntent, int], object]


def empty(deployment_id: str, intent: OrderIntent, now_ns: int) -> None:
    """Do nothing: what a call costs by itself."""


def gates(mode: GateMode, symbols: int, *, caps_open: bool = False) -> PreTradeGate:
    """Return a registry with one deployment that holds so many symbols."""
    limits = LimitSet(
        max_position_cents=10**15,
        max_order_cents=10**12,
        max_orders_per_sec=10**9,
        caps_open=caps_open,
    )
    gate = DeploymentGate(limits, GateOptions(mode), {f"S{n}": E9 for n in range(100)}.get)
    for number in range(symbols):
        gate.apply_fill(
            Fill(
                fill_id=str(number),
                order_id="o",
                instrument=f"S{number}",
                side=Side.BUY,
                qty_e8=E8,
                price_e9=E9,
                ts_ns=0,
            )
        )
    registry = PreTradeGate()
    registry.register("d", gate)
    return registry


def beside_empty(call: Call, intent: OrderIntent, calls: int, threads: int) -> tuple[float, float]:
    """Return the median time of a call, and the median of its multiples of an empty one.

    Each round measures both, one after the other, so that a busy machine slows both.
    """
    rounds = [
        (_round_ns(call, intent, calls, threads), _round_ns(empty, intent, calls, threads))
        for _ in range(ROUNDS)
    ]
    return median(spent for spent, _ in rounds), median(spent / base for spent, base in rounds)


def _round_ns(call: Call, intent: OrderIntent, calls: int, threads: int) -> float:
    barrier = threading.Barrier(threads + 1)
    share = calls // threads

    def work() -> None:
        barrier.wait()
        for _ in range(share):
            call("d", intent, 5)
        barrier.wait()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    started = time.perf_counter_ns()
    barrier.wait()
    spent = time.perf_counter_ns() - started
    for worker in workers:
        worker.join()
    return spent / (share * threads)


def main(argv: list[str]) -> int:
    """Print one line for each kind of gate and number of threads."""
    parser = argparse.ArgumentParser(prog="python -m tests.desk_gate", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    asked = parser.parse_args(argv)
    opening = OrderIntent.priced(Side.BUY, "S0", E8, E9, "key")
    closing = OrderIntent.priced(Side.SELL, "S0", E8, E9, "key")
    cases: list[tuple[str, Call, OrderIntent]] = [
        ("empty call", empty, opening),
        ("check, strict", gates(GateMode.STRICT, 1).check, opening),
        ("check, reduce_ok, closing", gates(GateMode.REDUCE_OK, 1).check, closing),
        ("check, reduce_ok, 1 symbol held", gates(GateMode.REDUCE_OK, 1).check, opening),
        ("check, reduce_ok, 20 symbols held", gates(GateMode.REDUCE_OK, 20).check, opening),
        (
            "check, working orders counted",
            gates(GateMode.REDUCE_OK, 1, caps_open=True).check,
            opening,
        ),
        ("admit, reduce_ok, 1 symbol held", gates(GateMode.REDUCE_OK, 1).admit, opening),
    ]
    print(f"{'':<36}{'1 thread':>20}{'8 threads':>20}")
    for name, call, intent in cases:
        line = f"{name:<36}"
        for threads in (1, 8):
            spent, multiple = beside_empty(call, intent, asked.calls, threads)
            line += f"{spent:>10.0f} ns{multiple:>6.1f}x"
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

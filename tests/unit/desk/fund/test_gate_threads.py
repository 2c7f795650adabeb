"""Eight threads on one gate: no cap that `admit` promises is ever passed.

The mark is asked between the check and the record; there it lets another thread run, so that a gate
without its lock would fail here.
"""

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lockstep_desk import Fill, Side
from lockstep_desk.fund import (
    Admit,
    DeploymentGate,
    GateMode,
    GateOptions,
    LimitSet,
    OrderIntent,
    PreTradeGate,
    RateWindow,
)

THREADS = 8
ONE = 10**8
MARK = 10 * 10**9
WIDE = LimitSet(max_position_cents=10**12, max_order_cents=10**12, max_orders_per_sec=25)


@pytest.fixture(autouse=True)
def eager_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def yielding_mark(symbol: str) -> int:
    time.sleep(0)
    return MARK


class YieldingFill(Fill, frozen=True, kw_only=True):
    """A fill that lets another thread run while it is being added."""

    @property
    def value_e17(self) -> int:
        time.sleep(0)
        return self.qty_e8 * self.price_e9


def run_in_threads(work: Callable[[int], None]) -> None:
    """Run `work(thread)` in all threads at once; a failure in one fails the test."""
    failures: list[BaseException] = []
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as failure:  # noqa: BLE001 - handed on to the test
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def order(key: str | None, side: Side, lots: int) -> OrderIntent:
    return OrderIntent.priced(side, "BTC", lots * ONE, MARK, key)


@pytest.mark.desk("FUND-3C", "FUND-35")
@pytest.mark.parametrize("mode", GateMode)
@pytest.mark.parametrize("window", RateWindow)
def test_the_rate_cap_is_never_passed(mode: GateMode, window: RateWindow) -> None:
    gates = PreTradeGate()
    gates.register("d", DeploymentGate(WIDE, GateOptions(mode, window), yielding_mark))
    for second in range(5):
        admitted: list[int] = []

        def work(number: int, second: int = second, admitted: list[int] = admitted) -> None:
            for _ in range(10):
                verdict = gates.admit("d", order(None, Side.BUY, 1), second * 10**9)
                if isinstance(verdict, Admit):
                    admitted.append(number)

        run_in_threads(work)
        assert WIDE.max_orders_per_sec == len(admitted)


@pytest.mark.desk("FUND-3A", "FUND-3C")
@pytest.mark.parametrize("mode", GateMode)
def test_the_position_cap_is_never_passed_with_working_orders_counted(mode: GateMode) -> None:
    cap = 20 * 1_000
    limits = LimitSet(
        max_position_cents=cap, max_order_cents=cap, max_orders_per_sec=10**9, caps_open=True
    )
    gate = DeploymentGate(limits, GateOptions(mode), yielding_mark)
    sizes: list[int] = []

    def work(number: int) -> None:
        dice = random.Random(number)
        for turn in range(150):
            key = f"{number}-{turn}"
            side, lots = dice.choice((Side.BUY, Side.SELL)), dice.randint(1, 9)
            if isinstance(gate.admit(order(key, side, lots), 0), Admit):
                filled = dice.randint(0, lots)
                if filled:
                    gate.apply_fill(fill(key, side, filled))
                sizes.append(abs(gate.state().position_e17) // 10**15)
                gate.record_done(key)

    run_in_threads(work)
    assert cap >= max(sizes) > cap // 2
    assert () == gate.state().working


@pytest.mark.desk("I3")
def test_no_fill_is_lost() -> None:
    gate = DeploymentGate(WIDE, mark=yielding_mark)

    def work(number: int) -> None:
        for turn in range(200):
            gate.apply_fill(fill(f"{number}-{turn}", Side.BUY if turn % 4 else Side.SELL, 1))
            gate.check(order(None, Side.BUY, 1), 0)

    run_in_threads(work)
    assert (("BTC", THREADS * 100 * ONE),) == gate.state().quantities
    assert THREADS * 100 * ONE * MARK == gate.state().position_e17


@pytest.mark.desk("FUND-37")
def test_an_id_is_registered_once_whoever_comes_first() -> None:
    gates = PreTradeGate()
    winners: list[str] = []

    def work(number: int) -> None:
        for turn in range(50):
            try:
                gates.register(f"d{turn}", DeploymentGate(WIDE))
            except ValueError:
                continue
            winners.append(f"d{turn}")

    run_in_threads(work)
    assert sorted(f"d{turn}" for turn in range(50)) == sorted(winners) == gates.deployment_ids()


def fill(key: str, side: Side, lots: int) -> Fill:
    return YieldingFill(
        fill_id=key,
        order_id=key,
        client_order_id=key,
        instrument="BTC",
        side=side,
        qty_e8=lots * ONE,
        price_e9=MARK,
        ts_ns=0,
    )

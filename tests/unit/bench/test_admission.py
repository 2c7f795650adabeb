"""The exchange whose admission is measured holds what is said, and its orders rest."""

from pathlib import Path

import msgspec
import pytest

from lockstep_engine.codes import MarginMode
from lockstep_engine.views import account
from lockstep_kernel import InvariantError, verify
from lockstep_runtime.bench.admission import AdmissionExchange, measure_admission
from lockstep_runtime.bench.builds import Build, running_label
from lockstep_runtime.bench.worker import Job, main
from lockstep_runtime.bench.workload import AdmissionWork, save

WORK = AdmissionWork(expiries=3, strikes=8, accounts=(50, 10), calls=4)


@pytest.fixture(scope="module")
def exchange() -> AdmissionExchange:
    built = AdmissionExchange(WORK)
    built.grow_to(50)
    return built


def test_every_size_is_measured_the_smallest_first() -> None:
    sizes = measure_admission(WORK).sizes
    assert [(10, 30), (50, 30)] == [(one.accounts, one.positions) for one in sizes]
    for one in sizes:
        assert 0 < min(one.black76_ns, one.unmoved, one.after_index, one.after_surface)


def test_the_measured_account_is_long_one_straddle_and_short_the_next(
    exchange: AdmissionExchange,
) -> None:
    measured = account(exchange.state, 1)
    assert int(MarginMode.PORTFOLIO) == measured.margin_mode
    lots = [position.qty_lots for position in measured.positions]
    assert [1, 1, -1, -1] * 7 + [1, 1] == lots


def test_two_of_twenty_further_accounts_hold_two_options_each(exchange: AdmissionExchange) -> None:
    further = [account(exchange.state, number) for number in range(11, 51)]
    assert ([2, 2] + [0] * 18) * 2 == [len(one.positions) for one in further]
    portfolio, standard = int(MarginMode.PORTFOLIO), int(MarginMode.STANDARD)
    expected = ([portfolio] * 2 + [standard] * 18) * 2
    assert expected == [one.margin_mode for one in further]
    assert 30 == sum(len(account(exchange.state, number).positions) for number in range(2, 11))


def test_what_is_measured_keeps_every_invariant(exchange: AdmissionExchange) -> None:
    exchange.measure(calls=3)
    verify(exchange.state)


def test_an_order_that_does_not_rest_is_no_admission(monkeypatch: pytest.MonkeyPatch) -> None:
    built = AdmissionExchange(WORK)
    monkeypatch.setattr("lockstep_runtime.bench.admission._RESTS", ["OrderRejected"])
    with pytest.raises(InvariantError, match="expected an order that rests"):
        built.measure(calls=1)


def test_a_child_measures_admission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "admission.work"
    save(path, msgspec.structs.replace(WORK, accounts=(10,)))
    job = Job("admission", Build(running_label()), str(path), str(tmp_path))
    assert 0 == main([msgspec.json.encode(job).decode()])
    found = msgspec.json.decode(capsys.readouterr().out)
    assert [10] == [size["accounts"] for size in found["sizes"]]

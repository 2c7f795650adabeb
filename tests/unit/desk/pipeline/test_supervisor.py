"""The supervisor: a stop always arrives, has a deadline, and says who was late."""

import threading

import pytest

from lockstep_desk.pipeline import StopReport, Supervisor, ThreadService
from lockstep_kernel import CannotRunError

SOON_S = 20.0


def until_told(log: list[str], name: str) -> ThreadService:
    def body(stop: threading.Event) -> None:
        stop.wait(SOON_S)
        log.append(name)

    return ThreadService(name, body)


@pytest.mark.desk("PIPE-D5")
def test_all_are_stopped_sources_first() -> None:
    log: list[str] = []
    supervisor = Supervisor([until_told(log, name) for name in ("feed", "pool", "orders")])
    supervisor.start()
    assert StopReport((), ()) == supervisor.stop()
    assert ["feed", "pool", "orders"] == log


@pytest.mark.desk("PIPE-D5")
def test_who_does_not_end_by_the_deadline_is_named_and_the_others_are_stopped() -> None:
    log: list[str] = []
    gate = threading.Event()
    stuck = ThreadService("stuck", lambda stop: gate.wait(SOON_S) and None)
    supervisor = Supervisor([stuck, until_told(log, "good")], deadline_s=0.0)
    supervisor.start()
    report = supervisor.stop()
    assert "stuck" in report.late
    assert not report.is_clean
    gate.set()
    assert stuck.join(SOON_S)


@pytest.mark.desk("PIPE-D5")
def test_a_second_stop_finds_nothing_to_do() -> None:
    supervisor = Supervisor([until_told([], "one")])
    with supervisor:
        pass
    assert StopReport((), ()) == supervisor.stop()


def fails(stop: threading.Event) -> None:
    raise ZeroDivisionError("by nothing")


def test_a_failure_is_told_by_check_and_by_stop() -> None:
    service = ThreadService("feed", fails)
    supervisor = Supervisor([service])
    supervisor.start()
    assert service.join(SOON_S)
    with pytest.raises(CannotRunError, match="feed failed: ZeroDivisionError: by nothing"):
        supervisor.check()
    assert (("feed", "ZeroDivisionError: by nothing"),) == supervisor.stop().failures


class CannotStart(ThreadService):
    def start(self) -> None:
        raise CannotRunError("no such file")


@pytest.mark.desk("PIPE-D5")
def test_if_one_cannot_start_those_that_run_are_stopped() -> None:
    log: list[str] = []
    supervisor = Supervisor([CannotStart("feed", fails), until_told(log, "orders")])
    with pytest.raises(CannotRunError, match="no such file"):
        supervisor.start()
    assert ["orders"] == log

"""The script on its stage, in this process: an outage without an end is made up for."""

import threading
from pathlib import Path

import pytest

from lockstep_desk.demo.messages import Happened, Message
from lockstep_desk.demo.plan import MAKER, STOPPED, Plan, deployments, index_of
from lockstep_desk.demo.script import FOUND, LOST, STOPPED_OUT, WORKER
from lockstep_desk.demo.stage import Stage, Wings
from lockstep_desk.pipeline.processes import ProcessPool
from lockstep_desk.pipeline.router import Router
from lockstep_desk.types import E8
from tests.unit.desk.demo.support import PLAN, Rig


class NoPipeline:
    """A pipeline without traders: what is published goes nowhere, and nothing waits."""

    def __init__(self) -> None:
        self.published = 0

    def publish(self, event: object) -> bool:
        self.published += 1
        return False

    def backlog(self, trader: int) -> int:
        return 0


class Relinker:
    """Sweeps as a host does."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    def relink(self) -> None:
        self.rig.take()
        self.rig.post.sweep("as the link is back", self.rig.post.engine, is_linking=True)


class Played:
    """A stage on a rig; `told` is what it said."""

    def __init__(self, rig: Rig, done: frozenset[str], plan: Plan = PLAN) -> None:
        self.told: list[Message] = []
        self.pipeline = NoPipeline()
        self.pool = ProcessPool(4)
        wings = Wings(
            rig.post,
            self.pipeline,  # type: ignore[arg-type]  # it does what the stage needs of one
            self.pool,
            rig.clock,
            self.told.append,
        )
        self.stage = Stage(plan, wings, Relinker(rig), done)

    @property
    def parts(self) -> list[str]:
        return [one.part for one in self.told if isinstance(one, Happened)]

    def play(self) -> None:
        self.stage(threading.Event())


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    made.begin()
    made.buy()
    made.take()
    return made


def test_the_link_is_lost_the_stop_fires_and_the_close_is_found(rig: Rig) -> None:
    longer = Plan(seed=7, candles=20, move_us=100, begun_ns=PLAN.begun_ns)
    played = Played(rig, frozenset((WORKER,)), longer)
    played.play()
    assert [LOST, STOPPED_OUT] == played.parts
    assert (True, True) == (played.stage.is_over, played.stage.is_linked)
    assert 0 == rig.held_e8
    assert 0 < played.pipeline.published < 3 * longer.candles


def test_an_outage_for_which_deaths_left_no_time_is_made_up_for_at_the_end(rig: Rig) -> None:
    rig.post.venue.moved = PLAN.total
    played = Played(rig, frozenset((WORKER,)))
    played.play()
    assert [LOST, STOPPED_OUT] == played.parts
    assert 0 == rig.held_e8


def test_a_part_that_happened_does_not_happen_again(rig: Rig) -> None:
    played = Played(rig, frozenset((WORKER, FOUND)))
    played.play()
    assert ([], 20 * E8) == (played.parts, rig.held_e8)
    assert 3 * PLAN.candles == played.pipeline.published


def test_without_a_position_there_is_nothing_for_a_stop_to_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockstep_desk.demo.stage._POSITION_S", 0.05)
    rig = Rig(tmp_path)
    rig.begin()
    played = Played(rig, frozenset((WORKER,)))
    played.play()
    assert ([], True) == (played.parts, played.stage.is_linked)


@pytest.mark.slow
def test_a_killed_worker_is_told_of_once_another_one_is_in_its_place(rig: Rig) -> None:
    played = Played(rig, frozenset((FOUND,)))
    traders = Router([named.trader for named in deployments()]).traders
    played.pool.start(traders)
    victim = played.pool.process_ids[index_of(MAKER)]
    collecting = threading.Event()

    def collect() -> None:
        while not collecting.is_set():
            played.pool.collect(0.05)

    dispatcher = threading.Thread(target=collect)
    dispatcher.start()
    try:
        played.play()
    finally:
        collecting.set()
        dispatcher.join()
        played.pool.stop(10)
    (told,) = [one for one in played.told if isinstance(one, Happened)]
    assert WORKER == told.part
    assert told.text.startswith(f"worker {victim} of maker killed by SIGKILL; ")
    assert f"SIGKILL; {victim} " not in told.text
    assert STOPPED not in told.text

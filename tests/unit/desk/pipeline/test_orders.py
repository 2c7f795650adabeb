"""The order engine: nothing lost, one trader's answers in order, no trader waiting for another."""

import asyncio
import threading
import time

import pytest

from lockstep_desk.pipeline import Answer, ChannelClosedError, OrderEngine, Trader
from lockstep_desk.strategy import Cancel
from tests.unit.desk.pipeline.support import spec, traders_of

SOON_S = 20.0
TRADERS = traders_of(*[spec("counts")] * 3)


def answer(trader: Trader, seq: int) -> Answer:
    return Answer(trader, seq, 0, (Cancel(trader.instrument, f"{seq}"),))


class Venue:
    """Takes what is sent; may wait for a gate, or refuse."""

    def __init__(self) -> None:
        self.gates: dict[int, threading.Event] = {}
        self.refused: list[int] = []
        self.sent: list[tuple[int, int]] = []
        self.done: list[tuple[tuple[int, int], str]] = []

    async def send(self, answer: Answer) -> None:
        gate = self.gates.get(answer.trader.index)
        while gate is not None and not gate.is_set():  # noqa: ASYNC110  # a thread sets it
            await asyncio.sleep(0.001)
        if answer.seq_seen in self.refused:
            raise ConnectionError("venue away")
        self.sent.append(answer.order)

    def heard(self, answer: Answer, error: str) -> None:
        self.done.append((answer.order, error))


def started(venue: Venue, capacity: int = 128) -> OrderEngine:
    engine = OrderEngine(venue.send, venue.heard, capacity)
    engine.start()
    return engine


@pytest.mark.desk("PIPE-16", "DESK-D14")
def test_a_stop_first_sends_all_that_was_taken() -> None:
    venue = Venue()
    engine = started(venue, capacity=4)
    for seq in range(50):
        engine.submit(answer(TRADERS[0], seq))
    engine.request_stop()
    assert engine.join(SOON_S)
    assert [(seq, 0) for seq in range(50)] == venue.sent
    assert (50, 0, 0) == (
        engine.counters().sent,
        engine.counters().failed,
        engine.counters().channel.dropped,
    )


@pytest.mark.desk("PIPE-16", "I16")
def test_a_trader_whose_venue_is_slow_holds_up_no_other() -> None:
    venue = Venue()
    venue.gates[0] = threading.Event()
    engine = started(venue)
    for seq in range(3):
        for trader in TRADERS:
            engine.submit(answer(trader, seq))
    deadline = time.monotonic() + SOON_S
    while len(venue.sent) < 6 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert {1, 2} == {trader for _, trader in venue.sent}
    venue.gates[0].set()
    engine.request_stop()
    assert engine.join(SOON_S)
    for index in range(3):
        assert [0, 1, 2] == [seq for seq, trader in venue.sent if trader == index]


def test_a_send_that_fails_is_told_and_the_next_one_goes() -> None:
    venue = Venue()
    venue.refused = [1]
    engine = started(venue)
    for seq in range(3):
        engine.submit(answer(TRADERS[0], seq))
    engine.request_stop()
    assert engine.join(SOON_S)
    assert [((0, 0), ""), ((1, 0), "ConnectionError: venue away"), ((2, 0), "")] == venue.done
    assert (2, 1) == (engine.counters().sent, engine.counters().failed)


def test_after_a_stop_nothing_is_taken() -> None:
    engine = started(Venue())
    engine.request_stop()
    assert engine.join(SOON_S)
    with pytest.raises(ChannelClosedError):
        engine.submit(answer(TRADERS[0], 0))


@pytest.mark.desk("PIPE-D5")
def test_a_join_that_cannot_end_in_time_says_so() -> None:
    venue = Venue()
    venue.gates[0] = threading.Event()
    engine = started(venue)
    engine.submit(answer(TRADERS[0], 0))
    engine.request_stop()
    assert not engine.join(0.0)
    venue.gates[0].set()
    assert engine.join(SOON_S)

"""Channels: each policy, the counters, and several threads at a time."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.pipeline import (
    Channel,
    ChannelClosedError,
    ChannelFullError,
    Counters,
    Overflow,
)

SOON_S = 20.0


def filled(overflow: Overflow, *values: int, capacity: int = 2) -> Channel[int]:
    channel: Channel[int] = Channel("numbers", capacity, overflow)
    for value in values:
        channel.put(value)
    return channel


@pytest.mark.desk("PIPE-13", "PIPE-D2")
def test_the_oldest_goes_and_is_counted() -> None:
    channel = filled(Overflow.DROP_OLDEST, 1, 2, 3, 4)
    assert Counters(2, 2, 4, 0, 2, 0) == channel.counters()
    assert [3, 4] == channel.take_all()


@pytest.mark.desk("PIPE-D2")
def test_the_newest_is_not_taken_and_is_counted() -> None:
    channel = filled(Overflow.DROP_NEWEST, 1, 2)
    assert not channel.put(3)
    assert [1, 2] == channel.take_all()
    assert Counters(0, 2, 3, 2, 1, 0) == channel.counters()


@pytest.mark.desk("PIPE-D2")
def test_a_full_channel_may_raise_to_who_puts() -> None:
    channel = filled(Overflow.RAISE, 1, 2)
    with pytest.raises(ChannelFullError, match="'numbers': expected room, found all 2 places"):
        channel.put(3)
    assert [1, 2] == channel.take_all()


@pytest.mark.desk("PIPE-13", "PIPE-D2")
def test_who_puts_waits_for_room_and_the_wait_is_counted() -> None:
    ticks: Iterator[int] = iter(range(0, 1000, 7))
    channel: Channel[int] = Channel("numbers", 1, Overflow.BLOCK, clock_ns=lambda: next(ticks))
    channel.put(1)
    putter = threading.Thread(target=channel.put, args=(2,), daemon=True)
    putter.start()
    assert 1 == channel.take(SOON_S)
    assert 2 == channel.take(SOON_S)
    putter.join(SOON_S)
    assert channel.counters().blocked_ns in (0, 7)
    assert 0 == channel.counters().dropped


def test_a_putter_that_waits_is_told_of_the_close() -> None:
    channel = filled(Overflow.BLOCK, 1, 2)
    told: list[str] = []

    def put() -> None:
        try:
            channel.put(3)
        except ChannelClosedError as error:
            told.append(str(error))

    putter = threading.Thread(target=put, daemon=True)
    putter.start()
    channel.close()
    putter.join(SOON_S)
    assert ["numbers"] == told
    assert [1, 2] == list(channel)


@pytest.mark.desk("PIPE-D2")
@pytest.mark.parametrize("overflow", [Overflow.DROP_OLDEST, Overflow.DROP_NEWEST])
def test_a_channel_that_must_lose_nothing_refuses_a_policy_that_drops(overflow: Overflow) -> None:
    with pytest.raises(InvalidValueError, match="'fills': expected the policy block or raise"):
        Channel("fills", 1, overflow, is_lossless=True)


@pytest.mark.desk("DESK-D16")
def test_a_channel_has_a_bound() -> None:
    with pytest.raises(InvalidValueError, match="capacity: expected an integer from 1"):
        Channel("x", 0, Overflow.BLOCK)


def test_a_closed_channel_gives_out_what_it_holds_and_then_says_so() -> None:
    channel = filled(Overflow.BLOCK, 1)
    channel.close()
    assert 1 == channel.take(0)
    with pytest.raises(ChannelClosedError):
        channel.take(0)
    with pytest.raises(ChannelClosedError):
        channel.put(2)


def test_a_take_that_finds_nothing_in_time_returns_none() -> None:
    assert filled(Overflow.BLOCK).take(0) is None


@pytest.mark.desk("PIPE-D2")
def test_with_many_putters_nothing_is_lost_and_each_keeps_its_order() -> None:
    channel: Channel[tuple[int, int]] = Channel("x", 3, Overflow.BLOCK, is_lossless=True)
    found: list[tuple[int, int]] = []

    def put(who: int) -> None:
        for number in range(200):
            channel.put((who, number))

    putters = [threading.Thread(target=put, args=(who,), daemon=True) for who in range(4)]
    taker = threading.Thread(target=lambda: found.extend(channel), daemon=True)
    for thread in (taker, *putters):
        thread.start()
    for thread in putters:
        thread.join(SOON_S)
    channel.close()
    taker.join(SOON_S)
    for who in range(4):
        assert list(range(200)) == [number for each, number in found if each == who]
    assert 3 >= channel.counters().high_water


@given(
    st.sampled_from([Overflow.DROP_OLDEST, Overflow.DROP_NEWEST]),
    st.integers(1, 4),
    st.lists(st.booleans(), max_size=40),
)
def test_the_counters_always_add_up(overflow: Overflow, capacity: int, puts: list[bool]) -> None:
    channel: Channel[int] = Channel("x", capacity, overflow)
    for number, is_put in enumerate(puts):
        if is_put:
            channel.put(number)
        else:
            channel.take(0)
        counters = channel.counters()
        assert counters.put == counters.taken + counters.dropped + counters.depth
        assert counters.depth <= counters.high_water <= capacity

"""Pages: what is whole, what is not, and how a sweep gathers them."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lockstep_desk import Side
from lockstep_desk.recon import (
    BrokerBalance,
    BrokerPages,
    BrokerPosition,
    BrokerUnreachableError,
    MemoryBroker,
    NewOrder,
    Page,
    SweepRequest,
    Unknown,
    UnknownReason,
    gather,
    join,
    make_page,
    read_all,
    whole,
)
from lockstep_desk.recon.broker import ITEMS_MAX
from tests.support.recon import BUY, E8, fill, moment, pages

ITEMS = [BrokerPosition(name, E8) for name in "abcde"]


def part(cursor: int, size: int = 2, at: int = 7) -> Page[BrokerPosition]:
    return make_page(ITEMS, moment(at), cursor, size)


def reason(answer: Page[BrokerPosition] | Unknown) -> UnknownReason:
    assert isinstance(answer, Unknown), answer
    return answer.reason


def test_pages_that_follow_each_other_make_the_answer() -> None:
    assert make_page(ITEMS, moment(7)) == join([part(0), part(2), part(4)])


def test_an_empty_answer_is_an_answer() -> None:
    empty: Page[BrokerPosition] = make_page([], moment(7))
    assert empty == whole(empty)


@pytest.mark.desk("RECON-34g")
@pytest.mark.parametrize(
    "cut",
    [
        [],
        [part(0)],
        [part(0), part(4)],
        [part(0), part(0), part(2), part(4)],
        [part(0), part(2, at=8), part(4)],
        [part(0), make_page(ITEMS[:4], moment(7), 2)],
        [msgspec.structs.replace(part(0, 5), items=tuple(ITEMS[:2]))],
        [msgspec.structs.replace(part(0, 5), items=tuple(ITEMS[1:]), next_cursor=4)],
        [msgspec.structs.replace(part(0, 5), checksum="0" * 16)],
        [msgspec.structs.replace(part(0, 5), total=4)],
        [msgspec.structs.replace(part(0, 5), cursor=-1)],
        [make_page(ITEMS, moment(7), 6)],
    ],
    ids=lambda cut: str(len(cut)),
)
def test_an_answer_that_is_not_whole_is_unknown(cut: list[Page[BrokerPosition]]) -> None:
    assert UnknownReason.CUT == reason(join(cut))


def test_the_fault_of_a_cut_page_is_said() -> None:
    cut = msgspec.structs.replace(part(0, 5), items=tuple(ITEMS[:2]))
    assert Unknown(UnknownReason.CUT, "expected 5 items from cursor 0, found 2") == whole(cut)


def test_all_pages_are_read() -> None:
    assert make_page(ITEMS, moment(7)) == read_all(part, BrokerPosition)


def test_a_broker_that_does_not_answer_is_unknown() -> None:
    def silent(cursor: int) -> Page[BrokerPosition]:
        raise BrokerUnreachableError("no answer in 5 s")

    assert Unknown(UnknownReason.UNREACHABLE, "no answer in 5 s") == read_all(
        silent, BrokerPosition
    )


def test_a_broker_that_stops_answering_in_the_middle_is_unknown() -> None:
    def failing(cursor: int) -> Page[BrokerPosition]:
        if cursor:
            raise BrokerUnreachableError("gone")
        return part(0)

    assert UnknownReason.UNREACHABLE == reason(read_all(failing, BrokerPosition))


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda cursor: part(0), UnknownReason.CUT),
        (lambda cursor: msgspec.structs.replace(part(cursor, 1), total=10**9), "TOO_LARGE"),
        (lambda cursor: Unknown(UnknownReason.REFUSED), UnknownReason.REFUSED),
    ],
)
def test_a_broker_that_never_comes_to_an_end_is_unknown(
    ask: Callable[[int], Page[BrokerPosition] | Unknown], expected: UnknownReason | str
) -> None:
    wanted = UnknownReason[expected] if isinstance(expected, str) else expected
    assert wanted == reason(read_all(ask, BrokerPosition))


def test_more_items_than_fit_into_a_command_are_unknown() -> None:
    many = [BrokerPosition(str(n), E8) for n in range(ITEMS_MAX + 1)]
    answer = read_all(lambda cursor: make_page(many, moment(7)), BrokerPosition)
    assert UnknownReason.TOO_LARGE == reason(answer)


@pytest.mark.desk("RECON-34g", "I10")
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionResetError("reset"), UnknownReason.UNREACHABLE),
        (TimeoutError("5 s"), UnknownReason.UNREACHABLE),
        (OSError("no route"), UnknownReason.UNREACHABLE),
        (EOFError("closed"), UnknownReason.UNREACHABLE),
        (ValueError("no number"), UnknownReason.CUT),
        (msgspec.DecodeError("no JSON"), UnknownReason.CUT),
    ],
)
def test_what_the_world_outside_fails_with_is_unknown(
    error: Exception, expected: UnknownReason
) -> None:
    def failing(cursor: int) -> Page[BrokerPosition]:
        raise error

    answer = read_all(failing, BrokerPosition)
    assert Unknown(expected, f"{type(error).__name__}: {error}") == answer


@pytest.mark.parametrize("error", [AttributeError("x"), TypeError("x"), KeyError("x")])
def test_a_mistake_in_a_view_is_not_hidden(error: Exception) -> None:
    def wrong(cursor: int) -> Page[BrokerPosition]:
        raise error

    with pytest.raises(type(error)):
        read_all(wrong, BrokerPosition)


@pytest.mark.desk("RECON-34g", "I10")
@pytest.mark.parametrize(
    "strange",
    [
        None,
        (),
        {},
        5,
        object(),
        msgspec.structs.replace(part(0), items=None),
        msgspec.structs.replace(part(0), items=(object(),)),
        msgspec.structs.replace(part(0), total="0"),
        msgspec.structs.replace(part(0), total=2**70),
        msgspec.structs.replace(part(0), checksum=5),
        make_page([1, 2], moment(7)),
        make_page([{"a": 1}], moment(7)),
        make_page([BrokerBalance("a", 1, 1)], moment(7)),
        make_page([fill(1, BUY, 5, 100)], moment(7)),
    ],
)
def test_an_answer_that_is_no_page_of_what_was_asked_for_is_cut(strange: Any) -> None:
    assert UnknownReason.CUT == reason(read_all(lambda cursor: strange, BrokerPosition))


def test_gathered_pages_survive_the_wire() -> None:
    said = pages(5, [fill(1, BUY, 5, 100)])
    encoded = msgspec.msgpack.encode(said)
    decoded = msgspec.msgpack.decode(encoded, type=BrokerPages)
    assert said == decoded
    assert encoded == msgspec.msgpack.encode(decoded)


def test_only_orders_that_do_not_work_are_asked_for_one_by_one() -> None:
    broker = MemoryBroker("acc")
    for name in ("working", "ended"):
        order = NewOrder(
            client_order_id=name, instrument="BTC", side=Side.BUY, qty_e8=E8, price_e9=1
        )
        broker.place(order)
    broker.cancel("ended")
    found = gather(broker, SweepRequest(0, ("working", "ended", "never")))
    assert ["ended", "never"] == [query.client_order_id for query in found.queries]
    answers = [query.answer for query in found.queries if isinstance(query.answer, Page)]
    assert [1, 0] == [len(answer.items) for answer in answers]

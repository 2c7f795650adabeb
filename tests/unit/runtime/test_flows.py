"""The generator gives the published flows, message by message, and its oracle is right."""

from collections import deque
from hashlib import sha256
from itertools import islice

import pytest

from lockstep_runtime.flows import FLOWS, FlowGenerator, FlowSpec, Message, flow_line, write_flow

SMALL = FlowSpec("small", 7, 3, 40, 4_000, 8)
FOUND = {
    ("w1k", 20_000): "288e8b3b2841a4fa850dc36509e810b28db8aa74abf94b0ec9e292de2be8ca10",
    ("w100k", 105_000): "468321ca414634434eeba3d0a9673c9f00828c1c36ef91d9650ae4f2ecdf8852",
    ("wmulti", 20_000): "100d75977ce8bb8b0afe86c810444aaa3b3df83f9153673de6cf651b0c41714a",
}
"""SHA-256 of the first lines of the published files."""


@pytest.mark.parametrize(("name", "count"), FOUND)
def test_the_published_flows_begin_as_published(name: str, count: int) -> None:
    digest = sha256()
    for message in islice(FlowGenerator(FLOWS[name]).messages(), count):
        digest.update(flow_line(message))
    assert FOUND[name, count] == digest.hexdigest()


def test_equal_specs_give_equal_flows_and_other_seeds_others() -> None:
    first, second = (list(FlowGenerator(SMALL).messages()) for _ in range(2))
    other = list(FlowGenerator(FlowSpec("other", 8, 3, 40, 4_000, 8)).messages())
    assert first == second
    assert first != other
    assert 3 * 40 + 4_000 == len(first)


class Model:
    """The rules of the flows once more, as plain as can be: a sorted scan and deques."""

    def __init__(self) -> None:
        self.levels: dict[tuple[int, str, int], deque[list[int]]] = {}
        self.where: dict[int, tuple[int, str, int]] = {}
        self.trades = sha256()

    def take(self, message: Message) -> int:
        _seq, op, symbol, order_id, _account, side, price, qty = message
        other = "S" if side == "B" else "B"
        sign = 1 if side == "B" else -1
        while qty:
            prices = [p for s, o, p in self.levels if (s, o) == (symbol, other)]
            best = min(prices, key=lambda p: p * sign, default=None)
            if best is None or (op != "M" and best * sign > price * sign):
                break
            level = self.levels[symbol, other, best]
            maker = level[0]
            filled = min(qty, maker[1])
            qty -= filled
            maker[1] -= filled
            self.trades.update(f"{order_id},{maker[0]},{best},{filled}\n".encode())
            if not maker[1]:
                self.drop(maker[0])
        return qty

    def drop(self, order_id: int) -> None:
        key = self.where.pop(order_id)
        self.levels[key] = deque(order for order in self.levels[key] if order[0] != order_id)
        if not self.levels[key]:
            del self.levels[key]

    def rest(self, message: Message, left: int) -> None:
        key = (message[2], message[5], message[6])
        self.levels.setdefault(key, deque()).append([message[3], left])
        self.where[message[3]] = key

    def follow(self, message: Message) -> None:
        op, order_id, qty = message[1], message[3], message[7]
        if op in "CA":
            self.drop(order_id)
        if op in "NIM":
            qty = self.take(message)
        if op == "R":
            next(o for o in self.levels[self.where[order_id]] if o[0] == order_id)[1] = qty
        elif op == "A" or (op == "N" and qty):
            self.rest(message, qty)

    def book(self) -> str:
        lines = []
        for symbol, side, price in sorted(
            self.levels, key=lambda key: (key[0], key[1], -key[2] if key[1] == "B" else key[2])
        ):
            for order_id, left in self.levels[symbol, side, price]:
                lines.append(f"{symbol},{side},{price},{order_id},{left}\n")
        return sha256("".join(lines).encode()).hexdigest()


def test_the_oracle_agrees_with_a_model_of_its_own() -> None:
    generator, model = FlowGenerator(SMALL), Model()
    for message in generator.messages():
        model.follow(message)
    oracle = generator.oracle()
    assert model.trades.hexdigest() == oracle.trades_sha256
    assert model.book() == oracle.book_sha256
    assert len(model.where) == oracle.resting
    assert len(model.levels) == oracle.levels
    assert oracle.trades > 500


def test_every_kind_of_message_comes_up() -> None:
    assert set("NIMCRA") == {message[1] for message in FlowGenerator(SMALL).messages()}


def test_a_flow_is_written_line_by_line_with_its_oracle() -> None:
    lines: list[bytes] = []
    oracle = write_flow(SMALL, lines.append)
    generator = FlowGenerator(SMALL)
    assert [flow_line(message) for message in generator.messages()] == lines
    assert generator.oracle() == oracle
    assert oracle.messages == len(lines)

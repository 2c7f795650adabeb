"""The floor of the benchmark is a matcher that matches, small and bare."""

import ast
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from lockstep_runtime.bench import floor
from lockstep_runtime.bench.floor import Floor, steps_of
from lockstep_runtime.flows import FLOWS, FlowGenerator, trade_line

# By the generator and oracle that came with the flows' definition, which is not part of this
# project and shares no code with it, with that many messages after those that build the books.
ORACLE = {
    ("w1k", 20_000): "9cc5c0e650300fa5f3d1a974deaa8e7167d0d8f63ace6843d97a4418d0c74851",
    ("wmulti", 5_000): "bdd14138f526632aa379f27883d1f542cc48fde260559dd67aefe5264e25eece",
    ("w100k", 5_000): "63062aaf0a9829a25da25a2514fcf74aa7643f7a3fc8501c153b0f26cd0b579c",
}


@pytest.mark.parametrize(("name", "messages"), ORACLE)
def test_the_floor_makes_the_trades_of_the_independent_oracle(name: str, messages: int) -> None:
    generator = FlowGenerator(msgspec.structs.replace(FLOWS[name], flow=messages))
    steps = steps_of(generator.messages())
    found = sha256()
    for trade in Floor(FLOWS[name].instruments).run(steps):
        found.update(trade_line(*trade))
    assert ORACLE[name, messages] == found.hexdigest()


def test_the_floor_goes_on_where_an_earlier_run_stopped() -> None:
    steps = steps_of(FlowGenerator(msgspec.structs.replace(FLOWS["w1k"], flow=2_000)).messages())
    whole, halves = Floor(1), Floor(1)
    assert whole.run(steps) == halves.run(steps[:1_700]) + halves.run(steps[1_700:])


def test_the_floor_stays_bare_and_under_120_lines() -> None:
    source = Path(floor.__file__).read_text("utf-8")
    assert 120 > len(source.splitlines())
    imported = {
        node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)
    }
    assert {
        "collections",
        "collections.abc",
        "dataclasses",
        "heapq",
        "lockstep_runtime.flows",
    } == imported

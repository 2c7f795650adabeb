"""The command `lockstep bench` on flows of a few messages; nothing here depends on a speed."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from lockstep_kernel import LockstepError
from lockstep_runtime.bench.builds import COMPILED_FOLDER, Build
from lockstep_runtime.bench.rounds import Plan, run, sources_of
from lockstep_runtime.bench.tables import TABLE_BEGIN
from lockstep_runtime.bench.workload import (
    ADMISSION_ACCOUNTS,
    FLOW_NAMES,
    generated,
    normal,
    sample_path,
)
from lockstep_runtime.cli import main
from lockstep_runtime.cli_bench import ACCOUNTS, FLOWS
from tests.unit.bench.options import SMALL

EXPECTED = os.environ.get("LOCKSTEP_EXPECT", "interpreted")
HEADER = "seq,type,side,ioc,qty,order_id,price_ticks\n"


def flash_flow(path: Path, messages: int) -> Path:
    """Write a flow in the flash1 form: pairs that trade, and an order now and then that is left."""
    lines = []
    for seq in range(messages):
        kind, side, price = 0, seq % 2, 100 if seq % 5 else 100 + (seq % 2) * 7
        lines.append(f"{seq},{kind},{side},0,{3 + seq % 2},{seq + 1},{price}\n")
    path.write_text(HEADER + "".join(lines))
    return path


class Ran:
    """What one tiny run left behind."""

    def __init__(self, code: int, out: str, err: str, folder: Path) -> None:
        self.code = code
        self.out = out
        self.err = err
        self.folder = folder


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Run the program once, with JSON and a table; the options flow is a small one."""
    folder = tmp_path_factory.mktemp("bench")
    flow = flash_flow(folder / "normal.csv", 60)
    arguments = ["bench", "--messages", "40", "--rounds", "2", "--flow", "w1k", "--flow", "normal"]
    arguments += ["--flow", "woptions", "--accounts", "30", "--accounts", "10"]
    arguments += ["--normal", str(flow), "--json", "--table", "page.md"]
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        patch.delenv(COMPILED_FOLDER, raising=False)
        patch.setattr("lockstep_runtime.bench.workload.WOPTIONS", SMALL)
        patch.setattr("lockstep_runtime.bench.workload.OPTIONS_PART", 1)
        patch.setattr("lockstep_runtime.bench.rounds.WOPTIONS", SMALL)
        patch.setattr("lockstep_runtime.bench.rounds.ADMISSION_CALLS", 20)
        out, err = folder / "out", folder / "err"
        with out.open("w") as stdout, err.open("w") as stderr:
            patch.setattr(sys, "stdout", stdout)
            patch.setattr(sys, "stderr", stderr)
            code = main(arguments)
        yield Ran(code, out.read_text(), err.read_text(), folder)


@pytest.fixture
def figures(ran: Ran) -> Any:
    assert 0 == ran.code, ran.err
    return json.loads(ran.out)


def test_the_names_of_the_flows_need_no_import_to_be_known() -> None:
    assert FLOW_NAMES == FLOWS
    assert ADMISSION_ACCOUNTS == ACCOUNTS


def test_json_holds_every_figure_of_every_flow(figures: Any) -> None:
    head = {"command", "machine", "messages", "rounds", "batch", "builds", "notes"}
    parts = {"floor_per_second", "flows", "ratios", "memory", "admission", "aims"}
    assert head | parts == set(figures)
    flows = [("w1k", 40), ("woptions", 40), ("normal", 40)]
    assert flows == [(flow["flow"], flow["messages"]) for flow in figures["flows"]]
    ways = {"apply", "durable", "recovery", "validation"}
    for flow in figures["flows"]:
        assert ways == set(flow["share"]) == set(flow["per_second"])
        for spread in (*flow["share"].values(), flow["validation_of_apply"]):
            assert 0 < spread["low"] <= spread["median"] <= spread["high"]
        assert {"p50_ns", "p99_ns", "p99_9_ns"} < set(flow["latency"])
        assert 32 == len(flow["hash"])
    assert (2, 1_000) == (figures["rounds"], figures["batch"])


def test_the_build_is_named_with_every_figure(figures: Any) -> None:
    assert [EXPECTED] == figures["builds"]
    found = (*figures["flows"], *figures["memory"], *figures["admission"])
    assert {EXPECTED} == {one["build"] for one in found}
    assert figures["notes"][0].startswith(f"Only the {EXPECTED} build was measured")


def test_memory_is_counted_over_the_resting_orders(figures: Any) -> None:
    (memory,) = figures["memory"]
    assert ("w1k", 1_000) == (memory["flow"], memory["orders"])
    assert 0 < memory["bytes_per_order"]


def test_options_are_compared_with_the_plain_flow_and_have_no_aim(figures: Any) -> None:
    assert [("woptions", EXPECTED)] == [(one["flow"], one["build"]) for one in figures["ratios"]]
    assert 0 < figures["ratios"][0]["of_unit_flow"]["low"]
    assert [] == [aim for aim in figures["aims"] if "woptions" in aim["what"]]


def test_what_happened_in_a_flow_is_told(figures: Any) -> None:
    happened = {flow["flow"]: flow["happened"] for flow in figures["flows"]}
    assert (40, 20) == (happened["woptions"]["commands"], happened["woptions"]["index_updates"])
    assert 0 < min(happened["woptions"]["orders"], happened["w1k"]["trades"])
    assert 0 == happened["w1k"]["index_updates"]


def test_admission_is_measured_at_every_number_of_accounts(figures: Any) -> None:
    expected = [(10, 40), (30, 40)]
    assert expected == [(one["accounts"], one["positions"]) for one in figures["admission"]]
    for one in figures["admission"]:
        for what in ("black76_ns", "unmoved", "after_index", "after_surface"):
            assert 0 < one[what]["low"] <= one[what]["median"] <= one[what]["high"]


def test_live_orders_are_counted_before_and_after(figures: Any) -> None:
    assert 1_000 == figures["flows"][0]["live_orders"][0]


def test_progress_goes_to_stderr_and_names_rounds_and_build(ran: Ran) -> None:
    lines = ran.err.splitlines()
    assert "w1k: preparing" == lines[0]
    assert 6 == len([line for line in lines if "of 2: floor" in line and EXPECTED in line])
    assert f"admission: round 2 of 2: {EXPECTED}" == lines[-1]


def test_the_command_that_repeats_it_holds_no_folder(ran: Ran, figures: Any) -> None:
    flows = "--flow w1k --flow normal --flow woptions --accounts 30 --accounts 10"
    repeated = f"lockstep bench --messages 40 --rounds 2 {flows} --normal normal.csv"
    assert repeated == figures["command"]
    assert str(ran.folder) not in ran.out


def test_the_table_is_written_and_nothing_else_is_left(ran: Ran) -> None:
    page = (ran.folder / "page.md").read_text()
    assert page.startswith(TABLE_BEGIN)
    for row in ("| woptions | 40 | 20 |", f"| 30 | {EXPECTED} | 40 |"):
        assert row in page
    left = {"err", "normal.csv", "out", "page.md"}
    assert left == {entry.name for entry in ran.folder.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--messages", "0"], "messages"),
        (["--rounds", "none"], "rounds"),
        (["--flow", "w2k"], "w2k"),
        (["--accounts", "9"], "accounts"),
        (["--flow", "normal", "--normal", "gone.csv"], "gone.csv"),
        (["--flow", "w1k", "--directory", "gone"], "gone"),
        (["--table", "gone/page.md"], "gone/page.md"),
        (["--plot", "gone/plot.png"], "gone/plot.png"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert 3 == main(["bench", "--messages", "40", *arguments])
    out, err = capsys.readouterr()
    assert "" == out
    assert words in err
    assert "Traceback" not in err
    assert [] == list(tmp_path.iterdir())


def test_a_flow_that_is_too_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LockstepError, match="expected a flow of 11 messages or more"):
        normal(flash_flow(tmp_path / "short.csv", 10), 100)


def test_normal_is_warmed_by_its_first_eleventh(tmp_path: Path) -> None:
    work = normal(flash_flow(tmp_path / "flow.csv", 110), 1_000)
    assert 10 == work.warm - work.first_order
    assert 100 == len(work.timed)


def test_a_generated_flow_is_timed_after_its_books_are_built() -> None:
    work, floor_work = generated("w1k", 30)
    assert (30, 1_000) == (len(work.timed), work.warm - work.first_order)
    assert (1_000, 1_030) == (floor_work.warm, len(floor_work.steps))


def test_without_a_sample_normal_is_left_out_with_a_note_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockstep_runtime.bench.rounds.sample_path", lambda: None)
    sources, notes = sources_of(Plan(10, 1))
    assert ["w1k", "w100k", "wmulti", "woptions"] == list(sources)
    assert notes[0].startswith("The flow `normal` was not measured")
    with pytest.raises(LockstepError, match="name one with --normal"):
        run(Plan(10, 1, ("normal",), directory=tmp_path), print)


def test_a_sample_lies_in_the_repository_or_nowhere() -> None:
    path = sample_path()
    assert path is None or path.is_file()


def test_the_death_of_a_child_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "compiled" if EXPECTED == "interpreted" else "interpreted"
    monkeypatch.setattr(
        "lockstep_runtime.bench.rounds.builds_to_measure", lambda: ([Build(other)], [])
    )
    with pytest.raises(LockstepError, match=f"check of the {other} build: expected the {other}"):
        run(Plan(10, 1, ("w1k",), directory=tmp_path), print)
    assert [] == list(tmp_path.iterdir())

"""Figures, tables and documents from rounds whose numbers are known."""

from pathlib import Path

import msgspec
import pytest

from lockstep_kernel import CannotRunError
from lockstep_runtime.bench.admission import AdmissionResult
from lockstep_runtime.bench.builds import COMPILED, INTERPRETED
from lockstep_runtime.bench.machine import MachineFacts, machine_facts
from lockstep_runtime.bench.measures import (
    CheckResult,
    Happened,
    Latency,
    MemoryResult,
    RoundResult,
)
from lockstep_runtime.bench.rounds import (
    Measured,
    MeasuredAdmission,
    MeasuredMemory,
    Measurements,
    Plan,
    Prepared,
)
from lockstep_runtime.bench.summary import FlowRatio, Spread, Summary, summarize
from lockstep_runtime.bench.tables import (
    TABLE_BEGIN,
    TABLE_END,
    as_markdown,
    check_document,
    show,
    spread_text,
    write_document,
)

IDLE = MachineFacts("a processor", 2, "CPython 3", "Linux", "ext4", 0.0)
PLAN = Plan(1_000, 3)


def rounds(speed: float) -> list[RoundResult]:
    """Three rounds; the machine is twice as fast in the second and half as fast in the third."""
    return [
        RoundResult(
            apply=speed * pace,
            durable=speed * pace / 2,
            recovery=speed * pace / 4,
            validation=speed * pace * 0.8,
            latency=Latency(1_000, 3_000, 20_000),
            hash="00",
        )
        for pace in (1.0, 2.0, 0.5)
    ]


def measurements() -> Measurements:
    units = [1_000.0, 2_000.0, 500.0]
    happened = Happened(commands=1_000, index_updates=500, orders=800, trades=90, refusals=3)
    checked = CheckResult(1_000, 990, "00", happened)
    admission = [
        [AdmissionResult(n, 200, 400.0, 20.0, 1_500.0 * pace, 900.0) for n in (10, 1_000)]
        for pace in (1.0, 2.0, 0.5)
    ]
    return Measurements(
        builds=[INTERPRETED, COMPILED],
        flows=["w1k", "w100k", "woptions"],
        notes=["A note."],
        measured=[
            Measured(build, Prepared(flow, 1_000), checked, units, rounds(speed))
            for flow, build, speed in (
                ("w1k", INTERPRETED, 100.0),
                ("w1k", COMPILED, 300.0),
                ("w100k", INTERPRETED, 80.0),
                ("w100k", COMPILED, 150.0),
                ("woptions", INTERPRETED, 0.2),
                ("woptions", COMPILED, 0.3),
            )
        ],
        memory=[MeasuredMemory(INTERPRETED, "w100k", MemoryResult(1_000, 500_000))],
        floor=units,
        floor_ratios={"w100k": [0.5, 0.25, 0.75]},
        admission=[MeasuredAdmission(COMPILED, admission)],
    )


def summary(machine: MachineFacts = IDLE) -> Summary:
    return summarize(measurements(), PLAN, machine, "lockstep bench")


def test_a_share_is_taken_within_its_round() -> None:
    shares = {(one.flow, one.build): one.share for one in summary().flows}
    assert Spread(0.1, 0.1, 0.1) == shares["w1k", INTERPRETED].apply
    assert Spread(0.3, 0.3, 0.3) == shares["w1k", COMPILED].apply
    assert Spread(0.05, 0.05, 0.05) == shares["w1k", INTERPRETED].durable


def test_an_absolute_speed_has_its_median_and_both_ends() -> None:
    assert Spread(100.0, 50.0, 200.0) == summary().flows[0].per_second.apply


def test_ratios_compare_validation_with_apply_and_deep_with_flat() -> None:
    found = summary()
    assert Spread(0.8, 0.8, 0.8) == found.flows[0].validation_of_apply
    expected = [
        FlowRatio("w100k", INTERPRETED, Spread(0.8, 0.8, 0.8)),
        FlowRatio("w100k", COMPILED, Spread(0.5, 0.5, 0.5)),
        FlowRatio("w100k", "floor", Spread(0.5, 0.25, 0.75)),
        FlowRatio("woptions", INTERPRETED, Spread(0.002, 0.002, 0.002)),
        FlowRatio("woptions", COMPILED, Spread(0.001, 0.001, 0.001)),
    ]
    assert expected == found.ratios


def test_aims_are_judged_by_the_median() -> None:
    found = {(one.what, one.build): one.is_met for one in summary().aims}
    assert found["w1k: apply / floor", INTERPRETED]
    assert found["w100k / w1k, apply", INTERPRETED]
    assert not found["w100k / w1k, apply", COMPILED]
    assert found["w1k: p99.9 / median", COMPILED]
    assert found["KB per resting order", INTERPRETED]
    assert [] == [what for what, _build in found if "woptions" in what]


def test_what_spoils_a_measurement_is_noted() -> None:
    busy = msgspec.structs.replace(IDLE, file_system="tmpfs", load_average=3.0)
    notes = ["A note.", "Journals lay on tmpfs: a sync costs nothing there."]
    assert notes == summary(busy).notes[:2]
    assert summary(busy).notes[2].startswith("The machine was not idle")
    assert ["A note."] == summary().notes


def test_this_machine_has_facts(tmp_path: Path) -> None:
    facts = machine_facts(tmp_path)
    assert facts.cpu
    assert 1 <= facts.cores
    assert facts.file_system != "unknown file system"


def test_tables_name_flow_and_build(capsys: pytest.CaptureFixture[str]) -> None:
    show(summary())
    out = capsys.readouterr().out
    assert ["A note."] == [line for line in out.splitlines() if "note" in line]
    for line in ("w1k       interpreted  0.100 (0.100 to 0.100)", "w100k     compiled     0.15"):
        assert line in out
    assert "| w1k | compiled | 0.300 (0.300 to 0.300) |" in as_markdown(summary())


def test_admission_is_summed_up_per_number_of_accounts() -> None:
    found = summary().admission
    expected = [(COMPILED, 10, 200), (COMPILED, 1_000, 200)]
    assert expected == [(one.build, one.accounts, one.positions) for one in found]
    assert Spread(1_500.0, 750.0, 3_000.0) == found[0].after_index
    assert (400.0, 20.0, 900.0) == (
        found[1].black76_ns.median,
        found[1].unmoved.median,
        found[1].after_surface.median,
    )
    line = "| 1,000 | compiled | 200 | 0.40 | 20.0 (20.0 to 20.0) | 1500.0 (750.0 to 3000.0) |"
    assert line in as_markdown(summary())


def test_what_happened_stands_once_per_flow() -> None:
    page = as_markdown(summary())
    assert 1 == page.count("| woptions | 1,000 | 500 | 800 | 0 | 90 | 0 | 3 |")


@pytest.mark.parametrize(
    ("text", "median"),
    [
        ("0.048 (0.048 to 0.048)", 0.048),
        ("2.150 (2.150 to 2.150)", 2.15),
        ("0.00020 (0.00020 to 0.00020)", 0.0002),
        ("0.000 (0.000 to 0.000)", 0.0),
    ],
)
def test_a_small_figure_has_two_digits(text: str, median: float) -> None:
    assert text == spread_text(Spread(median, median, median), 3)


def test_a_document_keeps_what_stands_around_its_marks(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"# Page\n\n{TABLE_BEGIN}\nold\n{TABLE_END}\n\nEnd.\n")
    check_document(path)
    write_document(path, summary())
    expected = f"# Page\n\n{TABLE_BEGIN}\n\n{as_markdown(summary())}\n{TABLE_END}\n\nEnd.\n"
    assert expected == path.read_text()
    write_document(path, summary())
    assert expected == path.read_text()


def test_a_new_document_holds_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "new.md"
    check_document(path)
    write_document(path, summary())
    assert f"{TABLE_BEGIN}\n\n{as_markdown(summary())}\n{TABLE_END}\n" == path.read_text()


def test_a_document_without_marks_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("# Mine\n")
    with pytest.raises(CannotRunError, match="expected the lines"):
        check_document(path)
    with pytest.raises(CannotRunError, match="expected a folder"):
        check_document(tmp_path / "gone" / "page.md")


def test_a_plot_is_drawn_where_matplotlib_is_there(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from lockstep_runtime.bench.plot import check_plot, write_plot

    path = tmp_path / "shares.png"
    check_plot(path)
    write_plot(path, summary())
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(CannotRunError, match="expected a folder"):
        check_plot(tmp_path / "gone" / "shares.png")
    with pytest.raises(CannotRunError, match="cannot be drawn"):
        write_plot(tmp_path / "shares.nonsense", summary())

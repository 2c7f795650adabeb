"""What the desk's README shows runs, and what it names is there."""

import re
from pathlib import Path
from types import ModuleType

import pytest

import lockstep_desk
from lockstep_desk import (
    backtest,
    fund,
    ids,
    live,
    pipeline,
    recon,
    reports,
    risk,
    stats,
    strategy,
)

PARTS = (backtest, live, pipeline, recon, reports, risk, stats, strategy)
README = (Path(__file__).parents[3] / "desk" / "README.md").read_text("utf-8")


def test_the_session_runs_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "desk/README.md", "exec"), {})  # noqa: S102 - the page's own example
    said = capsys.readouterr().out
    assert "realized_e17=-60000000000000000000" in said
    assert "unrealized_e17=60000000000000000000" in said


@pytest.mark.parametrize("module", [lockstep_desk, fund], ids=lambda module: module.__name__)
def test_every_exported_name_is_on_the_page(module: ModuleType) -> None:
    words = set(re.findall(r"\w+", README))
    assert set() == set(module.__all__) - words


@pytest.mark.parametrize("part", PARTS, ids=lambda module: module.__name__)
def test_every_exported_name_of_a_part_is_on_its_own_page(part: ModuleType) -> None:
    (folder,) = part.__path__
    page = (Path(folder) / "README.md").read_text("utf-8")
    assert set() == set(part.__all__) - set(re.findall(r"\w+", page))


def test_every_id_is_on_the_page() -> None:
    made = {name for name in vars(ids) if name.endswith(("_id", "_key"))}
    assert set() == made - set(re.findall(r"\w+", README))

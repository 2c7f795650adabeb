"""`lockstep desk backtest` as its users meet it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.desk.backtest.support import FLAT, RSI, SHARED, SMA, run_text
from tests.unit.runtime.driving import environment, install, lockstep

TEXT = SHARED.format(count=20) + run_text("a", RSI, SMA) + run_text("b", FLAT)
HEAVY = ("rich", "lmdb", "matplotlib", "lockstep_engine", "lockstep_journal")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = install(tmp_path_factory.mktemp("site"))
    (folder / "plan.toml").write_text(TEXT)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [["desk", "--help"], ["desk", "backtest", "--help"], ["desk", "demo", "--help"]],
)
def test_help_loads_nothing_heavy(site: Path, arguments: list[str]) -> None:
    code = (
        "import sys; from lockstep_runtime.cli import main; code = main(sys.argv[1:]);"
        f"print([m for m in {HEAVY} if m in sys.modules]); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        command, env=environment(site), capture_output=True, text=True, check=False
    )
    assert (0, "[]") == (done.returncode, done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.desk("DESK-79")
def test_data_is_on_stdout_and_the_same_for_any_number_of_jobs(site: Path) -> None:
    one = lockstep(site, "desk", "backtest", site / "plan.toml", "--json")
    two = lockstep(site, "desk", "backtest", site / "plan.toml", "--json", "--jobs", 2)
    assert (0, 0) == (one.returncode, two.returncode), two.stderr
    assert one.stdout == two.stdout
    told = json.loads(one.stdout)
    assert (2, ["a", "b"]) == (told["num"], [run["run_id"] for run in told["runs"]])
    assert one.stderr.startswith("lockstep desk backtest: 2 runs, ")
    assert 1 == one.stderr.count("\n")
    plain = lockstep(site, "desk", "backtest", site / "plan.toml")
    rows = [line.split() for line in plain.stdout.splitlines()]
    assert ["account", "capital", "cash", "fees", "funding", "holds"] in rows
    for run in told["runs"]:
        (books,) = run["books"]
        cash = f"{books['cash_e9'] / 10**9:,.2f}"
        assert [f"{run['run_id']}/main", "100,000.00", cash] in [row[:3] for row in rows]
    for run in told["runs"]:
        assert run["desk_hash"][:16] in plain.stdout


def test_a_page_and_journals_are_written_and_the_journals_recover(
    site: Path, tmp_path: Path
) -> None:
    page, journals = tmp_path / "page.html", tmp_path / "j"
    done = lockstep(
        *(site, "desk", "backtest", site / "plan.toml", "--json", "--html", page),
        *("--journal", journals, "--jobs", 2),
    )
    assert 0 == done.returncode, done.stderr
    html = page.read_text("utf-8")
    assert html.startswith("<!DOCTYPE html>")
    assert "<h2>Accounts</h2>" in html
    assert "<th>a/main</th>" in html
    assert [page, journals] == sorted(tmp_path.iterdir(), reverse=True)
    (first, _second) = json.loads(done.stdout)["runs"]
    recovered = lockstep(site, "replay", "recover", journals / "a" / "desk")
    assert 0 == recovered.returncode, recovered.stderr
    assert first["desk_hash"] in recovered.stdout
    again = lockstep(site, "desk", "backtest", site / "plan.toml", "--journal", journals)
    assert 3 == again.returncode
    assert "run 'a': " in again.stderr


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('strategy = "rsi"', 'strategy = "rsj"', "run[0].trader[0].strategy: expected one of"),
        ("[feed]", "[fed]", "feed"),
        ("seed = 7\ncount = 20\nevery_ms = 60_000\n", 'path = "none"\n', "none: cannot be read"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(
    site: Path, tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    text = TEXT.replace(old, new)
    if "path =" in new:
        walk = text[text.index("[[feed.walk]]") : text.index("[venue]")]
        text = text.replace(walk, "")
    (tmp_path / "bad.toml").write_text(text)
    done = lockstep(site, "desk", "backtest", tmp_path / "bad.toml")
    assert (3, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("lockstep desk backtest: ")
    assert sentence in done.stderr
    assert 1 == done.stderr.count("\n")


def test_places_that_cannot_be_written_are_named_before_anything_runs(
    site: Path, tmp_path: Path
) -> None:
    page = tmp_path / "none" / "page.html"
    done = lockstep(site, "desk", "backtest", site / "plan.toml", "--html", page)
    assert 3 == done.returncode
    assert "expected a place for a file" in done.stderr
    (tmp_path / "file").touch()
    done = lockstep(site, "desk", "backtest", site / "plan.toml", "--journal", tmp_path / "file")
    assert 3 == done.returncode
    assert "expected a directory for journals" in done.stderr

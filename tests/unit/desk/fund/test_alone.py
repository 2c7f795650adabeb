"""The fund layer loads nothing of this project but the values that it shares."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
SHARED = {
    "lockstep_desk",
    *(f"lockstep_desk.{name}" for name in ("types", "clock", "ids", "errors")),
}
PROGRAM = """
import sys
import lockstep_desk.fund
print(*sorted(name for name in sys.modules if name.startswith("lockstep_")))
print(*sorted({"lmdb", "click", "rich", "xxhash", "sqlite3", "asyncio"} & set(sys.modules)))
"""


def test_the_fund_layer_loads_nothing_else_of_ours() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": str(ROOT / "desk")},
        capture_output=True,
        text=True,
        check=True,
    )
    ours, others = done.stdout.split("\n")[:2]
    loaded = {name for name in ours.split() if not name.startswith("lockstep_desk.fund")}
    assert SHARED == loaded
    assert "" == others

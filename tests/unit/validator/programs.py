"""Runs the real program in a process of its own, with the counter installed as a machine."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = (sys.executable, "-m", "lockstep_validator")
TIMEOUT_S = 60

ENTRY_POINTS = """\
[lockstep.machines]
counter = tests.machines.counter:COUNTER
counter.again = tests.machines.counter:COUNTER
other = tests.unit.validator.programs:OTHER
"""

READER = '''\
"""Stands in for the reader of journals: does what the files of the directory say."""

import os
import sys
from pathlib import Path

directory = Path(sys.argv[-1])
(directory / "arguments").write_text("\\n".join(sys.argv[1:-1]))
sys.stdout.buffer.write((directory / "stream").read_bytes())
sys.stdout.flush()
print((directory / "sentence").read_text(), file=sys.stderr)
code = int((directory / "code").read_text())
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
'''


class Other:
    """A machine of which only the name is ever asked for."""

    name = "other"


OTHER = Other()


def install(folder: Path) -> Path:
    """Make a folder that, on the module path, installs the counter; return it."""
    info = folder / "counter_machines-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counter-machines\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


def install_reader(folder: Path) -> Path:
    """Make a folder that, on the module path, stands in for the journal package; return it."""
    package = folder / "lockstep_journal"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "reader.py").write_text(READER)
    return folder


def journal_directory(folder: Path, stream: bytes, code: int = 0, sentence: str = "") -> Path:
    """Make a directory for the stand-in of the reader; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stream").write_bytes(stream)
    (folder / "code").write_text(str(code))
    (folder / "sentence").write_text(sentence)
    return folder


def environment(*first: Path) -> dict[str, str]:
    """Return an environment whose modules are found in `first`, then where this process does."""
    paths = [*map(str, first), str(ROOT), *(path for path in sys.path if path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "LC_ALL": "C"}


def run(
    folder: Path, arguments: Sequence[str | Path], data: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run the program to its end."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        input=data,
        capture_output=True,
        timeout=TIMEOUT_S,
        env=environment(folder),
        cwd=folder,
        check=False,
    )

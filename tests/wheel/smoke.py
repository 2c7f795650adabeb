"""Says whether an installed wheel is whole. Runs outside the source tree; see run.sh.

Usage: smoke.py FILE, a list of the Python files that the sources hold, one a line.
"""

import importlib
import subprocess
import sys
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path

PACKAGES = (
    "lockstep_desk",
    "lockstep_engine",
    "lockstep_journal",
    "lockstep_kernel",
    "lockstep_naive",
    "lockstep_replay",
    "lockstep_runtime",
    "lockstep_validator",
)
PROGRAMS = ("lockstep", "lockstep-validator")
MACHINES = {"desk", "exchange", "exchange.naive"}
DESK_COMMANDS = ("backtest", "demo")
COMMANDS = {"bench", "demo", "desk", "head", "journal", "replay", "run", "simulate", "status"}


def expect(condition: object, sentence: str) -> None:
    """Stop with the sentence unless the condition holds; asserts would vanish under -O."""
    if not condition:
        sys.exit(f"wheel: {sentence}")


def check_packages() -> Path:
    """Import every package from site-packages; return that folder."""
    for name in PACKAGES:
        file = Path(importlib.import_module(name).__file__ or "")
        expect("site-packages" in file.parts, f"expected {name} in site-packages, found {file}")
        expect((files(name) / "py.typed").is_file(), f"{name} has no py.typed")
    return Path(importlib.import_module(PACKAGES[0]).__file__ or "").parents[1]


def check_files(site: Path, listing: Path) -> None:
    """Compare the installed files with the sources, both ways."""
    sources = set(listing.read_text().split())
    found = {
        p.relative_to(site).as_posix() for name in PACKAGES for p in (site / name).rglob("*.py")
    }
    expect(sources, f"{listing} lists no sources")
    expect(found == sources, f"files that are not in both: {sorted(found ^ sources)}")


def check_entry_points() -> None:
    """Load every machine and every command that the wheel promises."""
    for group, names in (("lockstep.machines", MACHINES), ("lockstep.commands", COMMANDS)):
        points = entry_points(group=group)
        expect({p.name for p in points} == names, f"expected {sorted(names)} in {group}: {points}")
        for point in points:
            expect(point.load() is not None, f"{group} {point.name} is nothing")


def check_programs() -> None:
    """Run `--help` of every program as a user does."""
    for name in PROGRAMS:
        program = Path(sys.executable).parent / name
        done = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
        expect(done.returncode == 0, f"{name} --help ended with {done.returncode}: {done.stderr}")
        expect("--help" in done.stdout, f"{name} --help says {done.stdout!r}")
    for name in DESK_COMMANDS:
        command = [Path(sys.executable).parent / "lockstep", "desk", name, "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        expect(done.returncode == 0, f"lockstep desk {name} --help ended with {done.stderr}")


def main() -> None:
    """Check all; say in one line what was checked."""
    site = check_packages()
    check_files(site, Path(sys.argv[1]))
    check_entry_points()
    check_programs()
    print(f"wheel: {version('lockstep-exchange')} is whole, {len(PACKAGES)} packages")


main()

"""Fills the scorecard: every check with real faults, its pass mark and what came of it.

    python -m tests.faults [--short] [--only W1,C] [--allow-missing-tools] [--json] [--write FILE]

`--only` takes ids and groups. Exit 1 if a pass mark is missed or a check fired no fault, 3 if a
tool is missing and --allow-missing-tools was not given. The full form takes half an hour.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.faults.checks import CHECKS
from tests.faults.report import document
from tests.faults.scorecard import HEAD, REPLICATION, Row, exit_code, fill, line, total
from tests.faults.tools import enter_namespace


def main(arguments: Sequence[str]) -> int:
    """Print the filled scorecard and return the exit code."""
    asked = _parser().parse_args(arguments)
    wanted = [word for word in (asked.only or "").split(",") if word]
    chosen = [check for check in CHECKS if not wanted or {check.id, check.id[0]} & {*wanted}]
    unknown = [word for word in wanted if not any(word in (c.id, c.id[0]) for c in CHECKS)]
    if unknown:
        print(f"expected ids or groups of checks, found {', '.join(unknown)}", file=sys.stderr)
        return 3
    rows: list[Row] = []
    if not asked.json:
        print(HEAD, flush=True)
    for row in fill(chosen, is_full=not asked.short):
        rows.append(row)
        if not asked.json:
            print(line(row), flush=True)
    if asked.json:
        print(msgspec.json.encode(rows).decode())
    else:
        print(f"R   {REPLICATION}\n{total(rows)}")
    if asked.write:
        asked.write.write_text(document(rows, is_full=not asked.short), "utf-8")
    return exit_code(rows, allows_missing_tools=asked.allow_missing_tools)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--short", action="store_true", help="a sample of each check")
    parser.add_argument("--only", metavar="IDS", help="ids or groups of checks, with commas")
    parser.add_argument("--allow-missing-tools", action="store_true")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table as Markdown")
    return parser


if __name__ == "__main__":
    enter_namespace(sys.argv[1:])
    sys.exit(main(sys.argv[1:]))

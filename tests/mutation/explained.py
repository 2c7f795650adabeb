"""The survivors that docs/mutation.md lists: the page is the list.

Below the heading of a module, a paragraph that begins with "Equivalent" or "Open" tells what is
known of the indented lines after it, each `function: line before -> line after`.
"""

from typing import Final

from tests.mutation.subjects import ROOT

PAGE = ROOT / "docs" / "mutation.md"
_EQUIVALENT: Final = "Equivalent"
_OPEN: Final = "Open"


def explained(page: str) -> dict[str, list[str]]:
    """Return the changes of each module that the page calls equivalent."""
    return _listed(page, _EQUIVALENT)


def still_open(page: str) -> dict[str, list[str]]:
    """Return the changes of each module that the page calls open."""
    return _listed(page, _OPEN)


def _listed(page: str, wanted: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    module = word = ""
    for line in page.splitlines():
        if line.startswith("### "):
            module, word = line.removeprefix("### "), ""
        elif line.startswith("    "):
            if word == wanted:
                found.setdefault(module, []).append(line.strip())
        elif line.startswith("## "):
            word = ""
        elif line.startswith((_EQUIVALENT, _OPEN)):
            word = _EQUIVALENT if line.startswith(_EQUIVALENT) else _OPEN
    return found

"""The survivors that docs/mutation.md explains: the page is the list.

Below the heading of a module, a paragraph that begins with "Equivalent" gives the reason for the
indented lines after it, each `function: line before -> line after`.
"""

from tests.mutation.subjects import ROOT

PAGE = ROOT / "docs" / "mutation.md"
_REASON = "Equivalent"


def explained(page: str) -> dict[str, list[str]]:
    """Return the explained changes of each module."""
    found: dict[str, list[str]] = {}
    module, is_explained = "", False
    for line in page.splitlines():
        if line.startswith("### "):
            module, is_explained = line.removeprefix("### "), False
        elif line.startswith("    "):
            if is_explained:
                found.setdefault(module, []).append(line.strip())
        elif line.strip():
            is_reason_going_on = is_explained and not line.startswith(("Open", "## "))
            is_explained = line.startswith(_REASON) or is_reason_going_on
    return found

"""The core cannot depend on clock, randomness, environment, memory layout or libm.

Runs tests/lint/determinism.py over the core, and proves on planted code that it sees each ban.
"""

from pathlib import Path

import pytest

from tests.lint.determinism import lint

ROOT = Path(__file__).parents[2]
CORE = (
    *("engine/lockstep_kernel", "engine/lockstep_engine", "validator/lockstep_naive"),
    *("desk/lockstep_desk/fund", "desk/lockstep_desk/oms", "desk/lockstep_desk/core"),
    *("desk/lockstep_desk/risk", "desk/lockstep_desk/strategy"),
)
HOST_FILES = (
    *("audit", "engine", "hooks", "outputs", "replica", "router", "runners", "times", "view"),
)
"""Modules of the desk's core that run around the machine, outside its journal."""
DESK_FILES = (
    "desk/lockstep_desk/errors.py",
    "desk/lockstep_desk/types.py",
    "desk/lockstep_desk/ids.py",
)
"""What the desk's machine is made of, beside the folders above."""

EXCEPTIONS = {
    (
        "desk/lockstep_desk/fund/gate.py",
        "import",
        "threading",
    ): "a lock, for hosts with threads; it starts none, and one thread sees no difference",
    (
        "engine/lockstep_kernel/registry.py",
        "import",
        "importlib.metadata",
    ): "finds machines among the installed entry points; the machines themselves never see it",
}
"""(path, rule, what) -> the reason."""


def core_sources() -> dict[str, str]:
    """Return path -> source of every module of the core."""
    files = sorted(file for folder in CORE for file in (ROOT / folder).rglob("*.py"))
    files = [file for file in files if file.parent.name != "core" or file.stem not in HOST_FILES]
    files += [ROOT / file for file in DESK_FILES]
    return {file.relative_to(ROOT).as_posix(): file.read_text("utf-8") for file in files}


def rules(source: str, path: str = "core.py") -> list[tuple[str, str]]:
    return [(finding.rule, finding.what) for finding in lint({path: source})]


def test_the_core_breaks_no_ban() -> None:
    found = [
        str(finding)
        for finding in lint(core_sources())
        if (finding.path, finding.rule, finding.what) not in EXCEPTIONS
    ]
    assert [] == found, "\n" + "\n".join(found)


def test_every_package_of_the_core_is_read() -> None:
    sources = core_sources()
    for folder in CORE:
        assert f"{folder}/__init__.py" in sources


def test_every_exception_is_still_needed() -> None:
    needed = {(finding.path, finding.rule, finding.what) for finding in lint(core_sources())}
    assert set() == EXCEPTIONS.keys() - needed


@pytest.mark.parametrize(
    "module",
    "time datetime random os sys uuid secrets socket threading subprocess pathlib io logging"
    " locale asyncio math decimal numpy tempfile importlib platform gc".split(),
)
def test_an_import_that_is_not_allowed_is_found(module: str) -> None:
    assert [("import", module)] == rules(f"import {module}")
    assert [("import", module)] == rules(f"def late():\n    import {module} as harmless")


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("from time import monotonic_ns", "time"),
        ("from os import environ", "os"),
        ("from os.path import join", "os.path"),
        ("from importlib.metadata import entry_points", "importlib.metadata"),
        ("from math import exp", "math.exp"),
        ("from math import sqrt", "math.sqrt"),
        ("from . import book", "."),
        ("import enum, random", "random"),
    ],
)
def test_an_imported_name_that_is_not_allowed_is_found(source: str, what: str) -> None:
    assert [("import", what)] == rules(source)


@pytest.mark.parametrize(
    "name", "open print input hash id round eval exec compile __import__ breakpoint".split()
)
def test_a_banned_builtin_is_found(name: str) -> None:
    assert [("builtin", name)] == rules(f"x = {name}(1)")
    assert [("builtin", name)] == rules(f"def f(rows):\n    return sorted(rows, key={name})")
    method_of_that_name = f"class A:\n    def {name}(self): pass\n    def g(self): {name}(self)"
    assert [("builtin", name)] == rules(method_of_that_name)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("x = 0.5", "0.5"),
        ("x = 1e9", "1000000000.0"),
        ("x = 2j", "2j"),
        ("x = float(1)", "float"),
        ("def f(x: float) -> int: return 0", "float"),
        ("def f(a: int) -> object: return a / 2", "/"),
        ("def f(a: int) -> None: a /= 2", "/"),
        ("def f(a: int) -> object: return 10 ** -a", "**"),
    ],
)
def test_a_float_is_found_everywhere_but_in_detmath(source: str, what: str) -> None:
    assert [("float", what)] == rules(source)
    assert [] == rules(source, "engine/lockstep_engine/risk/detmath.py")


@pytest.mark.parametrize("name", ["exp", "log", "pow", "erf", "sin", "hypot", "log1p"])
def test_detmath_too_may_use_exact_functions_only(name: str) -> None:
    path = "engine/lockstep_engine/risk/detmath.py"
    assert [("import", f"math.{name}")] == rules(f"from math import {name}", path)
    assert [("import", f"math.{name}")] == rules(f"import math\nx = math.{name}(1.0)", path)
    assert [] == rules("from math import sqrt\nx = sqrt(2.0) / 3.0", path)


@pytest.mark.parametrize("name", ["environ", "getenv", "byteorder", "truediv", "__hash__"])
def test_a_banned_attribute_is_found(name: str) -> None:
    assert [("attribute", name)] == rules(f"def f(x): return x.{name}")


@pytest.mark.parametrize(
    "body",
    [
        "for x in {1, 2}: pass",
        "for x in set(rows): pass",
        "for x in frozenset(rows): pass",
        "for x in {row for row in rows}: pass",
        "[x for x in set(rows)]",
        "{x: 1 for x in set(rows)}",
        "sum_of = f(x for x in set(rows))",
        "list(set(rows))",
        "tuple(set(rows) | set(rows))",
        "enumerate(set(rows))",
        "next(iter(rows.keys() & rows.keys()))",
        "f(*set(rows))",
        "rows.extend(set(rows))",
        "','.join(set(rows))",
        "a, b = set(rows)",
        "set(rows).pop()",
        "seen = set(rows)\n    for x in seen: pass",
        "seen: set[int] = f()\n    for x in seen: pass",
        "seen: 'set[int]' = f()\n    for x in seen: pass",
        "seen: set[int] | None = f()\n    for x in seen or (): pass",
        "for x in named: pass",
        "for x in by_key[1]: pass",
        "for x in by_key.get(1, ()): pass",
        "for key, members in by_key.items():\n        for x in members: pass",
        "for members in by_key.values():\n        list(members)",
        "if (seen := set(rows)): list(seen)",
        "yield from set(rows)",
    ],
)
def test_an_order_taken_from_a_set_is_found(body: str) -> None:
    source = f"def f(rows, named: set[int], by_key: dict[int, set[int]]):\n    {body}\n"
    assert ["set"] == sorted({rule for rule, _ in rules(source)} - {"builtin"}), source


def test_a_set_is_known_by_its_field_property_or_result_in_another_file() -> None:
    state = """
class State:
    frozen: frozenset[int]
    def __init__(self):
        self.live: set[int] = set()
        self.dead = set()
    @property
    def all_ids(self) -> set[int]: ...
    def some_ids(self) -> set[int]: ...
"""
    for used in ("frozen", "live", "dead", "all_ids", "some_ids()"):
        found = lint({"state.py": state, "sweep.py": f"def f(s):\n    return list(s.{used})"})
        assert [("sweep.py", 2, "set")] == [(place.path, place.line, place.rule) for place in found]


def test_clean_code_passes() -> None:
    source = '''
"""A module that does what the core does."""
from array import array
from collections.abc import Sequence
from enum import IntEnum
from math import isqrt
import msgspec
from lockstep_kernel.arith import div_floor

class Side(IntEnum):
    BUY = 0

class Applied(msgspec.Struct, frozen=True):
    id: int
    hash: bytes

def total(rows: Sequence[int], seen: set[int], by_key: dict[int, int]) -> int:
    hash, id = b"", 7
    both = seen | {1}
    for row in sorted(seen):
        by_key[row] = row
    for key in by_key:
        id += by_key.pop(key, 0)
    if 7 in both and len(both) > 2:
        return sum(x for x in both) + max(both) + id
    return div_floor(isqrt(10**9), len(rows)) * 2**8 // 3 + len(hash)
'''
    assert [] == rules(source)


def test_what_only_type_checkers_read_is_left_out_and_its_other_branch_is_not() -> None:
    source = "if TYPE_CHECKING:\n    import os\nelse:\n    import io"
    assert [("import", "io")] == rules(source)


def test_a_name_used_for_a_set_in_one_function_may_be_a_list_in_another() -> None:
    source = "def f(seen: set[int]): return 1\ndef g(seen: list[int]): return list(seen)"
    assert [] == rules(source)


def test_a_finding_names_place_rule_and_reason() -> None:
    (finding,) = lint({"core.py": "\nimport time"})
    expected = "core.py:2: import: time: not among the modules that the core may use"
    assert expected == str(finding)

"""Finds what could make the core depend on anything but its state and its commands.

Owns the bans on kernel, engine and naive machine: no clock, randomness, I/O, environment or thread,
no float outside detmath.py, no order taken from a set, no hash(), id() or round(). Imports are a
list of what is allowed, so that a new module is refused until somebody has thought about it. Reads
sources and never imports them.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.lint.sets import Known, fields_of, order_taken, variables_of

ALLOWED_IMPORTS = frozenset(
    {"__future__", "abc", "array", "binascii", "bisect", "collections", "dataclasses", "enum"}
    | {"functools", "hashlib", "heapq", "itertools", "operator", "re", "string", "struct", "types"}
    | {"mypy_extensions", "typing", "typing_extensions"}
    | {"msgspec", "xxhash", "lockstep_engine", "lockstep_kernel", "lockstep_naive"}
    | {"lockstep_desk"}
)
"""Modules, and all they hold, that read nothing from outside."""

INTEGER_MATH = frozenset({"comb", "gcd", "isqrt", "lcm", "perm"})
EXACT_MATH = INTEGER_MATH | frozenset(
    {"ceil", "copysign", "fabs", "floor", "frexp", "inf", "isfinite", "isinf", "isnan", "ldexp"}
    | {"sqrt", "trunc"}
)
"""What detmath.py may use: IEEE 754 fixes every result. `exp` and `log` differ between machines."""

FLOAT_TYPES = frozenset({"complex", "float"})
BANNED_BUILTINS = {
    "__import__": "loads code by name",
    "breakpoint": "does I/O",
    "compile": "makes code from data",
    "complex": "is a float",
    "eval": "makes code from data",
    "exec": "makes code from data",
    "float": "is a float",
    "hash": "depends on PYTHONHASHSEED",
    "id": "depends on memory addresses",
    "input": "does I/O",
    "open": "does I/O",
    "print": "does I/O",
    "round": "is not one of the divisions of arith.py",
}
BANNED_ATTRIBUTES = frozenset({"__hash__", "byteorder", "environ", "getenv", "maxsize", "truediv"})

Report = tuple[str, str, str]


class Finding(NamedTuple):
    """A place that breaks a ban; `rule` names the ban, `what` the offending name or operator."""

    path: str
    line: int
    rule: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.what}: {self.why}"


def lint(sources: Mapping[str, str]) -> list[Finding]:
    """Return every finding in the files (path -> source), by path and line.

    The files are read together: a field annotated as a set in one is known in all.
    """
    trees = {path: _parsed(path, source) for path, source in sorted(sources.items())}
    fields = fields_of(trees.values())
    found: list[Finding] = []
    for path, tree in trees.items():
        found.extend(_lint_file(path, tree, fields))
    return sorted(found)


class _RunningCode(ast.NodeTransformer):
    """Leaves out what only type checkers read."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        match node.test:
            case ast.Name(id="TYPE_CHECKING"):
                return [self.visit(statement) for statement in node.orelse]
            case _:
                return self.generic_visit(node)


def _parsed(path: str, source: str) -> ast.Module:
    tree = _RunningCode().visit(ast.parse(source, path))
    assert isinstance(tree, ast.Module)
    return tree


def _lint_file(path: str, tree: ast.Module, fields: Known) -> Iterator[Finding]:
    is_detmath = path.rsplit("/", 1)[-1] == "detmath.py"
    module = list(_outside_functions(tree))
    of_module = variables_of(module, fields)
    bound_in_module = _bound_names(_statements(tree))
    units = [module, *([*ast.walk(function)] for function in _outermost_functions(module))]
    for nodes in units:
        is_module = nodes is module
        known = of_module if is_module else variables_of(nodes, of_module)
        bound = bound_in_module if is_module else bound_in_module | _bound_names(nodes)
        for node in nodes:
            for report in _reports(node, bound, is_detmath):
                yield Finding(path, _line(node), *report)
        for used in order_taken(nodes, known):
            why = "a set has no order; iterate over sorted(...)"
            yield Finding(path, used.lineno, "set", ast.unparse(used), why)


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes but the insides of functions; a function itself is yielded."""
    for child in ast.iter_child_nodes(tree):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _outside_functions(child)


def _outermost_functions(nodes: list[ast.AST]) -> list[ast.AST]:
    return [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes outside functions and classes: only their names are seen by functions."""
    for child in ast.iter_child_nodes(tree):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _statements(child)


def _bound_names(nodes: list[ast.AST] | Iterator[ast.AST]) -> frozenset[str]:
    """Return the names that the nodes bind: a local called `hash` is not the builtin."""
    bound: set[str] = set()
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.ImportFrom(names=aliases):
                bound.update(alias.asname or alias.name for alias in aliases)
            case _:
                pass
    return frozenset(bound)


def _reports(node: ast.AST, bound: frozenset[str], is_detmath: bool) -> Iterator[Report]:
    yield from _imports(node, is_detmath)
    yield from _names(node, bound, is_detmath)
    if not is_detmath:
        yield from _floats(node)


def _imports(node: ast.AST, is_detmath: bool) -> Iterator[Report]:
    match node:
        case ast.Import(names=aliases):
            modules = [alias.name for alias in aliases if not (is_detmath and alias.name == "math")]
        case ast.ImportFrom(level=level) if level:
            modules = ["." * level]
        case ast.ImportFrom(module="math", names=aliases):
            allowed = EXACT_MATH if is_detmath else INTEGER_MATH
            modules = [f"math.{alias.name}" for alias in aliases if alias.name not in allowed]
        case ast.ImportFrom(module=str(module)):
            modules = [module]
        case ast.Attribute(value=ast.Name(id="math"), attr=name):
            modules = [] if name in EXACT_MATH else [f"math.{name}"]
        case _:
            return
    for module in modules:
        if module.split(".", 1)[0] not in ALLOWED_IMPORTS:
            yield "import", module, "not among the modules that the core may use"


def _names(node: ast.AST, bound: frozenset[str], is_detmath: bool) -> Iterator[Report]:
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if name in BANNED_BUILTINS and name not in bound:
            if name not in FLOAT_TYPES:
                yield "builtin", name, BANNED_BUILTINS[name]
            elif not is_detmath:
                yield "float", name, "floats live in detmath.py only"
        case ast.Attribute(attr=name) if name in BANNED_ATTRIBUTES:
            yield "attribute", name, "differs between processes or machines, or makes a float"
        case _:
            pass


def _floats(node: ast.AST) -> Iterator[Report]:
    match node:
        case ast.Constant(value=float() | complex() as value):
            yield "float", repr(value), "floats live in detmath.py only"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            yield "float", "/", "true division makes a float; arith.py has the divisions"
        case ast.BinOp(op=ast.Pow(), right=ast.UnaryOp(op=ast.USub())):
            yield "float", "**", "a negative power makes a float"
        case _:
            pass

"""Counts and looks for what the style page sets numbers and bans for.

Owns the numbers. Each check takes the text of one file and gives `Untidy` places; it reads sources
and never imports them. What may be different, and why, stands in tests/unit/test_tidy.py.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

LINE_MAX = 100
FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 600
PARAMETERS_MAX = 5
NESTING_MAX = 3

Function = ast.FunctionDef | ast.AsyncFunctionDef

_PRAGMA = re.compile(r"#\s*(?:type:\s*ignore|noqa|pyright:\s*ignore|mypy:|ruff:|pyright:|flake8:)")
_CODED_PRAGMA = re.compile(
    r"#\s*(?:type:\s*ignore\[[\w, -]+\]"
    r"|(?:ruff:\s*)?noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*"
    r"|pyright:\s*ignore\[\w+(?:,\s*\w+)*\])"
)
_LEFTOVER = re.compile(r"\b(?:T[O]DO|F[I]XME|X[X]X|H[A]CK)\b")
_MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|farm|root|home|Users)/|/tmp/[a-z]+_[a-z0-9]{6,}")
_CODE_START = re.compile(
    r"(?:(?:from\s+\S+\s+)?import|return|raise|assert|del|yield|await|global|def|class|async"
    r"|if|elif|else|for|while|with|try|except|finally|pass|break|continue|print)\b.*"
    r"|[\w.\[\]\"']+\s*(?:[-+*/|&]|//)?=\s*[^=\s].*"
    r"|[\w.]+\(.*\)"
)


class Untidy(NamedTuple):
    """One place: `rule` names the check, `what` the function, word or size."""

    path: str
    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.what}"


def check_python(path: str, source: str) -> Iterator[Untidy]:
    """Yield all that is untidy in one Python file."""
    tree = ast.parse(source, path)
    yield from _check_sizes(path, source)
    if source and not (ast.get_docstring(tree) or "").strip():
        yield Untidy(path, 1, "docstring", "expected a module docstring")
    for name, function in functions(tree):
        yield from _check_function(path, name, function)
    yield from _check_comments(path, source)


def check_text(path: str, text: str) -> Iterator[Untidy]:
    """Yield the leftovers and machine paths of any text file."""
    for number, line in enumerate(text.split("\n"), 1):
        for rule, pattern in (("leftover", _LEFTOVER), ("machine path", _MACHINE_PATH)):
            for match in pattern.finditer(line):
                yield Untidy(path, number, rule, match.group())


def _check_sizes(path: str, source: str) -> Iterator[Untidy]:
    lines = source.split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) > MODULE_LINES_MAX:
        yield Untidy(path, 1, "module length", f"{len(lines)} lines")
    for number, line in enumerate(lines, 1):
        pragma = _PRAGMA.search(line)
        code = line[: pragma.start()].rstrip() if pragma else line
        if len(code) > LINE_MAX:
            yield Untidy(path, number, "line length", f"{len(code)} characters")


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Yield (qualified name, function) for every function of a tree, nested ones too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield f"{prefix}{node.name}", node
        if isinstance(node, Function | ast.ClassDef):
            yield from functions(node, f"{prefix}{node.name}.")
        else:
            yield from functions(node, prefix)


def _check_function(path: str, name: str, function: Function) -> Iterator[Untidy]:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if lines > FUNCTION_LINES_MAX:
        yield Untidy(path, function.lineno, "function length", name)
    if _parameter_count(function) > PARAMETERS_MAX and not _is_command(function):
        yield Untidy(path, function.lineno, "parameters", name)
    if nesting(function.body) > NESTING_MAX:
        yield Untidy(path, function.lineno, "nesting", name)


def _parameter_count(function: Function) -> int:
    arguments = function.args
    names = [arg.arg for arg in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    is_method = bool(names) and names[0] in {"self", "cls"}
    return len(names) - is_method


def _is_command(function: Function) -> bool:
    """Return whether click fills the parameters: a command has as many as it has options."""
    return any(
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr in {"command", "group"}
        for decorator in function.decorator_list
    )


def nesting(body: list[ast.stmt], depth: int = 0) -> int:
    """Return how deep control blocks stand in each other.

    An `elif` is as deep as its `if`, a `match` with its cases is one block, and `with` is none: it
    holds a resource and decides nothing. A function within a function counts for itself.
    """
    deepest = depth
    for statement in body:
        match statement:
            case ast.With(body=inner) | ast.AsyncWith(body=inner):
                deepest = max(deepest, nesting(inner, depth))
            case ast.If() | ast.For() | ast.AsyncFor() | ast.While():
                deepest = max(deepest, nesting(statement.body, depth + 1), _else(statement, depth))
            case ast.Try() | ast.TryStar():
                blocks = [statement.body, statement.orelse, statement.finalbody]
                blocks += [handler.body for handler in statement.handlers]
                deepest = max(deepest, *(nesting(block, depth + 1) for block in blocks))
            case ast.Match(cases=cases):
                deepest = max(deepest, *(nesting(case.body, depth + 1) for case in cases))
            case _:
                pass
    return deepest


def _else(statement: ast.If | ast.For | ast.AsyncFor | ast.While, depth: int) -> int:
    match statement:
        case ast.If(orelse=[ast.If() as chained]):
            return nesting([chained], depth)
        case _:
            return nesting(statement.orelse, depth + 1)


def _check_comments(path: str, source: str) -> Iterator[Untidy]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line = token.start[0]
            if _PRAGMA.search(token.string):
                yield from _check_pragma(path, line, token.string)
            elif is_code(token.string.lstrip("#").strip()):
                yield Untidy(path, line, "commented-out code", token.string)


def _check_pragma(path: str, line: int, comment: str) -> Iterator[Untidy]:
    """Yield the comment unless each ignore in it has a code, and words follow the last one."""
    rest = _CODED_PRAGMA.sub("", comment)
    if _PRAGMA.search(rest):
        yield Untidy(path, line, "ignore without code", comment)
    elif len(re.findall(r"\w+", rest)) < 2:
        yield Untidy(path, line, "ignore without reason", comment)


def is_code(text: str) -> bool:
    """Return whether a comment's text is a statement that somebody switched off."""
    if not _CODE_START.fullmatch(text):
        return False
    for attempt in (text, f"{text} pass", f"{text}\n    pass", f"if x: pass\n{text} pass"):
        try:
            ast.parse(attempt)
        except SyntaxError:
            continue
        return not _is_words(text)
    return bool(re.fullmatch(r"except\b.*:|finally:", text))


def _is_words(text: str) -> bool:
    """Return whether a text that happens to parse is a sentence, as `return what is left`."""
    return re.fullmatch(r"(?!from |import )\w+( \w+){2,}", text) is not None


def imported_modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, top-level module) for every import in a tree, late ones too."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases, lineno=line):
                for alias in aliases:
                    yield line, alias.name.split(".")[0]
            case ast.ImportFrom(module=str(module), lineno=line):
                yield line, module.split(".")[0]
            case _:
                pass

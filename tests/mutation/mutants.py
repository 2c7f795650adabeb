"""The mutants of a module: one small change inside one function, each with the code it makes.

Left out, since no test could tell: changes that leave the bytecode as it is. Left out, since a
function cannot be exchanged for one: changes of what it closes over.
"""

import difflib
from collections.abc import Iterator
from types import CodeType
from typing import NamedTuple

import libcst as cst
from libcst.metadata import MetadataWrapper
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.pragma_handling import IgnoredCode

from tests.mutation.codes import fingerprint, functions
from tests.mutation.operators import OPERATORS
from tests.mutation.subjects import full, path_of


class Mutant(NamedTuple):
    """A function of a module with another code; `before` and `after` are the lines that differ."""

    module: str
    function: str
    before: str
    after: str
    code: CodeType

    def __str__(self) -> str:
        return f"{self.function}: {self.before} -> {self.after}"


def mutants_of(name: str) -> list[Mutant]:
    """Return all mutants of a module, in the order of its lines."""
    source = path_of(name).read_text("utf-8")
    original = functions(source)
    found: list[Mutant] = []
    known: set[str] = set()
    for text in _mutated(source):
        if text in known:
            continue
        known.add(text)
        changed = [
            (function, code)
            for function, code in functions(text).items()
            if fingerprint(code) != fingerprint(original[function])
            and code.co_freevars == original[function].co_freevars
        ]
        lines = _lines(source, text)
        found.extend(Mutant(full(name), function, *lines, code) for function, code in changed)
    return found


def _mutated(source: str) -> Iterator[str]:
    """Yield the source with each change that still is Python."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = MutationVisitor(OPERATORS, IgnoredCode(set(), set(), set()))
    tree = wrapper.visit(visitor)
    for mutation in visitor.mutations:
        if mutation.contained_by_top_level_function is None:
            continue
        changed = deep_replace(tree, mutation.original_node, mutation.mutated_node)
        assert isinstance(changed, cst.Module)
        try:
            compile(changed.code, "", "exec")
        except SyntaxError:
            continue
        yield changed.code


def _lines(source: str, text: str) -> tuple[str, str]:
    """Return the lines that differ, each joined to one."""
    old, new = source.splitlines(), text.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    before = (line.strip() for change in changes for line in old[change[1] : change[2]])
    after = (line.strip() for change in changes for line in new[change[3] : change[4]])
    return " ".join(before), " ".join(after)

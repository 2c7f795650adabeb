"""Plants a bug in a module that is loaded, and takes it out again.

A patched file is compiled and run as a twin of the module. Every function and method of the module
then gets the code of its twin, in place: whoever imported it runs the bug. At the end it gets its
own code back. That costs milliseconds, where a process on a patched copy costs half a second. What
a patch changes outside of functions is not planted, so its contract holds, and the bug counts as
not found. Needs the engine as Python sources.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType

from tests.planted.bug import Bug, patched


@contextmanager
def planted_in_place(bug: Bug) -> Generator[None]:
    """Have the bug in the loaded module that its file is of."""
    module = sys.modules[bug.file.removesuffix(".py").replace("/", ".")]
    functions, twins = _functions_of(module), _functions_of(_twin(module, bug))
    before = {name: function.__code__ for name, function in functions.items()}
    for name, function in functions.items():
        function.__code__ = twins[name].__code__
    try:
        yield
    finally:
        for name, function in functions.items():
            function.__code__ = before[name]


def _functions_of(module: ModuleType) -> dict[str, FunctionType]:
    """Return the functions and methods that the module itself defines, by qualified name."""
    owners = [module, *(one for one in vars(module).values() if isinstance(one, type))]
    return {
        one.__qualname__: one
        for owner in owners
        for one in vars(owner).values()
        if isinstance(one, FunctionType) and one.__module__ == module.__name__
    }


def _twin(module: ModuleType, bug: Bug) -> ModuleType:
    path = Path(str(module.__file__))
    twin = ModuleType(module.__name__)
    source = patched(bug, path.read_text("utf-8"))
    exec(compile(source, path, "exec"), vars(twin))  # noqa: S102  # the engine, with one bug
    return twin

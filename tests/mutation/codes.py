"""Functions as code objects: found in a source, compared, and exchanged in a loaded module."""

from importlib import import_module
from types import CodeType, FunctionType


def functions(source: str, name: str = "<mutant>") -> dict[str, CodeType]:
    """Return the code of each function and method of a module by its qualified name."""
    found: dict[str, CodeType] = {}
    _collect(compile(source, name, "exec", dont_inherit=True), found)
    return found


def fingerprint(code: CodeType) -> object:
    """Return what a code does, without the lines on which it stands."""
    constants = tuple(
        fingerprint(one) if isinstance(one, CodeType) else (type(one), one)
        for one in code.co_consts
    )
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants


def function_of(module: str, qualified: str) -> FunctionType:
    """Return the function that a loaded module holds under that name."""
    found: object = import_module(module)
    for part in qualified.split("."):
        found = vars(found)[part]
    if isinstance(found, property):
        found = found.fget
    assert isinstance(found, FunctionType), f"expected a function, found {found!r}"
    return found


def exchange(module: str, qualified: str, code: CodeType) -> None:
    """Have a function run another code, wherever it was imported to."""
    function_of(module, qualified).__code__ = code


def _collect(code: CodeType, found: dict[str, CodeType]) -> None:
    for one in code.co_consts:
        if not isinstance(one, CodeType):
            continue
        is_function = one.co_flags & 0x02  # CO_NEWLOCALS: a class body has none
        if is_function:
            if "<" not in one.co_qualname:
                found[one.co_qualname] = one
        else:
            _collect(one, found)

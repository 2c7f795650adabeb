"""What is changed: mutmut's operators, and four of ours for what an exchange must not forget."""

from collections.abc import Iterable

import libcst as cst
from mutmut.mutation.mutators import mutation_operators

_SWAPPED = {"min": "max", "max": "min"}


def _less(node: cst.Integer) -> Iterable[cst.Integer]:
    """One less: mutmut makes numbers larger only."""
    if node.evaluated_value > 0:
        yield node.with_changes(value=repr(node.evaluated_value - 1))


def _swapped(node: cst.Call) -> Iterable[cst.Call]:
    """The other of `min` and `max`."""
    if isinstance(node.func, cst.Name) and node.func.value in _SWAPPED:
        yield node.with_changes(func=cst.Name(_SWAPPED[node.func.value]))


def _forgotten(node: cst.SimpleStatementLine) -> Iterable[cst.SimpleStatementLine]:
    """Nothing in the place of a call, or of a change of an attribute."""
    if len(node.body) == 1 and _has_effect(node.body[0]):
        yield node.with_changes(body=[cst.Pass()])


def _has_effect(statement: cst.BaseSmallStatement) -> bool:
    match statement:
        case cst.Expr(value=cst.Call()):
            return True
        case cst.AugAssign(target=cst.Attribute() | cst.Subscript()):
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute() | cst.Subscript())]):
            return True
        case _:
            return False


def _floored(node: cst.BinaryOperation) -> Iterable[cst.BinaryOperation]:
    """Division that rounds, where mutmut's makes a float and is found by the type alone."""
    if isinstance(node.operator, cst.FloorDivide):
        yield node.with_changes(operator=cst.Multiply())
    elif isinstance(node.operator, cst.Multiply):
        yield node.with_changes(operator=cst.FloorDivide())


OPERATORS = (
    *mutation_operators,
    (cst.Integer, _less),
    (cst.Call, _swapped),
    (cst.SimpleStatementLine, _forgotten),
    (cst.BinaryOperation, _floored),
)

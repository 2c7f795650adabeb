"""Guesses which expressions are sets, and finds where the order of a set is made use of.

Owns the guess. It knows annotations (of variables, parameters, fields, properties and results) and
what is assigned; it follows values of mappings and lists. Fields and results are known by name
alone, over all files: two fields of one name share what is known. That errs towards a finding.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

SET_TYPES = frozenset({"AbstractSet", "FrozenSet", "MutableSet", "Set", "frozenset", "set"})
MAP_TYPES = frozenset({"Mapping", "MutableMapping", "OrderedDict", "defaultdict", "dict"})
LIST_TYPES = frozenset({"Iterable", "Iterator", "Sequence", "deque", "list", "tuple"})

SET_METHODS = frozenset({"copy", "difference", "intersection", "symmetric_difference", "union"})
GETTERS = frozenset({"get", "pop", "setdefault"})
IN_ORDER = frozenset(
    {"OrderedDict", "accumulate", "array", "bytes", "chain", "deque", "dict", "enumerate"}
    | {"extend", "extendleft", "filter", "from_iterable", "fromkeys", "islice", "iter", "join"}
    | {"list", "map", "next", "reversed", "tuple", "zip"}
)
"""Calls that hand on the order of their arguments."""
FREE_OF_ORDER = frozenset({"all", "any", "frozenset", "len", "max", "min", "set", "sorted", "sum"})
"""Calls whose result over integers does not depend on order."""


@dataclass
class Known:
    """What is known of names: `x` a variable, `.x` a field, `x()` the result of a function."""

    annotations: dict[str, list[ast.expr]] = field(default_factory=dict)
    sets: set[str] = field(default_factory=set)

    def annotate(self, name: str, annotation: ast.expr) -> None:
        """Remember one more annotation of a name."""
        self.annotations.setdefault(name, []).append(annotation)

    def joined(self, other: "Known") -> "Known":
        """Return what both know."""
        both = Known({name: list(known) for name, known in self.annotations.items()})
        for name, known in other.annotations.items():
            both.annotations.setdefault(name, []).extend(known)
        both.sets = self.sets | other.sets
        return both


def fields_of(trees: Iterable[ast.AST]) -> Known:
    """Return what all files say about fields, properties and results."""
    known = Known()
    trees = list(trees)
    for tree in trees:
        for node in ast.walk(tree):
            _learn_field(node, known)
    assigned = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    for node in assigned:
        if is_set(node.value, known):
            known.sets.update(key_of(x) for x in node.targets if isinstance(x, ast.Attribute))
    return known


def _learn_field(node: ast.AST, known: Known) -> None:
    match node:
        case ast.ClassDef(body=body):
            for statement in body:
                match statement:
                    case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                        known.annotate(f".{name}", annotation)
                    case _:
                        pass
        case ast.AnnAssign(target=ast.Attribute() as target, annotation=annotation):
            known.annotate(key_of(target), annotation)
        case ast.FunctionDef(name=name, returns=ast.expr() as returns, decorator_list=decorators):
            is_property = any(_last(decorator) == "property" for decorator in decorators)
            known.annotate(f".{name}" if is_property else f"{name}()", returns)
        case _:
            pass


def variables_of(nodes: Iterable[ast.AST], known: Known) -> Known:
    """Return what `known` says together with what the nodes say about variables."""
    nodes = list(nodes)
    known = known.joined(Known())
    for node in nodes:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                known.annotate(name, annotation)
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                known.annotate(name, annotation)
            case _:
                pass
    for node in nodes:
        known.sets.update(_bound_to_sets(node, known))
    return known


def _bound_to_sets(node: ast.AST, known: Known) -> list[str]:
    """Return the variables that the node makes sets of."""
    match node:
        case ast.Assign(targets=targets, value=value) if is_set(value, known):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.NamedExpr(target=ast.Name(id=name), value=value) if is_set(value, known):
            return [name]
        case (
            ast.For(target=target, iter=iterable) | ast.comprehension(target=target, iter=iterable)
        ):
            return _loop_variable_sets(target, iterable, known)
        case _:
            return []


def _loop_variable_sets(target: ast.expr, iterable: ast.expr, known: Known) -> list[str]:
    match target, iterable:
        case (
            ast.Tuple(elts=[_, ast.Name(id=name)]),
            ast.Call(func=ast.Attribute(value=mapping, attr="items")),
        ) | (ast.Name(id=name), ast.Call(func=ast.Attribute(value=mapping, attr="values"))):
            members = _members(_annotations(mapping, known))
        case ast.Name(id=name), _:
            members = _members(_annotations(iterable, known), of=LIST_TYPES)
        case _:
            return []
    return [name] if any(_is_set_type(member) for member in members) else []


def order_taken(nodes: Iterable[ast.AST], known: Known) -> Iterator[ast.expr]:
    """Yield each expression that is a set and whose order is made use of."""
    nodes = list(nodes)
    free = {id(generator) for node in nodes for generator in _free_of_order(node)}
    for node in nodes:
        if id(node) not in free:
            yield from (used for used in _iterated(node) if is_set(used, known))
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr="pop"), args=[]):
                if is_set(value, known):
                    yield node
            case _:
                pass


def _free_of_order(node: ast.AST) -> list[ast.expr]:
    """Return the comprehension that is handed straight to a call that forgets its order."""
    match node:
        case ast.Call(
            func=ast.Name(id=name), args=[ast.GeneratorExp() | ast.ListComp() as first, *_]
        ):
            return [first] if name in FREE_OF_ORDER else []
        case _:
            return []


def _iterated(node: ast.AST) -> list[ast.expr]:
    """Return the expressions whose order the node makes use of."""
    match node:
        case ast.For(iter=iterable):
            return [iterable]
        case ast.ListComp(generators=loops) | ast.DictComp(generators=loops):
            return [loop.iter for loop in loops]
        case ast.GeneratorExp(generators=loops):
            return [loop.iter for loop in loops]
        case ast.Starred(value=value) | ast.YieldFrom(value=value):
            return [value]
        case ast.Assign(targets=[ast.Tuple() | ast.List()], value=value):
            return [value]
        case ast.Call(func=function, args=arguments) if _last(function) in IN_ORDER:
            return arguments
        case _:
            return []


def is_set(node: ast.expr, known: Known) -> bool:
    """Return whether the expression is a set, as far as can be guessed."""
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=name)) if name in SET_TYPES:
            return True
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in SET_METHODS:
            return is_set(value, known)
        case ast.BinOp(left=left, op=op, right=right):
            is_set_operator = isinstance(op, ast.BitAnd | ast.BitOr | ast.BitXor | ast.Sub)
            return is_set_operator and any(_is_keys(x) or is_set(x, known) for x in (left, right))
        case ast.IfExp(body=body, orelse=orelse):
            return is_set(body, known) or is_set(orelse, known)
        case ast.BoolOp(values=values):
            return any(is_set(value, known) for value in values)
        case ast.NamedExpr(value=value):
            return is_set(value, known)
        case _:
            annotations = _annotations(node, known)
            return key_of(node) in known.sets or any(_is_set_type(known) for known in annotations)


def _is_keys(node: ast.expr) -> bool:
    """Return whether the node is `x.keys()` or `x.items()`, whose operators make sets."""
    match node:
        case ast.Call(func=ast.Attribute(attr="keys" | "items"), args=[]):
            return True
        case _:
            return False


def _annotations(node: ast.expr, known: Known) -> list[ast.expr]:
    """Return the annotations that may belong to the value of an expression."""
    match node:
        case ast.Name() | ast.Attribute():
            return known.annotations.get(key_of(node), [])
        case ast.Subscript(value=value):
            return _members(_annotations(value, known), of=MAP_TYPES | LIST_TYPES)
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in GETTERS:
            return _members(_annotations(value, known))
        case ast.Call(func=function):
            return known.annotations.get(f"{_last(function)}()", [])
        case _:
            return []


def _members(annotations: list[ast.expr], of: frozenset[str] = MAP_TYPES) -> list[ast.expr]:
    """Return V of each dict[K, V] and T of each list[T] among the annotations."""
    found: list[ast.expr] = []
    for annotation in annotations:
        match annotation:
            case ast.Subscript(value=base, slice=ast.Tuple(elts=[*_, value])) if _last(base) in of:
                found.append(value)
            case ast.Subscript(value=base, slice=value) if _last(base) in of:
                found.append(value)
            case _:
                pass
    return found


def _is_set_type(annotation: ast.expr) -> bool:
    match annotation:
        case ast.Constant(value=str(text)):
            return _is_set_type(ast.parse(text, mode="eval").body)
        case ast.Subscript(value=base, slice=inner):
            is_wrapper = _last(base) in {"Final", "ClassVar", "Optional"}
            return _is_set_type(inner) if is_wrapper else _last(base) in SET_TYPES
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _is_set_type(left) or _is_set_type(right)
        case _:
            return _last(annotation) in SET_TYPES


def key_of(node: ast.expr) -> str:
    """Return the name under which a variable or a field is known, or an empty string."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return f".{name}"
        case _:
            return ""


def _last(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""

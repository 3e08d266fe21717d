"""The small changes that a test should notice: each is one node of a function's syntax tree, changed.

A mutant is made from source and compiled; nothing on disk changes. Left alone are: docstrings, annotations, decorators,
defaults, what an error or a log line says, and failpoints, which only the fault tests reach.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Alternatives = Iterator[ast.AST]
_COMPARED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq, ast.GtE),
    ast.NotEq: (ast.Eq, ast.Gt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ORDERED: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_COMPUTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
_NOT_CODE: Final = ("reached", "_reached", "_say", "say")  # failpoints, and what a person reads meanwhile
_LOGGERS: Final = ("_LOG", "log")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: in *function* (its qualified name) of *file*, at *line*; *what* it changes, for a person.

    *place* finds it again in the same source: the how-manieth node, and which of its alternatives.
    """

    file: str
    function: str
    line: int
    last_line: int
    what: str
    place: tuple[int, int]

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return f"{self.file}:{self.line} {self.function}: {self.what}"


def find(file: Path, root: Path) -> list[Mutant]:
    """Every mutant of one module, in the order of its source."""
    tree = ast.parse(file.read_text())
    return [
        Mutant(str(file.relative_to(root)), function, *_lines(node), what, (place, number))
        for place, (function, node) in enumerate(_nodes(tree))
        for number, what in enumerate(_said(node))
    ]


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """The syntax tree of the module with the change."""
    tree = ast.parse(source)
    place, number = mutant.place
    for at, (_, node) in enumerate(_nodes(tree)):
        if at == place:
            chosen = list(_alternatives(node))[number]
            _Replace(node, chosen).visit(tree)
            return ast.fix_missing_locations(tree)
    raise LookupError(f"{mutant.name}: the source has changed since")


def _lines(node: ast.AST) -> tuple[int, int]:
    """The first and the last line; of a block, those of its condition."""
    part = node.test if isinstance(node, ast.If | ast.While) else node
    assert isinstance(part, ast.expr | ast.stmt)
    return part.lineno, part.end_lineno or part.lineno


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._old:
            return ast.copy_location(self._new, node)
        return self.generic_visit(node)


def _said(node: ast.AST) -> Iterator[str]:
    for each in _alternatives(node):
        yield f"{_short(node)} -> {_short(each)}"


def _short(node: ast.AST) -> str:
    """A node in one line; of a block, its condition."""
    if isinstance(node, ast.If | ast.While):
        return f"{type(node).__name__.lower()} {_short(node.test)}"
    return " ".join(ast.unparse(node).split())[:90]


def _nodes(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Every node that may be changed, with the qualified name of the outermost function around it."""
    for statement in tree.body:
        yield from _of_definition(statement, "")


def _of_definition(statement: ast.stmt, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(statement, ast.ClassDef):
        for inner in statement.body:
            yield from _of_definition(inner, f"{prefix}{statement.name}.")
    elif isinstance(statement, ast.FunctionDef) and not _is_for_people(statement):
        name = prefix + statement.name
        for node in _changeable(statement.body):
            yield name, node


def _is_for_people(function: ast.FunctionDef) -> bool:
    return function.name in ("__repr__", "__str__") or any(
        isinstance(each, ast.Name) and each.id == "overload" for each in function.decorator_list
    )


def _changeable(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    for node in body:
        if _is_left_alone(node):
            continue
        if next(_alternatives(node), None) is not None:
            yield node
        yield from _changeable(_children(node))


def _children(node: ast.AST) -> list[ast.AST]:
    """What lies inside, without annotations, defaults, decorators and what an error says."""
    if isinstance(node, ast.FunctionDef):
        return list(node.body)
    if isinstance(node, ast.AnnAssign):
        return [node.value] if node.value is not None else []
    if isinstance(node, ast.Lambda):
        return [node.body]
    return list(ast.iter_child_nodes(node))


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Global):
        return True
    call = node.value if isinstance(node, ast.Expr) else node
    if isinstance(call, ast.Call):
        return _called(call) in (*_NOT_CODE, "assert_never") or _caller(call) in _LOGGERS
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _called(call: ast.Call) -> str:
    function = call.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _caller(call: ast.Call) -> str:
    function = call.func
    return function.value.id if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) else ""


def _alternatives(node: ast.AST) -> Alternatives:
    for kind, change in _CHANGES.items():
        if isinstance(node, kind):
            for each in change(node):
                yield ast.fix_missing_locations(ast.copy_location(each, node))


def _of_compare(node: ast.Compare) -> Alternatives:
    for place, operator in enumerate(node.ops):
        for other in _COMPARED[type(operator)]:
            if other in (ast.GtE, ast.Gt) and type(operator) in (ast.Eq, ast.NotEq) and not _has_order(node):
                continue
            new = copy.deepcopy(node)
            new.ops[place] = other()
            yield new


def _has_order(node: ast.Compare) -> bool:
    """Whether both sides look like numbers: `>=` for `==` of a text says nothing."""
    return not any(
        isinstance(each, ast.Constant) and isinstance(each.value, str) for each in [node.left, *node.comparators]
    )


def _of_bool(node: ast.BoolOp) -> Alternatives:
    for place in range(len(node.values)):
        kept = [copy.deepcopy(value) for at, value in enumerate(node.values) if at != place]
        yield kept[0] if len(kept) == 1 else ast.BoolOp(copy.deepcopy(node.op), kept)
    yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), copy.deepcopy(node.values))


def _of_unary(node: ast.UnaryOp) -> Alternatives:
    if isinstance(node.op, ast.Not | ast.USub):
        yield copy.deepcopy(node.operand)


def _of_binary(node: ast.BinOp) -> Alternatives:
    if any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (node.left, node.right)):
        return
    if type(node.op) in _COMPUTED:
        yield ast.BinOp(copy.deepcopy(node.left), _COMPUTED[type(node.op)](), copy.deepcopy(node.right))
    yield copy.deepcopy(node.left)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _of_constant(node: ast.Constant) -> Alternatives:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield ast.Constant(node.value + 1)


def _of_return(node: ast.Return) -> Alternatives:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(ast.Constant(None))


def _of_expression(node: ast.Expr) -> Alternatives:
    if isinstance(node.value, ast.Call):
        yield ast.Pass()


def _of_assign(node: ast.Assign) -> Alternatives:
    if all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
        yield ast.Pass()


def _of_augmented(node: ast.AugAssign) -> Alternatives:
    yield ast.Assign([copy.deepcopy(node.target)], copy.deepcopy(node.value))
    yield ast.Pass()


def _of_call(node: ast.Call) -> Alternatives:
    if _called(node) in ("min", "max") and isinstance(node.func, ast.Name) and len(node.args) > 1:
        yield copy.deepcopy(node.args[0])
        yield copy.deepcopy(node.args[1])


def _of_if(node: ast.If | ast.While | ast.IfExp) -> Alternatives:
    if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
        new = copy.deepcopy(node)
        new.test = ast.UnaryOp(ast.Not(), new.test)
        yield new


def _of_jump(node: ast.Break | ast.Continue) -> Alternatives:
    yield ast.Continue() if isinstance(node, ast.Break) else ast.Break()


_CHANGES: Final[dict[type[ast.AST], Callable[..., Alternatives]]] = {
    ast.Compare: _of_compare,
    ast.BoolOp: _of_bool,
    ast.UnaryOp: _of_unary,
    ast.BinOp: _of_binary,
    ast.Constant: _of_constant,
    ast.Return: _of_return,
    ast.Expr: _of_expression,
    ast.Assign: _of_assign,
    ast.AugAssign: _of_augmented,
    ast.Call: _of_call,
    ast.If: _of_if,
    ast.While: _of_if,
    ast.IfExp: _of_if,
    ast.Break: _of_jump,
    ast.Continue: _of_jump,
}

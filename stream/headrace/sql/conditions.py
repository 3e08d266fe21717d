"""Compiler of conditions and of expressions that depend on them: comparisons, AND, OR, CASE and similar ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from headrace.sql import functions as fn
from headrace.sql.expression_compiler import Compiler, Handler, spelt
from headrace.sql.literals import literal_of
from headrace.sql.node import ExpressionError, Node, alike, call, choose, constant
from headrace.sql.types import BOOL, NULL, is_ordered, name_of


def compared(name: str, function: Callable[[pa.Array, pa.Array], pa.Array]) -> Handler:
    """Return the handler of a comparison of two values."""

    def make(compiler: Compiler, tree: Any) -> Node:
        return comparison(name, function, *compiler.nodes(tree, "this", "expression"))

    return ("this", "expression"), make


def comparison(name: str, function: Callable[[pa.Array, pa.Array], pa.Array], left: Node, right: Node) -> Node:
    """Compare two values, converted to one type."""
    left, right = alike(name, left, right)
    if left.type == NULL:
        return constant(None, BOOL)
    if not is_ordered(left.type):
        raise ExpressionError(f"{name} is not defined for {name_of(left.type)}", "name one of its fields")
    return call(BOOL, function, left, right)


def both(function: Callable[[pa.Array, pa.Array], pa.Array], name: str) -> Handler:
    """Return the handler of AND or OR; null means unknown."""

    def make(compiler: Compiler, tree: Any) -> Node:
        left, right = (fn.need(name, node, BOOL) for node in compiler.nodes(tree, "this", "expression"))
        return call(BOOL, function, left, right)

    return ("this", "expression"), make


def negated(value: Node) -> Node:
    """Compile ``NOT``."""
    return call(BOOL, pc.invert, fn.need("NOT", value, BOOL))


def is_(compiler: Compiler, tree: Any) -> Node:
    """Compile ``IS NULL``, ``IS TRUE`` or ``IS FALSE``."""
    value, wanted = compiler.node(tree.this), tree.expression
    if isinstance(wanted, exp.Null):
        return call(BOOL, pc.is_null, value)
    if isinstance(wanted, exp.Boolean):
        want = bool(wanted.this)
        return call(
            BOOL, lambda values: pc.fill_null(pc.equal(values, pa.scalar(want)), False), fn.need("IS", value, BOOL)
        )
    raise ExpressionError(f"{spelt(tree)} is not supported", "IS takes NULL, TRUE or FALSE")


def in_(compiler: Compiler, tree: Any) -> Node:
    """Compile ``IN`` with a list of values."""
    value, options = compiler.node(tree.this), [compiler.node(each) for each in tree.expressions]
    equal = [comparison("IN", pc.equal, value, option) for option in options]
    return reduce(lambda left, right: call(BOOL, pc.or_kleene, left, right), equal)


def between(compiler: Compiler, tree: Any) -> Node:
    """Compile ``BETWEEN``, which includes both ends."""
    value, low, high = compiler.nodes(tree, "this", "low", "high")
    above = comparison("BETWEEN", pc.greater_equal, value, low)
    return call(BOOL, pc.and_kleene, above, comparison("BETWEEN", pc.less_equal, value, high))


def like(compiler: Compiler, tree: Any) -> Node:
    """Compile ``LIKE``."""
    pattern = literal_of(tree.expression)
    if pattern is None:
        raise ExpressionError("the pattern of LIKE is not a text literal", "write it in quotes")
    return fn.like(compiler.node(tree.this), pattern)


def matches(name: str, function: Callable[..., pa.Array]) -> Handler:
    """Return the handler of a test of a text against a literal."""

    def make(compiler: Compiler, tree: Any) -> Node:
        pattern = literal_of(tree.expression)
        if pattern is None:
            raise ExpressionError(f"the second argument of {name} is not a text literal", "write it in quotes")
        node = fn.text(name, lambda values: function(values, pattern), compiler.node(tree.this), BOOL)
        try:
            function(pa.array([""]), pattern)
        except pa.ArrowInvalid as error:
            raise ExpressionError(f"the pattern of {name} is not an RE2 expression", "correct it") from error
        return node

    return ("this", "expression"), make


def case(compiler: Compiler, tree: Any) -> Node:
    """Compile both forms of ``CASE``."""
    subject = None if tree.this is None else compiler.node(tree.this)
    conditions = []
    for each in tree.args["ifs"]:
        condition = compiler.node(each.this)
        if subject is not None:
            condition = comparison("CASE", pc.equal, subject, condition)
        conditions.append(fn.need("WHEN", condition, BOOL))
    values = [compiler.node(each.args["true"]) for each in tree.args["ifs"]]
    default = tree.args.get("default")
    values.append(constant(None, NULL) if default is None else compiler.node(default))
    *values, otherwise = alike("CASE", *values)
    return choose(list(zip(conditions, values, strict=True)), otherwise)


def if_(compiler: Compiler, tree: Any) -> Node:
    """Compile ``IF``."""
    condition, true, false = compiler.nodes(tree, "this", "true", "false")
    true, false = alike("IF", true, false)
    return choose([(fn.need("IF", condition, BOOL), true)], false)


def coalesce(compiler: Compiler, tree: Any) -> Node:
    """Compile ``COALESCE`` and ``IFNULL``."""
    *values, last = alike("COALESCE", compiler.node(tree.this), *(compiler.node(each) for each in tree.expressions))
    return choose([(call(BOOL, pc.is_valid, value), value) for value in values], last)


def nullif(left: Node, right: Node) -> Node:
    """Compile ``NULLIF``."""
    same = comparison("NULLIF", pc.equal, left, right)
    return choose([(same, constant(None, left.type))], left)


def extreme(name: str, function: Callable[..., pa.Array]) -> Handler:
    """Return the handler of ``GREATEST`` or ``LEAST``, which are null if any value is null."""

    def make(compiler: Compiler, tree: Any) -> Node:
        values = alike(name, compiler.node(tree.this), *(compiler.node(each) for each in tree.expressions))
        if not is_ordered(values[0].type):
            raise ExpressionError(f"{name} is not defined for {name_of(values[0].type)}", "give it plain values")
        return call(values[0].type, lambda *columns: function(*columns, skip_nulls=False), *values)

    return ("this", "expressions"), make

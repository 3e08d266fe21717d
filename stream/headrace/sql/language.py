"""All supported expressions, with the handler that compiles each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from headrace.sql import functions as fn
from headrace.sql.casts import converted, literal
from headrace.sql.conditions import (
    between,
    both,
    case,
    coalesce,
    compared,
    extreme,
    if_,
    in_,
    is_,
    like,
    matches,
    negated,
    nullif,
)
from headrace.sql.expression_compiler import Compiler, Handler, columns_in, parse, part_of
from headrace.sql.literals import number
from headrace.sql.node import Node, call, constant
from headrace.sql.types import BOOL, BYTES, DATE, DATETIME, INT64, NULL, STRING, TIMESTAMP


def compile_expression(text: str, schema: pa.Schema) -> Node:
    """Compile an expression over columns of *schema*; raises ExpressionError, which names the invalid part."""
    return compile_tree(parse(text), schema)


def compile_tree(tree: Any, schema: pa.Schema) -> Node:
    """Compile a parsed expression, which reads only the columns that it names."""
    node = Compiler(schema, _HANDLERS).node(tree)
    named = columns_in(tree)
    places = [place for place, name in enumerate(schema.names) if name.lower() in named]
    slim = pa.schema([schema.field(place) for place in places])
    node = Compiler(slim, _HANDLERS).node(tree)
    return Node(node.type, lambda rows: node.run(_select(rows, places)), node.literal)


def _select(rows: pa.RecordBatch, places: list[int]) -> pa.RecordBatch:
    if not places:  # a batch without columns has no length
        return pa.RecordBatch.from_arrays([pa.nulls(rows.num_rows)], ["_"])
    return rows.select(places)


def _binary(make_node: Callable[[Node, Node], Node]) -> Handler:
    return ("this", "expression"), lambda compiler, tree: make_node(*compiler.nodes(tree, "this", "expression"))


def _unary(make_node: Callable[[Node], Node]) -> Handler:
    return ("this",), lambda compiler, tree: make_node(*compiler.nodes(tree, "this"))


def _substring(compiler: Compiler, tree: Any) -> Node:
    start = number(part_of(tree, "start"), "SUBSTR", 1)
    length = tree.args.get("length")
    stop = None if length is None else start - 1 + number(length, "SUBSTR", 0)
    value = compiler.node(tree.this)
    return fn.text("SUBSTR", lambda values: pc.utf8_slice_codeunits(values, start - 1, stop), value)


def _rounded(compiler: Compiler, tree: Any) -> Node:
    decimals = tree.args.get("decimals")
    return fn.rounded(compiler.node(tree.this), 0 if decimals is None else number(decimals, "ROUND", 0))


def _truncated(name: str, type_: pa.DataType) -> Handler:
    def make(compiler: Compiler, tree: Any) -> Node:
        return fn.truncated(name, fn.unit_of(part_of(tree, "unit")), compiler.node(tree.this), type_)

    return ("this", "unit"), make


def _apart(name: str, type_: pa.DataType) -> Handler:
    def make(compiler: Compiler, tree: Any) -> Node:
        left, right = compiler.nodes(tree, "this", "expression")
        return fn.difference(name, fn.unit_of(part_of(tree, "unit")), left, right, type_)

    return ("this", "expression", "unit"), make


def _length(value: Node) -> Node:
    function = pc.binary_length if value.type == BYTES else pc.utf8_length
    value = value if value.type == BYTES else fn.need("LENGTH", value, STRING)
    return call(INT64, lambda values: function(values).cast(INT64), value)


_HANDLERS: Final[Mapping[type[Any], Handler]] = {
    exp.Column: (("this", "table", "db", "catalog"), Compiler.column),
    exp.Paren: _unary(lambda value: value),
    exp.Literal: (("this", "is_string"), literal),
    exp.RawString: (("this",), lambda _, tree: constant(tree.this, STRING)),
    exp.Boolean: (("this",), lambda _, tree: constant(bool(tree.this), BOOL)),
    exp.Null: ((), lambda _, tree: constant(None, NULL)),
    exp.Cast: (("this", "to"), converted),
    exp.And: both(pc.and_kleene, "AND"),
    exp.Or: both(pc.or_kleene, "OR"),
    exp.Not: _unary(negated),
    exp.EQ: compared("=", pc.equal),
    exp.NEQ: compared("!=", pc.not_equal),
    exp.GT: compared(">", pc.greater),
    exp.GTE: compared(">=", pc.greater_equal),
    exp.LT: compared("<", pc.less),
    exp.LTE: compared("<=", pc.less_equal),
    exp.Is: (("this", "expression"), is_),
    exp.In: (("this", "expressions"), in_),
    exp.Between: (("this", "low", "high"), between),
    exp.Like: (("this", "expression"), like),
    exp.RegexpLike: matches("REGEXP_CONTAINS", pc.match_substring_regex),
    exp.StartsWith: matches("STARTS_WITH", pc.starts_with),
    exp.EndsWith: matches("ENDS_WITH", pc.ends_with),
    exp.Add: _binary(lambda left, right: fn.arithmetic("+", pc.add_checked, left, right)),
    exp.Sub: _binary(lambda left, right: fn.arithmetic("-", pc.subtract_checked, left, right)),
    exp.Mul: _binary(lambda left, right: fn.arithmetic("*", pc.multiply_checked, left, right)),
    exp.Div: (("this", "expression", "typed"), lambda c, tree: fn.divide(*c.nodes(tree, "this", "expression"))),
    exp.SafeDivide: _binary(fn.safe_divide),
    exp.IntDiv: _binary(fn.whole_divide),
    exp.Mod: _binary(fn.modulo),
    exp.Neg: _unary(fn.negative),
    exp.Abs: _unary(fn.absolute),
    exp.Round: (("this", "decimals"), _rounded),
    exp.Floor: _unary(lambda value: fn.whole("FLOOR", pc.floor, value)),
    exp.Ceil: _unary(lambda value: fn.whole("CEIL", pc.ceil, value)),
    exp.DPipe: _binary(fn.concat),
    exp.Concat: (("expressions",), lambda c, tree: fn.concat(*(c.node(each) for each in tree.expressions))),
    exp.Upper: _unary(lambda value: fn.text("UPPER", pc.utf8_upper, value)),
    exp.Lower: _unary(lambda value: fn.text("LOWER", pc.utf8_lower, value)),
    exp.Trim: _unary(lambda value: fn.text("TRIM", pc.utf8_trim_whitespace, value)),
    exp.Length: _unary(_length),
    exp.Substring: (("this", "start", "length"), _substring),
    exp.Case: (("this", "ifs", "default"), case),
    exp.If: (("this", "true", "false"), if_),
    exp.Coalesce: (("this", "expressions"), coalesce),
    exp.Nullif: _binary(nullif),
    exp.Greatest: extreme("GREATEST", pc.max_element_wise),
    exp.Least: extreme("LEAST", pc.min_element_wise),
    exp.Date: _unary(fn.date_of),
    exp.Extract: (("this", "expression"), lambda c, tree: fn.part(fn.unit_of(tree.this), c.node(tree.expression))),
    exp.TimestampTrunc: _truncated("TIMESTAMP_TRUNC", TIMESTAMP),
    exp.DatetimeTrunc: _truncated("DATETIME_TRUNC", DATETIME),
    exp.DateTrunc: _truncated("DATE_TRUNC", DATE),
    exp.TimestampDiff: _apart("TIMESTAMP_DIFF", TIMESTAMP),
    exp.DatetimeDiff: _apart("DATETIME_DIFF", DATETIME),
    exp.DateDiff: _apart("DATE_DIFF", DATE),
}

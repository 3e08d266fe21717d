"""GoogleSQL into functions on Arrow: what is not listed here is refused, so nothing else can be run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from stream.expressions import functions as fn
from stream.expressions.literals import literal_of, number, typed_literal
from stream.expressions.node import ExpressionError, Node, alike, call, choose, constant
from stream.expressions.types import (
    BOOL,
    BYTES,
    DATE,
    DATETIME,
    FLOAT64,
    INT64,
    NULL,
    STRING,
    TIMESTAMP,
    is_ordered,
    name_of,
    of_column,
)

MAX_NODES: Final = 500
_MAX_DEPTH: Final = 50
# What sqlglot notes of how something was spelt, or of the dialect: none of it changes what is computed here.
_NOTES: Final = frozenset({"safe", "big_int", "binary", "coalesce", "ignore_nulls", "date_part_boundary", "nested"})
_SEE: Final = "see docs/transformations.md for what may be written"


def parse(text: str) -> Any:
    """Parse one expression; ExpressionError when it is none, or too large."""
    try:
        tree = sqlglot.parse_one(text, dialect="bigquery")
    except (SqlglotError, RecursionError) as error:
        raise ExpressionError("it is no SQL expression", "mend it") from error
    nodes = list(tree.walk()) if tree is not None else []
    if len(nodes) > MAX_NODES or any(node.depth > _MAX_DEPTH for node in nodes):
        raise ExpressionError(f"more than {MAX_NODES} parts, or nested deeper than {_MAX_DEPTH}", "use a function")
    return tree


def compile_expression(text: str, schema: pa.Schema) -> Node:
    """Compile an expression over columns of *schema*; ExpressionError says what in it is wrong."""
    return compile_tree(parse(text), schema)


def compile_tree(tree: Any, schema: pa.Schema) -> Node:
    """Compile a parsed expression. Of a batch, only the columns that it names are touched."""
    node = _Compiler(schema).node(tree)
    named = {column.parts[0].name.lower() for column in tree.find_all(exp.Column)}
    places = [place for place, name in enumerate(schema.names) if name.lower() in named]
    slim = pa.schema([schema.field(place) for place in places])
    node = _Compiler(slim).node(tree)
    return Node(node.type, lambda rows: node.run(_select(rows, places)), node.literal)


def _select(rows: pa.RecordBatch, places: list[int]) -> pa.RecordBatch:
    if not places:  # a batch of no columns has no length
        return pa.RecordBatch.from_arrays([pa.nulls(rows.num_rows)], ["_"])
    return rows.select(places)


class _Compiler:
    """Turns trees into nodes, over the columns of one schema; names are found whatever their case, as in BigQuery."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._places = {name.lower(): place for place, name in enumerate(schema.names)}

    def node(self, tree: Any) -> Node:
        handler = _HANDLERS.get(type(tree))
        if handler is None:
            raise ExpressionError(f"{_spelt(tree)} is not among what may be written", _SEE)
        allowed, make = handler
        extra = {key for key, value in tree.args.items() if value and key not in _NOTES} - set(allowed)
        if extra:
            raise ExpressionError(f"{_spelt(tree)} says more than is understood", _SEE)
        return make(self, tree)

    def nodes(self, tree: Any, *names: str) -> list[Node]:
        return [self.node(_part(tree, name)) for name in names]

    def column(self, tree: Any) -> Node:
        first, *path = (part.name for part in tree.parts)
        place = self._places.get(first.lower())
        if place is None:
            raise ExpressionError(f"no column {first}", "name one that is written: a dropped one is not there")
        type_, indexes = self._schema.field(place).type, []
        for name in path:
            found = _field_of(type_, name)
            if found is None:
                raise ExpressionError(f"no field {name} in {first}", "name one of its fields")
            indexes.append(found)
            type_ = type_.field(found).type
        seen = of_column(type_)

        def run(rows: pa.RecordBatch) -> pa.Array:
            values = rows.column(place)
            return (pc.struct_field(values, indexes) if indexes else values).cast(seen)

        return Node(seen, run)


def _field_of(type_: pa.DataType, name: str) -> int | None:
    if not pa.types.is_struct(type_):
        return None
    names = [type_.field(index).name.lower() for index in range(type_.num_fields)]
    return names.index(name.lower()) if name.lower() in names else None


def _part(tree: Any, name: str) -> Any:
    part = tree.args.get(name)
    if part is None:
        raise ExpressionError(f"{_spelt(tree)} lacks something", _SEE)
    return part


def _spelt(tree: Any) -> str:
    """An expression's first characters. It stands in the contract, so no value of an event is in it."""
    text = tree.sql(dialect="bigquery") if isinstance(tree, exp.Expression) else str(tree)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _compared(name: str, function: Callable[[pa.Array, pa.Array], pa.Array]) -> Any:
    def make(compiler: _Compiler, tree: Any) -> Node:
        return comparison(name, function, *compiler.nodes(tree, "this", "expression"))

    return ("this", "expression"), make


def comparison(name: str, function: Callable[[pa.Array, pa.Array], pa.Array], left: Node, right: Node) -> Node:
    """Compare two values of one type."""
    left, right = alike(name, left, right)
    if left.type == NULL:
        return constant(None, BOOL)
    if not is_ordered(left.type):
        raise ExpressionError(f"{name} is not defined for {name_of(left.type)}", "name one of its fields")
    return call(BOOL, function, left, right)


def _both(function: Callable[[pa.Array, pa.Array], pa.Array], name: str) -> Any:
    def make(compiler: _Compiler, tree: Any) -> Node:
        left, right = (fn.need(name, node, BOOL) for node in compiler.nodes(tree, "this", "expression"))
        return call(BOOL, function, left, right)

    return ("this", "expression"), make


def _binary(make_node: Callable[[Node, Node], Node]) -> Any:
    return ("this", "expression"), lambda compiler, tree: make_node(*compiler.nodes(tree, "this", "expression"))


def _unary(make_node: Callable[[Node], Node]) -> Any:
    return ("this",), lambda compiler, tree: make_node(*compiler.nodes(tree, "this"))


def _not(value: Node) -> Node:
    return call(BOOL, pc.invert, fn.need("NOT", value, BOOL))


def _is(compiler: _Compiler, tree: Any) -> Node:
    value, wanted = compiler.node(tree.this), tree.expression
    if isinstance(wanted, exp.Null):
        return call(BOOL, pc.is_null, value)
    if isinstance(wanted, exp.Boolean):
        want = bool(wanted.this)
        return call(
            BOOL, lambda values: pc.fill_null(pc.equal(values, pa.scalar(want)), False), fn.need("IS", value, BOOL)
        )
    raise ExpressionError(f"{_spelt(tree)} is not among what may be written", "IS takes NULL, TRUE or FALSE")


def _in(compiler: _Compiler, tree: Any) -> Node:
    value, options = compiler.node(tree.this), [compiler.node(each) for each in tree.expressions]
    equal = [comparison("IN", pc.equal, value, option) for option in options]
    return reduce(lambda left, right: call(BOOL, pc.or_kleene, left, right), equal)


def _between(compiler: _Compiler, tree: Any) -> Node:
    value, low, high = compiler.nodes(tree, "this", "low", "high")
    above = comparison("BETWEEN", pc.greater_equal, value, low)
    return call(BOOL, pc.and_kleene, above, comparison("BETWEEN", pc.less_equal, value, high))


def _like(compiler: _Compiler, tree: Any) -> Node:
    pattern = literal_of(tree.expression)
    if pattern is None:
        raise ExpressionError("the pattern of LIKE is no text", "write it in quotes")
    return fn.like(compiler.node(tree.this), pattern)


def _matches(name: str, function: Callable[..., pa.Array]) -> Any:
    def make(compiler: _Compiler, tree: Any) -> Node:
        pattern = literal_of(tree.expression)
        if pattern is None:
            raise ExpressionError(f"the second argument of {name} is no text", "write it in quotes")
        node = fn.text(name, lambda values: function(values, pattern), compiler.node(tree.this), BOOL)
        try:
            function(pa.array([""]), pattern)
        except pa.ArrowInvalid as error:
            raise ExpressionError(f"the pattern of {name} is no RE2 expression", "mend it") from error
        return node

    return ("this", "expression"), make


def _case(compiler: _Compiler, tree: Any) -> Node:
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


def _if(compiler: _Compiler, tree: Any) -> Node:
    condition, true, false = compiler.nodes(tree, "this", "true", "false")
    true, false = alike("IF", true, false)
    return choose([(fn.need("IF", condition, BOOL), true)], false)


def _coalesce(compiler: _Compiler, tree: Any) -> Node:
    *values, last = alike("COALESCE", compiler.node(tree.this), *(compiler.node(each) for each in tree.expressions))
    return choose([(call(BOOL, pc.is_valid, value), value) for value in values], last)


def _nullif(left: Node, right: Node) -> Node:
    same = comparison("NULLIF", pc.equal, left, right)
    return choose([(same, constant(None, left.type))], left)


def _extreme(name: str, function: Callable[..., pa.Array]) -> Any:
    def make(compiler: _Compiler, tree: Any) -> Node:
        values = alike(name, compiler.node(tree.this), *(compiler.node(each) for each in tree.expressions))
        if not is_ordered(values[0].type):
            raise ExpressionError(f"{name} is not defined for {name_of(values[0].type)}", "give it plain values")
        return call(values[0].type, lambda *columns: function(*columns, skip_nulls=False), *values)

    return ("this", "expressions"), make


def _substring(compiler: _Compiler, tree: Any) -> Node:
    start = number(_part(tree, "start"), "SUBSTR", 1)
    length = tree.args.get("length")
    stop = None if length is None else start - 1 + number(length, "SUBSTR", 0)
    value = compiler.node(tree.this)
    return fn.text("SUBSTR", lambda values: pc.utf8_slice_codeunits(values, start - 1, stop), value)


def _round(compiler: _Compiler, tree: Any) -> Node:
    decimals = tree.args.get("decimals")
    return fn.rounded(compiler.node(tree.this), 0 if decimals is None else number(decimals, "ROUND", 0))


def _truncated(name: str, type_: pa.DataType) -> Any:
    def make(compiler: _Compiler, tree: Any) -> Node:
        return fn.truncated(name, fn.unit_of(_part(tree, "unit")), compiler.node(tree.this), type_)

    return ("this", "unit"), make


def _apart(name: str, type_: pa.DataType) -> Any:
    def make(compiler: _Compiler, tree: Any) -> Node:
        left, right = compiler.nodes(tree, "this", "expression")
        return fn.difference(name, fn.unit_of(_part(tree, "unit")), left, right, type_)

    return ("this", "expression", "unit"), make


def _length(value: Node) -> Node:
    function = pc.binary_length if value.type == BYTES else pc.utf8_length
    value = value if value.type == BYTES else fn.need("LENGTH", value, STRING)
    return call(INT64, lambda values: function(values).cast(INT64), value)


_CASTS: Final = frozenset(
    {
        *((one, other) for one in (INT64, FLOAT64) for other in (INT64, FLOAT64)),
        (INT64, STRING),
        (STRING, INT64),
        (STRING, FLOAT64),
        (BOOL, INT64),
        (DATE, TIMESTAMP),
        (DATE, DATETIME),
        (DATE, STRING),
        (STRING, DATE),
    }
)


def _cast(compiler: _Compiler, tree: Any) -> Node:
    type_ = _TYPES.get(tree.to.this) if not tree.to.expressions else None
    if type_ is None:
        raise ExpressionError(f"{_spelt(tree)}: no such type here", f"known are {', '.join(map(name_of, _CASTABLE))}")
    written = literal_of(tree.this)
    if written is not None and type_ not in (INT64, FLOAT64, STRING):
        return typed_literal(written, type_)
    value = compiler.node(tree.this)
    if value.type == type_ or value.type == NULL:
        return value.as_(type_)
    if type_ == DATE and value.type in (TIMESTAMP, DATETIME):
        return fn.date_of(value)
    if (value.type, type_) in _CASTS or (pa.types.is_decimal(value.type) and type_ == FLOAT64):
        return value.as_(type_)
    raise ExpressionError(f"{name_of(value.type)} cannot be CAST AS {name_of(type_)}", _SEE)


def _literal(compiler: _Compiler, tree: Any) -> Node:
    if tree.is_string:
        return constant(tree.this, STRING)
    try:
        return constant(int(tree.this), INT64) if tree.is_int else constant(float(tree.this), FLOAT64)
    except (ValueError, OverflowError, pa.ArrowInvalid) as error:
        raise ExpressionError(f"{_spelt(tree)} is no INT64 or FLOAT64", "write a smaller number") from error


_CASTABLE: Final = (BOOL, INT64, FLOAT64, STRING, DATE, DATETIME, TIMESTAMP)
_TYPES: Final = {
    exp.DataType.Type.BOOLEAN: BOOL,
    exp.DataType.Type.BIGINT: INT64,
    exp.DataType.Type.DOUBLE: FLOAT64,
    exp.DataType.Type.TEXT: STRING,
    exp.DataType.Type.DATE: DATE,
    exp.DataType.Type.TIMESTAMP: DATETIME,
    exp.DataType.Type.TIMESTAMPTZ: TIMESTAMP,
}
_HANDLERS: Final[Mapping[type[Any], Any]] = {
    exp.Column: (("this", "table", "db", "catalog"), _Compiler.column),
    exp.Paren: _unary(lambda value: value),
    exp.Literal: (("this", "is_string"), _literal),
    exp.RawString: (("this",), lambda _, tree: constant(tree.this, STRING)),
    exp.Boolean: (("this",), lambda _, tree: constant(bool(tree.this), BOOL)),
    exp.Null: ((), lambda _, tree: constant(None, NULL)),
    exp.Cast: (("this", "to"), _cast),
    exp.And: _both(pc.and_kleene, "AND"),
    exp.Or: _both(pc.or_kleene, "OR"),
    exp.Not: _unary(_not),
    exp.EQ: _compared("=", pc.equal),
    exp.NEQ: _compared("!=", pc.not_equal),
    exp.GT: _compared(">", pc.greater),
    exp.GTE: _compared(">=", pc.greater_equal),
    exp.LT: _compared("<", pc.less),
    exp.LTE: _compared("<=", pc.less_equal),
    exp.Is: (("this", "expression"), _is),
    exp.In: (("this", "expressions"), _in),
    exp.Between: (("this", "low", "high"), _between),
    exp.Like: (("this", "expression"), _like),
    exp.RegexpLike: _matches("REGEXP_CONTAINS", pc.match_substring_regex),
    exp.StartsWith: _matches("STARTS_WITH", pc.starts_with),
    exp.EndsWith: _matches("ENDS_WITH", pc.ends_with),
    exp.Add: _binary(lambda left, right: fn.arithmetic("+", pc.add_checked, left, right)),
    exp.Sub: _binary(lambda left, right: fn.arithmetic("-", pc.subtract_checked, left, right)),
    exp.Mul: _binary(lambda left, right: fn.arithmetic("*", pc.multiply_checked, left, right)),
    exp.Div: (("this", "expression", "typed"), lambda c, tree: fn.divide(*c.nodes(tree, "this", "expression"))),
    exp.SafeDivide: _binary(fn.safe_divide),
    exp.IntDiv: _binary(fn.whole_divide),
    exp.Mod: _binary(fn.modulo),
    exp.Neg: _unary(fn.negative),
    exp.Abs: _unary(fn.absolute),
    exp.Round: (("this", "decimals"), _round),
    exp.Floor: _unary(lambda value: fn.whole("FLOOR", pc.floor, value)),
    exp.Ceil: _unary(lambda value: fn.whole("CEIL", pc.ceil, value)),
    exp.DPipe: _binary(fn.concat),
    exp.Concat: (("expressions",), lambda c, tree: fn.concat(*(c.node(each) for each in tree.expressions))),
    exp.Upper: _unary(lambda value: fn.text("UPPER", pc.utf8_upper, value)),
    exp.Lower: _unary(lambda value: fn.text("LOWER", pc.utf8_lower, value)),
    exp.Trim: _unary(lambda value: fn.text("TRIM", pc.utf8_trim_whitespace, value)),
    exp.Length: _unary(_length),
    exp.Substring: (("this", "start", "length"), _substring),
    exp.Case: (("this", "ifs", "default"), _case),
    exp.If: (("this", "true", "false"), _if),
    exp.Coalesce: (("this", "expressions"), _coalesce),
    exp.Nullif: _binary(_nullif),
    exp.Greatest: _extreme("GREATEST", pc.max_element_wise),
    exp.Least: _extreme("LEAST", pc.min_element_wise),
    exp.Date: _unary(fn.date_of),
    exp.Extract: (("this", "expression"), lambda c, tree: fn.part(fn.unit_of(tree.this), c.node(tree.expression))),
    exp.TimestampTrunc: _truncated("TIMESTAMP_TRUNC", TIMESTAMP),
    exp.DatetimeTrunc: _truncated("DATETIME_TRUNC", DATETIME),
    exp.DateTrunc: _truncated("DATE_TRUNC", DATE),
    exp.TimestampDiff: _apart("TIMESTAMP_DIFF", TIMESTAMP),
    exp.DatetimeDiff: _apart("DATETIME_DIFF", DATETIME),
    exp.DateDiff: _apart("DATE_DIFF", DATE),
}

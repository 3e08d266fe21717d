"""Compiler of CAST and literals."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
from sqlglot import exp

from headrace.sql import functions as fn
from headrace.sql.expression_compiler import SEE, Compiler, spelt
from headrace.sql.literals import literal_of, typed_literal
from headrace.sql.node import ExpressionError, Node, constant
from headrace.sql.types import BOOL, DATE, DATETIME, FLOAT64, INT64, NULL, STRING, TIMESTAMP, name_of

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


def converted(compiler: Compiler, tree: Any) -> Node:
    """Compile ``CAST``, or a literal with a type."""
    type_ = _TYPES.get(tree.to.this) if not tree.to.expressions else None
    if type_ is None:
        raise ExpressionError(f"{spelt(tree)}: unknown type", f"known are {', '.join(map(name_of, CASTABLE))}")
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
    raise ExpressionError(f"{name_of(value.type)} cannot be CAST AS {name_of(type_)}", SEE)


def literal(compiler: Compiler, tree: Any) -> Node:
    """Compile a literal number or text."""
    if tree.is_string:
        return constant(tree.this, STRING)
    try:
        return constant(int(tree.this), INT64) if tree.is_int else constant(float(tree.this), FLOAT64)
    except (ValueError, OverflowError, pa.ArrowInvalid) as error:
        raise ExpressionError(f"{spelt(tree)} does not fit into INT64 or FLOAT64", "write a smaller number") from error


CASTABLE: Final = (BOOL, INT64, FLOAT64, STRING, DATE, DATETIME, TIMESTAMP)
_TYPES: Final = {
    exp.DataType.Type.BOOLEAN: BOOL,
    exp.DataType.Type.BIGINT: INT64,
    exp.DataType.Type.DOUBLE: FLOAT64,
    exp.DataType.Type.TEXT: STRING,
    exp.DataType.Type.DATE: DATE,
    exp.DataType.Type.TIMESTAMP: DATETIME,
    exp.DataType.Type.TIMESTAMPTZ: TIMESTAMP,
}

"""Values that stand in an expression itself."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pyarrow as pa
from sqlglot import exp

from headrace.schemas.times import read_date, read_datetime
from headrace.sql.node import ExpressionError, Node, constant
from headrace.sql.types import DATE, DATETIME, TIMESTAMP, name_of


def literal_of(tree: Any) -> str | None:
    """The text of a literal in quotes; None of anything else."""
    if isinstance(tree, exp.RawString) or (isinstance(tree, exp.Literal) and tree.is_string):
        return str(tree.this)
    return None


def number(tree: Any, name: str, least: int) -> int:
    """The value of a whole number that is written out; ExpressionError when *tree* is no such node or below *least*."""
    if not isinstance(tree, exp.Literal) or not tree.is_int or int(tree.this) < least:
        raise ExpressionError(f"{name} wants whole numbers from {least} on, written out", "write one")
    return int(tree.this)


def typed_literal(text: str, type_: pa.DataType) -> Node:
    """``DATE '...'``, ``DATETIME '...'`` or ``TIMESTAMP '...'``; a moment without a zone is UTC."""
    try:
        if type_ == DATE:
            return constant(read_date(text), DATE)
        moment = read_datetime(text)
    except ValueError as error:
        raise ExpressionError(f"a {name_of(type_)} that is none", "write YYYY-MM-DD, or YYYY-MM-DD hh:mm:ss") from error
    if type_ == TIMESTAMP:
        return constant(moment.replace(tzinfo=moment.tzinfo or UTC), TIMESTAMP)
    if type_ == DATETIME and moment.tzinfo is None:
        return constant(moment, DATETIME)
    raise ExpressionError(f"no {name_of(type_)} can be written so", "write DATE, DATETIME or TIMESTAMP")

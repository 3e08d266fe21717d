"""Literals of expressions."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pyarrow as pa
from sqlglot import exp

from headrace.schemas.times import read_date, read_datetime
from headrace.sql.node import ExpressionError, Node, constant
from headrace.sql.types import DATE, DATETIME, TIMESTAMP, name_of


def literal_of(tree: Any) -> str | None:
    """Return the text of a quoted literal; None for anything else."""
    if isinstance(tree, exp.RawString) or (isinstance(tree, exp.Literal) and tree.is_string):
        return str(tree.this)
    return None


def number(tree: Any, name: str, least: int) -> int:
    """Return the value of a whole-number literal; raises ExpressionError for others, and below *least*."""
    if not isinstance(tree, exp.Literal) or not tree.is_int or int(tree.this) < least:
        raise ExpressionError(f"{name} takes a whole-number literal of at least {least}", "write one")
    return int(tree.this)


def typed_literal(text: str, type_: pa.DataType) -> Node:
    """Compile ``DATE '...'``, ``DATETIME '...'`` or ``TIMESTAMP '...'``; a timestamp without a zone is in UTC."""
    try:
        if type_ == DATE:
            return constant(read_date(text), DATE)
        moment = read_datetime(text)
    except ValueError as error:
        raise ExpressionError(f"an invalid {name_of(type_)}", "write YYYY-MM-DD, or YYYY-MM-DD hh:mm:ss") from error
    if type_ == TIMESTAMP:
        return constant(moment.replace(tzinfo=moment.tzinfo or UTC), TIMESTAMP)
    if type_ == DATETIME and moment.tzinfo is None:
        return constant(moment, DATETIME)
    raise ExpressionError(f"{name_of(type_)} has no such literal", "write DATE, DATETIME or TIMESTAMP")

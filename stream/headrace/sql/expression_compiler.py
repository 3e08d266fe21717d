"""Compiler of parsed GoogleSQL into functions on Arrow; it refuses everything that has no handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from headrace.sql.node import ExpressionError, Node
from headrace.sql.types import of_column

MAX_NODES: Final = 500
_MAX_DEPTH: Final = 50
# Arguments of sqlglot's trees that record the spelling or the dialect: they do not change the result.
_NOTES: Final = frozenset({"safe", "big_int", "binary", "coalesce", "ignore_nulls", "date_part_boundary", "nested"})
SEE: Final = "see docs/transformations.md for what may be written"
# The supported arguments of a tree, and the function that makes a node of it.
Handler: TypeAlias = tuple[tuple[str, ...], Callable[["Compiler", Any], Node]]


def parse(text: str) -> Any:
    """Parse one expression; raises ExpressionError if the text is not an expression, or is too large."""
    try:
        tree = sqlglot.parse_one(text, dialect="bigquery")
    except (SqlglotError, RecursionError) as error:
        raise ExpressionError("it is not an SQL expression", "correct it") from error
    nodes = list(tree.walk()) if tree is not None else []
    if len(nodes) > MAX_NODES or any(node.depth > _MAX_DEPTH for node in nodes):
        raise ExpressionError(f"more than {MAX_NODES} parts, or nested deeper than {_MAX_DEPTH}", "use a function")
    return tree


def columns_in(tree: Any) -> frozenset[str]:
    """Return the names of the columns that a parsed expression reads, in lower case."""
    return frozenset(column.parts[0].name.lower() for column in tree.find_all(exp.Column))


class Compiler:
    """Compiler of trees over the columns of one schema; names are case-insensitive, as in BigQuery."""

    def __init__(self, schema: pa.Schema, handlers: Mapping[type[Any], Handler]) -> None:
        self._schema = schema
        self._handlers = handlers
        self._places = {name.lower(): place for place, name in enumerate(schema.names)}

    def node(self, tree: Any) -> Node:
        """Compile a tree; raises ExpressionError for a part that is not supported."""
        handler = self._handlers.get(type(tree))
        if handler is None:
            raise ExpressionError(f"{spelt(tree)} is not supported", SEE)
        allowed, make = handler
        extra = {key for key, value in tree.args.items() if value and key not in _NOTES} - set(allowed)
        if extra:
            raise ExpressionError(f"{spelt(tree)} uses an option that is not supported", SEE)
        return make(self, tree)

    def nodes(self, tree: Any, *names: str) -> list[Node]:
        """Compile parts of a tree."""
        return [self.node(part_of(tree, name)) for name in names]

    def column(self, tree: Any) -> Node:
        """Compile a column, or a field within one."""
        first, *path = (part.name for part in tree.parts)
        place = self._places.get(first.lower())
        if place is None:
            raise ExpressionError(f"no column {first}", "name a column that is stored; an omitted column is not")
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


def part_of(tree: Any, name: str) -> Any:
    """Return a part of a tree; raises ExpressionError if it is missing."""
    part = tree.args.get(name)
    if part is None:
        raise ExpressionError(f"{spelt(tree)} is incomplete", SEE)
    return part


def spelt(tree: Any) -> str:
    """Return an expression's first characters. It is a text of the contract, so it contains no value of an event."""
    text = tree.sql(dialect="bigquery") if isinstance(tree, exp.Expression) else str(tree)
    return text if len(text) <= 60 else f"{text[:60]}..."

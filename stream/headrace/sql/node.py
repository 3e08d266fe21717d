"""Compiled expressions: the type of the result, and the function that computes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import Exit, HeadraceError
from headrace.sql.types import cast, common, name_of

Run: TypeAlias = Callable[[pa.RecordBatch], pa.Array]


class ExpressionError(HeadraceError, ValueError, error_code="HR-110", exit_code=Exit.BUG):
    """An expression cannot run on every row. The text names the part and the remedy."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(f"{why}; {remedy}")
        self.why, self.remedy = why, remedy


@dataclass(frozen=True, slots=True)
class Node:
    """An expression with one value of *type* for each row. A literal's value is in *literal*."""

    type: pa.DataType
    run: Run = field(repr=False)
    literal: object = None

    def as_(self, type_: pa.DataType) -> Node:
        """Return the same value as another type."""
        return self if self.type == type_ else Node(type_, lambda rows: cast(self.run(rows), type_))


def constant(value: object, type_: pa.DataType) -> Node:
    """Return a node with the same value for every row."""
    scalar = pa.scalar(value, type_)
    return Node(type_, lambda rows: pa.repeat(scalar, rows.num_rows), value)


def call(type_: pa.DataType, function: Callable[..., pa.Array], *arguments: Node) -> Node:
    """Return a node that calls a function with the values of *arguments*."""
    return Node(type_, lambda rows: function(*(each.run(rows) for each in arguments)))


def alike(what: str, *nodes: Node) -> list[Node]:
    """Convert the nodes to their common type; raises ExpressionError without one."""
    type_ = nodes[0].type
    for node in nodes[1:]:
        found = common(type_, node.type)
        if found is None:
            raise ExpressionError(
                f"{what} is not defined for {name_of(type_)} and {name_of(node.type)}", "CAST one of them"
            )
        type_ = found
    return [node.as_(type_) for node in nodes]


def choose(branches: Sequence[tuple[Node, Node]], default: Node) -> Node:
    """Return a node with the value of the first branch whose condition is true.

    A branch runs only on its own rows, so a condition can exclude rows for which its value would fail.
    """
    type_ = default.type

    def run(rows: pa.RecordBatch) -> pa.Array:
        left = pa.array(range(rows.num_rows), pa.int64())
        places, values = [], []
        for condition, value in branches:
            there = rows.take(left)
            true = pc.fill_null(condition.run(there), False)
            places.append(left.filter(true))
            values.append(value.run(there.filter(true)))
            left = left.filter(pc.invert(true))
        places.append(left)
        values.append(default.run(rows.take(left)))
        return pa.concat_arrays(values).take(pc.sort_indices(pa.concat_arrays(places)))

    return Node(type_, run)

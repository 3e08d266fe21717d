"""The rollups of contracts as materialized views of BigQuery. Their expressions are checked like all others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from google.cloud import bigquery
from sqlglot import exp

from headrace.bigquery.columns import TABLE_DOC, description
from headrace.bigquery.event_table import row_schema
from headrace.core.resource_names import PROVISIONED, Names
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.transformations import Rollup
from headrace.sql.expression_compiler import SEE, parse, spelt
from headrace.sql.functions import need, unit_of
from headrace.sql.language import compile_tree
from headrace.sql.node import ExpressionError, Node
from headrace.sql.types import BOOL, FLOAT64, is_number, is_ordered, name_of

LABEL: Final = "headrace_rollup"
_NUMBERS: Final = (exp.Sum, exp.Avg)
_CONDITIONS: Final = (exp.CountIf, exp.LogicalAnd, exp.LogicalOr)
_ANYTHING: Final = (exp.Count, exp.ApproxDistinct, exp.Min, exp.Max)


@dataclass(frozen=True, slots=True)
class RollupView:
    """A wanted view: its full name, its description, its query, and the statement that creates it."""

    name: str
    doc: str
    query: str
    statement: str

    @property
    def label(self) -> str:
        """The hash of the statement; an existing view with the same label was created by the same statement."""
        return hashlib.sha256(self.statement.replace(" OR REPLACE", "", 1).encode()).hexdigest()[:32]


def check_rollups(contract: Contract) -> None:
    """Check every expression of a contract's rollups. Raises ContractError, which names the invalid expression."""
    schema = row_schema(contract)
    for rollup in contract.transformations.rollups:
        for path, text, check in _parts(rollup):
            try:
                check(parse(text), schema)
            except ExpressionError as error:
                place = f"{contract.ref.short}.headrace.rollups.{rollup.name}.{path}"
                raise ContractError(place, error.why, error.remedy) from error


def rollup_views(registry: Registry, names: Names) -> list[RollupView]:
    """Return the views of all contracts."""
    contracts = [registry.latest(subject) for subject in registry.subjects]
    return [_view(each, rollup, names) for each in contracts for rollup in each.transformations.rollups]


def put_rollup(client: bigquery.Client, wanted: RollupView) -> None:
    """Create a view or replace it, because BigQuery cannot change the query of a materialized view.

    One statement does both, so that readers always find the old view or the new one. The label is set last: a view
    without it is replaced the next time. Raise the client's errors.
    """
    client.query_and_wait(wanted.statement)
    made = client.get_table(wanted.name)
    made.labels = {**made.labels, LABEL: wanted.label, **PROVISIONED}
    made.description = wanted.doc or None
    client.update_table(made, ["labels", "description"])


def rollup_query(contract: Contract, rollup: Rollup, table: str) -> str:
    """Return the query of the view; *table* is the table's name in SQL."""
    by = [(name, _spelt(text)) for name, text in rollup.by]
    measures = [(name, _spelt(text)) for name, text in rollup.measures]
    columns = ",\n  ".join(f"{text} AS `{name}`" for name, text in (*by, *measures))
    lines = [f"SELECT\n  {columns}", f"FROM {table}"]
    if rollup.where is not None:
        lines.append(f"WHERE {_spelt(rollup.where)}")
    if by:
        lines.append(f"GROUP BY {', '.join(text for _, text in by)}")
    return "\n".join(lines)


def _view(contract: Contract, rollup: Rollup, names: Names) -> RollupView:
    query = rollup_query(contract, rollup, names.sql(contract.options.table))
    lines = [
        f"CREATE OR REPLACE MATERIALIZED VIEW {names.sql(rollup.name)}",
        *_partitioned(contract, rollup),
        f"AS {query}",
    ]
    return RollupView(
        f"{names.project}.{names.dataset}.{rollup.name}", description(rollup.doc, TABLE_DOC), query, "\n".join(lines)
    )


def _partitioned(contract: Contract, rollup: Rollup) -> Iterator[str]:
    """Partition the view like its table, if a column of the view has the table's partitioning.

    Otherwise BigQuery computes the whole view again when a partition expires or changes.
    """
    unit = contract.options.partition.upper()
    for name, text in rollup.by:
        tree = parse(text)
        if isinstance(tree, exp.TimestampTrunc) and tree.this.name == "_event_time" and unit_of(tree.unit) == unit:
            yield f"PARTITION BY TIMESTAMP_TRUNC(`{name}`, {unit})"
            return


def _spelt(text: str) -> str:
    """Return an expression as sqlglot writes it: only the checked part, without a comment that could hide the rest."""
    return str(parse(text).sql(dialect="bigquery", comments=False))


def _parts(rollup: Rollup) -> Iterator[tuple[str, str, Any]]:
    if rollup.where is not None:
        yield "where", rollup.where, _check_where
    for name, text in rollup.by:
        yield f"by.{name}", text, _check_by
    for name, text in rollup.measures:
        yield f"measures.{name}", text, _check_measure


def _check_where(tree: Any, schema: pa.Schema) -> None:
    need("where", compile_tree(tree, schema), BOOL)


def _check_by(tree: Any, schema: pa.Schema) -> None:
    node = compile_tree(tree, schema)
    if not is_ordered(node.type) or node.type == FLOAT64:
        raise ExpressionError(f"nothing is grouped by {name_of(node.type)}", "group by text, whole numbers or times")


def _check_measure(tree: Any, schema: pa.Schema) -> None:
    if isinstance(tree, exp.Count) and isinstance(tree.this, exp.Star) and not tree.expressions:
        return
    if type(tree) not in (*_NUMBERS, *_CONDITIONS, *_ANYTHING) or not isinstance(tree.this, exp.Expression):
        raise ExpressionError(f"{spelt(tree)} is not an aggregate that a rollup can have", SEE)
    if {key for key, value in tree.args.items() if value and key != "big_int"} != {"this"}:
        raise ExpressionError(f"{spelt(tree)} has parts that a rollup cannot have", SEE)
    _check_argument(tree, compile_tree(tree.this, schema))


def _check_argument(tree: Any, node: Node) -> None:
    if isinstance(tree, _CONDITIONS):
        need(spelt(tree), node, BOOL)
    elif not (is_number(node.type) if isinstance(tree, _NUMBERS) else is_ordered(node.type)):
        raise ExpressionError(f"{spelt(tree)} is not defined for {name_of(node.type)}", "use another aggregate")

"""Columns after statements that alter their table, as BigQuery executes them: sqlglot reads each statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import sqlglot
from sqlglot import exp

from headrace.bigquery.columns import Column
from headrace.contract_view.table_alterations import Alteration, Step

_DESCRIBE: Final = "SET OPTIONS (description="
_NAMES: Final = {"STRUCT": "RECORD"}


def altered(columns: Sequence[Column], changes: Sequence[Alteration]) -> list[Column]:
    """Return the columns after all changes: statements as they are written, others as data."""
    found = [*columns]
    for each in changes:
        found = executed(found, each.told("t")) if each.has_statement else _within(found, each.within, each)
    return found


def executed(columns: list[Column], statement: str) -> list[Column]:
    """Return the columns after one statement; a column that is not there is an error."""
    if _DESCRIBE in statement and "ADD COLUMN" not in statement:
        return _described(columns, statement)
    (action,) = sqlglot.parse_one(statement, dialect="bigquery").args["actions"]
    match action:
        case exp.ColumnDef():
            assert action.name.lower() not in {each.name.lower() for each in columns}, statement
            return [*columns, _column(action)]
        case exp.RenameColumn():
            return _changed(columns, action.this.name, lambda old: replace(old, name=action.args["to"].name))
        case exp.AlterColumn() if action.args.get("drop"):
            return _changed(columns, action.this.name, lambda old: replace(old, mode="NULLABLE"))
        case exp.AlterColumn():
            to = _typed(action.this.name, action.args["dtype"])
            return _changed(columns, action.this.name, lambda old: replace(old, precision=to.precision, scale=to.scale))
        case _:
            raise AssertionError(statement)


def _described(columns: list[Column], statement: str) -> list[Column]:
    """Return the columns after a statement that sqlglot does not know; its literal is read by sqlglot too."""
    place, _, rest = statement.partition(f" {_DESCRIBE}")
    literal = sqlglot.parse_one(f"SELECT {rest.removesuffix(');')}", dialect="bigquery").expressions[0]
    text = None if isinstance(literal, exp.Null) else literal.this
    return _changed(columns, place.split("`")[3], lambda old: replace(old, description=text))


def _changed(columns: list[Column], name: str, change: Callable[[Column], Column]) -> list[Column]:
    assert name in {each.name for each in columns}, f"no column {name}"
    return [change(each) if each.name == name else each for each in columns]


def _column(definition: exp.ColumnDef) -> Column:
    kinds = [each.args["kind"] for each in definition.args.get("constraints") or ()]
    found = _typed(definition.name, definition.args["kind"])
    if any(isinstance(each, exp.NotNullColumnConstraint) for each in kinds):
        found = replace(found, mode="REQUIRED")
    texts = [option.args["value"].this for each in kinds if isinstance(each, exp.Properties) for option in each]
    return replace(found, description=texts[0]) if texts else found


def _typed(name: str, type_: Any) -> Column:
    if type_.this is exp.DataType.Type.ARRAY:
        return replace(_typed(name, type_.expressions[0]), mode="REPEATED")
    if type_.this is exp.DataType.Type.STRUCT:
        return Column(name, "RECORD", "NULLABLE", fields=tuple(_column(each) for each in type_.expressions))
    spelt, *numbers = type_.sql(dialect="bigquery").replace("(", " ").replace(")", "").replace(",", " ").split()
    limits: list[int | None] = [int(each) for each in numbers] or [None, None]
    return Column(name, spelt, "NULLABLE", precision=limits[0], scale=limits[1])


def _within(columns: Sequence[Column], within: tuple[str, ...], change: Alteration) -> list[Column]:
    if within:
        outer, rest = within[0], within[1:]
        return _changed([*columns], outer, lambda old: replace(old, fields=tuple(_within(old.fields, rest, change))))
    if change.step is Step.ADD:
        return [*columns, change.column]
    name, new = change.old or change.column.name, change.column
    match change.step:
        case Step.RENAME:
            return _changed([*columns], name, lambda old: replace(old, name=new.name))
        case Step.RELAX:
            return _changed([*columns], name, lambda old: replace(old, mode="NULLABLE"))
        case Step.WIDEN:
            return _changed([*columns], name, lambda old: replace(old, precision=new.precision, scale=new.scale))
        case _:
            return _changed([*columns], name, lambda old: replace(old, description=new.description))

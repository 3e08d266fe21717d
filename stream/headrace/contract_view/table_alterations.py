"""Changes of a table between two versions of a contract, as statements of SQL where BigQuery has one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final, NamedTuple, assert_never

from headrace.bigquery.column_renames import Rename, columns_within, renamed
from headrace.bigquery.columns import Column

_SQL_NAMES: Final = {"RECORD": "STRUCT"}


class Step(StrEnum):
    """The kind of one change of a column."""

    RENAME = "rename"
    ADD = "add"
    RELAX = "relax"
    WIDEN = "widen"
    DESCRIBE = "describe"


class Alteration(NamedTuple):
    """One change of a column; *within* are the names of the records around it, and *column* is the state it gets.

    *old* is the name before a rename.
    """

    step: Step
    within: tuple[str, ...]
    column: Column
    old: str = ""

    @property
    def has_statement(self) -> bool:
        """Whether BigQuery has a statement for it: statements change no column within a record."""
        return not self.within

    @property
    def by_hand(self) -> bool:
        """Whether a person has to make it, because ``headrace provision`` refuses it."""
        return self.step is Step.RENAME

    def told(self, table: str) -> str:
        """Return the statement, with its semicolon, or a sentence where BigQuery has no statement."""
        if self.has_statement:
            return f"ALTER TABLE `{table}` {self._action()};"
        name = ".".join((*self.within, self.column.name))
        match self.step:
            case Step.RENAME:
                old = ".".join((*self.within, self.old))
                return f"column {old} becomes {name}, and BigQuery renames no column within a record"
            case Step.ADD:
                return f"column {name} is added: {sql_type(self.column)}"
            case Step.RELAX:
                return f"column {name} may be null"
            case Step.WIDEN:
                return f"column {name} becomes {sql_type(self.column)}"
            case Step.DESCRIBE:
                return f"column {name} is described: {self.column.description or 'not any longer'}"
            case _:
                assert_never(self.step)

    def _action(self) -> str:
        name = f"`{self.column.name}`"
        match self.step:
            case Step.RENAME:
                return f"RENAME COLUMN `{self.old}` TO {name}"
            case Step.ADD:
                return f"ADD COLUMN {name} {sql_type(self.column)}{_options(self.column)}"
            case Step.RELAX:
                return f"ALTER COLUMN {name} DROP NOT NULL"
            case Step.WIDEN:
                return f"ALTER COLUMN {name} SET DATA TYPE {sql_type(self.column)}"
            case Step.DESCRIBE:
                return f"ALTER COLUMN {name} SET OPTIONS (description={sql_text(self.column.description)})"
            case _:
                assert_never(self.step)


def rename_alterations(
    columns: Sequence[Column], renames: Sequence[Rename]
) -> tuple[list[Alteration], Sequence[Column]]:
    """Return the renames of columns that are there, and the columns after them."""
    found = []
    for each in renames:
        column = _column_at(columns, each.within, each.old)
        if column is not None and _column_at(columns, each.within, each.new) is None:
            columns = renamed(columns, each)
            found.append(Alteration(Step.RENAME, each.within, replace(column, name=each.new), each.old))
    return found, columns


def alterations(old: Sequence[Column], new: Sequence[Column], within: tuple[str, ...] = ()) -> Iterator[Alteration]:
    """Yield the changes that make the *new* columns of the *old* ones, in the order in which they can be made.

    *new* are the old columns as they are afterwards, in their order, then those that are added. *within* are the names
    of the records around them.
    """
    before = {each.name: each for each in old}
    for column in new:
        known = before.get(column.name)
        if known is None:
            yield Alteration(Step.ADD, within, column)
            continue
        if known.mode != column.mode:
            yield Alteration(Step.RELAX, within, column)
        if (known.precision, known.scale) != (column.precision, column.scale):
            yield Alteration(Step.WIDEN, within, column)
        if (known.description or "") != (column.description or ""):
            yield Alteration(Step.DESCRIBE, within, column)
        yield from alterations(known.fields, column.fields, (*within, column.name))


def sql_type(column: Column) -> str:
    """Return the type of a column in GoogleSQL, with the columns within it."""
    name = _SQL_NAMES.get(column.standard_type, column.standard_type)
    if column.fields:
        name += f"<{', '.join(_member(each) for each in column.fields)}>"
    elif column.precision is not None:
        name += f"({column.precision}, {column.scale or 0})"
    return f"ARRAY<{name}>" if column.mode == "REPEATED" else name


def sql_text(text: str | None) -> str:
    """Return a literal of GoogleSQL: a text, or NULL without one."""
    return json.dumps(text, ensure_ascii=False) if text else "NULL"


def _member(column: Column) -> str:
    needed = " NOT NULL" if column.mode == "REQUIRED" else ""
    return f"`{column.name}` {sql_type(column)}{needed}{_options(column)}"


def _options(column: Column) -> str:
    return f" OPTIONS (description={sql_text(column.description)})" if column.description else ""


def _column_at(columns: Sequence[Column], within: Sequence[str], name: str) -> Column | None:
    return next((each for each in columns_within(columns, within) if each.name == name), None)

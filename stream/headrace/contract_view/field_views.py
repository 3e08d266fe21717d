"""Each field of a contract with its column: what a person has to know of both, on one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from headrace.bigquery.columns import Column, columns_of
from headrace.bigquery.row_columns import OWN_COLUMNS
from headrace.contract_view.field_words import default_words, mask_words, type_words
from headrace.schemas.classification import Pii
from headrace.schemas.model import Array, Field, Map, Optional, Record, Type, Union
from headrace.schemas.registry import Contract
from headrace.schemas.stored import IS_NULL, wrapper_of

_WHETHER_NULL: Final = "whether it is null"


class FieldView(NamedTuple):
    """A field and its column.

    *field* is the path in the event, empty for a column that no event has. *column* is the path in the table, empty if
    nothing is stored. *type* is Avro's and *bigquery* the column's. *mask* and *default* are empty without one.
    """

    field: str
    type: str
    column: str
    bigquery: str
    mode: str
    mask: str
    default: str
    aliases: tuple[str, ...]
    doc: str

    @property
    def type_and_default(self) -> str:
        """The type, and the default if there is one."""
        return f"{self.type}, default {self.default}" if self.default else self.type

    @property
    def is_beside(self) -> bool:
        """Whether it is the column beside a list that tells a null list from an empty one."""
        return self.type == _WHETHER_NULL


def field_views(contract: Contract) -> list[FieldView]:
    """Return every field in the order of the event, then the columns that are no fields."""
    columns = {each.name: each for each in columns_of(contract.written)}
    found = [*event_fields(contract)]
    for each in contract.options.metadata:
        found.append(_view(each.field, columns.get(each.field.column), "", ""))
    for derived in contract.transformations.derived:
        found.append(_view(derived.field, columns.get(derived.field.column), "", ""))
    return [*found, *map(_own, OWN_COLUMNS)]


def event_fields(contract: Contract) -> Iterator[FieldView]:
    """Yield every field of the event, outer ones first."""
    return _of_record(contract.record, columns_of(contract.written), "", "")


def personal_fields(contract: Contract) -> list[str]:
    """Return the paths of the fields and columns with a mask."""
    metadata = [each.field for each in contract.options.metadata]
    own = [f"headrace.metadata.{each.name}" for each in metadata if isinstance(each.pii, Pii)]
    return [*dict.fromkeys(each.field for each in event_fields(contract) if each.mask), *own]


def _own(column: Column) -> FieldView:
    return FieldView("", "", column.name, _type_of(column), column.mode, "", "", (), column.description or "")


def _of_record(record: Record, columns: Sequence[Column], path: str, within: str) -> Iterator[FieldView]:
    """Yield the fields of a record; *path* and *within*, its column, are empty or end with a point."""
    by_name = {each.name: each for each in columns}
    for field in record.written:
        column = by_name.get(field.column)
        yield _view(field, column, f"{path}{field.name}", within)
        if field.is_null_column:
            yield from _is_null(field, by_name, f"{path}{field.name}", within)
        yield from _inside(field.type, column, f"{path}{field.name}", f"{within}{field.column}")


def _is_null(field: Field, columns: Mapping[str, Column], path: str, within: str) -> Iterator[FieldView]:
    column = columns.get(f"{field.column}{IS_NULL}")
    if column is not None:
        shown = _type_of(column), column.mode, mask_words(field.pii), "", (), column.description or ""
        yield FieldView(path, _WHETHER_NULL, f"{within}{column.name}", *shown)


def _inside(type_: Type, column: Column | None, path: str, within: str) -> Iterator[FieldView]:
    """Yield the fields within a value; *within* is the path of its column."""
    match type_:
        case Optional(item):
            yield from _inside(item, column, path, within)
        case Array(items):
            name = wrapper_of(items)
            member = column if name is None else _member(column, name)
            yield from _inside(items, member, path, within if name is None else f"{within}.{name}")
        case Map(values):
            yield from _inside(values, _member(column, "value"), path, f"{within}.value")
        case Record():
            yield from _of_record(type_, column.fields if column else (), f"{path}.", f"{within}.")
        case Union(branches):
            for branch in branches:
                member = _member(column, branch.member)
                yield _view(branch.field, member, f"{path}.{branch.member}", f"{within}.")
                yield from _inside(branch.type, member, f"{path}.{branch.member}", f"{within}.{branch.member}")
        case _:
            return


def _member(column: Column | None, name: str) -> Column | None:
    return next((each for each in column.fields if each.name == name), None) if column else None


def _view(field: Field, column: Column | None, path: str, within: str) -> FieldView:
    return FieldView(
        path,
        type_words(field.type),
        f"{within}{column.name}" if column else "",
        _type_of(column) if column else "",
        column.mode if column else "",
        mask_words(field.pii),
        default_words(field.default),
        field.aliases,
        field.doc,
    )


def _type_of(column: Column) -> str:
    return str(column).removeprefix("REPEATED ")

"""Rules for columns that a contract has in place of shapes that BigQuery lacks."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.schemas.column_names import MAX_COLUMN
from headrace.schemas.errors import ContractError
from headrace.schemas.field_places import FieldPlaces
from headrace.schemas.model import Record, Recursive, Type, Union, inner, walk
from headrace.schemas.stored import IS_NULL, is_list


def check_is_null_columns(record: Record, places: FieldPlaces, within: str = "") -> Iterator[ContractError]:
    """Yield errors of columns that say whether a list is null: there is no such list, or their names are taken.

    *within* is the path of *record*, with a point behind it; it is empty for the event.
    """
    columns = {field.column.lower() for field in record.fields}
    for field in record.fields:
        path = f"{within}{field.name}"
        for nested, at in _records(field.type, path):
            yield from check_is_null_columns(nested, places, f"{at}.")
        if not field.is_null_column:
            continue
        place = places.stated(path, "is_null_column")
        if not (field.optional and is_list(field.type)):
            yield ContractError(place, "not an optional array or map", "remove it")
            continue
        column = f"{field.column}{IS_NULL}"
        if column.lower() in columns:
            yield ContractError(place, f"{column} is a field too", "rename that field, or remove this annotation")
        if len(column) > MAX_COLUMN:
            yield ContractError(place, f"the name of its column is longer than {MAX_COLUMN}", "rename the field")


def _records(type_: Type, path: str) -> Iterator[tuple[Record, str]]:
    """Yield the records directly within a type, each with its path; a union may have several."""
    match inner(type_):
        case Record() as record:
            yield record, path
        case Union(branches):
            for branch in branches:
                yield from _records(branch.type, f"{path}.{branch.member}")
        case _:
            return


def check_texts(record: Record, places: FieldPlaces) -> Iterator[ContractError]:
    """Yield errors of personal fields within a JSON text, where no mask reaches them."""
    covered: tuple[str, ...] = ()
    personal = {each.full_name for each in _within(record) if any(field.mask for _, field in walk(each))}
    for path, field in walk(record):
        if path.startswith(covered) or field.mask:
            covered += (f"{path}.",) if field.mask else ()
            continue
        nested = inner(field.type)
        if isinstance(nested, Recursive) and nested.name in personal:
            yield ContractError(
                places.stated(path, "pii") if field.pii is not None else places.missing(path),
                f"a JSON text of {nested.name}, which has personal fields that no mask reaches there",
                'write "pii" on it, with a kind and the mask "omit" or "redact"',
            )


def _within(record: Record) -> Iterator[Record]:
    """Yield a record and those within it."""
    yield record
    for field in record.fields:
        for nested, _ in _records(field.type, ""):
            yield from _within(nested)

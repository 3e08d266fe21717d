"""Columns in the form of Google's client."""

from __future__ import annotations

from typing import Any, Final

from google.cloud import bigquery

from headrace.bigquery.columns import Column

_OWN: Final = {"name", "type", "mode", "description", "fields", "precision", "scale"}


def column_of(field: bigquery.SchemaField) -> Column:
    """Return a column that Google's client holds."""
    given = field.to_api_repr()
    return Column(
        field.name,
        field.field_type,
        field.mode,
        field.description,
        tuple(column_of(each) for each in field.fields),
        field.precision,
        field.scale,
        {key: value for key, value in given.items() if key not in _OWN},
    )


def schema_field(column: Column) -> bigquery.SchemaField:
    """Return a column for Google's client."""
    return bigquery.SchemaField.from_api_repr(_api_repr(column))


def _api_repr(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {"name": column.name, "type": column.type, "mode": column.mode, **(column.others or {})}
    if column.description is not None:
        found["description"] = column.description
    if column.fields:
        found["fields"] = [_api_repr(each) for each in column.fields]
    if column.precision is not None:
        found |= {"precision": column.precision, "scale": column.scale}
    return found

"""The default of a field as a value of its column."""

from __future__ import annotations

from typing import Any

from headrace.schemas.decoder import value_reader
from headrace.schemas.defaults import default_datum
from headrace.schemas.model import Field


def column_default(field: Field) -> Any:
    """Return a field's default as a value of its column: times as numbers, maps as lists, records by column.

    Raises:
        ContractError: the field has no default.
    """
    value, _ = value_reader(field.type, by_column=True)(default_datum(field, field.name), 0)
    return value

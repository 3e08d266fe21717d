"""Annotations of a field that give its shape in columns: a column for null, and levels of a record within itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from headrace.schemas.checked_values import boolean, positive
from headrace.schemas.errors import ContractError
from headrace.schemas.model import Field

COLUMN_KEYS: Final = ("is_null_column", "column_levels")
MOST_LEVELS: Final = 14  # of STRUCT below the outermost record: BigQuery nests fifteen


def with_columns(field: Field, given: Mapping[str, Any], where: str) -> Field:
    """Return a field with the annotations of its columns in *given*; what is absent there stays as it is.

    Raises:
        ContractError: a value is of another type, or there are more than 14 levels.
    """
    levels = positive(given.get("column_levels"), f"{where}.column_levels") or field.column_levels
    if levels > MOST_LEVELS:
        raise ContractError(
            f"{where}.column_levels", f"more than {MOST_LEVELS}", f"write a whole number from 1 to {MOST_LEVELS}"
        )
    is_null_column = boolean(given.get("is_null_column", field.is_null_column), f"{where}.is_null_column")
    if (is_null_column, levels) == (field.is_null_column, field.column_levels):
        return field
    return replace(field, is_null_column=is_null_column, column_levels=levels)

"""Words for a refused row: the name of the error, and the column that the service's text names.

The text may contain the value, so it is only searched for names of columns, and dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa

# docker/bigquery-emulator/launch.py has the same words.
EMULATOR_LIMIT: Final = (
    "the emulator's BIGNUMERIC holds 20 digits before the point and 18 after it, BigQuery's 38 and 38"
)
_ENTITY: Final = re.compile(r"\bEntity: ")  # after it are names of the table and the stream
_NAMED: Final = re.compile(r"\b(?:field|column)s?\b[:\s]{1,3}[`'\"]?([A-Za-z_]\w*(?:\.\w+){0,15})", re.IGNORECASE)
_MOST: Final = 10_000  # characters of a text that are searched


def refusal_words(name: str, said: str, columns: Iterable[str]) -> str:
    """Return the *name* of an error, with the one of *columns* that the service has *said* is at fault.

    >>> refusal_words("FIELDS_ERROR", "Field total: NUMERIC(5, 2) got 123456", ["id", "total"])
    'FIELDS_ERROR in column total'
    """
    column = _column(said, columns)
    words = f"{name} in column {column}" if column else name
    return f"{words}; {EMULATOR_LIMIT}" if EMULATOR_LIMIT in said[:_MOST] else words


def column_paths(schema: Iterable[pa.Field], within: str = "") -> Iterator[str]:
    """Yield the path of each column; fields of a STRUCT have their names behind a point."""
    for field in schema:
        path = f"{within}{field.name}"
        yield path
        type_ = field.type.value_type if pa.types.is_list(field.type) else field.type
        if pa.types.is_struct(type_):
            yield from column_paths(type_, f"{path}.")


def _column(said: str, columns: Iterable[str]) -> str:
    """Return the first column that the text names as one, as the table has it; BigQuery does not mind the case."""
    known = {each.lower(): each for each in columns}
    text = _ENTITY.split(said[:_MOST], maxsplit=1)[0]
    return next((known[found] for each in _NAMED.finditer(text) if (found := each[1].lower()) in known), "")

"""Limits of BigQuery for the columns of one table."""

from __future__ import annotations

from typing import Final

from headrace.schemas.errors import ContractError
from headrace.schemas.model import NOTHING, Array, Map, Optional, Record, Type, Union
from headrace.schemas.stored import is_wrapped

MAX_LEVELS: Final = 15  # of nested records; a map is one level
MAX_COLUMNS: Final = 10_000  # with nested ones


class Sizes:
    """The levels and columns of each record, with every use of a named type counted."""

    def __init__(self) -> None:
        self._sizes: dict[tuple[str, str], tuple[int, int]] = {}

    def measure(self, record: Record, where: str) -> None:
        """Note the size of a record whose inner records are noted; raises ContractError if it is too large.

        Fields without a column count too: reading over them takes time.
        """
        sizes = [self._size(field.type) for field in record.written]
        levels = 1 + max((levels for levels, _ in sizes), default=0)
        columns = 1 + sum(columns for _, columns in sizes) + sum(field.is_null_column for field in record.fields)
        if levels > MAX_LEVELS + 1:  # the outermost record is the row itself
            raise ContractError(where, f"records nested deeper than {MAX_LEVELS}", "flatten the record")
        if columns > MAX_COLUMNS:
            raise ContractError(where, f"more than {MAX_COLUMNS} columns, used types unfolded", "split the event")
        self._sizes[record.namespace, record.name] = levels, columns

    def _size(self, type_: Type) -> tuple[int, int]:
        match type_:
            case Record():
                return (0, 1) if type_ == NOTHING else self._sizes[type_.namespace, type_.name]
            case Optional(item):
                return self._size(item)
            case Array(items):
                levels, columns = self._size(items)
                wrapped = int(is_wrapped(items))
                return levels + wrapped, columns + wrapped
            case Union(branches):
                sizes = [self._size(branch.type) for branch in branches]
                return 1 + max(levels for levels, _ in sizes), 1 + sum(columns for _, columns in sizes)
            case Map():
                levels, columns = self._size(type_.values)
                return levels + 1, columns + 2
            case _:
                return 0, 1

"""Fields of two versions that are the same field, by name or by an alias, and the places of their columns."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.schemas.errors import ContractError
from headrace.schemas.model import Record


def column_places(reader: Record) -> Iterator[int]:
    """Yield the place of each field's column among all columns of a record."""
    place = 0
    for field in reader.fields:
        yield place
        place += 2 if field.is_null_column else 1


def matched_fields(writer: Record, reader: Record, path: str) -> dict[str, int]:
    """Return the place among the reader's fields of each of the writer's fields that the reader has.

    *path* ends with a point.

    Raises:
        ContractError: aliases leave open which field is meant, or a field would move to another column.
    """
    by_name = {field.name: place for place, field in enumerate(reader.fields)}
    written = {field.name for field in writer.written}
    places = {name: by_name[name] for name in written if name in by_name}
    for field in writer.fields:
        column = reader.fields[places[field.name]].column if field.name in places else field.column
        if column != field.column:
            raise ContractError(
                f"{path}{field.name}",
                f"its column would be {column}, and is {field.column}",
                "write the fields of older versions before new ones",
            )
    for place, field in enumerate(reader.fields):
        found = {alias for alias in field.aliases if alias in written} if field.name not in written else set()
        if len(found) > 1 or any(alias in places for alias in found):
            raise ContractError(
                f"{path}{field.name}",
                "its aliases leave open which field of the older version it is",
                "let each older field be the name or an alias of one field",
            )
        places |= dict.fromkeys(found, place)
    return places

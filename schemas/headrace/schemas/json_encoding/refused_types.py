"""Types that no JSON payload can hold yet: unions of several types, and records within themselves."""

from __future__ import annotations

from headrace.schemas.errors import ContractError
from headrace.schemas.model import Record, Recursive, Union, inner, walk


def refuse_types(record: Record, where: str) -> None:
    """Refuse a contract of JSON payloads with such a type; raises ContractError for the first one."""
    for path, field in walk(record):
        found = inner(field.type)
        if isinstance(found, Union):
            raise ContractError(
                f"{where}.{path}",
                "a union of several types, and payloads are JSON",
                'make it a record with an optional field for each type, or send Avro\'s bytes ("encoding": "datum")',
            )
        if isinstance(found, Recursive):
            raise ContractError(
                f"{where}.{path}",
                f"{found.name} within itself, and payloads are JSON",
                'make it the text of a JSON value, or send Avro\'s bytes ("encoding": "datum")',
            )

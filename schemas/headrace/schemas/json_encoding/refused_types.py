"""Types that JSON payloads cannot hold yet: records within themselves, and unions that do not name their branches."""

from __future__ import annotations

from headrace.schemas.errors import ContractError
from headrace.schemas.model import Record, Recursive, Union, inner, walk


def refuse_types(record: Record, where: str, *, unions: bool) -> None:
    """Refuse a contract of JSON payloads with such a type; raises ContractError for the first one.

    *unions* is whether values name their branch, as in Avro's JSON encoding.
    """
    for path, field in walk(record):
        found = inner(field.type)
        if isinstance(found, Union) and not unions:
            raise ContractError(
                f"{where}.{path}",
                "a union of several types, and payloads are JSON",
                'send Avro\'s JSON ("encoding": "avro-json") or its bytes, or make it a record with optional fields',
            )
        if isinstance(found, Recursive):
            raise ContractError(
                f"{where}.{path}",
                f"{found.name} within itself, and payloads are JSON",
                'make it the text of a JSON value, or send Avro\'s bytes ("encoding": "datum")',
            )

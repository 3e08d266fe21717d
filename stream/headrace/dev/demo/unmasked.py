"""Search every stored value for every personal value that was published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from google.cloud import bigquery

from headrace.core.resource_names import Names
from headrace.schemas.classification import Pii
from headrace.schemas.model import walk
from headrace.schemas.registry import Contract, Registry

# shorter values must equal the whole stored value, because they occur in longer ones by chance
SUBSTRING_FROM: Final = 8


def unmasked_hits(personal: set[str], registry: Registry, names: Names, client: bigquery.Client) -> int:
    """Return the number of personal values that are in any table.

    In tables with personal data a value counts within any text, in others only as a whole text.
    """
    hits: set[str] = set()
    for subject in registry.subjects:
        contract = registry.latest(subject)
        table = names.sql(contract.options.table)
        if any(isinstance(field.pii, Pii) for _, field in walk(contract.record)):
            hits |= _within(personal, client.query_and_wait(_everything(table)))
        else:
            hits |= personal & _texts_of(contract, table, client)
    return len(hits)


def _within(personal: set[str], rows: Iterable[Any]) -> set[str]:
    stored = [text for row in rows for text in _texts(dict(row.items()))]
    haystack = "\n".join(stored)
    whole = personal & set(stored)
    return whole | {value for value in personal if len(value) >= SUBSTRING_FROM and value in haystack}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif value is not None:
        yield str(value)


def _texts_of(contract: Contract, table: str, client: bigquery.Client) -> set[str]:
    found: set[str] = set()
    for field in contract.record.fields:
        query = f"""
            SELECT DISTINCT CAST(`{field.column}` AS STRING) AS text FROM {table}
            WHERE _event_time >= TIMESTAMP '0001-01-01' AND `{field.column}` IS NOT NULL
        """  # noqa: S608 names come from the contract
        found |= {row["text"] for row in client.query_and_wait(query)}
    return found


def _everything(table: str) -> str:
    return f"SELECT * FROM {table} WHERE _event_time >= TIMESTAMP '0001-01-01'"  # noqa: S608 names are ours

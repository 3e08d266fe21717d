"""Compare the contents of rows with the hashes that were tallied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from google.cloud import bigquery

from headrace.audit.read_back import read_back, readable_columns
from headrace.audit.windows import Finding, ReadBack, Window, compare_contents
from headrace.bigquery.event_table import row_schema
from headrace.schemas.registry import Contract, Registry

_MICROSECOND = timedelta(microseconds=1)


def other_contents(
    client: bigquery.Client,
    registry: Registry,
    contract: Contract,
    table: bigquery.Table,
    windows: Sequence[Window],
    length: timedelta,
) -> Iterator[Finding]:
    """Read the rows of *windows*, from the first to the last, and yield the windows whose contents differ.

    *length* is that of a window. Raise the client's errors.
    """
    columns = readable_columns(table, _known_columns(registry, contract))
    begin, end = windows[0].start, windows[-1].start + length // _MICROSECOND
    found = read_back(client, f"`{table.project}.{table.dataset_id}.{table.table_id}`", columns, begin, end, length)
    for window in windows:
        yield from compare_contents(window, found.get(window.start, ReadBack()))


def _known_columns(registry: Registry, contract: Contract) -> set[str]:
    """Return every column of some version of the contract, because older rows have columns of older versions."""
    versions = [each for each in registry if each.subject == contract.subject]
    return {name for version in versions for name in row_schema(version).names}

"""Lookups in tables, on Dataflow. A failed lookup fails its bundle with an error that names the needed permission."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import Timeout

from headrace.beam.table_identities import TableIdentities
from headrace.bigquery.existing_rows import StoredRows, StoredTallies
from headrace.core.resource_names import sql_name
from headrace.errors import Exit, HeadraceError
from headrace.runtime.call_failures import in_words
from headrace.schemas.registry import Contract


class LookupFailedError(HeadraceError, RuntimeError, error_code="HR-515", exit_code=Exit.BUG):
    """A table cannot be queried. The text names the table and the remedy. No row is at fault, and none is lost."""


class EventTable:
    """The table ``projects/P/datasets/D/tables/T`` of a subject. Every method raises LookupFailedError."""

    def __init__(
        self,
        client: bigquery.Client,
        table: str,
        contract: Contract | None = None,
        identities: TableIdentities | None = None,
    ) -> None:
        self._table = table
        self._existing = StoredRows(client, sql_name(table), contract)
        self._identities = identities

    def identity(self) -> bytes:
        """Return a digest that differs for another table of the same name; empty if it cannot be read now."""
        return b"" if self._identities is None else self._identities.digest_of(sql_name(self._table))

    def is_empty(self) -> bool:
        """Return whether the table has no row."""
        with _lookup_errors(self._table):
            return self._existing.is_empty()

    def now(self) -> int:
        """Return BigQuery's own time, in microseconds since 1970."""
        with _lookup_errors(self._table):
            return self._existing.now()

    def compare(self, rows: pa.RecordBatch) -> dict[int, bool]:
        """Return the indexes of *rows* whose id is in the table, and for each whether the content is the same."""
        with _lookup_errors(self._table):
            return self._existing.compare(rows)

    def count(self, rows: pa.RecordBatch) -> int:
        """Count those of *rows* whose id is in the table."""
        with _lookup_errors(self._table):
            return self._existing.count(rows)


class TallyTable:
    """The table of tallies, named as in :class:`EventTable`."""

    def __init__(self, client: bigquery.Client, table: str) -> None:
        self._table = table
        self._existing = StoredTallies(client, sql_name(table))

    def count(self, rows: pa.RecordBatch) -> int:
        """Count those of *rows* whose id is in the table. Raises LookupFailedError."""
        with _lookup_errors(self._table):
            return self._existing.count(rows)


@contextmanager
def _lookup_errors(table: str) -> Iterator[None]:
    try:
        yield
    except (GoogleAPIError, GoogleAuthError, RequestsConnectionError, Timeout, TimeoutError) as error:
        need = "the job needs bigquery.jobs.create, and bigquery.tables.getData on it; `headrace provision` makes it"
        raise LookupFailedError(in_words(error, f"{table}: {need}")) from error

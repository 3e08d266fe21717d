"""What tables themselves say, on Dataflow: a lookup that fails fails its bundle, and says who needs what."""

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


class LookupFailedError(HeadraceError, RuntimeError, error_code="HR-515", exit_code=Exit.BUG):
    """A table cannot be queried. The text names the table and the remedy. No row is at fault, and none is lost."""


class EventTable:
    """The table ``projects/P/datasets/D/tables/T`` of a subject. Every method raises LookupFailedError."""

    def __init__(
        self,
        client: bigquery.Client,
        table: str,
        derived: frozenset[str] = frozenset(),
        identities: TableIdentities | None = None,
    ) -> None:
        self._table = table
        self._stored = StoredRows(client, sql_name(table), derived)
        self._identities = identities

    def identity(self) -> bytes:
        """A digest of which table it is; nothing when nobody looks, or it cannot be looked at right now."""
        return b"" if self._identities is None else self._identities.of(sql_name(self._table))

    def is_empty(self) -> bool:
        """Whether there is no row at all."""
        with _asking(self._table):
            return self._stored.is_empty()

    def now(self) -> int:
        """BigQuery's own time, in microseconds since 1970."""
        with _asking(self._table):
            return self._stored.now()

    def compare(self, rows: pa.RecordBatch) -> dict[int, bool]:
        """Give the indexes of *rows* whose id stands there, and whether with the same content."""
        with _asking(self._table):
            return self._stored.compare(rows)

    def count(self, rows: pa.RecordBatch) -> int:
        """Count the ones of *rows* whose id stands there."""
        with _asking(self._table):
            return self._stored.count(rows)


class TallyTable:
    """The table of tallies, named as above."""

    def __init__(self, client: bigquery.Client, table: str) -> None:
        self._table = table
        self._stored = StoredTallies(client, sql_name(table))

    def count(self, rows: pa.RecordBatch) -> int:
        """Count the lines whose id stands there; raises LookupFailedError."""
        with _asking(self._table):
            return self._stored.count(rows)


@contextmanager
def _asking(table: str) -> Iterator[None]:
    try:
        yield
    except (GoogleAPIError, GoogleAuthError, RequestsConnectionError, Timeout, TimeoutError) as error:
        need = "the job needs bigquery.jobs.create, and bigquery.tables.getData on it; `headrace provision` makes it"
        raise LookupFailedError(in_words(error, f"{table}: {need}")) from error

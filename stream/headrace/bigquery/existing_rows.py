"""Lookups of rows in a subject's own table: for messages older than the remembered ids, and after a stream is gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from google.cloud import bigquery

from headrace.bigquery.absent_values import defaults_of, without_defaults
from headrace.bigquery.event_table import derived_columns, schema_mismatches
from headrace.bigquery.query_once import service_time
from headrace.bigquery.row_lookup import is_empty, stored_contents, stored_ids
from headrace.core.micro_batch import MicroBatch
from headrace.core.row_hash import LEFT_OUT, row_hashes
from headrace.runtime.retry_policy import NO_RETRY
from headrace.schemas.registry import Contract

SKEW_MICROSECONDS: Final = 60_000_000  # how far BigQuery's clock may be behind Pub/Sub's; this machine's is not used
# The sender of an event and the version of its contract are not its content. In a backfill, the source is a file.
_NOT_CONTENT: Final = frozenset({LEFT_OUT, "_source", "_schema_version"})


class StoredRows:
    """The rows of one table, given by its name in SQL. Every method raises the client's errors.

    Columns that the *contract* derives are not content of an event either, because it may derive them differently
    today. A value that is its field's default counts as null, which older rows have in its column.
    """

    def __init__(self, client: bigquery.Client, table: str, contract: Contract | None = None) -> None:
        self._client = client
        self._table = table
        self._not_content = _NOT_CONTENT | (derived_columns(contract) if contract else frozenset())
        self._defaults = defaults_of(contract.record) if contract else {}

    def is_empty(self) -> bool:
        """Return whether the table has no row at all."""
        return is_empty(self._client, self._table, "_event_time")

    def now(self) -> int:
        """Return BigQuery's own time, in microseconds since 1970."""
        return service_time(self._client)

    def count(self, rows: pa.RecordBatch) -> int:
        """Count those of *rows* whose id is in the table."""
        return len(self._look_up(rows))

    def find(self, rows: pa.RecordBatch) -> list[int]:
        """Return the indexes of those of *rows* whose id is in the table."""
        return _indexes_of(self._look_up(rows), rows.column("_event_id"))

    def compare(self, rows: pa.RecordBatch) -> dict[int, bool]:
        """Return the indexes of *rows* whose id is in the table, and for each whether the content is the same."""
        found = self._look_up(rows)
        if not found:
            return {}
        names = [name for name in rows.schema.names if name not in self._not_content]
        contents = stored_contents(self._client, self._table, names, sorted(found), _bounds(rows), self._content)
        pairs = zip(rows.column("_event_id").to_pylist(), self._content(rows.select(names)).to_pylist(), strict=True)
        return {index: contents[id_] == own for index, (id_, own) in enumerate(pairs) if id_ in contents}

    def schema_mismatches(self, columns: Sequence[bigquery.SchemaField]) -> list[str]:
        """Return where the table differs from the *columns* that its contract requires."""
        table = self._client.get_table(self._table.strip("`"), retry=NO_RETRY)
        return schema_mismatches(table.schema, columns)

    def _content(self, rows: pa.RecordBatch) -> pa.Array:
        """Return the hash of the content of each row."""
        return row_hashes(without_defaults(rows, self._defaults))

    def _look_up(self, rows: pa.RecordBatch) -> set[str]:
        ids = rows.column("_event_id").to_pylist()
        return stored_ids(self._client, self._table, "_event_id", ids, ("_event_time", *_bounds(rows)))


class StoredTallies:
    """The rows of the table of tallies, given by its name in SQL."""

    def __init__(self, client: bigquery.Client, table: str) -> None:
        self._client = client
        self._table = table

    def count(self, rows: pa.RecordBatch) -> int:
        """Count those of *rows* whose id is in the table; raise the client's errors."""
        return len(self._look_up(rows))

    def find(self, rows: pa.RecordBatch) -> list[int]:
        """Return the indexes of those of *rows* whose id is in the table; raise the client's errors."""
        return _indexes_of(self._look_up(rows), rows.column("tally_id"))

    def _look_up(self, rows: pa.RecordBatch) -> set[str]:
        times = pc.min_max(rows.column("tallied_at")).as_py()
        within = ("tallied_at", times["min"], times["max"])
        return stored_ids(self._client, self._table, "tally_id", rows.column("tally_id").to_pylist(), within)


class Remembered(Protocol):
    """A table whose ids are remembered from a certain time on."""

    def is_empty(self) -> bool:
        """Return whether the table has no row at all."""

    def now(self) -> int:
        """Return BigQuery's own time, in microseconds since 1970."""


def remembered_since(table: Remembered) -> int:
    """Return the publish time, in microseconds since 1970, after which the ids of *table* will be remembered.

    Call this when the table is seen for the first time. If it is empty, return 0: all ids will be remembered.
    Otherwise return the current time, because its rows were published before. Raise the table's errors.
    """
    return 0 if table.is_empty() else table.now() + SKEW_MICROSECONDS


def compare_old(
    batch: MicroBatch,
    since: int,
    compare: Callable[[pa.RecordBatch], Mapping[int, bool]],
    unsettled: Sequence[int] = (),
) -> dict[int, bool]:
    """Return the indexes of old rows whose id is in the table, and for each whether the content is the same.

    Old are rows whose message was published at or before *since* (microseconds since 1970), and all that were
    replayed: the row that was first written with their id may be forgotten. The rows at the indexes *unsettled* are
    looked up, too. Without any of these, do not query the table.
    """
    published, first_published = batch.notes.column("published_at"), batch.notes.column("first_published_at")
    asked = pc.or_(pc.less_equal(published, since), pc.less(first_published, published))
    old = sorted({*pc.indices_nonzero(asked).to_pylist(), *unsettled})
    if not old:
        return {}
    return {old[index]: is_same for index, is_same in compare(batch.rows.take(pa.array(old, pa.int64()))).items()}


def whole_days(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """Return the start of the day of *first* and the end of the day of *last*, in UTC.

    Ids are looked up within whole days, because another event with the same id may have another time.
    """
    return (
        first.replace(hour=0, minute=0, second=0, microsecond=0),
        last.replace(hour=23, minute=59, second=59, microsecond=999_999),
    )


def _indexes_of(found: set[str], ids: pa.Array) -> list[int]:
    return [index for index, each in enumerate(ids.to_pylist()) if each in found]


def _bounds(rows: pa.RecordBatch) -> tuple[datetime, datetime]:
    bounds = pc.min_max(rows.column("_event_time")).as_py()
    return whole_days(bounds["min"], bounds["max"])

"""What a subject's table itself says of rows: for messages older than what is remembered, and streams that are gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from google.cloud import bigquery

from headrace.bigquery.event_table import schema_mismatches
from headrace.bigquery.row_lookup import is_empty, service_time, stored_contents, stored_ids
from headrace.core.micro_batch import MicroBatch
from headrace.core.row_hash import LEFT_OUT, row_hashes
from headrace.runtime.retry_policy import NO_RETRY

SKEW_MICROSECONDS: Final = 60_000_000  # how far BigQuery's clock may be behind Pub/Sub's; this machine's may be wrong
# Who sent the event, and by which version of its contract, is not what it says: a backfill's source is a file.
_NOT_CONTENT: Final = frozenset({LEFT_OUT, "_source", "_schema_version"})


class StoredRows:
    """One table, as SQL names it. Every method raises what the client raises.

    What is *derived* is no content of an event either: it may be derived otherwise today.
    """

    def __init__(self, client: bigquery.Client, table: str, derived: frozenset[str] = frozenset()) -> None:
        self._client = client
        self._table = table
        self._not_content = _NOT_CONTENT | derived

    def is_empty(self) -> bool:
        """Whether there is no row at all."""
        return is_empty(self._client, self._table, "_event_time")

    def now(self) -> int:
        """BigQuery's own time, in microseconds since 1970."""
        return service_time(self._client)

    def count(self, rows: pa.RecordBatch) -> int:
        """Count the ones of *rows* whose id is there."""
        return len(self._look_up(rows))

    def find(self, rows: pa.RecordBatch) -> list[int]:
        """Give the indexes of *rows* whose id the table holds."""
        return _indexes_of(self._look_up(rows), rows.column("_event_id"))

    def compare(self, rows: pa.RecordBatch) -> dict[int, bool]:
        """Give the indexes of *rows* whose id is there, and whether with the same content."""
        found = self._look_up(rows)
        if not found:
            return {}
        names = [name for name in rows.schema.names if name not in self._not_content]
        contents = stored_contents(self._client, self._table, names, sorted(found), _bounds(rows))
        pairs = zip(rows.column("_event_id").to_pylist(), row_hashes(rows.select(names)).to_pylist(), strict=True)
        return {index: contents[id_] == own for index, (id_, own) in enumerate(pairs) if id_ in contents}

    def schema_mismatches(self, columns: Sequence[bigquery.SchemaField]) -> list[str]:
        """Say in what the table has not the *columns* that its contract wants."""
        table = self._client.get_table(self._table.strip("`"), retry=NO_RETRY)
        return schema_mismatches(table.schema, columns)

    def _look_up(self, rows: pa.RecordBatch) -> set[str]:
        ids = rows.column("_event_id").to_pylist()
        return stored_ids(self._client, self._table, "_event_id", ids, ("_event_time", *_bounds(rows)))


class StoredTallies:
    """The table of tallies, as SQL names it."""

    def __init__(self, client: bigquery.Client, table: str) -> None:
        self._client = client
        self._table = table

    def count(self, rows: pa.RecordBatch) -> int:
        """Count the lines whose id is there; raises what the client raises."""
        return len(self._look_up(rows))

    def find(self, rows: pa.RecordBatch) -> list[int]:
        """Give the indexes of lines whose id the table holds; raises what the client raises."""
        return _indexes_of(self._look_up(rows), rows.column("tally_id"))

    def _look_up(self, rows: pa.RecordBatch) -> set[str]:
        times = pc.min_max(rows.column("tallied_at")).as_py()
        within = ("tallied_at", times["min"], times["max"])
        return stored_ids(self._client, self._table, "tally_id", rows.column("tally_id").to_pylist(), within)


class Remembered(Protocol):
    """A table whose ids are remembered from some moment on."""

    def is_empty(self) -> bool:
        """Whether there is no row at all."""

    def now(self) -> int:
        """BigQuery's own time, in microseconds since 1970."""


def remembered_since(table: Remembered) -> int:
    """Since when the ids of *table* are remembered, in microseconds since 1970, when it is first looked at.

    From the first message on when the table is empty. Otherwise from now on: its rows were published before,
    whatever message is pulled first. Raises what the table raises.
    """
    return 0 if table.is_empty() else table.now() + SKEW_MICROSECONDS


def compare_old(
    batch: MicroBatch, since: int, compare: Callable[[pa.RecordBatch], Mapping[int, bool]]
) -> dict[int, bool]:
    """The indexes of rows whose id is in the table, and whether with the same content: of messages that were
    published at or before *since* (microseconds since 1970), and of all that were replayed: what was written with their
    id may be forgotten, however late they come. When there is none of either, the table is not asked."""
    published, first_published = batch.notes.column("published_at"), batch.notes.column("first_published_at")
    asked = pc.or_(pc.less_equal(published, since), pc.less(first_published, published))
    old = pc.indices_nonzero(asked).to_pylist()
    if not old:
        return {}
    return {old[index]: is_same for index, is_same in compare(batch.rows.take(pa.array(old, pa.int64()))).items()}


def whole_days(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """From the first moment of the one's day to the last of the other's (UTC).

    Where ids are looked for: another event with one of them may be of another moment.
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

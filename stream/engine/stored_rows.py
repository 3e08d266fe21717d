"""What a subject's table itself says of rows: for messages older than what is remembered, and streams that are gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from google.cloud import bigquery

from stream.lookup import is_empty, stored_contents, stored_ids
from stream.row_hash import LEFT_OUT, row_hashes
from stream.tables import misfits


class StoredRows:
    """One table, as SQL names it, whose contract wants *columns*. Every method raises what the client raises."""

    def __init__(self, client: bigquery.Client, table: str, columns: Sequence[bigquery.SchemaField]) -> None:
        self._client = client
        self._table = table
        self._columns = columns

    def is_empty(self) -> bool:
        """Whether there is no row at all."""
        return is_empty(self._client, self._table, "_event_time")

    def count(self, rows: pa.RecordBatch) -> int:
        """Count the ones of *rows* whose id stands there."""
        return len(self._look_up(rows))

    def compare(self, rows: pa.RecordBatch) -> dict[int, bool]:
        """Give the indexes of *rows* whose id stands there, and whether with the same content."""
        found = self._look_up(rows)
        if not found:
            return {}
        names = [name for name in rows.schema.names if name != LEFT_OUT]
        contents = stored_contents(self._client, self._table, names, sorted(found), _bounds(rows))
        pairs = zip(rows.column("_event_id").to_pylist(), row_hashes(rows).to_pylist(), strict=True)
        return {index: contents[id_] == own for index, (id_, own) in enumerate(pairs) if id_ in contents}

    def misfits(self) -> list[str]:
        """Say in what the table is not as the contract wants it."""
        table = self._client.get_table(self._table.strip("`"), retry=None)
        return misfits(table.schema, self._columns)

    def _look_up(self, rows: pa.RecordBatch) -> set[str]:
        ids = rows.column("_event_id").to_pylist()
        return stored_ids(self._client, self._table, "_event_id", ids, ("_event_time", *_bounds(rows)))


def _bounds(rows: pa.RecordBatch) -> tuple[datetime, datetime]:
    bounds = pc.min_max(rows.column("_event_time")).as_py()
    return bounds["min"], bounds["max"]

"""Read rows back, and sum up the hashes of ids and contents for each window."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import pyarrow as pa
from google.cloud import bigquery

from headrace.audit.queries import signed
from headrace.audit.windows import Hashes, ReadBack
from headrace.core.row_hash import LEFT_OUT, hashes_in_order, row_hashes
from headrace.core.tally import id_hash, window_starts
from headrace.schemas.envelope import from_micros
from headrace.steps.decode.decode_messages import event_keys

_PAGE_ROWS: Final = 5_000


def read_back(
    client: bigquery.Client, table: str, columns: Sequence[str], begin: int, end: int, window: timedelta
) -> Mapping[int, ReadBack]:
    """Read the rows with event times from *begin* to before *end*, page by page, and sum up by window.

    Times are in microseconds since 1970; *table* is named as SQL does.
    """
    found: dict[int, ReadBack] = {}
    for rows in _pages(client, table, columns, begin, end):
        starts = window_starts(rows.column("_event_time").cast(pa.int64()), window).to_pylist()
        ids = [id_hash(key) for key in event_keys(rows.column("_event_id").to_pylist())]
        for start, *hashes in zip(starts, ids, row_hashes(rows).to_pylist(), _in_order(rows), strict=True):
            found[start] = _with_row(found.get(start, ReadBack()), *hashes)
    return found


def _in_order(rows: pa.RecordBatch) -> list[int]:
    return hashes_in_order(rows).to_pylist()  # type: ignore[no-any-return]


def _with_row(found: ReadBack, id_: int, content: int, in_order: int) -> ReadBack:
    before = found.hashes
    hashes = Hashes(signed(before.ids + id_), signed(before.contents + content))
    return ReadBack(found.rows + 1, hashes, signed((found.in_order or 0) + in_order))


def readable_columns(table: bigquery.Table, known: Container[str]) -> list[str]:
    """Return the columns of *table* that some version of the contract has, without columns that users added."""
    return [column.name for column in table.schema if column.name in known and column.name != LEFT_OUT]


def _pages(
    client: bigquery.Client, table: str, columns: Sequence[str], begin: int, end: int
) -> Iterator[pa.RecordBatch]:
    chosen = ", ".join(f"`{name}`" for name in columns)
    query = f"SELECT {chosen} FROM {table} WHERE _event_time >= @begin AND _event_time < @until"  # noqa: S608 checked
    config = bigquery.QueryJobConfig(query_parameters=[_moment("begin", begin), _moment("until", end)])
    yield from client.query_and_wait(query, job_config=config, page_size=_PAGE_ROWS).to_arrow_iterable()


def _moment(name: str, micros: int) -> Any:
    return bigquery.ScalarQueryParameter(name, "TIMESTAMP", from_micros(micros))

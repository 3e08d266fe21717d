"""BigQuery's client over tables in memory: what it is asked in BigQuery's dialect, DuckDB answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from google.cloud import bigquery
from sqlglot.dialects import BigQuery, DuckDB

from headrace.core.resource_names import Names

_PAGE_ROWS = 2  # so few that an answer has several pages


class Answer:
    """The rows of an answer, one by one or in pages of columns."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows.to_pylist())

    def to_arrow_iterable(self) -> Iterator[pa.RecordBatch]:
        return iter(self._rows.to_batches(max_chunksize=_PAGE_ROWS))


class Warehouse:
    """A dataset. *asked* has the parameters of every query, in the order in which they were asked."""

    def __init__(self, names: Names) -> None:
        self._database = duckdb.connect(config={"threads": 1})
        self._database.execute(f"SET TimeZone = 'UTC'; ATTACH ':memory:' AS \"{names.project}\"")
        self._database.execute(f'CREATE SCHEMA "{names.project}".{names.dataset}')
        self._tables: dict[str, bigquery.Table] = {}
        self.asked: list[dict[str, Any]] = []

    def put(self, table: bigquery.Table, rows: pa.Table) -> None:
        """Make a table of *rows*."""
        self._tables[f"{table.project}.{table.dataset_id}.{table.table_id}"] = table
        self._database.register("rows", rows)
        self._database.execute(
            f'CREATE TABLE "{table.project}".{table.dataset_id}.{table.table_id} AS SELECT * FROM rows'
        )

    def get_table(self, name: str) -> bigquery.Table:
        """As the client's."""
        return self._tables[name]

    def query_and_wait(self, query: str, job_config: bigquery.QueryJobConfig, page_size: int | None = None) -> Answer:
        """As the client's: *page_size* is an upper bound."""
        parameters = {each.name: each.value for each in job_config.query_parameters}
        self.asked.append(parameters)
        return Answer(self._database.sql(_translated(query), params=parameters).to_arrow_table())


@cache
def _translated(query: str) -> str:
    return sqlglot.transpile(query, read=BigQuery, write=DuckDB)[0]

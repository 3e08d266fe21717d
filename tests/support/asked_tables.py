"""Tables in memory that answer what the code asks BigQuery of them: how they are, and which rows they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from headrace.schemas.envelope import to_micros

NOW: Final = datetime(2026, 3, 14, 12, tzinfo=UTC)
_SELECT: Final = re.compile(
    r"SELECT (?:DISTINCT )?(?P<columns>.+) FROM (?P<table>`\S+`)"
    r" WHERE (?P<time>\w+) (?:BETWEEN @first AND @last AND (?P<id>\w+) IN UNNEST\(@ids\)|>= TIMESTAMP '0001-01-01')"
    r"(?: LIMIT (?P<limit>\d+))?"
)


@dataclass
class AskedTable:
    """What one table holds; *read* is called for each question, and *created* distinguishes it from a former one."""

    read: Callable[[], Sequence[dict[str, Any]]]
    columns: Sequence[bigquery.SchemaField] = ()
    created: datetime = NOW
    schema: pa.Schema | None = field(default=None, repr=False)


class Answer(list[dict[str, Any]]):
    """Rows, one by one or in Arrow."""

    schema: pa.Schema | None = None

    def to_arrow_iterable(self) -> Iterator[pa.RecordBatch]:
        for row in self:  # in as many batches as may be: their number is the service's own affair
            yield pa.RecordBatch.from_pylist([row], schema=self.schema)


class AskedTables:
    """A client of BigQuery, whose clock says *now*; *looks* counts the requests for the state of a table."""

    def __init__(self, now: datetime = NOW, **tables: AskedTable) -> None:
        self.now = now
        self.tables = {f"`p.d.{name}`": table for name, table in tables.items()}
        self.looks = 0
        self.queries: list[str] = []

    def get_table(self, name: str, **_: Any) -> bigquery.Table:
        self.looks += 1
        asked = self._find(f"`{name}`")
        table = bigquery.Table(name, list(asked.columns))
        table._properties |= {"creationTime": str(to_micros(asked.created) // 1000), "numRows": str(len(asked.read()))}
        return table

    def query_and_wait(self, query: str, job_config: Any = None, **_: Any) -> Answer:
        self.queries.append(query)
        if "CURRENT_TIMESTAMP" in query:
            return Answer([{"now": self.now}])
        asked = _SELECT.fullmatch(" ".join(query.split()))
        assert asked is not None, f"a query that nobody expected: {query}"
        table = self._find(asked["table"])
        rows = [row for row in table.read() if asked["id"] is None or _is_asked_for(row, asked, job_config)]
        answer = Answer([_chosen(row, asked["columns"]) for row in rows][: int(asked["limit"] or len(rows))])
        if table.schema is not None:
            answer.schema = pa.schema([f for f in table.schema if f"`{f.name}`" in asked["columns"]])
        return answer

    def _find(self, name: str) -> AskedTable:
        if name not in self.tables:
            raise NotFound(name)
        return self.tables[name]


def _is_asked_for(row: dict[str, Any], asked: re.Match[str], config: Any) -> bool:
    given = {each.name: each.values if hasattr(each, "values") else each.value for each in config.query_parameters}
    return row[asked["id"]] in given["ids"] and given["first"] <= row[asked["time"]] <= given["last"]


def _chosen(row: dict[str, Any], columns: str) -> dict[str, Any]:
    if columns == "1 AS one":
        return {"one": 1}
    named = [re.fullmatch(r"`?(\w+)`?(?: AS (\w+))?", each) for each in columns.split(", ")]
    return {each[2] or each[1]: row[each[1]] for each in named if each is not None}

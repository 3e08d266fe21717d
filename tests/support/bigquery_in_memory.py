"""BigQuery in memory, for tests of an engine without emulators: its tables, its time, its streams and its queries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

import pyarrow as pa
from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.rpc import code_pb2

from headrace.bigquery.append_result import Answer
from headrace.bigquery.write_streams import Rows
from headrace.core.resource_names import sql_name
from headrace.runtime.clock import now_micros
from headrace.schemas.envelope import from_micros, to_micros

_IDS = {"_event_id", "tally_id"}


@dataclass
class Stored:
    """One table, and its rows."""

    table: bigquery.Table
    rows: list[dict[str, Any]] = field(default_factory=list)


class Warehouse:
    """Stands in for the client of BigQuery: knows the queries of the engine, and no other. Thread-safe.

    *clock* is BigQuery's time, in microseconds since 1970. *in_the_way* is called with what is asked before it is
    answered, and may raise as the service does.
    """

    def __init__(self, clock: Callable[[], int] = now_micros) -> None:
        self.clock = clock
        self.in_the_way: Callable[[str], None] = lambda asked: None
        self._created = count(1)
        self._tables: dict[str, Stored] = {}
        self._lock = threading.RLock()

    def make(self, table: bigquery.Table) -> None:
        """Make *table*; recreate it empty when there is one of its name."""
        made = bigquery.Table.from_api_repr(
            {**table.to_api_repr(), "type": "TABLE", "location": "EU", "creationTime": str(next(self._created))}
        )
        with self._lock:
            self._tables[_name(table)] = Stored(made)

    def drop(self, name: str) -> None:
        """Delete the table whose short name this is."""
        with self._lock:
            del self._tables[next(each for each in self._tables if each.endswith(f".{name}"))]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """What the table with this short name holds."""
        with self._lock:
            return [row for full, each in self._tables.items() if full.endswith(f".{name}") for row in each.rows]

    # As the client of BigQuery.

    def get_table(self, table: Any, **_: Any) -> bigquery.Table:
        """The table as it is now."""
        name = table if isinstance(table, str) else _name(table)
        self.in_the_way(f"table {name}")
        found = bigquery.Table.from_api_repr(self.find(name).table.to_api_repr())
        found._properties["numRows"] = str(len(self.find(name).rows))
        return found

    def update_table(self, table: bigquery.Table, fields: Sequence[str], **_: Any) -> bigquery.Table:
        """The table with its new columns."""
        self.in_the_way(f"update {_name(table)}")
        assert list(fields) == ["schema"]
        self.find(_name(table)).table.schema = table.schema
        return table

    def query_and_wait(self, query: str, job_config: Any = None, **_: Any) -> list[dict[str, Any]]:
        """The answer to *query*."""
        words = query.split()
        self.in_the_way(" ".join(words))
        parameters = {each.name: _value(each) for each in job_config.query_parameters} if job_config else {}
        if words == ["SELECT", "CURRENT_TIMESTAMP()", "AS", "now"]:
            return [{"now": self._now()}]
        stored = self.find(next(each for each in words if each.startswith("`")).strip("`"))
        with self._lock:
            if words[0] == "DELETE":
                stored.rows[:] = [row for row in stored.rows if not _is_forgotten(row, parameters)]
                return []
            if "of_engine" in words:
                for names in ("subscriptions", "streams"):
                    assert f"AS same_{names}" in query, "a column that is read is computed"
                return self._claims(stored.rows, parameters)
            if "LIMIT" in words:
                return [{"one": 1} for _ in stored.rows[:1]]
            column = next(each for each in words if each in _IDS)
            asked = (
                set(parameters["ids"])
                if "ids" in parameters
                else {parameters[name] for name in parameters if name.startswith("i")}
            )
            return [{"id": each} for each in sorted({row[column] for row in stored.rows} & asked)]

    def find(self, name: str) -> Stored:
        """The table of this full name; NotFound when there is none."""
        with self._lock:
            if name not in self._tables:
                raise NotFound(f"no table {name}")
            return self._tables[name]

    def _claims(self, rows: Sequence[dict[str, Any]], parameters: dict[str, Any]) -> list[dict[str, Any]]:
        ours = set(parameters["subscriptions"])
        seen = [row for row in rows if row["engine"] == parameters["engine"] or ours & set(row["subscriptions"])]
        before: dict[str, dict[str, Any]] = {}
        found = []
        for row in sorted(seen, key=lambda row: (row["number"], row["stated_at"], row["run"])):
            answer = row | {"asked_at": self._now()}
            for names in ("subscriptions", "streams"):
                same = row["engine"] in before and before[row["engine"]][names] == row[names]
                answer |= {f"same_{names}": same, names: [] if same else row[names]}
            before[row["engine"]] = row
            found.append(answer)
        return found

    def _now(self) -> datetime:
        return from_micros(self.clock())


class Streams:
    """Streams of a *warehouse*, in place of ``WriteStreams``: offsets are checked. *connected*: those that are open.

    A stream to a table that was recreated since takes rows, and they are gone with the former table.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._lock = threading.RLock()
        self._stored: dict[str, Stored] = {}
        self._ends: dict[str, int] = {}
        self.finalised: list[str] = []
        self.connected: set[str] = set()
        self.idle_closed: Callable[[], None] = lambda: None  # is called when idle connections are closed

    def create(self, table: str) -> str:
        """A new stream to *table*."""
        stored = self._warehouse.find(sql_name(table).strip("`"))
        with self._lock:
            stream = f"{table}/streams/{len(self._stored)}"
            self._stored[stream], self._ends[stream] = stored, 0
            return stream

    def finalise(self, stream: str) -> int | None:
        """Nobody appends to *stream* any more."""
        with self._lock:
            self.finalised.append(stream)
            return self._ends.get(stream)

    def append(
        self, stream: str, offset: int | None, rows: Rows, meanwhile: Callable[[], object] = lambda: None
    ) -> Answer:
        """Append *rows*."""
        self._warehouse.in_the_way(f"append {stream}")
        meanwhile()
        sent = pa.ipc.read_record_batch(pa.py_buffer(rows.data), pa.ipc.read_schema(pa.py_buffer(rows.schema)))
        with self._lock:
            self.connected.add(stream)
            if offset is None:
                table = stream.removesuffix("/streams/_default")
                self._warehouse.find(sql_name(table).strip("`")).rows.extend(sent.to_pylist())
                return Answer()
            if stream not in self._stored or stream in self.finalised:
                return Answer(code_pb2.NOT_FOUND, "STREAM_NOT_FOUND")
            if offset != self._ends[stream]:
                return Answer(code_pb2.OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE")
            self._stored[stream].rows.extend(sent.to_pylist())
            self._ends[stream] += sent.num_rows
        return Answer()

    def close(self, stream: str) -> None:
        """End the connection to *stream*."""
        self.connected.discard(stream)

    def close_idle(self) -> None:
        """End unused connections."""
        self.idle_closed()

    def close_all(self) -> None:
        """End every connection."""
        self.connected.clear()


def _name(table: bigquery.Table) -> str:
    return f"{table.project}.{table.dataset_id}.{table.table_id}"


def _value(parameter: Any) -> Any:
    return parameter.values if hasattr(parameter, "values") else parameter.value


def _is_forgotten(row: dict[str, Any], parameters: dict[str, Any]) -> bool:
    is_old = to_micros(row["stated_at"]) < to_micros(parameters["before"])
    return (
        is_old
        and row["engine"] in parameters["engines"]
        and set(row["subscriptions"]) <= set(parameters["subscriptions"])
    )

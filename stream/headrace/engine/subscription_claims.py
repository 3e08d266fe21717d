"""Claims of engines on subscriptions: rows of the table ``headrace_engines``, where engines with different journals
find each other.

An engine appends its claim before it looks for others, so of two that start at once at least one sees the other; an
engine that sees another withdraws. A claim names the streams that its engine appends to. When it has run out, the next
engine finalises them, so that the former one, if it was only suspended, cannot append any more.

All times are BigQuery's own, and claims are compared whatever their age: an engine may sleep for days. Each statement
has a number that the journal has committed before. A journal that is an old copy, or is in use elsewhere, is recognised
by the numbers that it does not know.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
from google.api_core.exceptions import from_grpc_status
from google.cloud import bigquery
from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

from headrace.bigquery.query_once import query_once, service_time
from headrace.bigquery.service_tables import ENGINES_SCHEMA
from headrace.bigquery.table_identity import look_at_table
from headrace.bigquery.write_streams import Rows, WriteStreams
from headrace.schemas.envelope import from_micros


@dataclass(frozen=True, slots=True)
class EngineClaim:
    """The current claim of one engine. *until* is in BigQuery's time; *served* maps each subscription to the last time
    it was stated to be served; *numbers* has the last statement of each process that ran the engine."""

    engine: str
    holder: str
    until: datetime
    streams: tuple[str, ...]
    released: bool
    served: Mapping[str, datetime]
    numbers: Mapping[str, int]

    def is_live(self, now: datetime) -> bool:
        """Return whether the engine may still append."""
        return not self.released and self.until > now

    def served_since(self, moments: Mapping[str, datetime]) -> bool:
        """Return whether the engine has received messages of one of these subscriptions after the given moment."""
        return any(moment > moments[name] for name, moment in self.served.items() if name in moments)


class ClaimsSnapshot(NamedTuple):
    """The claims in the table at one moment; *own* is this engine's."""

    now: datetime
    own: EngineClaim | None
    others: list[EngineClaim]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of this engine. A released one that is not *serving* withdraws the claim of this start."""

    number: int
    stated_at: datetime
    until: datetime
    streams: Collection[str]
    serving: bool
    released: bool = False


class SubscriptionClaims:
    """The table of claims, for the engine whose journal is *engine*; *run* names this process.

    Each method raises the errors of the service.
    """

    def __init__(
        self,
        engine: str,
        run: str,
        *,
        holder: str,
        subscriptions: Sequence[str],
        path: str,
        sql: str,
        client: bigquery.Client,
        streams: WriteStreams,
    ) -> None:
        self._engine = engine
        self._run = run
        self._holder = holder
        self._subscriptions = list(subscriptions)
        self._stream = f"{path}/streams/_default"
        self._sql = sql
        self._client = client
        self._streams = streams

    def now(self) -> datetime:
        """Return BigQuery's time."""
        return from_micros(service_time(self._client))

    def identity(self) -> str:
        """Return the identity of the table of claims, which changes when the table is replaced."""
        return look_at_table(self._client, self._sql).identity

    def state(self, said: Statement) -> None:
        """Append a statement of this engine."""
        row = {
            "engine": self._engine,
            "run": self._run,
            "holder": self._holder,
            "subscriptions": self._subscriptions,
            "streams": sorted(said.streams),
            "number": said.number,
            "stated_at": said.stated_at,
            "claimed_until": said.until,
            "serving": said.serving,
            "released": said.released,
        }
        rows = pa.RecordBatch.from_pylist([row], ENGINES_SCHEMA)
        answer = self._streams.append(self._stream, None, Rows.of(rows))
        if answer.status:
            raise from_grpc_status(answer.status, f"{self._sql}: the claim was not taken")

    def look(self) -> ClaimsSnapshot:
        """Return the claims of this engine, and of each other one on any of the same subscriptions."""
        query = f"""
            SELECT engine, run, holder, number, stated_at, claimed_until, serving, released,
                same_subscriptions, IF(same_subscriptions, [], subscriptions) AS subscriptions,
                same_streams, IF(same_streams, [], streams) AS streams,
                CURRENT_TIMESTAMP() AS asked_at
            FROM (
                SELECT *, {_same("subscriptions")}, {_same("streams")}
                FROM {self._sql}
                WHERE engine = @engine
                    OR EXISTS (SELECT 1 FROM UNNEST(subscriptions) AS name WHERE name IN UNNEST(@subscriptions))
                WINDOW of_engine AS (PARTITION BY engine ORDER BY number, stated_at, run)
            )
            ORDER BY number, stated_at, run
        """  # noqa: S608 the table's name comes from checked settings
        rows = self._query(query, ScalarQueryParameter("engine", "STRING", self._engine))
        rows = list(with_names(dict(row.items()) for row in rows))
        claims = last_claims(rows)
        return ClaimsSnapshot(
            rows[0]["asked_at"] if rows else self.now(),
            next((each for each in claims if each.engine == self._engine), None),
            [each for each in claims if each.engine != self._engine],
        )

    def forget(self, engines: Collection[str], before: datetime) -> None:
        """Delete statements of these *engines*, older than *before*, that name our subscriptions alone."""
        query = f"""
            DELETE FROM {self._sql}
            WHERE stated_at < @before AND engine IN UNNEST(@engines)
                AND NOT EXISTS (SELECT 1 FROM UNNEST(subscriptions) AS name WHERE name NOT IN UNNEST(@subscriptions))
        """  # noqa: S608 the table's name comes from checked settings
        self._query(
            query,
            ScalarQueryParameter("before", "TIMESTAMP", before),
            ArrayQueryParameter("engines", "STRING", sorted(engines)),
        )

    def _query(self, query: str, *parameters: Any) -> Any:
        ours = ArrayQueryParameter("subscriptions", "STRING", self._subscriptions)
        return query_once(self._client, query, [ours, *parameters])


def _same(names: str) -> str:
    """Return a column that is true where an engine states the same *names* as in its statement before: with hundreds of
    them, each of its statements is mostly names."""
    text = f"TO_JSON_STRING({names})"
    return f"COALESCE({text} = LAG({text}) OVER of_engine, FALSE) AS same_{names}"


def with_names(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield *rows* with the names that they leave out: those of the same engine's row before."""
    before: dict[str, dict[str, Any]] = {}
    for row in rows:
        last = before.get(row["engine"], row)
        for names in ("subscriptions", "streams"):
            row[names] = last[names] if row[f"same_{names}"] else row[names]
        before[row["engine"]] = row
        yield row


def last_claims(rows: Iterable[Mapping[str, Any]]) -> list[EngineClaim]:
    """Return the claim of each engine after *rows* of the table, each engine's in the order they were stated."""
    last: dict[str, EngineClaim] = {}
    served: dict[str, EngineClaim | None] = {}
    numbers: dict[str, dict[str, int]] = {}
    for row in rows:
        engine = row["engine"]
        numbers.setdefault(engine, {})[row["run"]] = row["number"]
        if row["released"] and not row["serving"]:
            before = served.get(engine)
            if before is None:
                last.pop(engine, None)
            else:
                last[engine] = before
            continue
        last[engine] = _engine_claim(row, last.get(engine), numbers[engine])
        if row["serving"]:
            served[engine] = last[engine]
    return list(last.values())


def _engine_claim(row: Mapping[str, Any], before: EngineClaim | None, numbers: Mapping[str, int]) -> EngineClaim:
    """Return one claim; streams of earlier claims count until they are released. *numbers* may grow later."""
    streams = tuple(row["streams"])
    if before is not None and not before.released and streams != before.streams:
        streams = tuple(dict.fromkeys([*streams, *before.streams]))
    served = dict(before.served) if before is not None else {}
    if row["serving"]:
        served |= dict.fromkeys(row["subscriptions"], row["stated_at"])
    return EngineClaim(row["engine"], row["holder"], row["claimed_until"], streams, row["released"], served, numbers)

"""Who reads which subscriptions: rows of the table ``headrace_engines``, so that engines with different journals
know of each other.

An engine appends its claim before it looks for others, so of two that start at once at least one sees the other; and
whoever sees another withdraws. A claim names the streams that its engine appends to: when it has run out, whoever
comes next finalises them, so that the former engine, should it only have been stopped, cannot append any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa
from google.api_core.exceptions import from_grpc_status
from google.cloud import bigquery
from google.cloud.bigquery import ArrayQueryParameter, QueryJobConfig, ScalarQueryParameter

from stream.lookup import QUERY_SECONDS
from stream.own_tables import ENGINES_SCHEMA
from stream.streams import Rows, WriteStreams

HISTORY: Final = timedelta(days=1)  # the table keeps two; older claims have run out


@dataclass(frozen=True, slots=True)
class Claimant:
    """One engine as its last claim says; *until* in UTC."""

    engine: str
    holder: str
    until: datetime
    streams: tuple[str, ...]
    released: bool
    served_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Whether it may still append."""
        return not self.released and self.until > now

    def served_since(self, moment: datetime | None) -> bool:
        """Whether it has been given messages after *moment*; None is before everything."""
        return self.served_at is not None and (moment is None or self.served_at > moment)


class Claims:
    """The table of claims, for the engine whose journal is *engine*."""

    def __init__(
        self,
        engine: str,
        holder: str,
        subscriptions: Sequence[str],
        path: str,
        sql: str,
        client: bigquery.Client,
        streams: WriteStreams,
    ) -> None:
        self._engine = engine
        self._holder = holder
        self._subscriptions = list(subscriptions)
        self._stream = f"{path}/streams/_default"
        self._sql = sql
        self._client = client
        self._streams = streams

    def state(
        self, now: datetime, until: datetime, streams: Sequence[str], *, serving: bool, released: bool = False
    ) -> None:
        """Append what this engine claims; raises the service's error when that does not succeed.

        Released and not *serving* withdraws: what this engine had stated before it began to look holds again.
        """
        row = {
            "engine": self._engine,
            "holder": self._holder,
            "subscriptions": self._subscriptions,
            "streams": list(streams),
            "stated_at": now,
            "claimed_until": until,
            "serving": serving,
            "released": released,
        }
        rows = pa.RecordBatch.from_pylist([row], ENGINES_SCHEMA)
        answer = self._streams.append(self._stream, None, Rows.of(rows))
        if answer.status:
            raise from_grpc_status(answer.status, f"{self._sql}: the claim was not taken")

    def others(self, now: datetime) -> list[Claimant]:
        """The last claim of every other engine on any of the same subscriptions."""
        return [each for each in self._last(now) if each.engine != self._engine]

    def own(self, now: datetime) -> Claimant | None:
        """The last claim of this engine."""
        return next((each for each in self._last(now) if each.engine == self._engine), None)

    def _last(self, now: datetime) -> list[Claimant]:
        query = f"""
            SELECT engine, holder, claimed_until, streams, serving, released, stated_at
            FROM {self._sql}
            WHERE stated_at >= @oldest
                AND EXISTS (SELECT 1 FROM UNNEST(subscriptions) AS name WHERE name IN UNNEST(@subscriptions))
            ORDER BY stated_at
        """  # noqa: S608 the table's name comes from checked settings
        parameters = [
            ScalarQueryParameter("oldest", "TIMESTAMP", now - HISTORY),
            ArrayQueryParameter("subscriptions", "STRING", self._subscriptions),
        ]
        config = QueryJobConfig(query_parameters=parameters)
        rows = self._client.query_and_wait(
            query, job_config=config, wait_timeout=QUERY_SECONDS, job_retry=None, retry=None
        )
        return last_claims(dict(row.items()) for row in rows)


def last_claims(rows: Iterable[Mapping[str, Any]]) -> list[Claimant]:
    """What holds of each engine after *rows* of the table, in the order they were stated."""
    last: dict[str, Claimant] = {}
    served: dict[str, Claimant | None] = {}
    for row in rows:
        engine = row["engine"]
        if row["released"] and not row["serving"]:
            before = served.get(engine)
            if before is None:
                last.pop(engine, None)
            else:
                last[engine] = before
            continue
        last[engine] = _claimant(row, last.get(engine))
        if row["serving"]:
            served[engine] = last[engine]
    return list(last.values())


def _claimant(row: Mapping[str, Any], before: Claimant | None) -> Claimant:
    """One claim; streams of earlier claims stay in question until they are released."""
    streams = tuple(row["streams"])
    if before is not None and not before.released:
        streams += tuple(name for name in before.streams if name not in streams)
    served_at = row["stated_at"] if row["serving"] else before.served_at if before is not None else None
    return Claimant(row["engine"], row["holder"], row["claimed_until"], streams, row["released"], served_at)

"""The numbers that are missing in the sequences of sources: events that were published and never arrived."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from google.cloud import bigquery

from headrace.audit.scope import Scope
from headrace.core.outcome import ARRIVED, UNNUMBERED
from headrace.core.resource_names import TALLIES, Names
from headrace.schemas.sequence import FIRST

_PAGE_ROWS: Final = 10_000


class Missing(NamedTuple):
    """The numbers from *first* to *last* of one *source* and *epoch*, of which none arrived.

    The windows *after* and *before* have the events next to them, by publish time; without *after*, the epoch begins
    with them. If *awaited*, they may still be on their way.
    """

    source: str
    epoch: str
    first: int
    last: int
    after: datetime | None
    before: datetime
    awaited: bool

    @property
    def events(self) -> int:
        """How many events are missing."""
        return self.last - self.first + 1


def missing_numbers(
    subject: str, complete_until: datetime | None, scope: Scope, names: Names, client: bigquery.Client
) -> Iterator[Missing]:
    """Yield what is missing before events that were published since the begin of *scope*, by source and epoch.

    Earlier events count as arrived, however old they are. BigQuery finds the gaps, so that memory holds one page.
    """
    query = f"""
        SELECT source, epoch, reached + 1 AS first, first_number - 1 AS last, after, window_start,
            published_until, tallied_at
        FROM (
            SELECT source, epoch, first_number, window_start, published_until, tallied_at,
                IFNULL(MAX(last_number) OVER (earlier ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), {FIRST - 1})
                    AS reached,
                LAG(window_start) OVER (earlier) AS after
            FROM (
                SELECT each.source, each.epoch, each.first_number, each.last_number, each.window_start,
                    each.published_until, line.tallied_at
                FROM {names.sql(TALLIES)} AS line, UNNEST(line.sequences) AS each
                WHERE line.tallied_at IS NOT NULL AND line.subject = @subject AND line.outcome = '{ARRIVED}'
            )
            WINDOW earlier AS (PARTITION BY source, epoch ORDER BY first_number, tallied_at, last_number)
        )
        WHERE first_number > reached + 1 AND window_start >= @first
        ORDER BY source, epoch, first
    """  # noqa: S608 names come from checked settings, the rest from the code
    rows = client.query_and_wait(query, job_config=_of(subject, scope), page_size=_PAGE_ROWS)
    for row in rows:
        yield Missing(
            source=row["source"],
            epoch=row["epoch"],
            first=row["first"],
            last=row["last"],
            after=row["after"],
            before=row["window_start"],
            awaited=_is_awaited(row, complete_until, scope),
        )


def unnumbered_events(subject: str, scope: Scope, names: Names, client: bigquery.Client) -> int:
    """Return how many events were tallied since the begin of *scope* whose number cannot be read."""
    query = f"""
        SELECT IFNULL(SUM(events), 0) AS events
        FROM {names.sql(TALLIES)}
        WHERE tallied_at >= @first AND subject = @subject AND outcome = '{ARRIVED}' AND reason = '{UNNUMBERED}'
    """  # noqa: S608 names come from checked settings, the rest from the code
    (row,) = client.query_and_wait(query, job_config=_of(subject, scope))
    return int(row["events"])


def _is_awaited(row: Any, complete_until: datetime | None, scope: Scope) -> bool:
    """Return whether earlier numbers may still be in Pub/Sub, or in the job, when the number in *row* was tallied."""
    if row["tallied_at"] > scope.settled(None):
        return True
    return complete_until is not None and row["published_until"] > complete_until


def _of(subject: str, scope: Scope) -> bigquery.QueryJobConfig:
    name = bigquery.ScalarQueryParameter("subject", "STRING", subject)
    return bigquery.QueryJobConfig(
        query_parameters=[name, bigquery.ScalarQueryParameter("first", "TIMESTAMP", scope.first)]
    )

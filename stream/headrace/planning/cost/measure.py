"""Measure the load so far, by the tallies and the tables, to check an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from google.cloud import bigquery

from headrace.audit.queries import lines_once
from headrace.core.outcome import Outcome
from headrace.core.resource_names import Names
from headrace.schemas.registry import Registry


@dataclass(frozen=True, slots=True)
class Measured:
    """Measured load of one subject: *refused* is the share of dead letters, *row_bytes* the average bytes of a row.

    The bytes are logical. *row_bytes* is ``None`` until BigQuery reports the size of the table.
    """

    subject: str
    events: int
    events_a_second: float
    refused: float
    row_bytes: int | None


def measure(
    registry: Registry, names: Names, client: bigquery.Client, since: datetime, now: datetime
) -> Sequence[Measured]:
    """Query the load since *since*, or since the first tally when that is later. Raises the client's errors."""
    counted: dict[str, dict[str, int]] = {subject: {} for subject in registry.subjects}
    first = now
    for line in client.query_and_wait(_query(names), job_config=_since(since)):
        counted.setdefault(line["subject"], {})[line["outcome"]] = line["events"]
        first = min(first, line["first"])
    seconds = max(1.0, (now - max(first, since)).total_seconds())
    return [
        _measured(subject, counts, seconds, client.get_table(_table(registry, names, subject)))
        for subject, counts in sorted(counted.items())
        if subject in registry.subjects
    ]


def total(measured: Sequence[Measured]) -> Measured:
    """Return the sum of all subjects: rates added up, shares and bytes weighted by events."""
    events = sum(each.events for each in measured)
    sized = [each for each in measured if each.row_bytes is not None]
    rows = sum(each.events for each in sized)
    return Measured(
        "all",
        events,
        sum(each.events_a_second for each in measured),
        sum(each.refused * each.events for each in measured) / events if events else 0.0,
        round(sum((each.row_bytes or 0) * each.events for each in sized) / rows) if rows else None,
    )


def _measured(subject: str, counts: dict[str, int], seconds: float, table: bigquery.Table) -> Measured:
    received = counts.get(Outcome.RECEIVED, 0)
    refused = counts.get(Outcome.DEAD_LETTERED, 0) / received if received else 0.0
    row_bytes = round(table.num_bytes / table.num_rows) if table.num_bytes and table.num_rows else None
    return Measured(subject, received, received / seconds, refused, row_bytes)


def _table(registry: Registry, names: Names, subject: str) -> str:
    return f"{names.project}.{names.dataset}.{registry.latest(subject).options.table}"


def _query(names: Names) -> str:
    return f"""
        SELECT line.subject, line.outcome, SUM(each.events) AS events, MIN(line.tallied_at) AS first
        FROM {lines_once(names, "tallied_at >= @since")} AS line, UNNEST(line.windows) AS each
        GROUP BY line.subject, line.outcome
    """  # noqa: S608 names come from checked settings


def _since(since: datetime) -> bigquery.QueryJobConfig:
    return bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("since", "TIMESTAMP", since)])

"""Counts in the tables: events of the last hour by outcome, and until when each subject is complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from google.cloud import bigquery

from headrace.audit.queries import lines_once
from headrace.bigquery.completeness_view import lately_complete
from headrace.core.resource_names import Names

PERIOD: Final = timedelta(hours=1)
_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class TableCounts:
    """The events of one subject that were tallied within PERIOD, by outcome, and its completeness.

    *gaps* counts times in which the subscription may have missed events. *complete_until* is a publish time, or None.
    """

    events: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    complete_until: datetime | None = None
    gaps: int = 0


def read_table_counts(client: bigquery.Client, names: Names, now: datetime) -> dict[str, TableCounts]:
    """Return the counts of each subject that has tallies. Raises the client's errors."""
    events: dict[str, Counter[str]] = {}
    refused: dict[str, Counter[str]] = {}
    since = bigquery.ScalarQueryParameter("since", "TIMESTAMP", now - PERIOD)
    config = bigquery.QueryJobConfig(query_parameters=[since])
    for line in client.query_and_wait(_tallied(names), job_config=config, wait_timeout=_SECONDS):
        events.setdefault(line["subject"], Counter())[line["outcome"]] += line["events"]
        if line["reason"]:
            refused.setdefault(line["subject"], Counter())[line["reason"]] += line["events"]
    complete = {row["subject"]: row for row in client.query_and_wait(lately_complete(names), wait_timeout=_SECONDS)}
    return {
        subject: TableCounts(
            events.get(subject, {}),
            refused.get(subject, {}),
            complete[subject]["complete_until"] if subject in complete else None,
            complete[subject]["gaps"] if subject in complete else 0,
        )
        for subject in sorted({*events, *complete})
    }


def _tallied(names: Names) -> str:
    return f"""
        SELECT line.subject, line.outcome, IF(line.outcome = 'dead_lettered', line.reason, NULL) AS reason,
            SUM(each.events) AS events
        FROM {lines_once(names, "tallied_at >= @since")} AS line, UNNEST(line.windows) AS each
        GROUP BY subject, outcome, reason
    """  # noqa: S608 names come from checked settings

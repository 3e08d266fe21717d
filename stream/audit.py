"""Do the counts reconcile: tallies among themselves, and tallies with what the tables hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from google.cloud import bigquery

from schemas.registry import Registry
from stream.names import TALLIES, Names


@dataclass(frozen=True, slots=True)
class SubjectCounts:
    """What was counted of one subject, and what its table holds."""

    subject: str
    received: int
    written: int
    duplicates: int
    dropped: int
    dead_lettered: Mapping[str, int]
    rows: int
    distinct_event_ids: int

    @property
    def accounted(self) -> int:
        """Events with an outcome."""
        return self.written + self.duplicates + self.dropped + sum(self.dead_lettered.values())

    @property
    def differences(self) -> list[str]:
        """What does not fit, in words; empty when everything does."""
        found = []
        if self.received != self.accounted:
            found.append(f"{self.received - self.accounted:+,} received without an outcome")
        if self.rows != self.written:
            found.append(f"{self.rows - self.written:+,} rows against what was tallied as written")
        if self.rows != self.distinct_event_ids:
            found.append(f"{self.rows - self.distinct_event_ids:,} rows with an id that another row has")
        return found

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "differences": self.differences, "reconciled": not self.differences}


def count_subjects(registry: Registry, names: Names, client: bigquery.Client) -> list[SubjectCounts]:
    """Query the tallies and every table.

    A message that is delivered again after a crash is received again, and counted again: it is a duplicate then.
    """
    tallied = _tallied(names, client)
    counts = []
    for subject in registry.subjects:
        outcomes = tallied.get(subject, {})
        rows, distinct = _stored(names.sql(registry.latest(subject).options.table), client)
        counts.append(
            SubjectCounts(
                subject=subject,
                received=sum(outcomes.get("received", {}).values()),
                written=sum(outcomes.get("written", {}).values()),
                duplicates=sum(outcomes.get("duplicate", {}).values()),
                dropped=sum(outcomes.get("dropped", {}).values()),
                dead_lettered={str(k): v for k, v in sorted(outcomes.get("dead_lettered", {}).items())},
                rows=rows,
                distinct_event_ids=distinct,
            )
        )
    return counts


def _tallied(names: Names, client: bigquery.Client) -> dict[str, dict[str, dict[str | None, int]]]:
    query = f"""
        SELECT subject, outcome, reason, SUM(events) AS events
        FROM {names.sql(TALLIES)}
        WHERE tallied_at IS NOT NULL
        GROUP BY subject, outcome, reason
    """  # noqa: S608 names come from checked settings
    tallied: dict[str, dict[str, dict[str | None, int]]] = {}
    for row in client.query_and_wait(query):
        tallied.setdefault(row["subject"], {}).setdefault(row["outcome"], {})[row["reason"]] = row["events"]
    return tallied


def _stored(table: str, client: bigquery.Client) -> tuple[int, int]:
    query = f"""
        SELECT COUNT(*) AS total, COUNT(DISTINCT _event_id) AS ids
        FROM {table}
        WHERE _event_time >= TIMESTAMP '0001-01-01'
    """  # noqa: S608 names come from checked settings and contracts
    row = next(iter(client.query_and_wait(query)))
    return row["total"], row["ids"]

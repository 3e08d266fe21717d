"""Queries of the audit, which read the tallies and the tables, never the job."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple, assert_never

from google.cloud import bigquery

from headrace.audit.scope import Scope
from headrace.audit.windows import Hashes, Stored, Tallied
from headrace.core.outcome import GAP, OPEN_GAP, Outcome
from headrace.core.resource_names import TALLIES, Names

_PAGE_ROWS: Final = 50_000


class Statement(NamedTuple):
    """The state of a subject as a whole.

    *complete_until* is the time up to which it is complete, *copied_lines* counts tally lines that were appended again,
    *gaps* are publish times from which events may be missing.
    """

    complete_until: datetime | None = None
    copied_lines: int = 0
    gaps: tuple[str, ...] = ()


def statements(names: Names, client: bigquery.Client, scope: Scope) -> dict[str, Statement]:
    """Query the statement of every subject that has tallies."""
    query = f"""
        SELECT subject, MAX(complete_until) AS complete_until, COUNT(*) - COUNT(DISTINCT tally_id) AS copied,
            ARRAY_AGG(IF({OPEN_GAP} AND tallied_at >= @first, reason, NULL) IGNORE NULLS) AS gaps
        FROM {names.sql(TALLIES)}
        WHERE tallied_at IS NOT NULL
        GROUP BY subject
    """  # noqa: S608 names come from checked settings
    config = bigquery.QueryJobConfig(query_parameters=[_first(scope)])
    rows = client.query_and_wait(query, job_config=config)
    return {
        row["subject"]: Statement(row["complete_until"], row["copied"], tuple(sorted(set(row["gaps"] or ()))))
        for row in rows
    }


def tallied_windows(
    subject: str, settled: datetime, scope: Scope, names: Names, client: bigquery.Client
) -> Iterator[tuple[int, Tallied]]:
    """Yield the tallies of each window, in order; a line that was appended twice counts once.

    The tallies that a replaced day takes back are negative, and not in flight. A hash is summed up in two halves,
    because its sum is wider than INT64.
    """
    query = f"""
        SELECT {_window_of("moment", scope)} AS start, outcome, reason, SUM(events) AS events,
            SUM(IF(tallied_at > @settled AND events > 0, events, 0)) AS recent,
            SUM(DIV(id_hash, 4294967296)) AS ids_high, SUM(MOD(id_hash, 4294967296)) AS ids_low,
            SUM(DIV(content_hash, 4294967296)) AS contents_high, SUM(MOD(content_hash, 4294967296)) AS contents_low
        FROM (
            SELECT line.outcome, line.reason, line.tallied_at, UNIX_MICROS(each.window_start) AS moment,
                each.events, each.id_hash, each.content_hash
            FROM {lines_once(names, f"tallied_at IS NOT NULL AND subject = @subject AND outcome != '{GAP}'")} AS line,
                UNNEST(line.windows) AS each
            WHERE each.window_start >= @first
        )
        GROUP BY start, outcome, reason
        ORDER BY start
    """  # noqa: S608 names come from checked settings
    subject_parameter = bigquery.ScalarQueryParameter("subject", "STRING", subject)
    rows = client.query_and_wait(query, job_config=_parameters(scope, settled, subject_parameter), page_size=_PAGE_ROWS)
    for start, lines in groupby(rows, key=lambda row: row["start"]):
        tallied = Tallied()
        for line in lines:
            _add(tallied, line)
        yield start, tallied


def lines_once(names: Names, which: str) -> str:
    """Return the subquery for the lines of tallies that *which* selects; a line that was appended twice counts once."""
    return f"""(
        SELECT subject, outcome, reason, tallied_at, windows
        FROM (
            SELECT subject, outcome, reason, tallied_at, windows,
                ROW_NUMBER() OVER (PARTITION BY tally_id ORDER BY tallied_at) AS nth
            FROM {names.sql(TALLIES)}
            WHERE {which}
        )
        WHERE nth = 1
    )"""  # noqa: S608 names come from checked settings, conditions from the code


def stored_windows(
    table: str, settled: datetime, scope: Scope, client: bigquery.Client
) -> Iterator[tuple[int, Stored]]:
    """Yield the rows of *table*, named as SQL does, for each window, in order."""
    query = f"""
        SELECT {_window_of("moment", scope)} AS start,
            COUNTIF(nth = 1) AS ids, COUNTIF(nth > 1) AS doubled, COUNTIF(nth = 1 AND lately) AS recent
        FROM (
            SELECT UNIX_MICROS(_event_time) AS moment, _ingested_at > @settled AS lately,
                ROW_NUMBER() OVER (PARTITION BY _event_id ORDER BY _ingested_at, _event_time) AS nth
            FROM {table}
            WHERE _event_time >= @first
        )
        GROUP BY start
        ORDER BY start
    """  # noqa: S608 names come from checked settings and contracts
    for row in client.query_and_wait(query, job_config=_parameters(scope, settled), page_size=_PAGE_ROWS):
        yield row["start"], Stored(row["ids"], row["doubled"], row["recent"])


def signed(number: int) -> int:
    """Return a number modulo 2^64 as a signed integer."""
    return (number + 2**63) % 2**64 - 2**63


def _add(tallied: Tallied, line: Any) -> None:
    outcome = Outcome(line["outcome"])
    if outcome not in (Outcome.RECEIVED, Outcome.LOST):
        tallied.recent_settled += line["recent"]
    match outcome:
        case Outcome.RECEIVED:
            tallied.received += line["events"]
            tallied.recent_received += line["recent"]
        case Outcome.LOST:
            tallied.lost += line["events"]
        case Outcome.WRITTEN:
            tallied.written += line["events"]
            tallied.hashes = Hashes(_whole(line, "ids"), _whole(line, "contents"))
        case Outcome.DUPLICATE:
            tallied.duplicates += line["events"]
        case Outcome.DROPPED:
            tallied.dropped += line["events"]
        case Outcome.DEAD_LETTERED:
            tallied.dead_lettered[line["reason"] or ""] = line["events"]
        case _:
            assert_never(outcome)


def _whole(line: Any, name: str) -> int:
    return signed(line[f"{name}_high"] * 2**32 + line[f"{name}_low"])


def _window_of(moment: str, scope: Scope) -> str:
    size = scope.window_micros
    return f"{moment} - MOD(MOD({moment}, {size}) + {size}, {size})"


def _parameters(scope: Scope, settled: datetime, *more: bigquery.ScalarQueryParameter) -> bigquery.QueryJobConfig:
    until = bigquery.ScalarQueryParameter("settled", "TIMESTAMP", settled)
    return bigquery.QueryJobConfig(query_parameters=[_first(scope), until, *more])


def _first(scope: Scope) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter("first", "TIMESTAMP", scope.first)

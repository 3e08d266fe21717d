"""Merge the tallies of past days into fewer lines with the same sums, in one atomic statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from google.cloud import bigquery

from headrace.audit.scope import ScopeError
from headrace.core.outcome import ARRIVED
from headrace.core.resource_names import TALLIES, Names
from headrace.schemas.annotations import parse_duration
from headrace.schemas.errors import ContractError

LEAST: Final = timedelta(days=2)
# 4 MB; BigQuery refuses rows of more than 100 MB, and history can have millions of windows
WINDOWS_OF_A_LINE: Final = 100_000
RANGES_OF_A_LINE: Final = 20_000  # less than 25 MB, if each source has 1,024 bytes
_HALF: Final = 2**32
_JOURNAL: Final = "^([0-9a-f]{32})-[0-9]+-[0-9]+-"  # in the names that the engine's tally loop gives to its lines
_NUMBER: Final = "^[0-9a-f]{32}-([0-9]+)-[0-9]+-"
_KEYS: Final = "subject, outcome, why, day"

# The union of the numbers that arrived, of each source, epoch and window: a range begins where none before reaches.
_SEQUENCE: Final = f"{_KEYS}, source, epoch, window_start"
_RANGED: Final = f"""
        numbers AS (
            SELECT {_KEYS}, each.source, each.epoch, each.window_start, each.first_number, each.last_number,
                each.published_until
            FROM single, UNNEST(single.sequences) AS each
        ),
        reaching AS (
            SELECT *, MAX(last_number) OVER (
                PARTITION BY {_SEQUENCE} ORDER BY first_number, last_number
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
            FROM numbers
        ),
        islands AS (
            SELECT *, SUM(IF(first_number > IFNULL(reached, -1) + 1, 1, 0)) OVER (
                PARTITION BY {_SEQUENCE} ORDER BY first_number, last_number
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS island
            FROM reaching
        ),
        ranges AS (
            SELECT {_SEQUENCE}, island, MIN(first_number) AS first_number, MAX(last_number) AS last_number,
                MAX(published_until) AS published_until
            FROM islands
            GROUP BY {_SEQUENCE}, island
        ),
        ranged AS (
            SELECT {_KEYS}, piece, ARRAY_AGG(
                STRUCT(source, epoch, window_start, first_number, last_number, published_until)
                ORDER BY source, epoch, window_start, first_number) AS sequences
            FROM (
                SELECT *, DIV((ROW_NUMBER() OVER (
                    PARTITION BY {_KEYS} ORDER BY source, epoch, window_start, island) - 1), @most_ranges) AS piece
                FROM ranges
            )
            GROUP BY {_KEYS}, piece
        )"""  # noqa: S608 no value of a user


@dataclass(frozen=True, slots=True)
class Compaction:
    """Result of compaction: *lines* of a subject's tallies *become* fewer; a group has one outcome, reason and day."""

    subject: str
    groups: int
    lines: int
    become: int


def parse_older_than(text: str) -> timedelta:
    """Read the age at which lines are merged.

    Raises:
        ScopeError: invalid duration, or shorter than two days: a restarted engine looks its lines up by id.
    """
    try:
        age = parse_duration(text, "--older-than")
    except ContractError as error:
        raise ScopeError('--older-than: invalid duration; write a number and h or d, such as "7d"') from error
    if age < LEAST:
        raise ScopeError(
            f"--older-than: too short, a restarted engine looks its lines up by id; use at least {LEAST.days}d"
        )
    return age


def plan_compaction(names: Names, client: bigquery.Client, before: datetime) -> list[Compaction]:
    """Return what :func:`compact` would do with the lines tallied before *before*."""
    query = f"""
        WITH {_parts(names)}
        SELECT subject, COUNT(*) AS `groups`, SUM(lines) AS lines, SUM(pieces) AS become
        FROM many GROUP BY subject ORDER BY subject
    """  # noqa: S608 names come from checked settings
    rows = client.query_and_wait(query, job_config=_until(before))
    return [Compaction(row["subject"], row["groups"], row["lines"], row["become"]) for row in rows]


def compact(names: Names, client: bigquery.Client, before: datetime) -> None:
    """Merge the lines of a subject, outcome, reason and day (UTC) that were tallied before *before*.

    Counts are added up, and the numbers that arrived become as few ranges as possible.

    Lines that were appended twice stay as they are, because they are evidence. Rows that arrive meanwhile are not
    touched. The last lines of an engine stay too, however old they are: the engine may not know that they arrived, and
    looks them up by id when it restarts, even after weeks.
    """
    query = f"""
        MERGE {names.sql(TALLIES)} AS line
        USING (
            WITH {_parts(names)}
            SELECT CAST(NULL AS STRING) AS old_id, subject, outcome, NULLIF(why, '') AS reason, tallied_at,
                IF(piece = 0, first_id, CONCAT(first_id, '/', CAST(piece AS STRING))) AS tally_id,
                complete_until, IF(outcome = '{ARRIVED}', many.events, IFNULL(listed.events, 0)) AS events,
                windows, sequences
            FROM many
            LEFT JOIN (
                SELECT {_KEYS}, piece, listed.events, windows, sequences
                FROM listed FULL JOIN ranged USING ({_KEYS}, piece)
            ) AS listed USING ({_KEYS})
            UNION ALL
            SELECT single.tally_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
            FROM single JOIN many USING ({_KEYS})
        ) AS change
        ON line.tally_id = change.old_id
        WHEN MATCHED THEN DELETE
        WHEN NOT MATCHED AND change.old_id IS NULL THEN
            INSERT (subject, outcome, reason, tallied_at, tally_id, complete_until, events, windows, sequences)
            VALUES (change.subject, change.outcome, change.reason, change.tallied_at, change.tally_id,
                change.complete_until, change.events, change.windows, change.sequences)
    """  # noqa: S608 names come from checked settings
    client.query_and_wait(query, job_config=_until(before))


def _parts(names: Names) -> str:
    """Return the common parts of both statements: lines without copies, their sums by window, days with many lines.

    Each engine's journal numbers its lines in order. On Dataflow the lines of a subject are appended one after another
    and have only a time, to which a minute is added because the clocks of workers differ.

    A hash is summed up in two halves, because its sum is wider than INT64, and joined modulo 2^64. DIV's arguments
    have parentheses of their own, because the emulator loses their grouping.
    """
    return f"""
        written AS (
            SELECT subject, outcome, IFNULL(reason, '') AS why, TIMESTAMP_TRUNC(tallied_at, DAY) AS day,
                tallied_at, tally_id, complete_until, events, windows, sequences,
                COUNT(*) OVER (PARTITION BY tally_id) AS copies,
                IFNULL(REGEXP_EXTRACT(tally_id, r'{_JOURNAL}'), CONCAT('/', subject)) AS writer,
                IFNULL(SAFE_CAST(REGEXP_EXTRACT(tally_id, r'{_NUMBER}') AS INT64), 0) AS number
            FROM {names.sql(TALLIES)}
        ),
        single AS (
            SELECT subject, outcome, why, day, tallied_at, tally_id, complete_until, events, windows, sequences
            FROM (
                SELECT *, MAX(IF(number = last_number, tallied_at, NULL)) OVER (PARTITION BY writer) AS last_tallied_at
                FROM (SELECT *, MAX(number) OVER (PARTITION BY writer) AS last_number FROM written)
            )
            WHERE copies = 1 AND tallied_at < @before
                AND NOT (number = last_number AND tallied_at >= TIMESTAMP_SUB(last_tallied_at, INTERVAL 1 MINUTE))
        ),
        halves AS (
            SELECT {_KEYS}, each.window_start AS window_start, SUM(each.events) AS events,
                SUM(DIV(each.id_hash, {_HALF})) AS ids_high, SUM(MOD(each.id_hash, {_HALF})) AS ids_low,
                SUM(DIV(each.content_hash, {_HALF})) AS contents_high,
                SUM(MOD(each.content_hash, {_HALF})) AS contents_low
            FROM single, UNNEST(single.windows) AS each
            GROUP BY {_KEYS}, window_start
        ),
        sums AS (
            SELECT {_KEYS}, window_start, events, {_whole("ids")} AS id_hash, {_whole("contents")} AS content_hash,
                DIV((ROW_NUMBER() OVER (PARTITION BY {_KEYS} ORDER BY window_start) - 1), @most) AS piece
            FROM halves
        ),
        listed AS (
            SELECT {_KEYS}, piece, SUM(events) AS events,
                ARRAY_AGG(STRUCT(window_start, events, id_hash, content_hash) ORDER BY window_start) AS windows
            FROM sums
            GROUP BY {_KEYS}, piece
        ),
        {_RANGED},
        many AS (
            SELECT {_KEYS}, tallied_at, complete_until, events, first_id, lines, IFNULL(pieces, 1) AS pieces
            FROM (
                SELECT {_KEYS}, MAX(tallied_at) AS tallied_at, MAX(complete_until) AS complete_until,
                    SUM(events) AS events, MIN(tally_id) AS first_id, COUNT(*) AS lines
                FROM single
                GROUP BY {_KEYS}
            )
            LEFT JOIN (
                SELECT {_KEYS}, COUNT(*) AS pieces
                FROM (SELECT {_KEYS} FROM listed UNION ALL SELECT {_KEYS} FROM ranged)
                GROUP BY {_KEYS}
            ) USING ({_KEYS})
            WHERE lines > IFNULL(pieces, 1)
        )
    """  # noqa: S608 names come from checked settings


def _whole(name: str) -> str:
    low = f"MOD(MOD({name}_low, {_HALF}) + {_HALF}, {_HALF})"
    high = f"({name}_high + DIV(({name}_low - {low}), {_HALF}))"
    top = f"MOD(MOD({high} + {_HALF // 2}, {_HALF}) + {_HALF}, {_HALF}) - {_HALF // 2}"
    return f"({top}) * {_HALF} + {low}"


def _until(before: datetime) -> bigquery.QueryJobConfig:
    moment = bigquery.ScalarQueryParameter("before", "TIMESTAMP", before)
    most = bigquery.ScalarQueryParameter("most", "INT64", WINDOWS_OF_A_LINE)
    ranges = bigquery.ScalarQueryParameter("most_ranges", "INT64", RANGES_OF_A_LINE)
    return bigquery.QueryJobConfig(query_parameters=[moment, most, ranges])

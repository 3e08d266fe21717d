"""The filter by which every command chooses letters, and the SQL that finds them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

from headrace.dead_letters.archive_tables import LETTER_SCHEMA

_STATES: Final = "CASE fact.action WHEN 'replayed' THEN 'replayed' WHEN 'discarded' THEN 'discarded' ELSE 'open' END"


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice of the letters that match every condition; an empty field is no condition.

    *ids* may be prefixes. *text* must occur in the detail. *since* (inclusive) and *until* (exclusive) bound the time
    of the last refusal.
    """

    ids: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the conditions for the trail, with times as text."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in given.items() if value
        }


def letters_with_states(letters: str, facts: str) -> str:
    """Return the query for each letter's last refusal with its state; *letters* and *facts* are names in SQL.

    A row that was collected twice counts once. The parameter @since limits the partitions that the query reads.
    """
    columns = ", ".join(f"MAX_BY({name}, collected_at) AS {name}" for name in _REFUSAL_COLUMNS)
    return f"""
        SELECT letter.*, {_STATES} AS state, edit.letter_id IS NOT NULL AS edited
        FROM (
            SELECT letter_id, attempt, {columns} FROM {letters}
            WHERE refused_at >= @since AND piece = 1 GROUP BY letter_id, attempt
        ) AS letter
        JOIN (
            SELECT letter_id, MAX(attempt) AS attempt FROM {letters} WHERE refused_at >= @since GROUP BY letter_id
        ) AS last ON last.letter_id = letter.letter_id AND last.attempt = letter.attempt
        LEFT JOIN (
            SELECT letter_id, attempt, MAX_BY(action, done_at) AS action FROM {facts}
            WHERE action IN ('replayed', 'discarded', 'reopened') GROUP BY letter_id, attempt
        ) AS fact ON fact.letter_id = letter.letter_id AND fact.attempt = letter.attempt
        LEFT JOIN (SELECT DISTINCT letter_id, attempt FROM {facts} WHERE action = 'edited') AS edit
            ON edit.letter_id = letter.letter_id AND edit.attempt = letter.attempt
    """  # noqa: S608 names come from checked settings


def conditions(wanted: Filter) -> str:
    """Return the WHERE clause of *wanted* over :func:`letters_with_states`."""
    clauses = [f"{column} IN UNNEST(@{name})" for name, column in _COLUMNS.items() if getattr(wanted, name)]
    if wanted.ids:
        clauses.append("(" + " OR ".join(f"STARTS_WITH(letter_id, @id{n})" for n, _ in enumerate(wanted.ids)) + ")")
    if wanted.until is not None:
        clauses.append("refused_at < @until")
    if wanted.text:
        clauses.append("STRPOS(LOWER(detail), LOWER(@text)) > 0")
    return " AND ".join(clauses) or "TRUE"


def parameters(wanted: Filter) -> list[Any]:
    """Return the query parameters of :func:`conditions` and :func:`letters_with_states`."""
    given: list[Any] = [ScalarQueryParameter("since", "TIMESTAMP", wanted.since or _ALWAYS)]
    given += [
        ArrayQueryParameter(name, "STRING", list(getattr(wanted, name))) for name in _COLUMNS if getattr(wanted, name)
    ]
    given += [ScalarQueryParameter(f"id{n}", "STRING", each) for n, each in enumerate(wanted.ids)]
    if wanted.until is not None:
        given.append(ScalarQueryParameter("until", "TIMESTAMP", wanted.until))
    if wanted.text:
        given.append(ScalarQueryParameter("text", "STRING", wanted.text))
    return given


_REFUSAL_COLUMNS: Final = tuple(
    name
    for name in LETTER_SCHEMA.names
    if name not in ("letter_id", "attempt", "piece", "pieces", "collected_at", "key_id", "sealed")
)
_COLUMNS: Final = {
    "reasons": "reason",
    "subjects": "subject",
    "claimed": "claimed",
    "sources": "source",
    "states": "state",
}
_ALWAYS: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

"""Read the archive: letters by filter, in groups, and complete. Reading changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from google.cloud import bigquery
from google.cloud.bigquery import ArrayQueryParameter, QueryJobConfig, ScalarQueryParameter

from headrace.bigquery.query_once import QUERY_SECONDS
from headrace.dead_letters.archive_key import ArchiveKey, SealedError, tampered
from headrace.dead_letters.archive_tables import FACTS, LETTER_SCHEMA, LETTERS, TRAIL
from headrace.dead_letters.archive_writer import ATTRIBUTE_COLUMNS, ArchiveNames, edit_context, row_context
from headrace.dead_letters.archived_letter import ArchivedLetter, LetterGroup, LetterSummary
from headrace.dead_letters.facts import Action, State
from headrace.dead_letters.filters import Filter, conditions, letters_with_states, parameters
from headrace.dead_letters.letter import SEALED, Letter, Piece, joined
from headrace.runtime.retry_policy import NO_RETRY

PAGE: Final = 1000
GROUPS: Final = ("reason", "subject", "claimed", "source", "state", "stage", "version", "hour", "day")
_STATES: Final[Mapping[str, State]] = {
    Action.REPLAYED: State.REPLAYED,
    Action.DISCARDED: State.DISCARDED,
    Action.REOPENED: State.OPEN,
}
_PIECE_COLUMNS: Final = ", ".join(
    name
    for name in LETTER_SCHEMA.names
    if name in Letter.__slots__
    or name in ("letter_id", "piece", "pieces", "bytes", "key_id", "sealed", *ATTRIBUTE_COLUMNS)
)
_UNITS: Final = {"hour": "HOUR", "day": "DAY"}


@dataclass(frozen=True, slots=True)
class ArchiveReader:
    """A reader of the archive. Methods raise the client's errors, and SealedError if a row needs another key."""

    client: bigquery.Client
    names: ArchiveNames
    key: ArchiveKey | None = field(repr=False)

    def find(self, wanted: Filter, limit: int, offset: int = 0) -> list[LetterSummary]:
        """Return the letters that match, the newest refusal first."""
        query = f"""
            SELECT * FROM ({self._states()}) WHERE {conditions(wanted)}
            ORDER BY refused_at DESC, letter_id LIMIT {int(limit)} OFFSET {int(offset)}
        """  # noqa: S608 names come from checked settings, values are parameters
        return [LetterSummary.from_row(row) for row in self._query(query, parameters(wanted))]

    def count(self, wanted: Filter) -> int:
        """Return how many letters match."""
        query = f"SELECT COUNT(*) AS n FROM ({self._states()}) WHERE {conditions(wanted)}"  # noqa: S608 as above
        return int(next(iter(self._query(query, parameters(wanted))))["n"])

    def group(self, wanted: Filter, by: Sequence[str]) -> list[LetterGroup]:
        """Count the letters that match by some of :data:`GROUPS`; return the largest group first."""
        columns = {
            name: f"TIMESTAMP_TRUNC(refused_at, {_UNITS[name]})" if name in _UNITS else f"COALESCE({name}, '')"
            for name in by
        }
        chosen = ", ".join(f"{expression} AS by_{name}" for name, expression in columns.items())
        query = f"""
            SELECT {chosen}, COUNT(*) AS letters, MIN(refused_at) AS first_seen, MAX(refused_at) AS last_seen,
                MAX(letter_id) AS example
            FROM ({self._states()}) WHERE {conditions(wanted)}
            GROUP BY {", ".join(columns.values())} ORDER BY letters DESC, last_seen DESC
        """  # noqa: S608 as above
        return [
            LetterGroup(
                {name: _text(row[f"by_{name}"]) for name in by},
                row["letters"],
                row["first_seen"],
                row["last_seen"],
                row["example"],
            )
            for row in self._query(query, parameters(wanted))
        ]

    def suggest(self, beginning: str, limit: int) -> list[tuple[str, str, str]]:
        """Return id, reason and subject of the newest letters whose ids begin with *beginning*, whatever their state.

        This reads fewer columns than :meth:`find`, because a person waits for it at a prompt.
        """
        query = f"""
            SELECT letter_id, MAX_BY(reason, refused_at) AS reason, MAX(subject) AS subject
            FROM {self.names.sql(LETTERS)} WHERE STARTS_WITH(letter_id, @beginning)
            GROUP BY letter_id ORDER BY MAX(refused_at) DESC LIMIT {int(limit)}
        """  # noqa: S608 as above
        rows = self._query(query, [ScalarQueryParameter("beginning", "STRING", beginning)])
        return [(row["letter_id"], row["reason"], row["subject"]) for row in rows]

    def ids(self, wanted: Filter) -> list[str]:
        """Return the ids of all letters that match, the oldest refusal first."""
        return [letter_id for letter_id, _ in self.sizes(wanted)]

    def sizes(self, wanted: Filter) -> list[tuple[str, int]]:
        """Return id and payload size in bytes of all letters that match, the oldest refusal first."""
        query = f"""
            SELECT letter_id, bytes FROM ({self._states()}) WHERE {conditions(wanted)} ORDER BY refused_at, letter_id
        """  # noqa: S608 as above
        return [(row["letter_id"], row["bytes"]) for row in self._query(query, parameters(wanted))]

    def read(self, ids: Sequence[str]) -> Iterator[ArchivedLetter]:
        """Yield complete letters in the order of *ids*; skip letters with a piece that is not collected yet.

        Raises:
            SealedError: the reader has no key, or a row needs another key.
        """
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            refused, facts_by_id = self._refusals(page), self._facts(page)
            for letter_id in page:
                letter = joined(refused.get(letter_id, ()))
                if letter is not None:
                    facts = [fact for fact in facts_by_id.get(letter_id, ()) if fact["attempt"] == letter.attempt]
                    yield ArchivedLetter(letter, self._edited(letter, facts), _state(facts))

    def attempts(self, letter_id: str) -> list[dict[str, Any]]:
        """Return every refusal of one letter, the oldest first."""
        query = f"""
            SELECT attempt, refused_at, reason, stage, detail, version FROM {self.names.sql(LETTERS)}
            WHERE letter_id = @id AND piece = 1 GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY attempt, refused_at
        """  # noqa: S608 as above
        rows = self._query(query, [ScalarQueryParameter("id", "STRING", letter_id)])
        return list({row["attempt"]: dict(row) for row in rows}.values())

    def known(self, ids: Sequence[str]) -> set[tuple[str, int]]:
        """Return id and attempt of each refusal in the archive of the letters *ids*."""
        query = f"SELECT letter_id, attempt FROM {self.names.sql(LETTERS)} WHERE letter_id IN UNNEST(SPLIT(@page))"  # noqa: S608
        rows = self._query(query, [_page(ids)])
        return {(row["letter_id"], row["attempt"]) for row in rows}

    def facts(self, letter_id: str) -> list[dict[str, Any]]:
        """Return the facts about one letter, the oldest first."""
        query = f"""
            SELECT done_at, action, attempt, actor, why, operation FROM {self.names.sql(FACTS)}
            WHERE letter_id = @id GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY done_at
        """  # noqa: S608 as above
        return [dict(row) for row in self._query(query, [ScalarQueryParameter("id", "STRING", letter_id)])]

    def trail(self, limit: int) -> list[dict[str, Any]]:
        """Return the last entries of the trail, the newest first."""
        query = f"""
            SELECT done_at, action, actor, filter, why, letters, outcome, operation FROM {self.names.sql(TRAIL)}
            ORDER BY done_at DESC, outcome IS NULL LIMIT {int(limit)}
        """  # noqa: S608 as above
        return [dict(row) for row in self._query(query, [])]

    def _states(self) -> str:
        return letters_with_states(self.names.sql(LETTERS), self.names.sql(FACTS))

    def _refusals(self, ids: Sequence[str]) -> dict[str, list[Piece]]:
        """Return the pieces of each letter's last refusal."""
        query = f"SELECT {_PIECE_COLUMNS} FROM {self.names.sql(LETTERS)} WHERE letter_id IN UNNEST(SPLIT(@page))"  # noqa: S608
        last: dict[str, int] = {}
        found: dict[str, list[Piece]] = {}
        for row in self._query(query, [_page(ids)]):
            letter_id, attempt = row["letter_id"], row["attempt"]
            if attempt > last.get(letter_id, 0):
                last[letter_id], found[letter_id] = attempt, []
            if attempt == last[letter_id]:
                found[letter_id].append(self._piece(row))
        return found

    def _piece(self, row: Mapping[str, Any]) -> Piece:
        own = {name: row[name] for name in Letter.__slots__ if name in row and name not in SEALED}
        letter = Letter(**own, id=row["letter_id"], data=b"", attributes={})
        piece = Piece(letter, row["piece"], row["pieces"], row["bytes"])
        where = f"{row['letter_id']} attempt {row['attempt']} piece {row['piece']}"
        letter = self._key.unseal(letter, row["sealed"], row["key_id"], row_context(piece), where)
        if any(row[column] != letter.attributes.get(name) for column, name in ATTRIBUTE_COLUMNS.items()):
            raise SealedError(tampered(where))
        return replace(piece, letter=letter)

    def _facts(self, ids: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
        """Return the facts about each letter that has some, the oldest first."""
        query = f"""
            SELECT letter_id, attempt, action, operation, key_id, sealed FROM {self.names.sql(FACTS)}
            WHERE action IN UNNEST(@actions) AND letter_id IN UNNEST(SPLIT(@page)) ORDER BY done_at
        """  # noqa: S608 as above
        actions = ArrayQueryParameter("actions", "STRING", [Action.EDITED, *_STATES])
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in self._query(query, [actions, _page(ids)]):
            found.setdefault(row["letter_id"], []).append(row)
        return found

    def _edited(self, letter: Letter, facts: Sequence[Mapping[str, Any]]) -> Letter | None:
        """Return the letter with its last edit. An edit of an earlier attempt was sent with its replay."""
        edits = [fact for fact in facts if fact["action"] == Action.EDITED]
        if not edits:
            return None
        context = edit_context(letter.id, letter.attempt, edits[-1]["operation"])
        return self._key.unseal(letter, edits[-1]["sealed"], edits[-1]["key_id"], context, context)

    @property
    def _key(self) -> ArchiveKey:
        if self.key is None:
            raise SealedError("archive_key_file: missing; set it to read payloads of the archive")
        return self.key

    def _query(self, query: str, given: list[Any]) -> Iterator[Mapping[str, Any]]:
        config = QueryJobConfig(query_parameters=given)
        rows = self.client.query_and_wait(query, job_config=config, wait_timeout=QUERY_SECONDS, retry=NO_RETRY)
        for batch in rows.to_arrow_iterable():
            yield from batch.to_pylist()


def _page(ids: Sequence[str]) -> ScalarQueryParameter:
    """Return ids as one text. BigQuery would take longer to parse an array of 1000 values than to read the letters."""
    return ScalarQueryParameter("page", "STRING", ",".join(ids))


def _state(facts: Sequence[Mapping[str, Any]]) -> State:
    """Return the state of a letter after these facts about its last attempt."""
    return ([State.OPEN] + [_STATES[fact["action"]] for fact in facts if fact["action"] in _STATES])[-1]


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)

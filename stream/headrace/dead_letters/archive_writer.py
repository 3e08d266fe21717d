"""Append letters, facts and trail entries to the archive in BigQuery. Rows are never changed.

Rows are appended at least once. Readers identify a refusal by (letter, attempt, piece), and count it once if it has
several rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
import pyarrow as pa

from headrace.bigquery.write_streams import MAX_REQUEST_BYTES, Rows, WriteStreams
from headrace.dead_letters.archive_append import append
from headrace.dead_letters.archive_key import ArchiveKey
from headrace.dead_letters.archive_tables import FACT_SCHEMA, FACTS, LETTER_SCHEMA, LETTERS, TRAIL, TRAIL_SCHEMA
from headrace.dead_letters.facts import Fact, TrailEntry
from headrace.dead_letters.letter import SEALED, Letter, Piece
from headrace.util.batching import in_batches

ATTRIBUTE_COLUMNS: Final = {
    "event_id": "ce-id",
    "claimed": "ce-dataschema",
    "source": "ce-source",
}  # attribute names by column


@dataclass(frozen=True, slots=True)
class ArchiveNames:
    """Project and dataset of the archive."""

    project: str
    dataset: str

    def sql(self, table: str) -> str:
        """Return the name of a table for SQL."""
        return f"`{self.project}.{self.dataset}.{table}`"

    def path(self, table: str) -> str:
        """Return the name of a table for the Storage Write API."""
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{table}"


@dataclass(frozen=True, slots=True)
class ArchiveWriter:
    """A writer of the archive; *clock* returns aware times in UTC. It opens connections when it first needs them."""

    names: ArchiveNames
    streams: WriteStreams
    key: ArchiveKey = field(repr=False)
    clock: Callable[[], datetime]

    def append_letters(self, pieces: Sequence[Piece]) -> None:
        """Append refusals, and return when BigQuery has confirmed all of them. Raises ArchiveError."""
        now = self.clock()
        for rows in _within_requests([self._letter(piece, now) for piece in pieces]):
            self._append(LETTERS, LETTER_SCHEMA, rows)

    def append_facts(self, facts: Sequence[Fact]) -> None:
        """Append facts, and return when BigQuery has confirmed all of them. Raises ArchiveError."""
        for rows in _within_requests([self._fact(fact) for fact in facts]):
            self._append(FACTS, FACT_SCHEMA, rows)

    def append_entry(self, entry: TrailEntry) -> None:
        """Append an entry to the trail. Raises ArchiveError."""
        row = {name: getattr(entry, name) for name in TRAIL_SCHEMA.names if name != "filter"}
        row |= {"filter": orjson.dumps(dict(entry.filter)).decode(), "outcome": entry.outcome or None}
        self._append(TRAIL, TRAIL_SCHEMA, [row])

    def _letter(self, piece: Piece, now: datetime) -> dict[str, Any]:
        letter = piece.letter
        own = {name: getattr(letter, name) for name in LETTER_SCHEMA.names if hasattr(letter, name)}
        return own | {
            "letter_id": letter.id,
            "piece": piece.number,
            "pieces": piece.count,
            **{column: letter.attributes.get(name) for column, name in ATTRIBUTE_COLUMNS.items()},
            "bytes": piece.bytes,
            "collected_at": now,
            "key_id": self.key.id,
            "sealed": self.key.seal(letter, row_context(piece)),
        }

    def _fact(self, fact: Fact) -> dict[str, Any]:
        own = {name: getattr(fact, name) for name in FACT_SCHEMA.names if hasattr(fact, name)}
        if fact.edited is None:
            return own
        context = edit_context(fact.letter_id, fact.attempt, fact.operation)
        return own | {"key_id": self.key.id, "sealed": self.key.seal(fact.edited, context)}

    def _append(self, table: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
        batch = pa.RecordBatch.from_pylist(rows, schema=schema)
        append(self.streams, self.names.path(table), Rows.of(batch))


def row_context(piece: Piece) -> str:
    """Return all columns of a piece's row except the sealed ones.

    They are authenticated with the sealed columns, so that nobody can change them or copy the row under another id.
    """
    letter = piece.letter
    columns = {name: getattr(letter, name) for name in Letter.__slots__ if name not in SEALED}
    columns |= {"piece": piece.number, "pieces": piece.count, "bytes": piece.bytes}
    return orjson.dumps(columns, option=orjson.OPT_SORT_KEYS).decode()


def edit_context(letter_id: str, attempt: int, operation: str) -> str:
    """Return the place of an edited payload, which is authenticated with it."""
    return f"{letter_id} attempt {attempt} edited by {operation}"


def _within_requests(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    return in_batches(rows, lambda row: len(row.get("sealed") or b"") + _ROW_BYTES, MAX_REQUEST_BYTES)


_ROW_BYTES: Final = 10_000  # for the columns that are not sealed: a dozen texts of at most one kilobyte

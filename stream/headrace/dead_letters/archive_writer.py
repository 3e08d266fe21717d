"""The archive: letters and what is done with them, appended to BigQuery and never changed.

Rows are appended at least once: a letter's refusal is known by (letter, attempt, piece), and counts once however often
it stands there.
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
from headrace.dead_letters.facts import Fact, Step
from headrace.dead_letters.letter import SEALED, Letter, Piece
from headrace.util.batching import in_batches

SHOWN: Final = {"event_id": "ce-id", "claimed": "ce-dataschema", "source": "ce-source"}  # columns, of which attributes


@dataclass(frozen=True, slots=True)
class ArchiveNames:
    """Where the archive is."""

    project: str
    dataset: str

    def sql(self, table: str) -> str:
        """A table, as SQL names it."""
        return f"`{self.project}.{self.dataset}.{table}`"

    def path(self, table: str) -> str:
        """A table, as the Storage Write API names it."""
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{table}"


@dataclass(frozen=True, slots=True)
class Archive:
    """Appends to the archive; *clock* gives aware times in UTC. Opens nothing before it is used."""

    names: ArchiveNames
    streams: WriteStreams
    key: ArchiveKey = field(repr=False)
    clock: Callable[[], datetime]

    def keep(self, pieces: Sequence[Piece]) -> None:
        """Append refusals; returns when BigQuery has confirmed each. Raises ArchiveError."""
        now = self.clock()
        for rows in _within_requests([self._letter(piece, now) for piece in pieces]):
            self._append(LETTERS, LETTER_SCHEMA, rows)

    def note(self, facts: Sequence[Fact]) -> None:
        """Append what was done; returns when BigQuery has confirmed it. Raises ArchiveError."""
        for rows in _within_requests([self._fact(fact) for fact in facts]):
            self._append(FACTS, FACT_SCHEMA, rows)

    def step(self, step: Step) -> None:
        """Append a line of the trail. Raises ArchiveError."""
        row = {name: getattr(step, name) for name in TRAIL_SCHEMA.names if name != "filter"}
        said = {"filter": orjson.dumps(dict(step.filter)).decode(), "outcome": step.outcome or None}
        self._append(TRAIL, TRAIL_SCHEMA, [row | said])

    def _letter(self, piece: Piece, now: datetime) -> dict[str, Any]:
        letter = piece.letter
        own = {name: getattr(letter, name) for name in LETTER_SCHEMA.names if hasattr(letter, name)}
        return own | {
            "letter_id": letter.id,
            "piece": piece.number,
            "pieces": piece.count,
            **{column: letter.attributes.get(name) for column, name in SHOWN.items()},
            "bytes": piece.bytes,
            "collected_at": now,
            "key_id": self.key.id,
            "sealed": self.key.seal(letter, place_of(piece)),
        }

    def _fact(self, fact: Fact) -> dict[str, Any]:
        own = {name: getattr(fact, name) for name in FACT_SCHEMA.names if hasattr(fact, name)}
        if fact.mended is None:
            return own
        place = place_of_edit(fact.letter_id, fact.attempt, fact.operation)
        return own | {"key_id": self.key.id, "sealed": self.key.seal(fact.mended, place)}

    def _append(self, table: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
        batch = pa.RecordBatch.from_pylist(rows, schema=schema)
        append(self.streams, self.names.path(table), Rows.of(batch))


def place_of(piece: Piece) -> str:
    """Where a piece belongs and all that its row says of it, the sealed columns aside; sealed with it, so that none of
    it can be changed, and no row copied under another name."""
    letter = piece.letter
    said = {name: getattr(letter, name) for name in Letter.__slots__ if name not in SEALED}
    said |= {"piece": piece.number, "pieces": piece.count, "bytes": piece.bytes}
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()


def place_of_edit(letter_id: str, attempt: int, operation: str) -> str:
    """Where an edited payload belongs; sealed with it."""
    return f"{letter_id} attempt {attempt} edited by {operation}"


def _within_requests(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    return in_batches(rows, lambda row: len(row.get("sealed") or b"") + _ROW_BYTES, MAX_REQUEST_BYTES)


_ROW_BYTES: Final = 10_000  # everything but what is sealed: a dozen texts of a kilobyte at most

"""Letters as the archive returns them: in lists, in groups, and complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from headrace.dead_letters.facts import State
from headrace.dead_letters.letter import Letter


@dataclass(frozen=True, slots=True)
class LetterSummary:
    """A letter in a list: its columns except the sealed ones."""

    letter_id: str
    attempt: int
    state: State
    edited: bool
    reason: str
    stage: str
    detail: str
    subject: str
    event_id: str
    claimed: str
    source: str
    bytes: int
    refused_at: datetime
    first_published_at: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> LetterSummary:
        """Read a row of a query for letters with their states."""
        own = {name: row[name] for name in cls.__slots__ if name not in ("event_id", "claimed", "source", "state")}
        return cls(
            **own,
            event_id=row["event_id"] or "",
            claimed=row["claimed"] or "",
            source=row["source"] or "",
            state=State(row["state"]),
        )


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Letters that have *by* in common; *example* is the id of the newest."""

    by: Mapping[str, str]
    letters: int
    first_seen: datetime
    last_seen: datetime
    example: str


@dataclass(frozen=True, slots=True)
class ArchivedLetter:
    """A complete letter: its last refusal, and the letter as edited since then, or None without an edit."""

    refused: Letter = field(repr=False)
    edited: Letter | None = field(repr=False)
    state: State

    @property
    def current(self) -> Letter:
        """The letter that a replay sends."""
        return self.edited or self.refused

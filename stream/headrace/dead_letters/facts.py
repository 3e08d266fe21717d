"""What is done with letters, as facts that are only ever added: what a letter's state is follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from headrace.dead_letters.letter import Letter


class Action(StrEnum):
    """What was done with one letter."""

    REVEALED = "revealed"
    EDITED = "edited"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    REOPENED = "reopened"
    IMPORTED = "imported"


class State(StrEnum):
    """Where a letter stands: its last attempt decides, and what was done since."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing done with one letter at one attempt. *operation* names the command it was part of.

    *mended* is the letter with its new bytes and attributes, when it was edited.
    """

    letter_id: str
    attempt: int
    action: Action
    done_at: datetime
    who: str
    operation: str
    why: str = field(default="", repr=False)
    mended: Letter | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the trail: a command began (*outcome* empty), or ended with so many *letters* done."""

    operation: str
    action: str
    done_at: datetime
    who: str
    filter: Mapping[str, object]
    why: str
    letters: int
    outcome: str

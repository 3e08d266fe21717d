"""Facts: records of actions on letters. Facts are only added, and a letter's state follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from headrace.dead_letters.letter import Letter


class Action(StrEnum):
    """An action on one letter."""

    REVEALED = "revealed"
    EDITED = "edited"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    REOPENED = "reopened"
    IMPORTED = "imported"


class State(StrEnum):
    """The state of a letter, from the facts about its last attempt."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Fact:
    """One action on one letter at one attempt; *operation* is the id of the command.

    For an edit, *edited* is the letter with its new bytes and attributes.
    """

    letter_id: str
    attempt: int
    action: Action
    done_at: datetime
    actor: str
    operation: str
    why: str = field(default="", repr=False)
    edited: Letter | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """An entry of the trail: a command began (*outcome* is empty), or ended after it had handled *letters* letters."""

    operation: str
    action: str
    done_at: datetime
    actor: str
    filter: Mapping[str, object]
    why: str
    letters: int
    outcome: str

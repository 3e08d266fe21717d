"""The attributes by which a replayed message names its dead letter. The job reads and removes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from headrace.schemas.envelope import from_micros, to_micros, to_rfc3339
from headrace.schemas.times import read_instant

PREFIX: Final = "headrace-replay-"
LETTER_ID: Final = f"{PREFIX}id"  # only replayed messages have it
_FIRST_ID: Final = f"{PREFIX}first-message-id"
_ID: Final = re.compile(r"[0-9a-f]{20}")
_COUNT: Final = re.compile(r"[1-9][0-9]{0,5}")
MOST_REFUSALS: Final = 999_999  # of one dead letter


@dataclass(frozen=True, slots=True)
class Replay:
    """The replay of the dead letter *letter_id*, which was refused *count* times so far.

    *first_published* is the time at which the event first reached Pub/Sub, in microseconds since 1970. Lateness is
    measured from it; otherwise each dead letter would be too late by the time somebody has corrected it.
    *first_message_id* is Pub/Sub's id of the message that was published first, because a contract may make it the id of
    the event; it is empty if it is not known.
    """

    letter_id: str
    count: int
    first_published: int
    first_message_id: str = ""

    def to_attributes(self) -> dict[str, str]:
        """Return the attributes to add to those of the event."""
        attributes = {
            f"{PREFIX}id": self.letter_id,
            f"{PREFIX}count": str(self.count),
            f"{PREFIX}first-published": to_rfc3339(from_micros(self.first_published)),
        }
        return attributes | {_FIRST_ID: self.first_message_id} if self.first_message_id else attributes

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, str]) -> Replay | None:
        """Read the replay from *attributes*; return None if the message is no replay or an attribute is invalid."""
        letter_id = attributes.get(LETTER_ID)
        if letter_id is None:
            return None
        count, first = attributes.get(f"{PREFIX}count", ""), _moment(attributes.get(f"{PREFIX}first-published", ""))
        if not _ID.fullmatch(letter_id) or not _COUNT.fullmatch(count) or first is None:
            return None
        return cls(letter_id, int(count), to_micros(first), attributes.get(_FIRST_ID, ""))


def without_replay(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return *attributes* without those of a replay."""
    return {name: value for name, value in attributes.items() if not name.startswith(PREFIX)}


def _moment(text: str) -> datetime | None:
    try:
        return read_instant(text)
    except ValueError:
        return None

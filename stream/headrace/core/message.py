"""One Pub/Sub message, as it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.replay_attributes import Replay


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes and attributes, unchanged, and where and when they came from.

    *subject* is the one whose subscription brought the message, whatever its attributes say;
    *published_at* is Pub/Sub's time, in microseconds since 1970.
    """

    subject: str
    data: bytes = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False)
    message_id: str
    published_at: int
    ordering_key: str = field(default="", repr=False)

    @property
    def first_published_at(self) -> int:
        """When the event first reached Pub/Sub: earlier than *published_at* when the message was replayed."""
        replay = Replay.from_attributes(self.attributes)
        return self.published_at if replay is None else replay.first_published

"""One Pub/Sub message, as it was received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.replay_attributes import Replay


@dataclass(frozen=True, slots=True)
class Message:
    """The unchanged bytes and attributes of a message, with its origin and time.

    *subject* is the subject of the subscription that delivered the message, whatever its attributes say. If several
    subjects share that subscription and the message belongs to none of them, it is the name of the subscription.
    *published_at* is Pub/Sub's publish time, in microseconds since 1970. *subscription* is the full name of the
    existing subscription that delivered the message; it is empty for the one that Headrace creates.
    """

    subject: str
    data: bytes = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False)
    message_id: str
    published_at: int
    ordering_key: str = field(default="", repr=False)
    subscription: str = ""

    @property
    def first_published_at(self) -> int:
        """The time at which the event first reached Pub/Sub: before *published_at* if the message is a replay."""
        replay = Replay.from_attributes(self.attributes)
        return self.published_at if replay is None else replay.first_published

    @property
    def first_message_id(self) -> str:
        """Pub/Sub's id of the message that was published first: another one than *message_id* if this is a replay."""
        replay = Replay.from_attributes(self.attributes)
        return self.message_id if replay is None else replay.first_message_id or self.message_id

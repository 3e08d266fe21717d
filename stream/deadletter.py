"""What happens to a message the job cannot use: published whole, with its reason, to the dead-letter topic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import PubsubMessage

from schemas.envelope import from_micros, to_rfc3339
from stream.batch import MicroBatch
from stream.message import Message

PREFIX: Final = "headrace-dl-"
MAX_DETAIL_BYTES: Final = 1000
PUBLISH_SECONDS: Final = 60.0
# One publish request: cloud.google.com/pubsub/quotas#resource_limits, with room for framing.
MAX_REQUEST_MESSAGES: Final = 1000
MAX_REQUEST_BYTES: Final = 9_000_000


class Reason(StrEnum):
    """Why a message was refused; the value is what operators filter on."""

    MALFORMED_ENVELOPE = "malformed_envelope"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNDECODABLE_PAYLOAD = "undecodable_payload"
    TOO_LATE = "too_late"
    IN_THE_FUTURE = "in_the_future"
    ID_CONFLICT = "id_conflict"
    REFUSED_BY_BIGQUERY = "refused_by_bigquery"
    ROW_TOO_LARGE = "row_too_large"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The row or message at *index* was refused. *detail* never holds a value."""

    index: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused message, whole enough to be sent again."""

    message: Message
    reason: Reason
    stage: str
    detail: str = field(repr=False)

    def attributes(self, refused_at: datetime, pipeline: str) -> dict[str, str]:
        """The original attributes, unchanged, and ours under ``headrace-dl-``."""
        return dict(self.message.attributes) | {
            f"{PREFIX}reason": self.reason,
            f"{PREFIX}stage": self.stage,
            f"{PREFIX}error": self.detail.encode()[:MAX_DETAIL_BYTES].decode(errors="ignore"),
            f"{PREFIX}time": to_rfc3339(refused_at),
            f"{PREFIX}pipeline": pipeline,
            f"{PREFIX}subject": self.message.subject,
            f"{PREFIX}message-id": self.message.message_id,
            f"{PREFIX}publish-time": to_rfc3339(from_micros(self.message.published_at)),
        }


def unread_letters(messages: Sequence[Message], refusals: Sequence[Refusal], stage: str) -> Iterator[DeadLetter]:
    """Make a dead letter of each message refused before it became a row; refusals are by index in *messages*."""
    for refusal in refusals:
        yield DeadLetter(messages[refusal.index], refusal.reason, stage, refusal.detail)


def dead_letters(
    messages: Sequence[Message], batch: MicroBatch, refusals: Sequence[Refusal], stage: str
) -> Iterator[DeadLetter]:
    """Make a dead letter of each refused row; refusals are by index in *batch*, which was read from *messages*."""
    places = batch.notes.column("message")
    for refusal in refusals:
        message = messages[places[refusal.index].as_py()]
        yield DeadLetter(message, refusal.reason, stage, refusal.detail)


def publish_letters(
    publisher: PublisherClient, topic: str, letters: Iterable[DeadLetter], pipeline: str, refused_at: datetime
) -> None:
    """Publish *letters* in requests within the service's limits; returns when each is confirmed.

    Raises what the client raises when one is not; those before it are published then.
    """
    for request in _requests([_wire(letter, pipeline, refused_at) for letter in letters]):
        publisher.publish(topic=topic, messages=request, retry=None, timeout=PUBLISH_SECONDS)


def _wire(letter: DeadLetter, pipeline: str, refused_at: datetime) -> PubsubMessage:
    return PubsubMessage(
        data=letter.message.data,
        attributes=letter.attributes(refused_at, pipeline),
        ordering_key=letter.message.ordering_key,
    )


def _requests(letters: Sequence[PubsubMessage]) -> Iterator[list[PubsubMessage]]:
    request: list[PubsubMessage] = []
    size = 0
    for letter in letters:
        weight = PubsubMessage.pb(letter).ByteSize()
        if request and (size + weight > MAX_REQUEST_BYTES or len(request) == MAX_REQUEST_MESSAGES):
            yield request
            request, size = [], 0
        request.append(letter)
        size += weight
    if request:
        yield request

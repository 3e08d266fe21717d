"""What happens to a message the job cannot use: published whole, with its reason, to the dead-letter topic."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
PUBLISH_SECONDS: Final = 30.0
# One publish request: cloud.google.com/pubsub/quotas#resource_limits, with room for framing.
MAX_REQUEST_MESSAGES: Final = 1000
MAX_REQUEST_BYTES: Final = 9_000_000
# One message may have 100 attributes, and 10 MB with them; ours need room for themselves.
MAX_FOREIGN_ATTRIBUTES: Final = 85
MAX_LETTER_BYTES: Final = 9_900_000
RESERVED: Final = "goog"  # Pub/Sub stamps such attributes on messages, and lets nobody publish them
KEPT_AS: Final = f"{PREFIX}original-"


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
        """The original attributes, unchanged, and ours under ``headrace-dl-``.

        Those that Pub/Sub reserves are kept under ``headrace-dl-original-``. Of more than 85 the event's own and the
        first by name are kept, and ``headrace-dl-left-out`` says how many are not.
        """
        return (
            _publishable(self.message.attributes)
            | _ordering(self.message)
            | {
                f"{PREFIX}reason": self.reason,
                f"{PREFIX}stage": self.stage,
                f"{PREFIX}error": self.detail.encode()[:MAX_DETAIL_BYTES].decode(errors="ignore"),
                f"{PREFIX}time": to_rfc3339(refused_at),
                f"{PREFIX}pipeline": pipeline,
                f"{PREFIX}subject": self.message.subject,
                f"{PREFIX}message-id": self.message.message_id,
                f"{PREFIX}publish-time": to_rfc3339(from_micros(self.message.published_at)),
            }
        )


def _publishable(attributes: Mapping[str, str]) -> dict[str, str]:
    renamed = {KEPT_AS + name if name.startswith(RESERVED) else name: value for name, value in attributes.items()}
    if len(renamed) <= MAX_FOREIGN_ATTRIBUTES:
        return renamed
    kept = sorted(renamed, key=lambda name: (not name.startswith(("ce-", KEPT_AS)), name))[:MAX_FOREIGN_ATTRIBUTES]
    return {name: renamed[name] for name in kept} | {f"{PREFIX}left-out": str(len(renamed) - len(kept))}


def _ordering(message: Message) -> dict[str, str]:
    """The key as an attribute: letters of several keys go in one request, where one key is allowed."""
    return {f"{PREFIX}ordering-key": message.ordering_key} if message.ordering_key else {}


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
    for request in letter_requests(letters, pipeline, refused_at):
        publish_request(publisher, topic, request)


def letter_requests(
    letters: Iterable[DeadLetter], pipeline: str, refused_at: datetime
) -> Iterator[list[PubsubMessage]]:
    """Letters as messages, in requests within the service's limits."""
    return _requests([_wire(letter, pipeline, refused_at) for letter in letters])


def publish_request(publisher: PublisherClient, topic: str, messages: Sequence[PubsubMessage]) -> None:
    """Publish one request; returns when all of it is confirmed, and raises what the client raises when it is not."""
    publisher.publish(topic=topic, messages=messages, retry=None, timeout=PUBLISH_SECONDS)


def _wire(letter: DeadLetter, pipeline: str, refused_at: datetime) -> PubsubMessage:
    """The letter as a message; data that leaves the attributes no room is cut, and its length and hash are said."""
    data, attributes = letter.message.data, letter.attributes(refused_at, pipeline)
    room = MAX_LETTER_BYTES - sum(len(name.encode()) + len(value.encode()) for name, value in attributes.items())
    if len(data) > room:
        attributes[f"{PREFIX}data-bytes"] = str(len(data))
        attributes[f"{PREFIX}data-sha256"] = hashlib.sha256(data).hexdigest()
        data = data[:room]
    return PubsubMessage(data=data, attributes=attributes)


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

"""What happens to a message the job cannot use: published whole, with its reason, to the dead-letter topic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import apache_beam as beam
from google.pubsub_v1.types import PubsubMessage

from schemas.envelope import from_micros, to_rfc3339
from stream.batch import MicroBatch
from stream.clients import open_gapic_publisher
from stream.message import Message
from stream.sealing import unseal

DEAD_LETTERS: Final = "dead_letters"
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


def dead_letters(batch: MicroBatch, refusals: Sequence[Refusal], stage: str, key: bytes) -> Iterator[DeadLetter]:
    """Open the sealed messages of *batch* and make a dead letter of each refused row."""
    if not refusals:
        return
    messages = unseal(batch.sealed, key)
    places = batch.notes.column("message")
    for refusal in refusals:
        message = messages[places[refusal.index].as_py()]
        yield DeadLetter(message, refusal.reason, stage, refusal.detail)


class _PublishFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, topic: str, pipeline: str) -> None:
        self._topic = topic
        self._pipeline = pipeline

    def setup(self) -> None:
        self._publisher = open_gapic_publisher()

    def start_bundle(self) -> None:
        self._letters: list[PubsubMessage] = []

    def process(self, letter: DeadLetter) -> None:
        message = PubsubMessage(
            data=letter.message.data,
            attributes=letter.attributes(datetime.now(UTC), self._pipeline),
            ordering_key=letter.message.ordering_key,
        )
        self._letters.append(message)

    def finish_bundle(self) -> None:
        for request in requests(self._letters):
            self._publisher.publish(topic=self._topic, messages=request, timeout=PUBLISH_SECONDS)


def requests(letters: Sequence[PubsubMessage]) -> Iterator[list[PubsubMessage]]:
    """Cut *letters* into publish requests within the service's limits."""
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


@dataclass
class PublishDeadLetters(beam.PTransform):  # type: ignore[misc]
    """Publish every dead letter, and end the bundle only when each is confirmed."""

    topic: str
    pipeline: str

    def expand(self, letters: beam.PCollection) -> Any:
        """Publish, in the stage that refused: raw messages cross no shuffle."""
        return letters | "Publish" >> beam.ParDo(_PublishFn(self.topic, self.pipeline))

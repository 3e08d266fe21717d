"""Dead letters: messages that the job cannot use, published whole, with the reason, to the dead-letter topic."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from importlib import metadata
from typing import TYPE_CHECKING, Final

from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch
from headrace.core.replay_attributes import Replay, without_replay
from headrace.core.resource_names import Names
from headrace.schemas.envelope import from_micros, to_rfc3339
from headrace.util.batching import in_batches

if TYPE_CHECKING:  # the import takes a third of a second, and commands that only read dead letters do not need it
    from google.pubsub_v1 import PublisherClient
    from google.pubsub_v1.types import PubsubMessage

PREFIX: Final = "headrace-dl-"
MAX_DETAIL_BYTES: Final = 1000
PUBLISH_SECONDS: Final = 30.0
# Limits of one publish request (cloud.google.com/pubsub/quotas#resource_limits), less some room for framing.
MAX_REQUEST_MESSAGES: Final = 1000
MAX_REQUEST_BYTES: Final = 9_000_000
# A message may have 100 attributes, and 10 MB with them. These limits leave room for Headrace's own attributes, and
# keep the row of a piece in the archive within the limits of BigQuery.
MAX_FOREIGN_ATTRIBUTES: Final = 80
MAX_PIECE_BYTES: Final = 8_500_000
MAX_NAME_BYTES: Final = 256
RESERVED: Final = ("goog", PREFIX)  # Pub/Sub reserves the first; Headrace uses the second
KEPT_AS: Final = f"{PREFIX}original-"
_EVENT: Final = ("ce-", "content-type")  # attributes that describe the event; they go into the first piece


class Reason(StrEnum):
    """Why a message was refused. Operators filter by the value."""

    MALFORMED_ENVELOPE = "malformed_envelope"
    UNKNOWN_SCHEMA = "unknown_schema"
    BLOCKED_SUBJECT = "blocked_subject"  # one of its contracts is invalid; on Dataflow only, which cannot let it wait
    UNDECODABLE_PAYLOAD = "undecodable_payload"
    UNREADABLE_REFERENCE = "unreadable_reference"  # to a payload in a bucket
    INVALID_LINE = "invalid_line"  # in a file that is backfilled
    TOO_LATE = "too_late"
    IN_THE_FUTURE = "in_the_future"
    TRANSFORM_FAILED = "transform_failed"
    RULE_BROKEN = "rule_broken"
    ID_CONFLICT = "id_conflict"
    REFUSED_BY_BIGQUERY = "refused_by_bigquery"
    ROW_TOO_LARGE = "row_too_large"
    UNDELIVERED = "undelivered"  # Pub/Sub itself forwarded the message, after its delivery attempts
    UNEXPLAINED = "unexplained"  # somebody else published to the dead-letter topic


@dataclass(frozen=True, slots=True)
class Refusal:
    """The row or message at *index* was refused. *detail* never holds a value."""

    index: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Sender:
    """The job that makes dead letters: *pipeline* is its name, *version* is Headrace's."""

    project: str
    pipeline: str
    version: str = field(default_factory=lambda: metadata.version("headrace"))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused message with all that is needed to send it again."""

    message: Message
    reason: Reason
    stage: str
    detail: str = field(repr=False)

    def letter_id(self, source: str) -> str:
        """Return the permanent id of this dead letter, whose message came from the subscription *source*."""
        message = self.message
        replay = Replay.from_attributes(message.attributes)
        return new_letter_id(source, message.message_id, message.published_at) if replay is None else replay.letter_id

    def attributes(self, refused_at: datetime, sender: Sender) -> dict[str, str]:
        """Return the ``headrace-dl-`` attributes, which describe the refusal.

        A message that is refused again after a replay is the same dead letter, with one attempt more.
        """
        message = self.message
        source = source_of(message, sender.project)
        replay = Replay.from_attributes(message.attributes)
        first_id = message.first_message_id
        return {
            f"{PREFIX}id": self.letter_id(source),
            f"{PREFIX}attempt": str(1 if replay is None else replay.count + 1),
            f"{PREFIX}reason": self.reason,
            f"{PREFIX}stage": self.stage,
            f"{PREFIX}error": self.detail.encode()[:MAX_DETAIL_BYTES].decode(errors="ignore"),
            f"{PREFIX}time": to_rfc3339(refused_at),
            f"{PREFIX}pipeline": sender.pipeline,
            f"{PREFIX}version": sender.version,
            f"{PREFIX}subject": message.subject,
            f"{PREFIX}source-subscription": source,
            f"{PREFIX}message-id": message.message_id,
            f"{PREFIX}publish-time": to_rfc3339(from_micros(message.published_at)),
            f"{PREFIX}first-publish-time": to_rfc3339(from_micros(message.first_published_at)),
            **({} if first_id == message.message_id else {f"{PREFIX}first-message-id": first_id}),
            # The key is an attribute because a request has letters of several keys, and Pub/Sub allows only one.
            **({f"{PREFIX}ordering-key": message.ordering_key} if message.ordering_key else {}),
        }


def source_of(message: Message, project: str) -> str:
    """Return the full name of the subscription that delivered *message* to a job of *project*."""
    return message.subscription or Names(project).subscription(message.subject)


def new_letter_id(subscription: str, message_id: str, published_at: int) -> str:
    """Return the permanent id of a dead letter: a message has the same id each time it is refused.

    >>> new_letter_id("projects/p/subscriptions/s", "17", 0)
    'd599701e74ac709781bb'
    """
    name = f"{subscription} {message_id} {published_at}"
    return hashlib.blake2b(name.encode(), digest_size=10).hexdigest()


def dead_letters_of_messages(
    messages: Sequence[Message], refusals: Sequence[Refusal], stage: str
) -> Iterator[DeadLetter]:
    """Yield a dead letter for each message refused before it became a row; refusals refer to indexes in *messages*."""
    for refusal in refusals:
        yield DeadLetter(messages[refusal.index], refusal.reason, stage, refusal.detail)


def dead_letters(
    messages: Sequence[Message], batch: MicroBatch, refusals: Sequence[Refusal], stage: str
) -> Iterator[DeadLetter]:
    """Yield a dead letter for each refused row of *batch*, which was read from *messages*.

    Refusals refer to indexes in *batch*.
    """
    places = batch.notes.column("message")
    for refusal in refusals:
        message = messages[places[refusal.index].as_py()]
        yield DeadLetter(message, refusal.reason, stage, refusal.detail)


def publish_letters(
    publisher: PublisherClient, topic: str, letters: Iterable[DeadLetter], sender: Sender, refused_at: datetime
) -> None:
    """Publish *letters* in requests within the service's limits; return when each is confirmed.

    Raise the client's error if a request fails. The requests before it are published then.
    """
    for request in letter_requests(letters, sender, refused_at):
        publish_request(publisher, topic, request)


def letter_requests(
    letters: Iterable[DeadLetter], sender: Sender, refused_at: datetime
) -> Iterator[list[PubsubMessage]]:
    """Yield *letters* as messages, in requests within the service's limits."""
    return _requests([piece for letter in letters for piece in _pieces(letter, sender, refused_at)])


def publish_request(publisher: PublisherClient, topic: str, messages: MutableSequence[PubsubMessage]) -> None:
    """Publish one request; return when all of it is confirmed, or raise the client's error."""
    publisher.publish(topic=topic, messages=messages, retry=None, timeout=PUBLISH_SECONDS)


def _pieces(letter: DeadLetter, sender: Sender, refused_at: datetime) -> Iterator[PubsubMessage]:
    """Yield *letter* as one message, or as numbered pieces if it has too many bytes or attributes for one message.

    The original bytes and attributes stay unchanged. Attributes with reserved names get the prefix
    ``headrace-dl-original-``.
    """
    from google.pubsub_v1.types import PubsubMessage

    ours, data = letter.attributes(refused_at, sender), letter.message.data
    foreign = _publishable(without_replay(letter.message.attributes))
    shares = [
        foreign[start : start + MAX_FOREIGN_ATTRIBUTES] for start in range(0, len(foreign), MAX_FOREIGN_ATTRIBUTES)
    ]
    slices = [data[start : start + MAX_PIECE_BYTES] for start in range(0, len(data), MAX_PIECE_BYTES)]
    count = max(1, len(shares), len(slices))
    if count > 1:
        ours[f"{PREFIX}data-bytes"] = str(len(data))
        ours[f"{PREFIX}data-sha256"] = hashlib.sha256(data).hexdigest()
    for number in range(count):
        if count > 1:
            ours[f"{PREFIX}piece"] = f"{number + 1}/{count}"
        share = dict(shares[number]) if number < len(shares) else {}
        yield PubsubMessage(data=slices[number] if number < len(slices) else b"", attributes=share | ours)


def _publishable(attributes: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the attributes under names that Pub/Sub accepts, those that describe the event first."""
    named = [(KEPT_AS + name if name.startswith(RESERVED) else name, value) for name, value in attributes.items()]
    fitting = [each for each in named if len(each[0].encode()) <= MAX_NAME_BYTES]
    return sorted(fitting, key=lambda each: (not each[0].startswith(_EVENT), each[0]))


def _requests(letters: Sequence[PubsubMessage]) -> Iterator[list[PubsubMessage]]:
    from google.pubsub_v1.types import PubsubMessage

    yield from in_batches(
        letters, lambda letter: PubsubMessage.pb(letter).ByteSize(), MAX_REQUEST_BYTES, MAX_REQUEST_MESSAGES
    )

"""What happens to a message the job cannot use: published whole, with its reason, to the dead-letter topic."""

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

if TYPE_CHECKING:  # a third of a second: who only reads letters does not wait for it
    from google.pubsub_v1 import PublisherClient
    from google.pubsub_v1.types import PubsubMessage

PREFIX: Final = "headrace-dl-"
MAX_DETAIL_BYTES: Final = 1000
PUBLISH_SECONDS: Final = 30.0
# One publish request: cloud.google.com/pubsub/quotas#resource_limits, with room for framing.
MAX_REQUEST_MESSAGES: Final = 1000
MAX_REQUEST_BYTES: Final = 9_000_000
# A message may have 100 attributes, and 10 MB with them; ours need room, and so has a piece's row in the archive.
MAX_FOREIGN_ATTRIBUTES: Final = 80
MAX_PIECE_BYTES: Final = 8_500_000
MAX_NAME_BYTES: Final = 256
RESERVED: Final = ("goog", PREFIX)  # Pub/Sub lets nobody publish the first, and the second are ours
KEPT_AS: Final = f"{PREFIX}original-"
_EVENT: Final = ("ce-", "content-type")  # the attributes that say what an event is: in the first piece


class Reason(StrEnum):
    """Why a message was refused; the value is what operators filter on."""

    MALFORMED_ENVELOPE = "malformed_envelope"
    UNKNOWN_SCHEMA = "unknown_schema"
    BLOCKED_SUBJECT = "blocked_subject"  # a contract of it is refused; on Dataflow alone, which cannot leave it waiting
    UNDECODABLE_PAYLOAD = "undecodable_payload"
    INVALID_LINE = "invalid_line"  # of a file that is backfilled
    TOO_LATE = "too_late"
    IN_THE_FUTURE = "in_the_future"
    TRANSFORM_FAILED = "transform_failed"
    ID_CONFLICT = "id_conflict"
    REFUSED_BY_BIGQUERY = "refused_by_bigquery"
    ROW_TOO_LARGE = "row_too_large"
    UNDELIVERED = "undelivered"  # Pub/Sub itself put the message aside
    UNEXPLAINED = "unexplained"  # somebody else published to the dead-letter topic


@dataclass(frozen=True, slots=True)
class Refusal:
    """The row or message at *index* was refused. *detail* never holds a value."""

    index: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Sender:
    """Which job makes dead letters: *pipeline* is its name, *version* Headrace's own."""

    project: str
    pipeline: str
    version: str = field(default_factory=lambda: metadata.version("headrace"))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused message, whole enough to be sent again."""

    message: Message
    reason: Reason
    stage: str
    detail: str = field(repr=False)

    def attributes(self, refused_at: datetime, sender: Sender) -> dict[str, str]:
        """What is said of the message, under ``headrace-dl-``.

        A message that is refused again after a replay is the same letter, and another attempt.
        """
        message = self.message
        source = Names(sender.project).subscription(message.subject)
        replay = Replay.from_attributes(message.attributes)
        return {
            f"{PREFIX}id": new_letter_id(source, message.message_id, message.published_at)
            if replay is None
            else replay.letter_id,
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
            # As an attribute: letters of several keys go in one request, where one key is allowed.
            **({f"{PREFIX}ordering-key": message.ordering_key} if message.ordering_key else {}),
        }


def new_letter_id(subscription: str, message_id: str, published_at: int) -> str:
    """The name of a letter, for ever: the same message gives the same, however often it is refused.

    >>> new_letter_id("projects/p/subscriptions/s", "17", 0)
    'd599701e74ac709781bb'
    """
    name = f"{subscription} {message_id} {published_at}"
    return hashlib.blake2b(name.encode(), digest_size=10).hexdigest()


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
    publisher: PublisherClient, topic: str, letters: Iterable[DeadLetter], sender: Sender, refused_at: datetime
) -> None:
    """Publish *letters* in requests within the service's limits; returns when each is confirmed.

    Raises what the client raises when one is not; those before it are published then.
    """
    for request in letter_requests(letters, sender, refused_at):
        publish_request(publisher, topic, request)


def letter_requests(
    letters: Iterable[DeadLetter], sender: Sender, refused_at: datetime
) -> Iterator[list[PubsubMessage]]:
    """Letters as messages, in requests within the service's limits."""
    return _requests([piece for letter in letters for piece in _pieces(letter, sender, refused_at)])


def publish_request(publisher: PublisherClient, topic: str, messages: MutableSequence[PubsubMessage]) -> None:
    """Publish one request; returns when all of it is confirmed, and raises what the client raises when it is not."""
    publisher.publish(topic=topic, messages=messages, retry=None, timeout=PUBLISH_SECONDS)


def _pieces(letter: DeadLetter, sender: Sender, refused_at: datetime) -> Iterator[PubsubMessage]:
    """The letter as one message; as several, each of which says so, when it has more bytes or attributes than one may.

    The original bytes and attributes are unchanged; names that nobody may publish go under ``headrace-dl-original-``.
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
    """The attributes by names that may be published, the event's own first."""
    named = [(KEPT_AS + name if name.startswith(RESERVED) else name, value) for name, value in attributes.items()]
    fitting = [each for each in named if len(each[0].encode()) <= MAX_NAME_BYTES]
    return sorted(fitting, key=lambda each: (not each[0].startswith(_EVENT), each[0]))


def _requests(letters: Sequence[PubsubMessage]) -> Iterator[list[PubsubMessage]]:
    from google.pubsub_v1.types import PubsubMessage

    yield from in_batches(
        letters, lambda letter: PubsubMessage.pb(letter).ByteSize(), MAX_REQUEST_BYTES, MAX_REQUEST_MESSAGES
    )

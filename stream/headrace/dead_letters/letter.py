"""A dead letter, and the functions that read it from the dead-letter topic."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from headrace.core.dead_letter import KEPT_AS, MAX_PIECE_BYTES, PREFIX, Reason, new_letter_id
from headrace.core.message import Message
from headrace.core.replay_attributes import MOST_REFUSALS, Replay, without_replay
from headrace.schemas.envelope import EPOCH, from_micros, to_micros
from headrace.schemas.numbers import read_whole
from headrace.schemas.times import read_instant, without_finer

FORWARDED: Final = "CloudPubSubDeadLetterSource"  # prefix of the attributes that Pub/Sub adds when it forwards
_MAX_VALUE_BYTES: Final = 1024  # of an attribute; the ids of lines of files may be longer
_PIECE: Final = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")
_SUBSCRIPTION: Final = re.compile(r"(?:projects/[^/]+/subscriptions/)?headrace-([a-z][a-z0-9_]{2,99})")


# Fields of a letter that are stored encrypted. The last one is there because older rows lack it.
SEALED: Final = ("data", "attributes", "ordering_key", "first_message_id")


@dataclass(frozen=True, slots=True)
class Letter:
    """One refusal of one message: its original bytes and attributes, with cause, time and place of the refusal.

    *id* stays the same through replays; *attempt* counts refusals from 1. Times are aware, in UTC. *message_id* is that
    of the refused message, and *first_message_id* that of the message that was published first; it is empty for the
    same one.
    """

    id: str
    attempt: int
    reason: str
    stage: str
    detail: str
    subject: str
    refused_at: datetime
    pipeline: str
    version: str
    source_subscription: str
    message_id: str
    published_at: datetime
    first_published_at: datetime
    data: bytes = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False)
    ordering_key: str = field(default="", repr=False)
    first_message_id: str = ""

    @property
    def replay(self) -> Replay:
        """The attributes of a message that replays this letter."""
        first_id = self.first_message_id or self.message_id
        carried = first_id if len(first_id.encode()) <= _MAX_VALUE_BYTES else ""
        return Replay(self.id, self.attempt, to_micros(self.first_published_at), carried)

    def as_message(self) -> Message:
        """Return the message that the job receives if this letter is replayed.

        Pub/Sub stamps it as it stamped the refused message.
        """
        replay = self.replay
        attributes = {**self.attributes, **replay.to_attributes()}
        return Message(self.subject, self.data, attributes, self.message_id, replay.first_published, self.ordering_key)


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a letter in one message or row: the *number*-th of *count*, from 1; *bytes* is the whole size."""

    letter: Letter
    number: int
    count: int
    bytes: int


def read_pieces(message: Any) -> list[Piece]:
    """Read one message of the dead-letter topic; *message* is a ``PubsubMessage`` of protobuf, not of proto-plus.

    Accept letters of this job, messages that Pub/Sub itself forwarded, and anything else published there. Refuse
    nothing, because there is no other topic for a refused message.
    """
    attributes = dict(message.attributes)
    try:
        piece = _ours(message, attributes)
    except (KeyError, ValueError):
        piece = _others(message, attributes)
    return _within_rows(piece)


def as_pieces(letter: Letter) -> list[Piece]:
    """Return the pieces of a letter, one for each row."""
    return _within_rows(Piece(letter, 1, 1, len(letter.data)))


def joined(pieces: Iterable[Piece]) -> Letter | None:
    """Join the pieces of one refusal, in any order and with duplicates; return None if one is missing."""
    by_number = {piece.number: piece for piece in pieces}
    first = by_number.get(1)
    if first is None or any(number not in by_number for number in range(1, first.count + 1)):
        return None
    ordered = [by_number[number].letter for number in range(1, first.count + 1)]
    attributes = {name: value for letter in ordered for name, value in letter.attributes.items()}
    return replace(first.letter, data=b"".join(letter.data for letter in ordered), attributes=attributes)


def _ours(message: Any, attributes: Mapping[str, str]) -> Piece:
    """Read a letter of this job. Raises KeyError or ValueError for other messages."""
    headers = {name.removeprefix(PREFIX): value for name, value in attributes.items() if name.startswith(PREFIX)}
    match = _PIECE.fullmatch(headers.get("piece", "1/1"))
    if match is None or int(match[1]) > int(match[2]):
        raise ValueError("invalid piece")
    published_at = read_instant(headers["publish-time"])
    letter = Letter(
        id=headers["id"],
        attempt=read_attempt(read_whole(headers["attempt"])),
        reason=headers["reason"],
        stage=headers["stage"],
        detail=headers["error"],
        subject=headers["subject"],
        refused_at=read_instant(headers["time"]),
        pipeline=headers["pipeline"],
        version=headers["version"],
        source_subscription=headers["source-subscription"],
        message_id=headers["message-id"],
        published_at=published_at,
        first_published_at=read_instant(headers["first-publish-time"]),
        data=message.data,
        attributes=_original_attributes(attributes),
        ordering_key=headers.get("ordering-key", ""),
        first_message_id=headers.get("first-message-id", ""),
    )
    return Piece(letter, int(match[1]), int(match[2]), read_whole(headers.get("data-bytes", str(len(message.data)))))


def read_attempt(number: int) -> int:
    """Check the number of an attempt. Raises ValueError for an impossible one, which would hide the true number."""
    if not 1 <= number <= MOST_REFUSALS:
        raise ValueError("invalid attempt")
    return number


def _others(message: Any, attributes: Mapping[str, str]) -> Piece:
    """Read a message that Pub/Sub gave up delivering, or that somebody else published to the dead-letter topic."""
    forwarded = {n.removeprefix(FORWARDED): value for n, value in attributes.items() if n.startswith(FORWARDED)}
    own = {name: value for name, value in attributes.items() if not name.startswith(FORWARDED)}
    arrived = _arrival(message)
    published = _moment(forwarded.get("TopicPublishTime", ""), arrived)
    source, replay = forwarded.get("Subscription", ""), Replay.from_attributes(attributes)
    subject = _SUBSCRIPTION.fullmatch(source)
    if forwarded:
        detail = f"Pub/Sub gave up after {forwarded.get('DeliveryCount', 'too many')} deliveries"
    else:
        detail = "published to the dead-letter topic by somebody else, without a reason"
    letter = Letter(
        id=new_letter_id(source, message.message_id, to_micros(arrived)) if replay is None else replay.letter_id,
        attempt=1 if replay is None else replay.count + 1,
        reason=Reason.UNDELIVERED if forwarded else Reason.UNEXPLAINED,
        stage="pubsub" if forwarded else "",
        detail=detail,
        subject=subject[1] if subject else own.get("ce-type", ""),
        refused_at=arrived,
        pipeline="",
        version="",
        source_subscription=source,
        message_id=message.message_id,
        published_at=published,
        first_published_at=published if replay is None else from_micros(replay.first_published),
        data=message.data,
        attributes=without_replay(own),
        ordering_key=message.ordering_key,
        first_message_id="" if replay is None else replay.first_message_id,
    )
    return Piece(letter, 1, 1, len(message.data))


def _original_attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in attributes.items() if not name.startswith(PREFIX)}
    kept = {n.removeprefix(KEPT_AS): value for n, value in attributes.items() if n.startswith(KEPT_AS)}
    return own | kept


def _within_rows(piece: Piece) -> list[Piece]:
    """Cut a piece into rows, because a message may be larger than a row of the archive."""
    data = piece.letter.data
    if len(data) <= MAX_PIECE_BYTES:
        return [piece]
    slices = [data[start : start + MAX_PIECE_BYTES] for start in range(0, len(data), MAX_PIECE_BYTES)]
    return [
        Piece(
            replace(piece.letter, data=share, attributes=piece.letter.attributes if number == 1 else {}),
            number,
            len(slices),
            piece.bytes,
        )
        for number, share in enumerate(slices, start=1)
    ]


def _arrival(message: Any) -> datetime:
    published = message.publish_time
    return from_micros(published.seconds * 1_000_000 + published.nanos // 1000)


def _moment(text: str, otherwise: datetime) -> datetime:
    """Read a time of Pub/Sub, which may have nanoseconds; return *otherwise* if it is invalid."""
    try:
        moment = read_instant(without_finer(text))
    except ValueError:
        return otherwise
    return moment if moment > EPOCH else otherwise

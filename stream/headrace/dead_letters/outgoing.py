"""Make the messages that replay letters: their attributes, within Pub/Sub's limits, and the publish requests."""

from __future__ import annotations

from collections.abc import Iterator, MutableSequence, Sequence
from typing import Any, Final, NamedTuple

from google.pubsub_v1.types import PubsubMessage

from headrace.core.dead_letter import MAX_NAME_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_MESSAGES
from headrace.core.replay_attributes import Replay
from headrace.dead_letters.letter import Letter
from headrace.util.batching import in_batches

STAMP: Final = "goog"  # prefix of Pub/Sub's own attributes, which no publisher may set
# cloud.google.com/pubsub/quotas#resource_limits; a message needs some bytes of its request for framing.
MAX_ATTRIBUTES: Final = 100
MAX_VALUE_BYTES: Final = 1024
MAX_MESSAGE_BYTES: Final = 9_999_000
_MESSAGE: Final = PubsubMessage.meta.pb


class Request(NamedTuple):
    """One publish request, with letters of one subject and one ordering key, as Pub/Sub requires."""

    subject: str
    letters: Sequence[Letter]
    messages: MutableSequence[Any]

    def halves(self) -> tuple[Request, Request]:
        """Return the request as two smaller ones."""
        middle = len(self.letters) // 2
        return (
            Request(self.subject, self.letters[:middle], self.messages[:middle]),
            Request(self.subject, self.letters[middle:], self.messages[middle:]),
        )


def attributes_to_send(letter: Letter) -> dict[str, str]:
    """Return the letter's attributes without Pub/Sub's own, plus the attributes that mark a replay."""
    own = {name: value for name, value in letter.attributes.items() if not name.startswith(STAMP)}
    return own | letter.replay.to_attributes()


def is_stamped(letter: Letter) -> bool:
    """Return whether :func:`attributes_to_send` omits attributes."""
    return any(name.startswith(STAMP) for name in letter.attributes)


def to_message(letter: Letter) -> Any:
    """Return the message that replays *letter*, of protobuf, because proto-plus would take most of a replay's time."""
    return _MESSAGE(data=letter.data, attributes=attributes_to_send(letter), ordering_key=letter.ordering_key)


def unsendable_reason(letter: Letter) -> str:
    """Return why Pub/Sub or the job would refuse the replay of *letter*, with the remedy; empty if they accept it."""
    attributes = attributes_to_send(letter)
    if Replay.from_attributes(attributes) != letter.replay:
        return "invalid letter id, the job would not recognise the replay: export it and publish the event anew"
    if len(attributes) > MAX_ATTRIBUTES:
        ours = len(letter.replay.to_attributes())
        return f"too many attributes: a replay adds {ours}, and Pub/Sub accepts {MAX_ATTRIBUTES}; edit it"
    if any(len(name.encode()) > MAX_NAME_BYTES or not name for name in attributes):
        return f"an attribute's name is empty or longer than {MAX_NAME_BYTES} bytes; edit it"
    if any(len(value.encode()) > MAX_VALUE_BYTES for value in attributes.values()):
        return f"an attribute's value is longer than {MAX_VALUE_BYTES} bytes; edit it"
    if len(letter.ordering_key.encode()) > MAX_VALUE_BYTES:
        return f"its ordering key is longer than {MAX_VALUE_BYTES} bytes; edit it"
    if len(letter.data) > MAX_REQUEST_BYTES and to_message(letter).ByteSize() > MAX_MESSAGE_BYTES:
        return "too large: with the attributes of a replay it exceeds 10 MB; edit it"
    return ""


def requests(letters: Sequence[Letter]) -> Iterator[Request]:
    """Yield *letters* in requests within Pub/Sub's limits; letters of one ordering key stay in order."""
    by_key: dict[tuple[str, str], list[Letter]] = {}
    for letter in letters:
        by_key.setdefault((letter.subject, letter.ordering_key), []).append(letter)
    for (subject, _), of_key in by_key.items():
        yield from _within_limits(subject, of_key)


def _within_limits(subject: str, letters: Sequence[Letter]) -> Iterator[Request]:
    pairs = ((letter, to_message(letter)) for letter in letters)
    for batch in in_batches(pairs, lambda pair: int(pair[1].ByteSize()), MAX_REQUEST_BYTES, MAX_REQUEST_MESSAGES):
        yield Request(subject, [letter for letter, _ in batch], [message for _, message in batch])

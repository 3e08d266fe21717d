"""The publish requests of a replay, within Pub/Sub's limits."""

from __future__ import annotations

from collections.abc import Iterator, MutableSequence, Sequence
from typing import Any, Final, NamedTuple

from google.pubsub_v1.types import PubsubMessage

from headrace.core.dead_letter import MAX_REQUEST_BYTES, MAX_REQUEST_MESSAGES
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.outgoing import attributes_to_send
from headrace.util.batching import in_batches

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


def to_message(letter: Letter) -> Any:
    """Return the message that replays *letter*, of protobuf, because proto-plus would take most of a replay's time."""
    return _MESSAGE(data=letter.data, attributes=attributes_to_send(letter), ordering_key=letter.ordering_key)


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

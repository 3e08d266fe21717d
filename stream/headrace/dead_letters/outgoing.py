"""The attributes of messages that replay letters, and Pub/Sub's limits for such a message."""

from __future__ import annotations

from typing import Final

from headrace.core.dead_letter import MAX_NAME_BYTES, MAX_REQUEST_BYTES
from headrace.core.replay_attributes import Replay
from headrace.dead_letters.letter import Letter

STAMP: Final = "goog"  # prefix of Pub/Sub's own attributes, which no publisher may set
# cloud.google.com/pubsub/quotas#resource_limits; a message needs some bytes of its request for framing.
MAX_ATTRIBUTES: Final = 100
MAX_VALUE_BYTES: Final = 1024
MAX_MESSAGE_BYTES: Final = 9_999_000


def attributes_to_send(letter: Letter) -> dict[str, str]:
    """Return the letter's attributes without Pub/Sub's own, plus the attributes that mark a replay."""
    own = {name: value for name, value in letter.attributes.items() if not name.startswith(STAMP)}
    return own | letter.replay.to_attributes()


def is_stamped(letter: Letter) -> bool:
    """Return whether :func:`attributes_to_send` omits attributes."""
    return any(name.startswith(STAMP) for name in letter.attributes)


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
    if len(letter.data) > MAX_REQUEST_BYTES and _message_bytes(letter) > MAX_MESSAGE_BYTES:
        return "too large: with the attributes of a replay it exceeds 10 MB; edit it"
    return ""


def _message_bytes(letter: Letter) -> int:
    from headrace.dead_letters.replay_requests import to_message  # imports Pub/Sub's client, for a letter that is huge

    return int(to_message(letter).ByteSize())

"""Publisher that stays a limited number of messages ahead of their consumer, like a stream and not like a backlog.

The Pub/Sub emulator copies the whole backlog at every pull while any message is held (docs/adr/0015). So for a long
backlog it takes as much processor time as all other processes together.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from google.pubsub_v1.types import PublishRequest, PubsubMessage

from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dev.bench.peers import REQUEST_MESSAGES
from headrace.runtime.google_clients import open_gapic_publisher

AHEAD: Final = 20_000  # the most messages in the engine, and some more for it to pull
CALL_SECONDS: Final = 10.0


class Feed:
    """Publisher of *messages* of one subject. It serialises each request beforehand, because that is not measured."""

    def __init__(self, names: Names, messages: Sequence[Message], ahead: int = AHEAD) -> None:
        self._ahead = ahead
        self._requests = [
            (min(REQUEST_MESSAGES, len(messages) - start), _request(names, messages[start : start + REQUEST_MESSAGES]))
            for start in range(0, len(messages), REQUEST_MESSAGES)
        ]
        transport: Any = open_gapic_publisher().transport  # its base class has no channel
        self._publish = transport.grpc_channel.unary_unary("/google.pubsub.v1.Publisher/Publish", None, None)
        self._published = 0
        self._done = 0
        self._ended = False
        self._changed = threading.Condition()

    def publish_first(self) -> None:
        """Publish the first messages, up to the limit."""
        while self._requests and self._has_room():
            self._publish_next()

    def publish_on(self) -> None:
        """Publish the others when earlier ones are done, until all are published or the feed is stopped."""
        while self._requests:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._has_room())
            if self._ended:
                return
            self._publish_next()

    def reached(self, done: int) -> None:
        """Report how many messages are done."""
        with self._changed:
            self._done = done
            self._changed.notify_all()

    def end(self) -> None:
        """Stop publishing."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return self._published - self._done < self._ahead

    def _publish_next(self) -> None:
        count, request = self._requests.pop(0)
        self._publish(request, timeout=CALL_SECONDS)
        self._published += count


@contextmanager
def feeding(names: Names, messages: Sequence[Message], ahead: int = AHEAD) -> Iterator[Feed]:
    """Publish the first of *messages*, and the others while the body reports its progress."""
    feed = Feed(names, messages, ahead)
    feed.publish_first()
    thread = threading.Thread(target=feed.publish_on, name="feed", daemon=True)
    thread.start()
    try:
        yield feed
    finally:
        feed.end()
        thread.join()


def _request(names: Names, messages: Sequence[Message]) -> bytes:
    sent = [PubsubMessage(data=message.data, attributes=dict(message.attributes)) for message in messages]
    return bytes(PublishRequest.serialize(PublishRequest(topic=names.topic(messages[0].subject), messages=sent)))

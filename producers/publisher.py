"""Where a producer's messages go: a protocol, and Pub/Sub behind it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Protocol

from google.cloud import pubsub_v1

MAX_OUTSTANDING_MESSAGES: Final = 10_000
MAX_OUTSTANDING_BYTES: Final = 64 * 1024 * 1024


class Publisher(Protocol):
    """Sends messages; what :class:`producers.EventProducer` needs of a transport."""

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        """Send one message to the topic of *subject*; the future gives the broker's message id, or raises."""

    def close(self) -> None:
        """Send what is still held and let go of the connection."""


class PubSubPublisher:
    """Publishes to ``projects/<project>/topics/<subject>``, in batches, blocking when too much is under way.

    The client is opened at the first publish and again in a forked child, so a server may fork after it has made
    its producer. ``PUBSUB_EMULATOR_HOST`` is honoured.
    """

    def __init__(
        self,
        project: str,
        *,
        max_outstanding_messages: int = MAX_OUTSTANDING_MESSAGES,
        max_outstanding_bytes: int = MAX_OUTSTANDING_BYTES,
        ordered: bool = False,
    ) -> None:
        self._project = project
        self._messages = max_outstanding_messages
        self._bytes = max_outstanding_bytes
        self._ordered = ordered
        self._client: pubsub_v1.PublisherClient | None = None
        self._owner = 0

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        """Hand one message to the client; blocks while too many messages or bytes are outstanding."""
        client = self._opened()
        topic = f"projects/{self._project}/topics/{subject}"
        outcome: Future[str] = Future()
        sent = client.publish(topic, data, ordering_key=ordering_key, **attributes)
        sent.add_done_callback(_settle(outcome, client, topic, ordering_key))
        return outcome

    def close(self) -> None:
        """Send what waits and stop the client's threads; a client of the parent process is left alone."""
        if self._client is not None and self._owner == os.getpid():
            self._client.stop()
        self._client = None

    def _opened(self) -> pubsub_v1.PublisherClient:
        if self._client is None or self._owner != os.getpid():
            self._client = pubsub_v1.PublisherClient(
                publisher_options=pubsub_v1.types.PublisherOptions(
                    enable_message_ordering=self._ordered,
                    flow_control=pubsub_v1.types.PublishFlowControl(
                        message_limit=self._messages,
                        byte_limit=self._bytes,
                        limit_exceeded_behavior=pubsub_v1.types.LimitExceededBehavior.BLOCK,
                    ),
                )
            )
            self._owner = os.getpid()
        return self._client


def _settle(
    outcome: Future[str], client: pubsub_v1.PublisherClient, topic: str, ordering_key: str
) -> Callable[[Any], None]:
    """Carry a result over; after a failure let its ordering key go on, which the client would block for ever."""

    def settle(sent: Any) -> None:
        error = sent.exception()
        if error is None:
            outcome.set_result(sent.result())
            return
        if ordering_key:
            client.resume_publish(topic, ordering_key)
        outcome.set_exception(error)

    return settle

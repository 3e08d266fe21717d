"""Publisher of messages: a protocol, and its implementation for Pub/Sub.

Google's client is imported when a ``PubSubPublisher`` is made, so tests with a fake publisher do not need it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from google.cloud import pubsub_v1

from headrace.errors import Exit, HeadraceError

MAX_OUTSTANDING_MESSAGES: Final = 10_000
MAX_OUTSTANDING_BYTES: Final = 64 * 1024 * 1024
BATCH_MESSAGES: Final = 500  # the service accepts 1,000 a request
BATCH_BYTES: Final = 1_000_000
BATCH_SECONDS: Final = 0.01
# longest wait of a flush for a batch that does not fill; an exit waits a minute at most
MAX_BATCH_SECONDS: Final = 10.0
_EMULATOR: Final = "PUBSUB_EMULATOR_HOST"

# The client takes attributes as keyword arguments, so it would read an attribute of one of these names as another
# argument.
_TAKEN: Final = frozenset({"self", "topic", "data", "ordering_key", "retry", "timeout"})


class ProducerClosedError(HeadraceError, RuntimeError, error_code="HR-202", exit_code=Exit.BUG):
    """The producer or publisher is closed."""


class Publisher(Protocol):
    """Transport that sends messages for :class:`producers.EventProducer`."""

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        """Send one message to the topic of *subject*; the future gives the broker's message id, or raises.

        The future must settle by itself, without another call. ``""`` means no ordering key.
        """

    def close(self) -> None:
        """Close the connection, after all messages are settled or given up. Closing twice has no effect."""


class PubSubPublisher:
    """Publishes to ``projects/<project>/topics/<subject>`` in batches; blocks while too much is unconfirmed.

    *topics* names existing topics of subjects, such as ``{"order_placed": "projects/acme-shop/topics/orders"}``. A name
    without a project is of *project*.

    The client is opened at the first publish, and again in a forked child. So a server may fork after it has made its
    producer, preferably while no messages are unconfirmed. ``PUBSUB_EMULATOR_HOST`` works with or without a scheme.
    Thread-safe.

    A batch is sent when it reaches *batch_messages* or *batch_bytes*, or after *batch_seconds*, whichever comes first.
    *ordered* allows ordering keys; with it, the Pub/Sub client retries without a limit instead of for ten minutes.
    """

    def __init__(
        self,
        project: str,
        *,
        max_outstanding_messages: int = MAX_OUTSTANDING_MESSAGES,
        max_outstanding_bytes: int = MAX_OUTSTANDING_BYTES,
        batch_messages: int = BATCH_MESSAGES,
        batch_bytes: int = BATCH_BYTES,
        batch_seconds: float = BATCH_SECONDS,
        ordered: bool = False,
        topics: Mapping[str, str] | None = None,
    ) -> None:
        if not project:
            raise ValueError("project: empty; name the Google Cloud project of the topics")
        if min(max_outstanding_messages, max_outstanding_bytes, batch_messages, batch_bytes) < 1:
            raise ValueError("a limit below 1; give positive numbers of messages and bytes")
        if not 0 <= batch_seconds <= MAX_BATCH_SECONDS:
            raise ValueError(f"batch_seconds: not between 0 and {MAX_BATCH_SECONDS}; give seconds, such as 0.01")
        from google.cloud import pubsub_v1

        self._project = project
        self._topics = dict(topics or {})
        self._ordered = ordered
        self._batch = pubsub_v1.types.BatchSettings(batch_bytes, batch_seconds, batch_messages)
        self._flow = pubsub_v1.types.PublishFlowControl(
            max_outstanding_messages, max_outstanding_bytes, pubsub_v1.types.LimitExceededBehavior.BLOCK
        )
        self._lock = threading.Lock()
        self._client: pubsub_v1.PublisherClient | None = None
        self._closed = False
        _publishers.add(self)

    @property
    def is_ordered(self) -> bool:
        """Whether messages may have an ordering key."""
        return self._ordered

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        """Publish one event's message; blocks while too many messages or bytes are unconfirmed."""
        return self.publish_message(self._topics.get(subject, subject), data, attributes, ordering_key)

    def publish_message(
        self, topic: str, data: bytes, attributes: Mapping[str, str], ordering_key: str = ""
    ) -> Future[str]:
        """Publish any bytes and attributes, unchanged, to a *topic*: the id of one of the project, or a full name.

        When a message fails, the messages already sent with the same ordering key fail too. The next message published
        with that key resumes it. Blocks like :meth:`publish`; do not call it from a future's callback.

        Returns:
            A future that gives Pub/Sub's message id, or raises the error that made publishing fail. A message that
            timed out may still have arrived.

        Raises:
            ValueError: an ordering key is given, and the publisher is not *ordered*.
            ProducerClosedError: the publisher is closed.
        """
        if ordering_key and not self._ordered:
            raise ValueError("ordering_key: this publisher is not ordered; make it with PubSubPublisher(ordered=True)")
        client = self._opened()
        topic = topic if topic.startswith("projects/") else f"projects/{self._project}/topics/{topic}"
        if not _TAKEN.isdisjoint(attributes):
            return _publish_at_once(client, topic, data, attributes, ordering_key)
        given: Mapping[str, Any] = attributes  # passed as keywords beside arguments of other types
        sent = client.publish(topic, data, ordering_key=ordering_key, **given)
        if ordering_key and _is_paused(sent):
            # Do not resume from a callback: it would wait for a lock that the client holds while it fails a batch.
            with contextlib.suppress(RuntimeError):  # another thread has resumed it
                client.resume_publish(topic, ordering_key)
            sent = client.publish(topic, data, ordering_key=ordering_key, **given)
        future: Future[str] = sent
        return future

    def close(self) -> None:
        """Send waiting messages and stop the client; messages behind another of their ordering key are lost."""
        with self._lock:
            client, self._client, self._closed = self._client, None, True
        if client is not None:
            client.stop()

    def _opened(self) -> pubsub_v1.PublisherClient:
        with self._lock:
            if self._closed:
                raise ProducerClosedError("this publisher is closed; make a new one")
            if self._client is None:
                from google.cloud import pubsub_v1

                _remove_scheme()
                self._client = pubsub_v1.PublisherClient(
                    self._batch,
                    pubsub_v1.types.PublisherOptions(enable_message_ordering=self._ordered, flow_control=self._flow),
                )
            return self._client

    def _leave_client_to_the_parent(self) -> None:
        self._lock = threading.Lock()
        if self._client is not None:
            _of_the_parent.append(self._client)
        self._client = None


def _remove_scheme() -> None:
    """Reduce the emulator's variable to host and port: Google's client reads it and refuses a scheme."""
    if given := os.environ.get(_EMULATOR):
        host = given.strip().removeprefix("http://").removeprefix("https://").rstrip("/")
        if host != given:
            os.environ[_EMULATOR] = host


def _is_paused(sent: Any) -> bool:
    from google.cloud.pubsub_v1.publisher.exceptions import PublishToPausedOrderingKeyException

    return sent.done() and isinstance(sent.exception(), PublishToPausedOrderingKeyException)


def _publish_at_once(
    client: pubsub_v1.PublisherClient, topic: str, data: bytes, attributes: Mapping[str, str], ordering_key: str
) -> Future[str]:
    """Publish without the client's batches; here attributes may have any name."""
    from google import pubsub_v1 as gapic

    message = gapic.PubsubMessage(data=data, attributes=dict(attributes), ordering_key=ordering_key)
    future: Future[str] = Future()
    try:
        future.set_result(gapic.PublisherClient.publish(client, topic=topic, messages=[message]).message_ids[0])
    except Exception as error:
        future.set_exception(error)
    return future


_publishers: weakref.WeakSet[PubSubPublisher] = weakref.WeakSet()
_of_the_parent: list[pubsub_v1.PublisherClient] = []  # kept alive: a child must not close its parent's connections


def _leave_clients_to_the_parent() -> None:
    for publisher in list(_publishers):
        publisher._leave_client_to_the_parent()


os.register_at_fork(after_in_child=_leave_clients_to_the_parent)

"""Publisher of messages: a protocol, and its implementation for Pub/Sub.

Google's client is imported when a ``PubSubPublisher`` is made, so tests with a fake publisher do not need it.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

from headrace.producers.errors import ProducerClosedError
from headrace.producers.transport import limits

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

    from headrace.producers.transport.dispatcher import Dispatcher


class Publisher(Protocol):
    """Transport that sends messages for :class:`producers.EventProducer`."""

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        """Send one message to the topic of *subject*; the future gives the broker's message id, or raises.

        The future must settle by itself, without another call. ``""`` means no ordering key.
        """

    def flush(self) -> None:
        """Send messages that wait for others, without waiting until they are confirmed."""

    def close(self) -> None:
        """Close the connection, after all messages are settled or given up. Closing twice has no effect."""


class PubSubPublisher:
    """Publishes to ``projects/<project>/topics/<subject>`` in batches; blocks while too much is unconfirmed.

    *topics* names existing topics of subjects, such as ``{"order_placed": "projects/acme-shop/topics/orders"}``. A name
    without a project is of *project*.

    The client is opened at the first publish, and again in a forked child. So a server may fork after it has made its
    producer, preferably while no messages are unconfirmed. *credentials* are those of the environment by default.
    *endpoint* is a regional one, such as ``europe-west1-pubsub.googleapis.com:443``. ``PUBSUB_EMULATOR_HOST`` overrides
    both and works with or without a scheme. Thread-safe.

    A batch is sent when it reaches *batch_messages* or *batch_bytes*, or after *batch_seconds*, whichever comes first.
    A request is tried again for ten minutes, and then its messages fail. *ordered* allows ordering keys; with it,
    requests are tried again without a limit.
    """

    def __init__(
        self,
        project: str,
        *,
        max_outstanding_messages: int = limits.MAX_OUTSTANDING_MESSAGES,
        max_outstanding_bytes: int = limits.MAX_OUTSTANDING_BYTES,
        batch_messages: int = limits.BATCH_MESSAGES,
        batch_bytes: int = limits.BATCH_BYTES,
        batch_seconds: float = limits.BATCH_SECONDS,
        ordered: bool = False,
        topics: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
        endpoint: str | None = None,
    ) -> None:
        if not project:
            raise ValueError("project: empty; name the Google Cloud project of the topics")
        self._limits = limits.Limits(
            max_outstanding_messages, max_outstanding_bytes, batch_messages, batch_bytes, batch_seconds
        )
        from headrace.producers.transport.publish_calls import message_part

        self._serialize = message_part
        self._prefix = f"projects/{project}/topics/"
        self._topics = dict(topics or {})
        self._ordered = ordered
        self._credentials, self._endpoint = credentials, endpoint
        self._most_bytes = min(limits.MAX_MESSAGE_BYTES, max_outstanding_bytes)
        self._lock = threading.Lock()
        self._dispatcher: Dispatcher | None = None
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
        with that key is sent. Blocks like :meth:`publish`, except in a function that a future calls.

        Returns:
            A future that gives Pub/Sub's message id, or raises the error that made publishing fail. A message that
            timed out may still have arrived.

        Raises:
            ValueError: an ordering key is given, and the publisher is not *ordered*.
            MessageTooLargeError: the message is larger than Pub/Sub accepts, or than *max_outstanding_bytes*.
            CredentialsError: Google's credentials are missing or cannot be read. It is raised by the first call.
            ProducerClosedError: the publisher is closed.
        """
        if ordering_key and not self._ordered:
            raise ValueError("ordering_key: this publisher is not ordered; make it with PubSubPublisher(ordered=True)")
        part = self._serialize(data, attributes, ordering_key)
        limits.check_size(len(part), self._most_bytes)
        topic = topic if topic.startswith("projects/") else self._prefix + topic
        return (self._dispatcher or self._open()).add(topic, part, ordering_key)

    def flush(self) -> None:
        """Send the messages that wait for their batch to fill; does not wait until they are confirmed."""
        if dispatcher := self._dispatcher:
            dispatcher.flush()

    def close(self) -> None:
        """Send waiting messages, and close the connection once they are settled; does not wait for that."""
        with self._lock:
            self._closed = True
            dispatcher = self._dispatcher
        if dispatcher:
            dispatcher.close()

    def _open(self) -> Dispatcher:
        with self._lock:
            if self._closed:
                raise ProducerClosedError("this publisher is closed; make a new one")
            if self._dispatcher is None:
                from headrace.producers.transport.dispatcher import Dispatcher
                from headrace.producers.transport.publish_calls import PublishCalls, open_client

                calls = PublishCalls(open_client(self._credentials, self._endpoint))
                self._dispatcher = Dispatcher(calls, self._limits, endless=self._ordered)
            return self._dispatcher

    def _leave_client_to_the_parent(self) -> None:
        self._lock = threading.Lock()
        if self._dispatcher is not None:
            _of_the_parent.append(self._dispatcher)
        self._dispatcher = None


_publishers: weakref.WeakSet[PubSubPublisher] = weakref.WeakSet()
_of_the_parent: list[Any] = []  # kept alive: a child must not close its parent's connections


def _leave_clients_to_the_parent() -> None:
    for publisher in list(_publishers):
        publisher._leave_client_to_the_parent()


os.register_at_fork(after_in_child=_leave_clients_to_the_parent)

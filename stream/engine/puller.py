"""Messages out of every subject's subscription, fairly, and acknowledgements back."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from google.api_core.exceptions import Aborted, DeadlineExceeded, InternalServerError, ServiceUnavailable
from google.pubsub_v1.types import PullRequest, PullResponse

from stream.message import Message

_LOG = logging.getLogger(__name__)
PULL_MESSAGES: Final = 1000
PULL_SECONDS: Final = 1.0  # an empty Pull would block for minutes, and SIGTERM with it
ACK_IDS: Final = 1000  # of one request; a request is 512 KiB at most
BACKOFF_SECONDS: Final = 1.0
_TRANSIENT: Final = (Aborted, InternalServerError, ServiceUnavailable)


@dataclass(frozen=True, slots=True)
class Pulled:
    """The messages of one Pull, all of one subject, and what acknowledges them."""

    messages: list[Message] = field(repr=False)
    ack_ids: list[str] = field(repr=False)


class Puller:
    """One thread a subject pulls into a short queue; ``take`` empties the queues in turn.

    What waits in the queues is bounded, so a slow sink leaves the backlog in Pub/Sub. Unary Pull: StreamingPull
    manages an eighth of its rate in Python and has stopped silently before.
    """

    def __init__(self, subscriber: Any, subscriptions: Mapping[str, str], waiting_pulls: int = 20) -> None:
        self._subscriber = subscriber
        self._subscriptions = dict(subscriptions)
        self._waiting_pulls = waiting_pulls
        self._queues: dict[str, queue.Queue[Pulled]] = {}
        self._stop = threading.Event()
        self._arrived = threading.Event()
        self._failure: Exception | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to pull."""
        for subject in self._subscriptions:
            self._queues[subject] = queue.Queue(self._waiting_pulls)
            thread = threading.Thread(target=self._guarded, args=(subject,), name=f"pull-{subject}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def take(self, at_most: int, wait_seconds: float) -> list[Pulled]:
        """Take what has arrived, from each subject in turn, up to about *at_most* messages.

        Waits up to *wait_seconds* for the first. Raises what made pulling impossible.
        """
        if self._failure is not None:
            raise self._failure
        taken = self._sweep(at_most)
        if not taken:
            self._arrived.clear()
            taken = self._sweep(at_most) or (self._arrived.wait(wait_seconds) and self._sweep(at_most)) or []
        return taken

    def acknowledge(self, pulled: Sequence[Pulled]) -> None:
        """Acknowledge messages whose fate is durable. An acknowledgement that gets lost means redelivery."""
        self._by_subscription(pulled, self._acknowledge)

    def stop(self) -> None:
        """Stop pulling and hand back what nobody took."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        untaken = self._sweep(10**9)
        self._by_subscription(untaken, self._hand_back)

    def _guarded(self, subject: str) -> None:
        try:
            self._pull_on(subject)
        except Exception as error:  # take() raises it in the engine's thread
            self._failure = error
            self._arrived.set()

    def _pull_on(self, subject: str) -> None:
        while not self._stop.is_set():
            pulled = self._pull(subject)
            while pulled.messages and not self._stop.is_set():
                try:
                    self._queues[subject].put(pulled, timeout=PULL_SECONDS)
                except queue.Full:
                    continue
                self._arrived.set()
                break
            else:
                if pulled.messages:
                    self._by_subscription([pulled], self._hand_back)

    def _pull(self, subject: str) -> Pulled:
        request = PullRequest(subscription=self._subscriptions[subject], max_messages=PULL_MESSAGES)
        try:
            response = self._subscriber.pull(request=request, timeout=PULL_SECONDS, retry=None)
        except DeadlineExceeded:
            return Pulled([], [])
        except _TRANSIENT as error:
            _LOG.warning("pull of %s failed (%s); trying again", subject, type(error).__name__)
            self._stop.wait(BACKOFF_SECONDS)
            return Pulled([], [])
        received = PullResponse.pb(response).received_messages
        return Pulled([_message(subject, one.message) for one in received], [one.ack_id for one in received])

    def _sweep(self, at_most: int) -> list[Pulled]:
        taken: list[Pulled] = []
        count = 0
        progressed = True
        while progressed and count < at_most:
            progressed = False
            for waiting in self._queues.values():
                try:
                    pulled = waiting.get_nowait()
                except queue.Empty:
                    continue
                taken.append(pulled)
                count += len(pulled.messages)
                progressed = True
        return taken

    def _by_subscription(self, pulled: Sequence[Pulled], act: Callable[[str, list[str]], None]) -> None:
        ids: dict[str, list[str]] = {}
        for one in pulled:
            ids.setdefault(one.messages[0].subject, []).extend(one.ack_ids)
        for subject, ack_ids in ids.items():
            for start in range(0, len(ack_ids), ACK_IDS):
                act(self._subscriptions[subject], ack_ids[start : start + ACK_IDS])

    def _acknowledge(self, subscription: str, ack_ids: list[str]) -> None:
        try:
            self._subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)
        except (*_TRANSIENT, DeadlineExceeded) as error:
            _LOG.warning("%d acknowledgements lost (%s); they will come again", len(ack_ids), type(error).__name__)

    def _hand_back(self, subscription: str, ack_ids: list[str]) -> None:
        try:
            self._subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ack_ids, ack_deadline_seconds=0)
        except (*_TRANSIENT, DeadlineExceeded) as error:
            _LOG.warning("%d messages not handed back (%s)", len(ack_ids), type(error).__name__)


def _message(subject: str, message: Any) -> Message:
    published = message.publish_time
    return Message(
        subject=subject,
        data=message.data,
        attributes=dict(message.attributes),
        message_id=message.message_id,
        published_at=published.seconds * 1_000_000 + published.nanos // 1000,
        ordering_key=message.ordering_key,
    )

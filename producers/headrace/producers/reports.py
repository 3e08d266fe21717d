"""Reports of a producer to the application: counts, and what became of each event."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeAlias

from headrace.producers.event_messages import EventMessage


@dataclass(frozen=True, slots=True)
class ProducerStats:
    """Events of one producer in this process.

    *refused* do not fit their contract and were never sent. *accepted* are *confirmed*, *failed*, or *unconfirmed*.
    """

    accepted: int
    confirmed: int
    failed: int
    refused: int

    @property
    def unconfirmed(self) -> int:
        """Accepted events whose outcome is not known yet."""
        return self.accepted - self.confirmed - self.failed


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that Pub/Sub has confirmed, under its *message_id*."""

    subject: str
    event_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class PublishFailure:
    """An event that was not published. If *error* is a timeout, it may still have arrived."""

    subject: str
    event_id: str
    error: BaseException


OnDelivery: TypeAlias = Callable[[Delivery], object]
OnError: TypeAlias = Callable[[PublishFailure], object]


@dataclass(frozen=True, slots=True)
class Reporter:
    """Calls the application's functions, in the thread that settles a future. What they raise is logged."""

    on_delivery: OnDelivery | None = None
    on_error: OnError | None = None

    def watch(self, message: EventMessage, future: Future[str]) -> None:
        """Report the outcome of *message*, which is that of *future*."""
        if self.on_delivery is None and self.on_error is None:
            return
        subject, event_id = message.subject, message.attributes["ce-id"]
        future.add_done_callback(lambda settled: self._report(subject, event_id, settled))

    def _report(self, subject: str, event_id: str, future: Future[str]) -> None:
        error = future.exception()
        if error is None:
            if self.on_delivery is not None:
                self.on_delivery(Delivery(subject, event_id, future.result()))
        elif self.on_error is not None:
            self.on_error(PublishFailure(subject, event_id, error))

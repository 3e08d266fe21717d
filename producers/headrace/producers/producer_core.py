"""The part that the producers share: events become messages, which are sent, counted and reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError
from headrace.producers.errors import ProducerClosedError
from headrace.producers.event_messages import EventMessage, EventMessages, EventObject
from headrace.producers.in_flight import InFlight
from headrace.producers.publisher import Publisher
from headrace.producers.reports import ProducerStats, Reporter
from headrace.schemas import InvalidEventError, Registry

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from headrace.producers.tracing import Spans


class ProducerCore:
    """Makes messages of events, and sends them with *publisher*. Thread-safe."""

    def __init__(
        self,
        publisher: Publisher,
        *,
        registry: Registry,
        source: str,
        now: Callable[[], datetime],
        reporter: Reporter,
        tracer: Tracer | None,
    ) -> None:
        self.publisher = publisher
        self.in_flight = InFlight()
        self.is_closed = False
        self._messages = EventMessages(registry, source, now)
        self._reporter = reporter
        self._spans = None if tracer is None else _spans(tracer)
        self._refused = 0

    def make(
        self,
        subject: str,
        fields: Mapping[str, Any] | EventObject,
        event_id: str | None,
        ordering_key: str | None,
    ) -> EventMessage:
        """Return the message of an event; raises what ``EventProducer.publish`` does."""
        if self.is_closed:
            raise ProducerClosedError("this producer is closed; make a new one")
        try:
            return self._messages.make(subject, fields, event_id, ordering_key)
        except InvalidEventError:
            self._refused += 1
            raise

    def send(self, message: EventMessage) -> Future[str]:
        """Publish *message*; its outcome is counted and reported."""
        future = self._publish(message) if self._spans is None else self._publish_traced(message, self._spans)
        self.in_flight.add(future)
        self._reporter.watch(message, future)
        return future

    def stats(self) -> ProducerStats:
        """Return the counts of this process."""
        return ProducerStats(*self.in_flight.counts(), self._refused)

    def _publish(self, message: EventMessage) -> Future[str]:
        return self.publisher.publish(*message)

    def _publish_traced(self, message: EventMessage, spans: Spans) -> Future[str]:
        end_span = spans.begin(message)
        try:
            future = self._publish(message)
        except HeadraceError as error:
            end_span(error, None)
            raise
        future.add_done_callback(lambda settled: end_span(settled.exception(), settled))
        return future


def _spans(tracer: Tracer) -> Spans:
    from headrace.producers.tracing import Spans

    return Spans(tracer)

"""The part that the producers share: events become messages, which are sent, counted and reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from headrace.errors import HeadraceError
from headrace.producers.errors import ProducerClosedError
from headrace.producers.event_messages import EventMessage, EventMessages, EventObject
from headrace.producers.in_flight import InFlight, OutcomeCounter
from headrace.producers.large_events import LargeEvents, check_fits
from headrace.producers.publisher import Publisher
from headrace.producers.reports import ProducerStats, Reporter
from headrace.producers.sequences import EventNumbers
from headrace.schemas import InvalidEventError, Registry
from headrace.schemas.data_reference import MAX_INLINE_BYTES
from headrace.schemas.sequence import ATTRIBUTE

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from headrace.producers.outbox import Outbox
    from headrace.producers.tracing import Spans

Publish: TypeAlias = Callable[..., Future[str]]  # with the parts of an EventMessage


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
        compress_from: int | None,
        large_events: str | None,
        outbox: Outbox | None = None,
        sequence: bool = False,
    ) -> None:
        self.publisher = publisher
        self.in_flight = InFlight(publisher.flush)
        self.is_closed = False
        self._outbox = outbox
        self._durable = OutcomeCounter()
        self._messages = EventMessages(registry, source, now, compress_from)
        self._large = None if large_events is None else LargeEvents(large_events)
        self._reporter = reporter
        self._spans = None if tracer is None else _spans(tracer)
        self._refused = 0
        self._numbers = EventNumbers() if sequence else None

    def make(
        self,
        subject: str,
        fields: Mapping[str, Any] | EventObject,
        event_id: str | None,
        ordering_key: str | None,
    ) -> EventMessage:
        """Return the message of an event; raises what ``EventProducer.publish`` does."""
        self._check_open()
        try:
            return self._messages.make(subject, fields, event_id, ordering_key)
        except InvalidEventError:
            self._refused += 1
            raise

    def is_large(self, message: EventMessage) -> bool:
        """Return whether the payload of *message* is uploaded before it is sent."""
        return self._large is not None and len(message.data) > MAX_INLINE_BYTES

    def upload(self, message: EventMessage) -> EventMessage:
        """Return a large *message* with a reference to its payload; blocks until that is uploaded."""
        return message if self._large is None else self._large.upload(message)

    def send(self, message: EventMessage, durable: bool | None = None) -> Future[str]:
        """Publish *message*, by the outbox if there is one and *durable* is not False; the outcome is reported."""
        self._check_open()  # again: a coroutine may have waited for room
        check_fits(message)
        goes_by_outbox = self._outbox is not None and durable is not False
        if durable and not goes_by_outbox:
            raise ValueError("durable: this producer has no outbox; make it with EventProducer(outbox=...)")
        publish = self._outbox.put if self._outbox and goes_by_outbox else self.publisher.publish
        if self._spans is not None:
            publish = partial(_traced, self._spans, publish)
        future = publish(*message) if self._numbers is None else _numbered(self._numbers, publish, message)
        self._reporter.watch(message, future)  # first: who waits for the event sees that its outcome was reported
        (self._durable if goes_by_outbox else self.in_flight).add(future)
        return future

    def _check_open(self) -> None:
        if self.is_closed:
            raise ProducerClosedError("this producer is closed; make a new one")

    def stats(self) -> ProducerStats:
        """Return the counts of this process."""
        plain, durable = self.in_flight.counts(), self._durable.counts()
        return ProducerStats(
            accepted=plain.accepted + durable.accepted,
            confirmed=plain.confirmed + durable.confirmed,
            failed=plain.failed + durable.failed,
            refused=self._refused,
        )

    def flush(self, timeout: float | None) -> None:
        """Wait as :meth:`producers.EventProducer.flush` does."""
        started = time.monotonic()
        self.in_flight.wait(timeout)
        if self._outbox is not None:
            self._outbox.wait(timeout if timeout is None else max(0.0, timeout - (time.monotonic() - started)))

    def close(self, timeout: float | None) -> None:
        """Close as :meth:`producers.EventProducer.close` does."""
        self.is_closed = True
        try:
            self.in_flight.wait(timeout)
            if self._outbox is not None:
                self._outbox.drain(timeout)
        finally:
            self.publisher.close()
            if self._outbox is not None:
                self._outbox.close()


def _numbered(numbers: EventNumbers, publish: Publish, message: EventMessage) -> Future[str]:
    """Publish *message* with the next number. If it is not accepted, a later event gets the number."""
    sequence = numbers.take(message.subject)
    message.attributes[ATTRIBUTE] = sequence
    try:
        return publish(*message)
    except BaseException:
        numbers.give_back(message.subject, sequence)
        raise


def _traced(spans: Spans, publish: Publish, *parts: Any) -> Future[str]:
    message = EventMessage(*parts)
    end_span = spans.begin(message)
    try:
        future = publish(*message)
    except HeadraceError as error:
        end_span(error, None)
        raise
    future.add_done_callback(lambda settled: end_span(settled.exception(), settled))
    return future


def _spans(tracer: Tracer) -> Spans:
    from headrace.producers.tracing import Spans

    return Spans(tracer)

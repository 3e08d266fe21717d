"""What a producer reports: counts, the outcome of each event, metrics and spans."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from headrace.producers import (
    Delivery,
    EventProducer,
    InvalidEventError,
    MessageTooLargeError,
    ProducerStats,
    PublishError,
    PublishFailure,
)
from headrace.producers.prometheus import ProducerCollector
from headrace.producers.testing import FakePublisher
from tests.support.builders import PACKAGE, a_flight

SUBJECT = "flight_departed"


def a_producer(publisher: FakePublisher, **settings: Any) -> EventProducer:
    return EventProducer(publisher, source="/checkout", contracts=PACKAGE, **settings)


def one_of_each(fake: FakePublisher, producer: EventProducer) -> Exception:
    """Publish an event that is confirmed, one that fails and one that does not fit; returns the error."""
    error = RuntimeError("no broker")
    producer.publish(SUBJECT, a_flight(), event_id="confirmed")
    fake.failure = error
    producer.publish(SUBJECT, a_flight(), event_id="failed")
    with pytest.raises(InvalidEventError):
        producer.publish(SUBJECT, {}, event_id="refused")
    with pytest.raises(PublishError):
        producer.close()
    return error


def test_stats_count_every_event_by_its_outcome() -> None:
    fake = FakePublisher()
    producer = a_producer(fake)
    assert producer.stats() == ProducerStats(0, 0, 0, 0)
    one_of_each(fake, producer)
    assert producer.stats() == ProducerStats(accepted=2, confirmed=1, failed=1, refused=1)
    assert producer.stats().unconfirmed == 0


def test_the_application_hears_of_each_event() -> None:
    heard: list[Delivery | PublishFailure] = []
    fake = FakePublisher()
    error = one_of_each(fake, a_producer(fake, on_delivery=heard.append, on_error=heard.append))
    assert heard == [Delivery(SUBJECT, "confirmed", "1"), PublishFailure(SUBJECT, "failed", error)]


@pytest.mark.parametrize("only", ["on_delivery", "on_error"])
def test_the_application_may_hear_of_one_outcome_alone(only: str) -> None:
    heard: list[object] = []
    fake = FakePublisher()
    one_of_each(fake, a_producer(fake, **{only: heard.append}))
    assert [type(each) for each in heard] == [Delivery if only == "on_delivery" else PublishFailure]


def test_an_error_of_the_applications_function_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> None:
        raise KeyError("of the application")

    with caplog.at_level(logging.ERROR), a_producer(FakePublisher(), on_delivery=broken) as producer:
        assert producer.publish(SUBJECT, a_flight()).result() == "1"
    assert producer.stats().confirmed == 1
    assert "exception calling callback" in caplog.text


def test_prometheus_reads_the_counts() -> None:
    fake, registry = FakePublisher(), CollectorRegistry()
    producer = a_producer(fake)
    registry.register(ProducerCollector(producer.stats))
    one_of_each(fake, producer)
    events = {
        outcome: registry.get_sample_value("headrace_producer_events_total", {"outcome": outcome})
        for outcome in ("confirmed", "failed", "refused")
    }
    assert events == {"confirmed": 1, "failed": 1, "refused": 1}
    assert registry.get_sample_value("headrace_producer_unconfirmed_events") == 0


def traced() -> tuple[TracerProvider, InMemorySpanExporter]:
    provider, spans = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider, spans


def attributes_of(spans: Sequence[ReadableSpan]) -> list[dict[str, Any]]:
    return [dict(span.attributes or {}) for span in spans]


def test_every_event_has_a_span_whose_context_is_in_the_message() -> None:
    provider, spans = traced()
    tracer, fake = provider.get_tracer("checkout"), FakePublisher()
    with tracer.start_as_current_span("order") as order, a_producer(fake, tracer=tracer) as producer:
        producer.publish(SUBJECT, a_flight())
        producer.publish(SUBJECT, a_flight())
    *events, _ = spans.get_finished_spans()
    assert [(span.name, span.kind) for span in events] == [(f"send {SUBJECT}", trace.SpanKind.PRODUCER)] * 2
    assert {span.parent.span_id for span in events if span.parent} == {order.get_span_context().span_id}
    contexts = [span.get_span_context() for span in events]
    assert [message.attributes["traceparent"] for message in fake.messages] == [
        f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        for context in contexts
        if context
    ]
    assert attributes_of(events)[0] == {
        "messaging.system": "gcp_pubsub",
        "messaging.operation.type": "send",
        "messaging.destination.name": SUBJECT,
        "messaging.message.body.size": len(fake.messages[0].data),
        "messaging.message.id": "1",
    }


def test_the_span_of_an_event_that_fails_names_the_error_and_not_its_text() -> None:
    provider, spans = traced()
    fake = FakePublisher()
    one_of_each(fake, a_producer(fake, tracer=provider.get_tracer("checkout")))
    _, failed = spans.get_finished_spans()
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert attributes_of([failed])[0]["error.type"] == "RuntimeError"
    assert "no broker" not in failed.to_json()


def test_the_span_of_an_event_that_the_publisher_refuses_ends() -> None:
    class Refusing(FakePublisher):
        def publish(self, *message: Any) -> Any:
            raise MessageTooLargeError("larger than the publisher may hold")

    provider, spans = traced()
    producer = a_producer(Refusing(), tracer=provider.get_tracer("checkout"))
    with pytest.raises(MessageTooLargeError):
        producer.publish(SUBJECT, a_flight())
    (span,) = spans.get_finished_spans()
    assert attributes_of([span])[0]["error.type"] == "MessageTooLargeError"


def test_without_a_tracer_a_message_has_no_trace_context() -> None:
    fake = FakePublisher()
    with a_producer(fake) as producer:
        producer.publish(SUBJECT, a_flight())
    assert "traceparent" not in fake.messages[0].attributes

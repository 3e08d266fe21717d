"""Spans of published events, and their context in the message: W3C Trace Context, by OpenTelemetry's API.

The names follow OpenTelemetry's semantic conventions for messaging:
https://opentelemetry.io/docs/specs/semconv/messaging/gcp-pubsub/
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Final, TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from headrace.producers.event_messages import EventMessage

EndSpan: TypeAlias = Callable[[BaseException | None, Future[str] | None], None]
_propagator: Final = TraceContextTextMapPropagator()


class Spans:
    """Starts a span for each event with *tracer*, as a child of the current span of the caller."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, message: EventMessage) -> EndSpan:
        """Start the span of *message* and add its context to the attributes; returns the function that ends it."""
        span = self._tracer.start_span(
            f"send {message.subject}",
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.system": "gcp_pubsub",
                "messaging.operation.type": "send",
                "messaging.destination.name": message.subject,
                "messaging.message.body.size": len(message.data),
            },
        )
        _propagator.inject(message.attributes, context=set_span_in_context(span, Context()))
        return partial(_end, span)


def _end(span: Span, error: BaseException | None, settled: Future[str] | None) -> None:
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)  # its text may name the project
        span.set_status(Status(StatusCode.ERROR))
    elif settled is not None:
        span.set_attribute("messaging.message.id", settled.result())
    span.end()

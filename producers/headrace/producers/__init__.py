"""SDK that publishes events after checking them against their contracts."""

from headrace.producers.async_event_producer import AsyncEventProducer
from headrace.producers.config import ProducerConfigError
from headrace.producers.errors import MessageTooLargeError, ProducerClosedError
from headrace.producers.event_producer import EventProducer
from headrace.producers.in_flight import PublishError
from headrace.producers.publisher import Publisher, PubSubPublisher
from headrace.producers.reports import Delivery, ProducerStats, PublishFailure
from headrace.schemas import InvalidEventError, UnknownSchemaError

__all__ = [
    "AsyncEventProducer",
    "Delivery",
    "EventProducer",
    "InvalidEventError",
    "MessageTooLargeError",
    "ProducerClosedError",
    "ProducerConfigError",
    "ProducerStats",
    "PubSubPublisher",
    "PublishError",
    "PublishFailure",
    "Publisher",
    "UnknownSchemaError",
]

"""The SDK: publish events that are what their contract says."""

from headrace.schemas import InvalidEventError, UnknownSchemaError
from producers.event_producer import EventProducer
from producers.in_flight import PublishError
from producers.publisher import ProducerClosedError, Publisher, PubSubPublisher

__all__ = [
    "EventProducer",
    "InvalidEventError",
    "ProducerClosedError",
    "PubSubPublisher",
    "PublishError",
    "Publisher",
    "UnknownSchemaError",
]

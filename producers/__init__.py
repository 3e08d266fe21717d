"""The SDK: publish events that are what their contract says."""

from producers.event_producer import EventProducer
from producers.in_flight import PublishError
from producers.publisher import ProducerClosedError, Publisher, PubSubPublisher
from schemas import InvalidEventError, UnknownSchemaError

__all__ = [
    "EventProducer",
    "InvalidEventError",
    "ProducerClosedError",
    "PubSubPublisher",
    "PublishError",
    "Publisher",
    "UnknownSchemaError",
]

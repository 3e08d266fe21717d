"""The SDK: publish events that are what their contract says."""

from producers.event_producer import EventProducer, ProducerClosedError, PublishError
from producers.publisher import Publisher, PubSubPublisher
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

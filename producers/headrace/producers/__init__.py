"""SDK that publishes events after checking them against their contracts."""

from headrace.producers.config import ProducerConfigError
from headrace.producers.event_producer import EventProducer
from headrace.producers.in_flight import PublishError
from headrace.producers.publisher import ProducerClosedError, Publisher, PubSubPublisher
from headrace.schemas import InvalidEventError, UnknownSchemaError

__all__ = [
    "EventProducer",
    "InvalidEventError",
    "ProducerClosedError",
    "ProducerConfigError",
    "PubSubPublisher",
    "PublishError",
    "Publisher",
    "UnknownSchemaError",
]

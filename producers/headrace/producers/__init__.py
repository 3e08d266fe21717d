"""SDK that publishes events after checking them against their contracts."""

from headrace.producers.config import ProducerConfigError
from headrace.producers.errors import MessageTooLargeError, ProducerClosedError
from headrace.producers.event_producer import EventProducer
from headrace.producers.in_flight import PublishError
from headrace.producers.publisher import Publisher, PubSubPublisher
from headrace.schemas import InvalidEventError, UnknownSchemaError

__all__ = [
    "EventProducer",
    "InvalidEventError",
    "MessageTooLargeError",
    "ProducerClosedError",
    "ProducerConfigError",
    "PubSubPublisher",
    "PublishError",
    "Publisher",
    "UnknownSchemaError",
]

"""SDK that publishes events after checking them against their contracts.

A name is imported when it is first used, so that to import the package costs nothing, as for pytest's plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from headrace.producers.async_event_producer import AsyncEventProducer
    from headrace.producers.config import ProducerConfigError
    from headrace.producers.errors import (
        CredentialsError,
        LargeEventError,
        MessageTooLargeError,
        ProducerClosedError,
    )
    from headrace.producers.event_producer import EventProducer
    from headrace.producers.in_flight import PublishError
    from headrace.producers.publisher import Publisher, PubSubPublisher
    from headrace.producers.reports import Delivery, ProducerStats, PublishFailure
    from headrace.schemas import InvalidEventError, UnknownSchemaError

__all__ = [
    "AsyncEventProducer",
    "CredentialsError",
    "Delivery",
    "EventProducer",
    "InvalidEventError",
    "LargeEventError",
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
_MODULES: Final = {
    "AsyncEventProducer": "headrace.producers.async_event_producer",
    "CredentialsError": "headrace.producers.errors",
    "Delivery": "headrace.producers.reports",
    "EventProducer": "headrace.producers.event_producer",
    "InvalidEventError": "headrace.schemas",
    "LargeEventError": "headrace.producers.errors",
    "MessageTooLargeError": "headrace.producers.errors",
    "ProducerClosedError": "headrace.producers.errors",
    "ProducerConfigError": "headrace.producers.config",
    "ProducerStats": "headrace.producers.reports",
    "PubSubPublisher": "headrace.producers.publisher",
    "PublishError": "headrace.producers.in_flight",
    "PublishFailure": "headrace.producers.reports",
    "Publisher": "headrace.producers.publisher",
    "UnknownSchemaError": "headrace.schemas",
}


def __getattr__(name: str) -> Any:
    """Return a public name, or a module of the package."""
    try:
        return getattr(import_module(_MODULES[name]), name)
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    """Return the public names, for editors and shells."""
    return __all__

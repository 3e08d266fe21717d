"""Google's client for buckets, which is an extra of the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.producers.config import ProducerConfigError

if TYPE_CHECKING:
    from google.cloud import storage


def open_storage(setting: str) -> storage.Client:
    """Open a client for objects; raises ProducerConfigError, which names *setting*, if it is not installed."""
    try:
        from google.cloud import storage
    except ImportError:
        raise ProducerConfigError(
            f"{setting}: a bucket needs Google's client; run pip install 'headrace-producers[bucket]'"
        ) from None
    client: storage.Client = storage.Client(project="not-asked")  # which project it names does not matter for objects
    return client

"""Limits of batches and of what is unconfirmed, and the room that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headrace.producers.errors import MessageTooLargeError

# https://cloud.google.com/pubsub/quotas#resource_limits
MAX_MESSAGE_BYTES: Final = 10_000_000
MAX_REQUEST_BYTES: Final = 10_000_000
MAX_REQUEST_MESSAGES: Final = 1_000

MAX_OUTSTANDING_MESSAGES: Final = 10_000
MAX_OUTSTANDING_BYTES: Final = 64 * 1024 * 1024
BATCH_MESSAGES: Final = 500
BATCH_BYTES: Final = 1_000_000
BATCH_SECONDS: Final = 0.01
MAX_BATCH_SECONDS: Final = 10.0  # how long an exit may have to wait for a batch that does not fill
MAX_REQUESTS: Final = 16  # of one topic at a time; more would be smaller


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is sent, and how many messages and bytes may be unconfirmed."""

    outstanding_messages: int = MAX_OUTSTANDING_MESSAGES
    outstanding_bytes: int = MAX_OUTSTANDING_BYTES
    batch_messages: int = BATCH_MESSAGES
    batch_bytes: int = BATCH_BYTES
    batch_seconds: float = BATCH_SECONDS

    def __post_init__(self) -> None:
        """Raise ValueError for a limit that cannot be kept."""
        if min(self.outstanding_messages, self.outstanding_bytes, self.batch_messages, self.batch_bytes) < 1:
            raise ValueError("a limit below 1; give positive numbers of messages and bytes")
        if self.batch_messages > MAX_REQUEST_MESSAGES:
            raise ValueError(f"batch_messages: above {MAX_REQUEST_MESSAGES:,}, which Pub/Sub refuses; give fewer")
        if self.batch_bytes > MAX_REQUEST_BYTES:
            raise ValueError(f"batch_bytes: above {MAX_REQUEST_BYTES:,}, which Pub/Sub refuses; give fewer")
        if not 0 <= self.batch_seconds <= MAX_BATCH_SECONDS:
            raise ValueError(f"batch_seconds: not between 0 and {MAX_BATCH_SECONDS}; give seconds, such as 0.01")


def check_size(size: int, most: int) -> None:
    """Raise MessageTooLargeError for a message of more than *most* bytes."""
    if size > most:
        remedy = "split it, or give the producer large_events="
        raise MessageTooLargeError(f"a message of {size:,} bytes: at most {most:,} can be sent; {remedy}")


class Room:
    """Messages and bytes that are unconfirmed, against their limits. It is not thread-safe."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.messages = 0
        self.bytes = 0

    def fits(self, size: int) -> bool:
        """Return whether a message of *size* bytes may be added."""
        return self.messages < self._limits.outstanding_messages and (
            self.bytes + size <= self._limits.outstanding_bytes
        )

    def take(self, size: int) -> None:
        """Add a message of *size* bytes."""
        self.messages += 1
        self.bytes += size

    def release(self, messages: int, size: int) -> None:
        """Remove settled messages, of *size* bytes together."""
        self.messages -= messages
        self.bytes -= size

"""Outbox: events are committed to an SQLite file first, and sent from there."""

from headrace.producers.outbox.errors import (
    NotSentError,
    OutboxDamagedError,
    OutboxError,
    OutboxFullError,
    OutboxKeyError,
)
from headrace.producers.outbox.opening import Synchronous
from headrace.producers.outbox.outbox import Outbox
from headrace.producers.outbox.salvage import Salvage

__all__ = [
    "NotSentError",
    "Outbox",
    "OutboxDamagedError",
    "OutboxError",
    "OutboxFullError",
    "OutboxKeyError",
    "Salvage",
    "Synchronous",
]

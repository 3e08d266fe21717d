"""The broker's state: topics, subscriptions, snapshots and schemas of one store."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headrace.dev.broker.message_schemas import MessageSchemas
from headrace.dev.broker.retention import Retention
from headrace.dev.broker.store import Store
from headrace.dev.broker.subscriptions import Snapshots, Subscriptions
from headrace.dev.broker.topics import Topics


@dataclass(frozen=True, slots=True)
class Broker:
    """Everything that the services share."""

    store: Store
    topics: Topics
    subscriptions: Subscriptions
    snapshots: Snapshots
    schemas: MessageSchemas
    retention: Retention
    clock: Callable[[], int]

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
        seconds: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> Broker:
        """Open the broker's file, or create it; *clock* returns microseconds, *seconds* a monotonic time."""
        store = Store(path)
        schemas = MessageSchemas(store, clock, new_id)
        topics = Topics(store, schemas, clock)
        subscriptions = Subscriptions(store, topics, seconds, new_id)
        snapshots = Snapshots(store, subscriptions, clock, new_id)
        retention = Retention(store, topics, subscriptions, snapshots, clock)
        return cls(store, topics, subscriptions, snapshots, schemas, retention, clock)

"""Retention: which messages are kept for subscriptions, topics and snapshots; the others are deleted."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from headrace.dev.broker.message_log import MessageLog
from headrace.dev.broker.store import Store
from headrace.dev.broker.subscription_queue import SubscriptionQueue
from headrace.dev.broker.subscriptions import Snapshots, Subscriptions
from headrace.dev.broker.topics import Topics

_MICROS = 1_000_000


class Retention:
    """Deletes messages that nothing needs; *clock* returns microseconds."""

    def __init__(
        self,
        store: Store,
        topics: Topics,
        subscriptions: Subscriptions,
        snapshots: Snapshots,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._topics = topics
        self._subscriptions = subscriptions
        self._snapshots = snapshots
        self._clock = clock

    async def enforce(self) -> None:
        """Delete expired snapshots, and messages that are neither retained nor in a backlog; let other calls go on."""
        now = self._clock()
        for snapshot in self._snapshots:
            if snapshot.expire_time.ToMicroseconds() <= now:
                self._snapshots.delete(snapshot.name)
        for queue in self._subscriptions:
            retained = queue.body.message_retention_duration.seconds
            queue.expire_through(queue.log.before(now - retained * _MICROS, queue.backlog.floor))
        needed = self._needed(now)
        for log in self._topics.logs():
            through = min(needed[log.number], default=log.newest)
            while log.delete_some(through):
                await asyncio.sleep(0)
            if not needed[log.number]:
                self._topics.forget(log)

    def seek(self, queue: SubscriptionQueue, time: int) -> None:
        """Acknowledge what was published before a time, in microseconds, and take back what was published since.

        Acknowledged messages come back only if the subscription or the topic retains them.
        """
        last = queue.log.before(time, queue.log.start)
        restorable = self.restorable(queue, self._clock())
        floor = max(last, min(restorable, queue.backlog.floor))
        queue.seek(floor, [each for each in queue.backlog.settled if floor < each <= restorable])

    def restorable(self, queue: SubscriptionQueue, now: int) -> int:
        """Return the id up to which a seek cannot take acknowledgements back."""
        name = queue.body.topic
        topic = self._topics.get(name).body if self._topics.has(name) else None
        seconds = topic.message_retention_duration.seconds if topic else 0
        if queue.body.retain_acked_messages:
            seconds = max(seconds, queue.body.message_retention_duration.seconds)
        if not seconds:
            return queue.log.newest
        return queue.log.before(now - seconds * _MICROS, queue.log.start)

    def _needed(self, now: int) -> dict[int, list[int]]:
        """Return, for each topic's number, the ids after which a subscription, a snapshot or the topic needs messages.

        A topic without any was deleted, and nothing refers to it.
        """
        found: dict[int, list[int]] = defaultdict(list)
        for queue in self._subscriptions:
            if not queue.body.detached:
                found[queue.log.number].append(min(queue.backlog.floor, self.restorable(queue, now)))
        for topic, floor in self._store.rows("SELECT topic, floor FROM snapshots"):
            found[topic].append(floor)
        for state in self._topics:
            found[state.log.number].append(_retained_by(state.body, state.log, now))
        return found


def _retained_by(topic: Any, log: MessageLog, now: int) -> int:
    seconds = topic.message_retention_duration.seconds
    return log.before(now - seconds * _MICROS, log.start) if seconds else log.newest

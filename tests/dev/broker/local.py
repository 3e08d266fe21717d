"""A broker in this process, on a file, with clocks that a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from headrace.dev.broker.broker import Broker
from headrace.dev.broker.subscription_queue import SubscriptionQueue
from headrace.dev.broker.wire import PublishRequest, PubsubMessage, Subscription, Topic

TOPIC: Final = "projects/test/topics/one"
SUBSCRIPTION: Final = "projects/test/subscriptions/one"
T = TypeVar("T")


class Local:
    """A broker with one topic. *now* is in seconds, of both its clocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 1_000_000.0
        self._ids = count()
        self._loop = asyncio.new_event_loop()
        self.broker = self._open()
        self.call(lambda: self.broker.topics.create(Topic(name=TOPIC)))

    def _open(self) -> Broker:
        return Broker.open(
            self.path,
            clock=lambda: int(self.now * 1_000_000),
            seconds=lambda: self.now,
            new_id=lambda: f"{next(self._ids):08x}",
        )

    def call(self, change: Callable[[], T]) -> T:
        """Call *change* as a service does: return its result once it is committed."""

        async def committed() -> T:
            result = change()
            await self.broker.store.committed()
            return result

        return self._loop.run_until_complete(committed())

    def run(self, coroutine: Awaitable[T]) -> T:
        """Run a coroutine of the broker to its end."""

        async def until_done() -> T:
            return await coroutine

        return self._loop.run_until_complete(until_done())

    def subscribe(self, name: str = SUBSCRIPTION, **settings: Any) -> SubscriptionQueue:
        self.call(lambda: self.broker.subscriptions.create(Subscription(name=name, topic=TOPIC, **settings)))
        return self.queue(name)

    def queue(self, name: str = SUBSCRIPTION) -> SubscriptionQueue:
        return self.broker.subscriptions.get(name)

    def publish(self, *texts: str, key: str = "", **attributes: str) -> None:
        messages = [PubsubMessage(data=each.encode(), attributes=attributes, ordering_key=key) for each in texts]
        self.call(lambda: self.broker.topics.publish(PublishRequest(topic=TOPIC, messages=messages)))

    def pull(self, at_most: int = 1_000, name: str = SUBSCRIPTION) -> list[Any]:
        return self.call(lambda: self.queue(name).pull(at_most))

    def acknowledge(self, received: list[Any], name: str = SUBSCRIPTION) -> None:
        self.call(lambda: self.queue(name).acknowledge([each.ack_id for each in received]))

    def refuse(self, received: list[Any], name: str = SUBSCRIPTION) -> None:
        self.call(lambda: self.queue(name).modify_deadline([each.ack_id for each in received], 0))

    def restart(self) -> None:
        """Open the file again, as a process does that was killed and started."""
        self.broker.store.close()
        self.broker = self._open()

    def close(self) -> None:
        self.broker.store.close()
        self._loop.close()


def texts(received: list[Any]) -> list[str]:
    """Return the data of messages."""
    return [each.message.data.decode() for each in received]

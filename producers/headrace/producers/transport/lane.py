"""Batches of one topic and ordering key, in the order in which they are sent."""

from __future__ import annotations

from collections import deque

from headrace.producers.transport.batch import Batch, Confirmation
from headrace.producers.transport.limits import MAX_REQUESTS, Limits
from headrace.producers.transport.publish_calls import topic_part


class Lane:
    """The batch that takes messages, those that wait, and how many are sent and not settled.

    With an ordering key, one request is under way at a time. It is not thread-safe.
    """

    def __init__(self, topic: str, key: str, limits: Limits) -> None:
        self.topic, self.key = topic, key
        self.head = topic_part(topic)
        self.open: Batch | None = None
        self._most_messages = limits.batch_messages
        self._most_bytes = limits.batch_bytes - len(self.head)
        self._most_running = 1 if key else MAX_REQUESTS
        self._waiting: deque[Batch] = deque()
        self._running = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in it."""
        return not (self.open or self._waiting or self._running)

    @property
    def has_turn(self) -> bool:
        """Whether a batch waits that may be sent now."""
        return bool(self._waiting) and self._running < self._most_running

    def add(self, part: bytes) -> tuple[Confirmation, Batch | None]:
        """Add a message; returns its future, and the batch that takes messages from now on if that is a new one."""
        begun = None
        if self.open and self.open.size + len(part) > self._most_bytes:
            self.close_open()
        if self.open is None:
            begun = self.open = Batch(self)
        confirmation = self.open.add(part)
        if len(self.open) >= self._most_messages or self.open.size >= self._most_bytes:
            self.close_open()
            begun = None
        return confirmation, begun

    def close_open(self) -> None:
        """Let the batch that takes messages wait for its turn."""
        if self.open:
            self._waiting.append(self.open)
            self.open = None

    def next(self) -> Batch | None:
        """Return a batch whose turn it is, which then is under way; None if it must wait, or nothing waits."""
        if not self.has_turn:
            return None
        self._running += 1
        return self._waiting.popleft()

    def ended(self) -> None:
        """Count one batch less under way."""
        self._running -= 1

    def return_first(self, *batches: Batch) -> None:
        """Let *batches*, in place of one that ends, be the next."""
        self._waiting.extendleft(reversed(batches))

    def take_all(self) -> list[Batch]:
        """Remove and return the batches that are not under way."""
        self.close_open()
        batches = list(self._waiting)
        self._waiting.clear()
        return batches

"""Messages of one subscription that are not acknowledged: which can be delivered, which are leased, which come again.

Ids are those of the topic's log. Times are in seconds of a clock that is passed in. Nothing here does I/O.
"""

from __future__ import annotations

import heapq
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

_MOST_ENDED: Final = 10_000


@dataclass(slots=True)
class Consumer:
    """A stream that messages are leased to, with its limits of messages and bytes; one of zero or less does not apply.

    One message may exceed the limit of bytes, so a message that is larger than the limit is delivered too.
    """

    most_messages: int = 0
    most_bytes: int = 0
    messages: int = 0
    bytes: int = 0

    @property
    def room(self) -> int:
        """How many more messages may be leased now."""
        if 0 < self.most_bytes <= self.bytes:
            return 0
        return self.most_messages - self.messages if self.most_messages > 0 else sys.maxsize

    def begin(self, size: int) -> None:
        """Count a lease of a message with so many bytes."""
        self.messages += 1
        self.bytes += size

    def end(self, size: int) -> None:
        """Count the end of a lease."""
        self.messages -= 1
        self.bytes -= size


@dataclass(slots=True)
class Lease:
    """A delivered message of *size* bytes until *deadline*. *number* differs with each delivery."""

    deadline: float
    number: int
    size: int = 0
    consumer: Consumer | None = field(default=None, repr=False)

    def end(self) -> None:
        """Give the consumer its room back."""
        if self.consumer is not None:
            self.consumer.end(self.size)


class Backlog:
    """All messages up to *floor* are settled, and those in *settled*. A settled message is not delivered again."""

    def __init__(self, floor: int, settled: Iterable[int] = (), *, ordered: bool = False) -> None:
        self.floor = floor
        self.cursor = floor  # messages up to here are settled, leased, or due
        self.settled = set(settled)
        self.leases: dict[int, Lease] = {}
        self._numbers = 0
        self._deadlines: list[tuple[float, int, int]] = []  # deadline, id, number of the lease
        self._due: list[tuple[float, int]] = []  # time, id
        self._ordered = ordered
        self._keys: dict[str, deque[int]] = {}  # unsettled messages of each ordering key, in order
        self._key_of: dict[int, str] = {}
        self._leased_keys: Counter[str] = Counter()
        self._advance()

    def begin(self, message: int, key: str, free_keys: set[str]) -> bool:
        """Register the next message of the log. Return whether it can be delivered now.

        A message with a key waits until no earlier message of the key is unsettled, except those that are delivered
        together with it: their keys are in *free_keys*, where this method adds the key of a message without others.
        """
        self.cursor = message
        if not (self._ordered and key):
            return True
        queue = self._keys.setdefault(key, deque())
        if not queue:
            free_keys.add(key)
        queue.append(message)
        self._key_of[message] = key
        return key in free_keys

    def skip(self, message: int) -> None:
        """Register the next message of the log as one that is not delivered."""
        self.cursor = message

    def lease(self, message: int, deadline: float, size: int = 0, consumer: Consumer | None = None) -> Lease:
        """Lease a message of *size* bytes until *deadline*."""
        self._numbers += 1
        lease = Lease(deadline, self._numbers, size, consumer)
        self.leases[message] = lease
        heapq.heappush(self._deadlines, (deadline, message, lease.number))
        if consumer is not None:
            consumer.begin(size)
        if message in self._key_of:
            self._leased_keys[self._key_of[message]] += 1
        return lease

    def extend(self, message: int, deadline: float) -> None:
        """Set another deadline for a leased message."""
        lease = self.leases[message]
        lease.deadline = deadline
        heapq.heappush(self._deadlines, (deadline, message, lease.number))

    def expired(self, now: float) -> list[int]:
        """Return the leased messages whose deadline has passed."""
        self._forget_ended_deadlines()
        found = []
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, message, number = heapq.heappop(self._deadlines)
            lease = self.leases.get(message)
            if lease is not None and lease.number == number and lease.deadline == deadline:
                found.append(message)
        return found

    def release(self, message: int, at: float) -> None:
        """Deliver a leased message again from the time *at* on, and with it later messages of its key."""
        self._end_lease(message)
        key = self._key_of.get(message)
        if key is None:
            heapq.heappush(self._due, (at, message))
            return
        for other in self._keys[key]:
            if other > message and other in self.leases:
                self._end_lease(other)
        self._resume(key, at)

    def take_due(self, now: float, at_most: int) -> Iterator[int]:
        """Yield messages that can be delivered again. The caller leases each before it asks for the next."""
        taken = 0
        while taken < at_most and self._due and self._due[0][0] <= now:
            _, message = heapq.heappop(self._due)
            if not self._is_waiting(message):
                continue
            yield message
            taken += 1
            for follower in self._followers(message):
                if taken >= at_most:
                    break
                yield follower
                taken += 1

    def put_back(self, message: int, now: float) -> None:
        """Make a message due that was taken and not leased."""
        heapq.heappush(self._due, (now, message))

    def next_due(self) -> float | None:
        """Return the time at which a message is due."""
        return self._due[0][0] if self._due else None

    def next_deadline(self) -> float | None:
        """Return the time at which a lease may expire."""
        return self._deadlines[0][0] if self._deadlines else None

    def settle(self, messages: Iterable[int]) -> list[tuple[int, int]]:
        """Settle messages; return those that were not settled, as ranges of ids."""
        fresh = sorted({each for each in messages if each > self.floor} - self.settled)
        for message in fresh:
            self._end_lease(message)
            self._leave_key(message)
        self.settled.update(fresh)
        self._advance()
        return _ranges(fresh)

    def settle_through(self, last: int) -> None:
        """Settle every message up to *last*."""
        for message in [each for each in self.leases if each <= last]:
            self._end_lease(message)
        for message in [each for each in self._key_of if each <= last]:
            self._leave_key(message)
        self.settled = {each for each in self.settled if each > last}
        self.floor = max(self.floor, last)
        self.cursor = max(self.cursor, last)
        self._advance()

    def _is_waiting(self, message: int) -> bool:
        if message <= self.floor or message in self.settled or message in self.leases:
            return False
        key = self._key_of.get(message)
        return key is None or (self._keys[key][0] == message and not self._leased_keys[key])

    def _followers(self, message: int) -> list[int]:
        """Return the messages of the same key that come after *message* and wait for it."""
        key = self._key_of.get(message)
        return [] if key is None else [each for each in self._keys[key] if each > message and each not in self.leases]

    def _leave_key(self, message: int) -> None:
        key = self._key_of.pop(message, None)
        if key is None:
            return
        queue = self._keys[key]
        queue.remove(message)
        if not queue:
            del self._keys[key], self._leased_keys[key]
        else:
            self._resume(key, 0.0)

    def _resume(self, key: str, at: float) -> None:
        """Make the first message of a key due, unless one of the key is leased."""
        if not self._leased_keys[key]:
            heapq.heappush(self._due, (at, self._keys[key][0]))

    def _end_lease(self, message: int) -> None:
        lease = self.leases.pop(message, None)
        if lease is None:
            return
        lease.end()
        if message in self._key_of:
            self._leased_keys[self._key_of[message]] -= 1

    def _forget_ended_deadlines(self) -> None:
        """Drop deadlines of leases that have ended, when they are most of the queue."""
        if len(self._deadlines) > 2 * len(self.leases) + _MOST_ENDED:
            self._deadlines = [(lease.deadline, message, lease.number) for message, lease in self.leases.items()]
            heapq.heapify(self._deadlines)

    def _advance(self) -> None:
        while self.floor + 1 in self.settled:
            self.floor += 1
            self.settled.discard(self.floor)
        self.cursor = max(self.cursor, self.floor)


def _ranges(ordered: list[int]) -> list[tuple[int, int]]:
    """Return ascending ids as pairs of first and last."""
    found: list[tuple[int, int]] = []
    for each in ordered:
        if found and found[-1][1] == each - 1:
            found[-1] = (found[-1][0], each)
        else:
            found.append((each, each))
    return found

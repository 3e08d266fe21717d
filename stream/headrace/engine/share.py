"""The part of a shared subscription that belongs to one subject."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from headrace.core.message import Message
from headrace.engine.continuity import Gap
from headrace.engine.pull_buffer import PullBuffer
from headrace.engine.pulled import Pulled
from headrace.engine.scheduler import Scheduler
from headrace.engine.task_steps import Wake

STUCK_SECONDS: Final = 2.0  # a full share from which nothing is taken for so long no longer holds up the others
SHORTEST_PAUSE: Final = 10  # seconds until a message that a share has no room for comes again
LONGEST_PAUSE: Final = 600  # the longest that Pub/Sub allows
SAMPLE_MESSAGES: Final = 100
SAMPLE_BYTES: Final = 4 * 1024 * 1024


class Owner(Protocol):
    """The shared subscription, as its shares use it."""

    failure: BaseException | None

    @property
    def needs(self) -> str:
        """The permission that pulling needs, and its remedy."""

    @property
    def is_running(self) -> bool:
        """Whether the subscription is pulled for any share."""

    def open(self, share: Share, scheduler: Scheduler) -> None:
        """Begin to pull, unless another share has begun."""

    def close(self, share: Share) -> None:
        """Stop to pull, if no other share is open; hand back what this one holds."""

    def has_room(self) -> None:
        """Go on to hand out messages."""

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Acknowledge messages whose outcome is durable."""

    def drained_at(self, subject: str) -> int:
        """Return the publish time before which all messages of *subject* are settled; 0 if it is unknown."""

    def wind_down(self) -> None:
        """Fetch no more messages."""

    def look(self) -> list[str]:
        """Return the problems of the subscription, with their remedies."""

    def settle_gaps(self, subject: str, commit: Callable[[Gap], None]) -> None:
        """Pass each gap in which messages of *subject* may be missing to *commit*."""

    def sample(self, subject: str, at_most: int) -> list[Message]:
        """Return a few messages of *subject*, and hand them back, while nothing is pulled."""


class Share:
    """The messages of one subject out of a subscription of several; a source as a puller is.

    While its subject takes nothing, because its circuit is open, its contract is blocked or its table is away, its
    messages are let go, and come again after a pause. The pause grows with the time for which nothing was taken.
    """

    finite = False

    def __init__(self, owner: Owner, subject: str, changed: threading.Condition) -> None:
        self.subject = subject
        self.is_open = False
        self._owner = owner
        self._changed = changed
        self._buffer = PullBuffer()
        self._wake: Wake = _nobody
        self._idle_since = time.monotonic()
        self._comes_again_until = time.time_ns() // 1000 + LONGEST_PAUSE * 1_000_000  # what a dead process has let go
        self._seen: deque[Message] = deque(maxlen=SAMPLE_MESSAGES)

    @property
    def needs(self) -> str:
        """The permission that pulling needs, and its remedy."""
        return self._owner.needs

    @property
    def drained_at(self) -> int:
        """The publish time, in microseconds, before which every message is settled; 0 if it is not known.

        It is not known while messages that were let go may still come again.
        """
        until = self._owner.drained_at(self.subject)
        return until if until >= self._comes_again_until else 0

    def start(self, scheduler: Scheduler, wake: Wake) -> None:
        """Open the share, also after a stop; *wake* is called when there is something to take."""
        self._wake = wake
        self._idle_since = time.monotonic()
        self._owner.open(self, scheduler)

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        """Take arrived messages, as a puller does. Raises the error that made pulling impossible."""
        with self._changed:
            taken = self._buffer.take_enough(at_most, wait_seconds, self._changed, lambda: self._owner.failure)
            self._idle_since = time.monotonic()
        if taken:
            self._owner.has_room()
        return taken

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Acknowledge messages whose outcome is committed."""
        self._owner.acknowledge(pulled)

    def wind_down(self) -> None:
        """Begin no more pulls, because a stop follows soon: the engine stops all subjects together."""
        self._owner.wind_down()

    def stop(self) -> None:
        """Close the share, and hand back every message that it holds."""
        self.clear()
        self._owner.close(self)

    def look(self) -> list[str]:
        """Look at the subscription, and return its problems with their remedies."""
        return self._owner.look()

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        """Pass each interval in which messages may be missing to *commit*, which stores it."""
        self._owner.settle_gaps(self.subject, commit)

    def sample(self, at_most: int) -> list[Message]:
        """Return a few messages while the share is closed: those that were let go since the last sample."""
        if not self._owner.is_running:
            return self._owner.sample(self.subject, at_most)
        with self._changed:
            seen = list(self._seen)[-at_most:]
            self._seen.clear()
        return seen

    # What the owner does, with the lock.

    def begin(self, wake: Wake) -> None:
        """Open the share of strays, which no subject opens."""
        self._wake, self.is_open = wake, True
        self._idle_since = time.monotonic()

    def clear(self) -> None:
        """Close the share, and forget what waits."""
        with self._changed:
            self.is_open = False
            self._buffer.clear()
            self._idle_since = time.monotonic()

    @property
    def holds_up(self) -> bool:
        """Whether the others have to wait for room here: it is full, and its subject takes messages."""
        return self.is_open and not self._buffer.has_room and self._idle_seconds() < STUCK_SECONDS

    @property
    def accepts(self) -> bool:
        """Whether messages may be added."""
        return self.is_open and self._buffer.has_room

    def add(self, pulled: Pulled) -> None:
        """Add messages, and wake the loop of the subject."""
        self._buffer.add(pulled)
        self._changed.notify_all()
        self._wake()

    def note_let_go(self, pulled: Pulled) -> int:
        """Note that *pulled* has no place here now; return the seconds after which it may come again."""
        pause = int(min(max(self._idle_seconds(), SHORTEST_PAUSE), LONGEST_PAUSE))
        self._comes_again_until = max(self._comes_again_until, time.time_ns() // 1000 + pause * 1_000_000)
        if pulled.bytes <= SAMPLE_BYTES:
            self._seen.extend(pulled.messages)
            while sum(len(each.data) for each in self._seen) > SAMPLE_BYTES:
                self._seen.popleft()
        return pause

    def wake(self) -> None:
        """Wake the loop of the subject."""
        self._wake()

    def _idle_seconds(self) -> float:
        return time.monotonic() - self._idle_since


def _nobody() -> None:
    """Wake nobody: the share was never opened."""

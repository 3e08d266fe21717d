"""The messages of one subject on their way: how many may be sent now, and what follows from what became of them.

Pub/Sub refuses a whole batch for one message that is wrong. So after a refusal fewer messages are sent at once, until
one is refused alone. After any other error, the same messages are sent again later, in their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, assert_never

WINDOW: Final = 5_000  # messages on their way
WINDOW_BYTES: Final = 32 * 1024 * 1024
SOLO_TRIES: Final = 3  # before a message that is refused alone is given up
FIRST_PAUSE_SECONDS: Final = 0.1
MAX_PAUSE_SECONDS: Final = 30.0
_REFUSALS: Final = frozenset({"InvalidArgument", "OutOfRange", "BadRequest", "ValueError", "TypeError"})


class Failure(Enum):
    """A kind of error of a publisher."""

    REFUSED = auto()  # the message is wrong, and stays wrong
    LATER = auto()  # the broker, the topic or a permission may come back


def failure_of(error: BaseException) -> Failure:
    """Return the kind of *error*. Google's classes are known by name, so that no client is imported."""
    names = {each.__name__ for each in type(error).__mro__}
    return Failure.LATER if _REFUSALS.isdisjoint(names) else Failure.REFUSED


def error_name(error: BaseException) -> str:
    """Return the name of the error's class, which never has a value of an event."""
    return type(error).__name__


@dataclass(slots=True)
class Lane:
    """State of the messages of one *subject*. Times are in seconds of a monotonic clock."""

    subject: int
    name: str
    after: int = 0  # messages up to this number were sent, or are on their way
    limit: int = WINDOW
    tries: int = 0  # failures since the last message that arrived
    resume_at: float = 0.0
    error: str | None = None
    broken: set[str] = field(default_factory=set)  # ordering keys of which a message failed in this window
    in_flight: dict[int, int] = field(default_factory=dict)  # number -> bytes
    _bytes: int = 0  # of what is on its way
    _sent: int = 0  # in this window
    _failures: dict[int, BaseException] = field(default_factory=dict)
    _solo_tries: int = 0

    def room(self, now: float) -> int:
        """Return how many messages may be sent now."""
        if now < self.resume_at or self._failures:
            return 0
        if self.limit < WINDOW and self.in_flight:
            return 0
        if self._bytes >= WINDOW_BYTES:
            return 0
        return self.limit - len(self.in_flight)

    def sent(self, number: int, size: int) -> None:
        """Note a message that is on its way."""
        self.in_flight[number] = size
        self._bytes += size
        self.after = max(self.after, number)
        self._sent += 1

    def arrived(self, number: int) -> None:
        """Note a message that arrived."""
        self.tries, self.error, self._solo_tries = 0, None, 0
        self._landed(number)

    def failed(self, number: int, error: BaseException) -> None:
        """Note a message that failed. It is sent again when no other is on its way."""
        self._landed(number)
        self._failures[number] = error
        self.error = error_name(error)

    def next_window(self, now: float, jitter: float) -> tuple[int, BaseException] | None:
        """Begin a new window when nothing is on its way; return a message to give up, with its error.

        *jitter* is a random number from 0 to 1.
        """
        if self.in_flight or not self._sent:
            return None
        sent, self._sent = self._sent, 0
        if not self._failures:
            self.limit = min(WINDOW, self.limit * 2)
            return None
        failures, self._failures = self._failures, {}
        self.broken.clear()
        self.after = min(failures) - 1
        number, error = next(iter(failures.items()))
        kind = failure_of(error)
        match kind:
            case Failure.LATER:
                self.tries += 1
                self.resume_at = now + _pause(self.tries, jitter)
                return None
            case Failure.REFUSED:
                return self._isolate(sent, len(failures), number, error)
            case _:
                assert_never(kind)

    def _landed(self, number: int) -> None:
        self._bytes -= self.in_flight.pop(number)

    def _isolate(self, sent: int, failed: int, number: int, error: BaseException) -> tuple[int, BaseException] | None:
        self.limit = max(1, failed // 2)
        if sent > 1:
            return None
        self._solo_tries += 1
        if self._solo_tries < SOLO_TRIES:
            return None
        self._solo_tries, self.error = 0, None
        return number, error

    def rewind(self) -> None:
        """Read from the first message again: some came from another process. Those on their way are left out."""
        self.after = 0


def _pause(tries: int, jitter: float) -> float:
    longest: float = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(tries - 1, 16))
    return longest * (0.5 + jitter / 2)

"""A record of whether a subscription has received everything that was published to its topic, and of the gaps.

Pub/Sub does not record when a subscription was created. This record uses the subscription's properties at each check,
pulls that found no subscription, and the label that `headrace provision` gives to a subscription when it creates it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from google.pubsub_v1.types import Subscription

from headrace.pubsub.existing_subscription import MISSING_EXISTING, existing_problems
from headrace.pubsub.job_subscription import MISSING, Difference, created_at, differences
from headrace.schemas.envelope import from_micros, to_rfc3339

_CREATED_ANEW: Final = "the subscription was created anew"


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap: messages published in it may never arrive. Times are in microseconds; *since* is 0 if it is unknown."""

    since: int
    until: int
    why: str

    @property
    def reason(self) -> str:
        """The reason for the tallies, with both times."""
        since = to_rfc3339(from_micros(self.since)) if self.since else "?"
        return f"{since}/{to_rfc3339(from_micros(self.until))} {self.why}"


class Continuity:
    """The observations of one subscription. Thread-safe.

    *topic* is the topic that it should read; None for an existing subscription, which reads what its owner wants.
    *complete_until* returns the publish time up to which an earlier process has seen everything. It is called until it
    succeeds once, and raises the client's errors.
    """

    def __init__(self, topic: str | None, complete_until: Callable[[], int]) -> None:
        self._topic = topic
        self._complete_until = complete_until
        self._asked = False
        self._right_at = 0
        self._created: int | None = None
        self._seen = self._there = False
        self._why = ""
        self._gaps: list[Gap] = []
        self._lock = threading.Lock()

    def record(self, existing: Subscription, asked_at: int) -> list[Difference]:
        """Record the properties of the subscription at *asked_at*; return how they differ from the wanted ones."""
        self._ask()
        found = existing_problems(existing) if self._topic is None else differences(existing, self._topic)
        losing = next((each.found for each in found if each.loses), "")
        created = created_at(existing)
        with self._lock:
            self._there = True
            self._why = self._why or losing or (_CREATED_ANEW if self._is_another(created) else "")
            if not losing:
                if self._why:
                    self._gaps.append(Gap(self._right_at, asked_at, self._why))
                self._why, self._right_at, self._created, self._seen = "", asked_at, created, True
        return found

    def record_missing(self) -> list[Difference]:
        """Record that the subscription did not exist."""
        self._ask()
        with self._lock:
            if self._right_at:  # otherwise it has never existed, so no events are missing
                self._why = self._why or MISSING.found
            self._there = False
        return [MISSING_EXISTING if self._topic is None else MISSING]

    @property
    def unbroken(self) -> bool:
        """Whether the last check found no difference that loses events, and every gap before it is settled."""
        with self._lock:
            return self._seen and self._there and not self._why and not self._gaps

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        """Pass each gap that has ended to *commit*, which makes it durable or raises an error."""
        with self._lock:
            ended = list(self._gaps)
        for gap in ended:
            commit(gap)
            with self._lock:
                self._gaps.remove(gap)

    def _is_another(self, created: int | None) -> bool:
        """Return whether this is another subscription than the one seen before."""
        if self._seen:
            return created != self._created
        return bool(created and self._right_at and created > self._right_at)

    def _ask(self) -> None:
        if not self._asked:
            known = self._complete_until()
            with self._lock:
                if not self._asked:
                    self._asked, self._right_at = True, known

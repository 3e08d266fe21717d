"""Whether one subscription has received everything that was published to its topic, and between which moments not.

Pub/Sub does not say when a subscription was created. What can be known is: what it looks like each time somebody asks,
that a pull found none, and the label that `headrace provision` gives a subscription when it creates one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from google.pubsub_v1.types import Subscription

from headrace.pubsub.job_subscription import MISSING, Difference, created_at, differences
from headrace.schemas.envelope import from_micros, to_rfc3339

_CREATED_ANEW: Final = "the subscription was created anew"


@dataclass(frozen=True, slots=True)
class Gap:
    """A time of publishing from which messages may never arrive, in microseconds; *since* is 0 when nobody knows."""

    since: int
    until: int
    why: str

    @property
    def reason(self) -> str:
        """How the tallies say it."""
        since = to_rfc3339(from_micros(self.since)) if self.since else "?"
        return f"{since}/{to_rfc3339(from_micros(self.until))} {self.why}"


class Continuity:
    """What was seen of one subscription. Thread-safe.

    *complete_until* says up to which publish time an earlier process has seen everything; it is asked once, and raises
    what the client raises.
    """

    def __init__(self, topic: str, complete_until: Callable[[], int]) -> None:
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
        """Note how the subscription was at *asked_at*; return what is wrong with it."""
        self._ask()
        found = differences(existing, self._topic)
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
        """Note that the subscription did not exist."""
        self._ask()
        with self._lock:
            if self._right_at:  # else it was never there, and nobody relies on it
                self._why = self._why or MISSING.found
            self._there = False
        return [MISSING]

    @property
    def unbroken(self) -> bool:
        """Whether it was as it should be when last seen, and every gap before that is settled."""
        with self._lock:
            return self._seen and self._there and not self._why and not self._gaps

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        """Give each gap that has ended to *commit*, which makes it durable or raises."""
        with self._lock:
            ended = list(self._gaps)
        for gap in ended:
            commit(gap)
            with self._lock:
                self._gaps.remove(gap)

    def _is_another(self, created: int | None) -> bool:
        """Whether this is not the subscription that was seen before."""
        if self._seen:
            return created != self._created
        return bool(created and self._right_at and created > self._right_at)

    def _ask(self) -> None:
        if not self._asked:
            known = self._complete_until()
            with self._lock:
                if not self._asked:
                    self._asked, self._right_at = True, known

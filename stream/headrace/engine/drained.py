"""Up to when one subscription is drained: nothing that was published before then waits in it."""

from __future__ import annotations

import time
from collections.abc import Callable

from google.api_core.exceptions import NotFound
from google.pubsub_v1 import types as pubsub

from headrace.engine.continuity import Continuity, Gap
from headrace.engine.pubsub_calls import Subscription
from headrace.pubsub.job_subscription import Difference


class Drained:
    """What empty pulls and looks at the subscription say of it. Thread-safe by the lock of its puller."""

    def __init__(self, calls: Subscription, continuity: Continuity) -> None:
        self._calls = calls
        self._continuity = continuity
        self._until = 0
        self._empty_since = 0

    @property
    def is_empty(self) -> bool:
        """Whether the last pull found nothing."""
        return bool(self._empty_since)

    @property
    def until(self) -> int:
        """All that was published before then was delivered, in microseconds; 0 when that is not known.

        Pulls must have found nothing for as long as somebody who died may still hold messages.
        """
        return self._until if self._continuity.unbroken else 0

    def note_messages(self) -> None:
        """Messages came, or were handed back: it is not empty."""
        self._empty_since = 0

    def note_empty(self, began: int, lease_seconds: float) -> None:
        """A pull that *began* then found nothing, or Pub/Sub did not answer: asked now and then, it says which.

        Raises what the client raises.
        """
        wait = int(lease_seconds * 1_000_000)
        self._empty_since = self._empty_since or began
        if began - max(self._empty_since, self._until + wait) > wait:
            _, wrong = self.describe()
            if not wrong:
                self._until = began - wait

    def note_missing(self) -> None:
        """The subscription does not exist."""
        self._continuity.record_missing()

    def describe(self) -> tuple[pubsub.Subscription, list[Difference]]:
        """Return the subscription as it is, and what is wrong with it. Raises what the client raises."""
        asked_at = time.time_ns() // 1000
        found = self._calls.describe()
        return found, self._continuity.record(found, asked_at)

    def look(self) -> list[str]:
        """Look at the subscription; return what is wrong with it, and the remedies. Raises what the client raises."""
        try:
            _, wrong = self.describe()
        except NotFound:
            wrong = self._continuity.record_missing()
        return [f"{self._calls.name}: {each.found}; {each.remedy}" for each in wrong]

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        """Give each time from which messages may be missing to *commit*, which makes it durable."""
        self._continuity.settle_gaps(commit)

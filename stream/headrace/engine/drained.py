"""The publish time up to which one subscription is drained: no older message waits in it."""

from __future__ import annotations

import time
from collections.abc import Callable

from google.api_core.exceptions import NotFound
from google.pubsub_v1 import types as pubsub

from headrace.engine.continuity import Continuity, Gap
from headrace.engine.pubsub_calls import Subscription
from headrace.pubsub.job_subscription import Difference


class Drained:
    """The conclusion from empty pulls and from looks at the subscription. Thread-safe by the lock of its puller."""

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
        """The publish time, in microseconds, before which every message was delivered; 0 if it is not known.

        Pulls must have found nothing for as long as a dead process may still hold messages.
        """
        return self._until if self._continuity.unbroken else 0

    def note_messages(self) -> None:
        """Record that messages came or were handed back, so the subscription is not empty."""
        self._empty_since = 0

    def note_empty(self, began: int, lease_seconds: float) -> None:
        """Record that a pull, which *began* at that time in microseconds, found nothing.

        A pull also ends with nothing when Pub/Sub does not answer. So now and then this looks at the subscription: if
        Pub/Sub describes it, the pulls were empty. Raises the errors of the client.
        """
        wait = int(lease_seconds * 1_000_000)
        self._empty_since = self._empty_since or began
        if began - max(self._empty_since, self._until + wait) > wait:
            _, wrong = self.describe()
            if not wrong:
                self._until = began - wait

    def note_missing(self) -> None:
        """Record that the subscription does not exist."""
        self._continuity.record_missing()

    def describe(self) -> tuple[pubsub.Subscription, list[Difference]]:
        """Return the subscription, and its differences from what the job needs. Raises the errors of the client."""
        asked_at = time.time_ns() // 1000
        found = self._calls.describe()
        return found, self._continuity.record(found, asked_at)

    def look(self) -> list[str]:
        """Look at the subscription, and return its problems with their remedies. Raises the errors of the client."""
        try:
            _, wrong = self.describe()
        except NotFound:
            wrong = self._continuity.record_missing()
        return [f"{self._calls.name}: {each.found}; {each.remedy}" for each in wrong]

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        """Pass each interval in which messages may be missing to *commit*, which stores it."""
        self._continuity.settle_gaps(commit)

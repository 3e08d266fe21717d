"""Log lines about events that break a rule of their contract which only warns: for each rule, at most one a minute."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import structlog

SECONDS: Final = 60.0
_LOG = structlog.get_logger("headrace")


class RuleWarningLog:
    """Logs the number of events that broke each rule, at once for the first ones, and then at most once a minute.

    A line counts the events since the line before it. *seconds* is a monotonic clock.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._waiting: Counter[tuple[str, str]] = Counter()
        self._logged_at: dict[tuple[str, str], float] = {}

    def note(self, subject: str, warnings: Mapping[str, int]) -> None:
        """Take the number of events of *subject* that broke each rule."""
        for rule, events in warnings.items():
            key, now = (subject, rule), self._seconds()
            self._waiting[key] += events
            if now - self._logged_at.get(key, -math.inf) >= SECONDS:
                self._logged_at[key] = now
                _LOG.warning("rule_warning", subject=subject, rule=rule, events=self._waiting.pop(key))

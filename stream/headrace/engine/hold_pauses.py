"""Pauses between the tries of a subject that is held, by its registry or by its bucket."""

from __future__ import annotations

import threading
from typing import Final

from headrace.engine.task_steps import Steps, pausing
from headrace.runtime.retry_policy import Backoff

_CALM_SECONDS: Final = 60.0  # after which a new problem has short pauses again


class HoldPauses:
    """Pauses that become longer until the subject has been served for a minute. They end when *stop* is set."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._backoff = Backoff()

    def after(self, served_seconds: float) -> Steps[bool]:
        """Wait, after the subject was served for so long; return whether the engine stops."""
        if served_seconds > _CALM_SECONDS:
            self._backoff.reset()
        return pausing(next(self._backoff), self._stop)

"""Schema ids that are known not to be a subject's: for how long, and why."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST: Final = 10_000
NOT_FOUND_SECONDS: Final = 30.0
FOREIGN_SECONDS: Final = 300.0
UNASKED_SECONDS: Final = 10.0


class UnknownIds:
    """A bounded memory of ids with the reason why each is refused; the oldest are forgotten first."""

    def __init__(self, now: Callable[[], float], most: int = MOST) -> None:
        self._now = now
        self._most = most
        self._ids: OrderedDict[int, tuple[float, str]] = OrderedDict()

    def note(self, schema_id: int, why: str, seconds: float) -> None:
        """Remember an id for some seconds."""
        self._ids[schema_id] = self._now() + seconds, why
        self._ids.move_to_end(schema_id)
        while len(self._ids) > self._most:
            self._ids.popitem(last=False)

    def why(self, schema_id: int) -> str | None:
        """Return why an id is refused; None if it is not remembered, or no longer."""
        until, why = self._ids.get(schema_id, (0.0, ""))
        return why if why and self._now() < until else None

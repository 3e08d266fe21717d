"""Format an age in three or four characters."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

_UNITS: Final = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "m"))


def age(then: datetime, now: datetime) -> str:
    """Return the time between *then* and *now*, both aware, as text.

    >>> from datetime import UTC
    >>> age(datetime(2026, 3, 14, tzinfo=UTC), datetime(2026, 3, 16, 1, tzinfo=UTC))
    '2d'
    """
    passed = now - then
    for unit, name in _UNITS:
        if passed >= unit:
            return f"{passed // unit}{name}"
    return f"{max(0, int(passed.total_seconds()))}s"

"""The wall clock, as the job reads it."""

from __future__ import annotations

import time


def now_micros() -> int:
    """Return the microseconds since 1970, in UTC."""
    return time.time_ns() // 1000

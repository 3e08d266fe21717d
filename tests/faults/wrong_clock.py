"""Loaded before the engine starts: its wall clock is off by the seconds that ``CHAOS_CLOCK_SECONDS`` names.

``time.time`` stays right: gRPC makes deadlines of it for its own clock, which is the system's.
"""

from __future__ import annotations

import os
import time

OFF = int(float(os.environ.get("CHAOS_CLOCK_SECONDS", "0")) * 1e9)
_time_ns = time.time_ns

time.time_ns = lambda: _time_ns() + OFF

"""How slow this machine is at the moment: limits in seconds are those of one that is not.

Measured by the thread's clock: that of the process goes in ticks of 4 ms where its processor time is limited.
"""

from __future__ import annotations

import time

_STEPS = 100_000
_SECONDS = 0.003  # that so many steps take where 50 ms is the limit of a payload


def times_as_slow() -> float:
    """How many times as long as it should a loop takes now, in processor time; 1 on a machine that is quicker."""
    return max(1.0, min(_loop() for _ in range(3)) / _SECONDS)


def _loop() -> float:
    began, total = time.thread_time(), 0
    for number in range(_STEPS):
        total += number
    return time.thread_time() - began

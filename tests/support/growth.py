"""How the time of some work grows with the size of its input, without a limit in seconds that a busy machine breaks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_TIMES: Final = 8  # how much larger the larger input is
_SLACK: Final = 4.0  # quadratic work takes 64 times as long for it
_ATTEMPTS: Final = 5


def assert_linear(work_on: Callable[[int], Callable[[], object]], size: int) -> None:
    """Fail if ``work_on(size)()`` takes much more than eight times as long as ``work_on(size // 8)()``.

    Other processes disturb a measurement, and never make quadratic work look linear: one undisturbed attempt suffices.
    """
    large, small = work_on(size), work_on(size // _TIMES)
    ratios = []
    for _ in range(_ATTEMPTS):
        least = min(_spent(small) for _ in range(3))
        ratios.append(_spent(large) / least)
        if ratios[-1] < _TIMES * _SLACK:
            return
    raise AssertionError(f"{_TIMES} times the input takes {min(ratios):.0f} times as long")


def _spent(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began

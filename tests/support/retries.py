"""What tests of retries share: a clock that goes on during sleeps, and attempts that fail."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.api_core.retry import retry_unary

from tests.support.pulls import Clock


class Sleeper(Clock):
    """A clock that goes on during sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def a_sleeper(monkeypatch: pytest.MonkeyPatch) -> Sleeper:
    """The clock by which Google's library waits between attempts, until the test ends."""
    sleeper = Sleeper()
    monkeypatch.setattr(retry_unary, "time", sleeper)
    monkeypatch.setattr("google.api_core.retry.retry_base.time", sleeper)
    return sleeper


def failing(*errors: Exception) -> Callable[[], str]:
    """An attempt that fails with each of these, and then succeeds."""
    left = list(errors)

    def attempt() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return attempt

"""Acknowledges what it has pulled before anything of it is durable."""

from __future__ import annotations

from headrace.engine.pulled import Pulled
from headrace.engine.puller import Puller

_take = Puller.take


def take(self: Puller, at_most: int, wait_seconds: float | None) -> list[Pulled]:
    pulled = _take(self, at_most, wait_seconds)
    self.acknowledge(pulled)
    return pulled


Puller.take = take  # type: ignore[method-assign]

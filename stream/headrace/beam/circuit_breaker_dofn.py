"""The flood guard where Beam carries the steps.

Dataflow cannot leave one subject alone, so in a flood the bundle fails, and is tried again until it can be read: what
is not acknowledged stays in Pub/Sub. Each worker process judges what it has seen itself.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from headrace.config.secrets import Key
from headrace.core.dead_letter import Refusal
from headrace.schemas.registry import Registry
from headrace.steps.circuit_breaker import FloodError, FloodGuard, describe

# By job, step and subject, for all threads of the process: a bundle that fails takes its DoFn along.
_GUARDS: Final[dict[tuple[Key, str, str], FloodGuard]] = {}
_GUARDED: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Floodgate:
    """Guards one step of one job, which *key* tells from others; *remedy* is what a person can do."""

    registry: Registry = field(repr=False)
    key: Key
    step: str
    remedy: str

    def hold(self, subject: str, now: int, received: int, refusals: Sequence[Refusal]) -> None:
        """Fail the bundle before anything of it goes on, when too much of the subject is refused.

        Raises:
            FloodError: it is; none of the bundle is published.
        """
        refused = Counter(refusal.reason for refusal in refusals)
        percent = self.registry.latest(subject).options.refuse_at_most
        with _GUARDED:
            guard = _GUARDS.setdefault((self.key, self.step, subject), FloodGuard(percent))
            held = guard.judge(now, received, refused)
        if held:
            raise FloodError(
                f"{subject}: {describe(received, refused, percent)}; its messages stay in Pub/Sub: "
                f"{self.remedy}; see docs/dead-letters/flood.md"
            )

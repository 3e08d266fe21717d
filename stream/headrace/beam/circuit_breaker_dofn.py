"""The circuit breaker of a Beam step.

Dataflow cannot pause one subject. So when the circuit opens, the bundle fails, and Dataflow retries it until the job
can read its messages. Unacknowledged messages stay in Pub/Sub. Each worker process decides by its own counts.
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
from headrace.steps.circuit_breaker import CircuitBreaker, CircuitOpenError, describe

# By job, step and subject, for all threads of the process, because a failed bundle discards its DoFn.
_BREAKERS: Final[dict[tuple[Key, str, str], CircuitBreaker]] = {}
_LOCK: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class BundleCircuitBreaker:
    """The circuit breaker of one step of one job, which *key* identifies; the error names *remedy*."""

    registry: Registry = field(repr=False)
    key: Key
    step: str
    remedy: str

    def check(self, subject: str, now: int, received: int, refusals: Sequence[Refusal]) -> None:
        """Count the refusals of a part of the bundle.

        Raises:
            CircuitOpenError: too many messages of the subject are refused; nothing of the bundle is published.
        """
        refused = Counter(refusal.reason for refusal in refusals)
        percent = self.registry.latest(subject).options.refuse_at_most
        with _LOCK:
            breaker = _BREAKERS.setdefault((self.key, self.step, subject), CircuitBreaker(percent))
            is_open = breaker.opens_on(now, received, refused)
        if is_open:
            raise CircuitOpenError(
                f"{subject}: {describe(received, refused, percent)}; its messages stay in Pub/Sub: "
                f"{self.remedy}; see docs/dead-letters/circuit-breaker.md"
            )

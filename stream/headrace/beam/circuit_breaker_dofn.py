"""The circuit breaker where Beam carries the steps.

Dataflow cannot leave one subject alone, so when the circuit opens the bundle fails, and is retried until it can be
read: what is not acknowledged stays in Pub/Sub. Each worker process decides by what it has seen itself.
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

# By job, step and subject, for all threads of the process: a bundle that fails takes its DoFn along.
_BREAKERS: Final[dict[tuple[Key, str, str], CircuitBreaker]] = {}
_LOCK: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class BundleCircuitBreaker:
    """Breaks the circuit of one step of one job, which *key* tells from others; *remedy* is what a person can do."""

    registry: Registry = field(repr=False)
    key: Key
    step: str
    remedy: str

    def check(self, subject: str, now: int, received: int, refusals: Sequence[Refusal]) -> None:
        """Fail the bundle before anything of it goes on, when too much of the subject is refused.

        Raises:
            CircuitOpenError: it is; none of the bundle is published.
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

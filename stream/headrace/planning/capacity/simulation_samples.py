"""The samples of a simulation over time, and their summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from headrace.planning.capacity.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Sample:
    """All keys at one time.

    Counts events that have *arrived*, were *decided* (they are in state) and *written*. Since the sample before:
    latencies in seconds of the events written, and the average number of busy vCPUs.
    """

    seconds: float
    arrived: int
    decided: int
    written: int
    written_a_second: float
    latency_p50: float
    latency_p95: float
    latency_max: float
    longest_queue: int
    busy_vcpus: float

    @property
    def backlog(self) -> int:
        """Events that are not written yet."""
        return self.arrived - self.written

    @property
    def in_state(self) -> int:
        """Events that are decided and not written: acknowledged, and only in the job's state."""
        return self.decided - self.written


@dataclass
class Written:
    """Counts written events and their latencies."""

    events: int = 0
    latency_sum: float = 0.0
    _latencies: list[tuple[float, int]] = field(default_factory=list)

    def note(self, latency: float, events: int) -> None:
        """Count *events* that were written *latency* seconds after they arrived."""
        self.events += events
        self.latency_sum += latency * events
        self._latencies.append((latency, events))

    def since_last(self) -> tuple[int, float, float, float]:
        """Return the events since the last call, and their median, 95th percentile and longest latency, or 0."""
        latencies, self._latencies = sorted(self._latencies), []
        total = sum(events for _, events in latencies)
        longest = latencies[-1][0] if latencies else 0.0
        return total, _quantile(latencies, total * 0.5), _quantile(latencies, total * 0.95), longest


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """The result of a simulation; *largest_commit* is in bytes, of one key."""

    scenario: Scenario
    samples: Sequence[Sample]
    largest_commit: float
    arrived: int
    written: int
    mean_latency: float

    @property
    def most_backlog(self) -> int:
        """The largest backlog."""
        return max(sample.backlog for sample in self.samples)

    @property
    def most_in_state(self) -> int:
        """The most events that were in state and not written."""
        return max(sample.in_state for sample in self.samples)

    @property
    def longest_queue(self) -> int:
        """The most events that waited at one key."""
        return max(sample.longest_queue for sample in self.samples)

    @property
    def most_latency(self) -> float:
        """The longest latency of an event."""
        return max(sample.latency_max for sample in self.samples)

    @property
    def usual_backlog(self) -> int:
        """The largest backlog before the first fault."""
        return max((each.backlog for each in self.samples if each.seconds <= self.scenario.faults_begin), default=0)

    @property
    def recovered_after(self) -> float | None:
        """Seconds from the end of the last fault until the backlog is at most twice the usual one, or None."""
        for sample in self.samples:
            if sample.seconds >= self.scenario.faults_end and sample.backlog <= 2 * self.usual_backlog:
                return sample.seconds - self.scenario.faults_end
        return None


def _quantile(latencies: Sequence[tuple[float, int]], least: float) -> float:
    seen = 0
    for latency, events in latencies:
        seen += events
        if seen >= least:
            return latency
    return 0.0

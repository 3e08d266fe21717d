"""What a simulation shows: samples over time, and what they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from headrace.planning.capacity.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Sample:
    """All keys at one moment. Events that have *arrived*, of them those *decided*, which are in state, and those
    *written*; since the sample before: latencies of what was written, in seconds, and vCPUs that were busy, on
    average."""

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
        """Events that are decided and not written: acknowledged, and in the job's state only."""
        return self.decided - self.written


@dataclass
class Written:
    """Counts what is written, and how long it took."""

    events: int = 0
    latency_sum: float = 0.0
    _latencies: list[tuple[float, int]] = field(default_factory=list)

    def note(self, latency: float, events: int) -> None:
        """So many *events* were written *latency* seconds after they came."""
        self.events += events
        self.latency_sum += latency * events
        self._latencies.append((latency, events))

    def since_last(self) -> tuple[int, float, float, float]:
        """Events since it was asked last, and their median, 95th percentile and longest latency; 0 of none."""
        latencies, self._latencies = sorted(self._latencies), []
        total = sum(events for _, events in latencies)
        longest = latencies[-1][0] if latencies else 0.0
        return total, _quantile(latencies, total * 0.5), _quantile(latencies, total * 0.95), longest


@dataclass(frozen=True, slots=True)
class Outcome:
    """A simulation that has ended; *largest_commit* in bytes, of one key."""

    scenario: Scenario
    samples: Sequence[Sample]
    largest_commit: float
    arrived: int
    written: int
    mean_latency: float

    @property
    def most_backlog(self) -> int:
        """The largest backlog of all."""
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
        """The longest that an event took."""
        return max(sample.latency_max for sample in self.samples)

    @property
    def usual_backlog(self) -> int:
        """The largest backlog before anything went wrong."""
        return max((each.backlog for each in self.samples if each.seconds <= self.scenario.broken_at), default=0)

    @property
    def recovered_after(self) -> float | None:
        """Seconds from the end of the last fault until the backlog is twice the usual one or less; None: it never
        was."""
        for sample in self.samples:
            if sample.seconds >= self.scenario.mended_at and sample.backlog <= 2 * self.usual_backlog:
                return sample.seconds - self.scenario.mended_at
        return None


def _quantile(latencies: Sequence[tuple[float, int]], least: float) -> float:
    seen = 0
    for latency, events in latencies:
        seen += events
        if seen >= least:
            return latency
    return 0.0

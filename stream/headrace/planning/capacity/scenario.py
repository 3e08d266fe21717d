"""A scenario of the simulation: keys with their rates, workers, costs and faults."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from headrace.beam.append_queue import BACKOFF_SECONDS
from headrace.beam.pages import BAGS
from headrace.planning.capacity.limits import CapacityError
from headrace.planning.capacity.needs import CapacityPlan

MOST_KEYS: Final = 64  # with more, a slice is simulated: fewer shards of each subject, and fewer workers
LEAST_WORKERS: Final = 4
QUIET_SECONDS: Final = 300.0  # before the first fault
REPLACEMENT_SECONDS: Final = 180.0  # until a lost worker is replaced: a virtual machine has to start


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of events in CPU seconds.

    *front_seconds* is before an event's key, *keyed_seconds* after it, *bundle_seconds* for a bundle of one key.
    *rewrite_seconds* is for each event that an append takes out of a page, or rewrites because its page shares one of
    the key's *bags*. An append of a key takes *answer_seconds*, or *retry_seconds* when it is refused, and has
    *head_events* at most.
    """

    front_seconds: float
    keyed_seconds: float
    bundle_seconds: float = 0.0
    rewrite_seconds: float = 0.0
    answer_seconds: float = 0.0
    retry_seconds: float = BACKOFF_SECONDS
    head_events: float = math.inf
    packed_bytes: float = 0.0
    bags: int = BAGS

    def moved(self, waiting: float) -> float:
        """Return how many of the *waiting* events are read and written when a page is taken: those of its bag."""
        return min(waiting, self.head_events * max(1, math.ceil(waiting / (self.bags * self.head_events))))


@dataclass(frozen=True, slots=True)
class Scenario:
    """Events, workers and faults of a simulation.

    *rates* are events a second of each key. BigQuery refuses every append between the two times of *stall*. At
    *lost_at* the *lost_workers* disappear; others have their keys after *takeover_seconds*, and new workers replace
    them after *replacement_seconds*. All keys together append at most *appends_a_second* events. A key has at most
    *most_undecided* events that are taken and not written yet; for the embedded engine that is a round.
    """

    rates: tuple[float, ...]
    workers: int
    vcpus: int
    costs: Costs
    seconds: float
    batch_seconds: float = 1.0
    sample_seconds: float = 5.0
    stall: tuple[float, float] | None = None
    lost_workers: int = 0
    lost_at: float = QUIET_SECONDS
    takeover_seconds: float = 60.0
    replacement_seconds: float = REPLACEMENT_SECONDS
    appends_a_second: float = math.inf
    most_undecided: float = math.inf

    @property
    def faults_end(self) -> float:
        """Time when the last fault is over; 0 without faults."""
        lost = self.lost_at + self.takeover_seconds if self.lost_workers else 0.0
        return max(lost, self.stall[1] if self.stall else 0.0)

    @property
    def faults_begin(self) -> float:
        """Time when the first fault begins; the end of the scenario without faults."""
        begins = [self.stall[0]] if self.stall else []
        begins += [self.lost_at] if self.lost_workers else []
        return min(begins, default=self.seconds)


@dataclass(frozen=True, slots=True)
class Slice:
    """A scenario that represents a plan: it has one of *of* shards, and one of *of* workers."""

    scenario: Scenario
    of: int


def slice_of(plan: CapacityPlan, minutes: float, stall_minutes: float, lost_workers: int) -> Slice:
    """Return the scenario of *plan*; both faults begin after :data:`QUIET_SECONDS`.

    Raises:
        CapacityError: all workers would be lost.
    """
    of = _parts(plan)
    workers = max(1, math.ceil(plan.workers / of))
    if lost_workers >= plan.workers:
        raise CapacityError(
            f"--lose {lost_workers}: too many of {plan.workers} workers; keep at least one, or raise --workers"
        )
    shards = plan.shards // of
    rates = [plan.load.events_a_second * share / plan.shards for share in plan.load.shares() for _ in range(shards)]
    packed = plan.packed_bytes
    costs = Costs(
        front_seconds=plan.event_seconds(False),
        keyed_seconds=plan.event_seconds(True),
        bundle_seconds=plan.calibration.bundle_us / 1e6,
        rewrite_seconds=plan.rewrite_seconds,
        answer_seconds=plan.limits["assumed_cycle_seconds"].value,
        head_events=plan.head_events,
        packed_bytes=packed,
    )
    where = "multi" if plan.multi_region else "single"
    written = plan.limits[f"bigquery_write_bytes_{where}"].value / plan.load.row_bytes
    scenario = Scenario(
        rates=tuple(rates),
        workers=workers,
        vcpus=plan.machine.vcpus,
        costs=costs,
        seconds=minutes * 60,
        stall=(QUIET_SECONDS, QUIET_SECONDS + stall_minutes * 60) if stall_minutes else None,
        lost_workers=min(math.ceil(lost_workers / of), workers - 1),
        takeover_seconds=plan.limits["assumed_takeover_seconds"].value,
        appends_a_second=written / of,
    )
    return Slice(scenario, of)


def _parts(plan: CapacityPlan) -> int:
    """Return the number of slices.

    It is doubled while there are too many keys, the shards divide evenly, and there are enough workers to lose one.
    """
    of = 1
    while plan.keys / of > MOST_KEYS and plan.shards % (2 * of) == 0 and plan.workers / (2 * of) >= LEAST_WORKERS:
        of *= 2
    return of

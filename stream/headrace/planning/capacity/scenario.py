"""What is simulated: keys and their rates, workers, costs, and what goes wrong when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from headrace.beam.append_queue import BACKOFF_SECONDS
from headrace.beam.pages import BAGS
from headrace.planning.capacity.limits import ScaleError
from headrace.planning.capacity.needs import Plan

MOST_KEYS: Final = 64  # of more, a slice is simulated: fewer shards of each subject, and as many fewer workers
LEAST_WORKERS: Final = 4
QUIET_SECONDS: Final = 300.0  # before anything goes wrong
REPLACEMENT_SECONDS: Final = 180.0  # until a worker that was lost is replaced: a virtual machine has to start


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU seconds of an event before and after it has come to its key, of a bundle of one key, and of each event that
    an append takes out of a page, or writes again because its page shares a bag with that one: a key has so many
    *bags*. *answer_seconds* pass from one append of a key to its next, *retry_seconds* when it was refused;
    *head_events* go into one append at most."""

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
        """Events that are read and written when a page is taken of so many that wait: those of its bag."""
        return min(waiting, self.head_events * max(1, math.ceil(waiting / (self.bags * self.head_events))))


@dataclass(frozen=True, slots=True)
class Scenario:
    """*rates* are events a second of each key. BigQuery refuses every append between the two moments of *stall*. At
    *lost_at* *lost_workers* are gone, after *takeover_seconds* others have their keys, after *replacement_seconds* new
    ones are there. All keys together append *appends_a_second* events at most. Of a key *most_undecided* events may
    have been taken and not be written yet; the embedded engine takes no more than a round."""

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
    def mended_at(self) -> float:
        """When the last fault is over; 0 when there is none."""
        lost = self.lost_at + self.takeover_seconds if self.lost_workers else 0.0
        return max(lost, self.stall[1] if self.stall else 0.0)

    @property
    def broken_at(self) -> float:
        """When the first fault begins; the end when there is none."""
        begins = [self.stall[0]] if self.stall else []
        begins += [self.lost_at] if self.lost_workers else []
        return min(begins, default=self.seconds)


@dataclass(frozen=True, slots=True)
class Slice:
    """A scenario that stands for a plan: of every *of* shards, and as many workers, one."""

    scenario: Scenario
    of: int


def slice_of(plan: Plan, minutes: float, stall_minutes: float, lost_workers: int) -> Slice:
    """What simulates *plan*: both faults begin after :data:`QUIET_SECONDS`.

    Raises:
        ScaleError: no worker would be left.
    """
    of = _parts(plan)
    workers = max(1, math.ceil(plan.workers / of))
    if lost_workers >= plan.workers:
        raise ScaleError(f"--lose {lost_workers}: of {plan.workers} workers one at least must be left; see --workers")
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


def _parts(plan: Plan) -> int:
    """Into how many slices the shards are cut: halved while there are too many keys, an even number of shards, and
    workers enough that the loss of one is not that of all."""
    of = 1
    while plan.keys / of > MOST_KEYS and plan.shards % (2 * of) == 0 and plan.workers / (2 * of) >= LEAST_WORKERS:
        of *= 2
    return of

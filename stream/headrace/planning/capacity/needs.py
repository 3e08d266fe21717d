"""The needs of a load, compared with the limits of each service. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from headrace.beam.pages import APPEND_BYTES, BAGS, PAGE_BYTES
from headrace.planning.capacity.calibration import Calibration, Kind
from headrace.planning.capacity.limits import Limit, Limits
from headrace.planning.capacity.load import Load, Machine
from headrace.planning.cost.estimate import message_bytes

ID_BYTES: Final = 24  # state of one remembered id: 16 bytes of its hash, 8 of its content's hash
BUNDLES_A_CYCLE: Final = 2  # one bundle decides a key's messages, another appends its head
# Number of times that a waiting row crosses between a worker and Streaming Engine: out and in at the shuffle, into the
# queue and out of it, into the head and out of it.
_PASSES: Final = 6
MEMORY_SHARE: Final = 0.5  # share of a worker's memory for ids; Python, Beam and the batches use the rest
_FRONT: Final = ("read", "decode", "seal", "mask", "window", "shuffle")
_KEYED: Final = ("dedupe", "state", "row")


@dataclass(frozen=True, slots=True)
class Need:
    """One need: a *quantity* of the resource that *limit* limits, and *why*.

    A *fixed* need does not grow with the rate. A *stalled* need exists only during an outage of BigQuery.
    """

    what: str
    why: str
    quantity: float
    limit: Limit
    fixed: bool = False
    stalled: bool = False

    @property
    def of_it(self) -> float:
        """The share of the limit; above 1 the limit is exceeded."""
        return self.quantity / self.limit.value


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """A load on a number of shards of each table, and of workers of a machine type."""

    load: Load
    kind: Kind
    calibration: Calibration
    limits: Limits
    machine: Machine
    shards: int
    workers: int
    multi_region: bool

    @property
    def keys(self) -> int:
        """Number of (table, shard) pairs. One thread at a time works on each, and each appends to one stream."""
        return self.load.subjects * self.shards

    @property
    def key_rate(self) -> float:
        """Events a second of one shard of the busiest subject."""
        return self.load.busiest / self.shards

    @property
    def packed_bytes(self) -> float:
        """Bytes of one waiting row in state, with its share of a part's bytes."""
        kind = self.kind
        more = self.load.event_bytes - kind.payload_bytes + self.load.row_bytes - kind.row_bytes
        return max(1.0, kind.packed_event_bytes + more) + kind.packed_part_bytes / self.rows_a_part

    @property
    def rows_a_part(self) -> float:
        """Rows of one micro-batch that belong to one shard, at least one."""
        return max(1.0, self.limits["assumed_batch_messages"].value / self.shards)

    @property
    def bundles_a_second(self) -> float:
        """Bundles of all keys a second: limited by how often a key may append, and by the rate of its messages."""
        most = BUNDLES_A_CYCLE / self.limits["assumed_cycle_seconds"].value
        rates = (self.load.events_a_second * share / self.shards for share in self.load.shares())
        return sum(self.shards * min(most, BUNDLES_A_CYCLE * rate) for rate in rates)

    def event_seconds(self, keyed: bool) -> float:
        """Return CPU seconds of an event with its share of a part: in the steps from the key on, or in those before."""
        steps = _KEYED if keyed else _FRONT
        a_part = sum(self.kind.part_us.get(step, 0.0) for step in steps) / self.rows_a_part
        a_batch = 0.0 if keyed else self.calibration.bundle_us / self.limits["assumed_batch_messages"].value
        return (sum(self.kind.event_us[step] for step in steps) + a_part + a_batch) / 1e6

    @property
    def appends_a_second(self) -> float:
        """Appends of all keys; each has its own bundle and connection."""
        return self.bundles_a_second / BUNDLES_A_CYCLE

    @property
    def vcpus(self) -> float:
        """Number of busy vCPUs."""
        an_event = self.event_seconds(False) + self.event_seconds(True)
        return self.load.events_a_second * an_event + self.bundles_a_second * self.calibration.bundle_us / 1e6

    @property
    def key_busy(self) -> float:
        """Share of a vCPU that a shard of the busiest subject needs; it cannot use more than one."""
        bundles = min(BUNDLES_A_CYCLE / self.limits["assumed_cycle_seconds"].value, BUNDLES_A_CYCLE * self.key_rate)
        return self.key_rate * self.event_seconds(True) + bundles * self.calibration.bundle_us / 1e6

    @property
    def rewrite_seconds(self) -> float:
        """CPU seconds to read and write a waiting event once: half of the measured *state*, which has the head too."""
        return 0.5 * (self.kind.event_us["state"] + self.kind.part_us["state"] / self.rows_a_part) / 1e6

    @property
    def turning_seconds(self) -> float:
        """Length of an outage of BigQuery after which a shard of the busiest subject cannot catch up at this rate.

        Then so many pages share a bag that the events of a head arrive as fast as the shard decides them, rewrites a
        bag and appends. 0 means at once.
        """
        come = self.head_events / self.key_rate
        decided = self.head_events * self.event_seconds(True) + self.calibration.bundle_us / 1e6
        a_bag = (come - decided - self.limits["assumed_cycle_seconds"].value) / self.rewrite_seconds
        return max(0.0, a_bag * BAGS / self.key_rate)

    @property
    def bag_bytes(self) -> float:
        """Bytes in a bag of a shard of the busiest subject after the outage, if all bags are equal.

        An append that takes a page of the bag rewrites all of it.
        """
        return self.key_rate * self.packed_bytes * self.load.stall_seconds / BAGS

    @property
    def head_events(self) -> float:
        """Most events of one append: a page."""
        return max(1.0, min(APPEND_BYTES / self.load.row_bytes, PAGE_BYTES / self.packed_bytes))

    @property
    def engine_bytes(self) -> float:
        """Bytes a second between workers and Streaming Engine."""
        an_event = message_bytes(self.load.event_bytes) + _PASSES * self.packed_bytes + ID_BYTES
        return self.load.events_a_second * an_event

    @property
    def ids_remembered(self) -> int:
        """Ids of the busiest table; half of them, the newer generation, must last for *remember_seconds*."""
        return max(2, math.ceil(2 * self.load.busiest * self.load.remember_seconds))

    @property
    def ids_bytes(self) -> float:
        """Memory of all workers for the ids of all tables, if each id is held once. A quiet table has as many ids."""
        return self.ids_remembered * self.load.subjects * self.calibration.id_bytes

    @property
    def state_bytes(self) -> float:
        """Bytes of the ids of all tables in state."""
        return float(self.ids_remembered * ID_BYTES * self.load.subjects)


def needs(plan: CapacityPlan) -> Sequence[Need]:
    """Return the needs of *plan*, in the order of an event's way."""
    return list(_needs(plan))


def first(found: Sequence[Need]) -> Need:
    """Return the need that meets its limit first, without an outage."""
    return max((need for need in found if not need.stalled), key=lambda need: need.of_it)


def _needs(plan: CapacityPlan) -> Iterator[Need]:
    load, limits = plan.load, plan.limits
    where = "multi" if plan.multi_region else "single"
    message, rate = message_bytes(load.event_bytes), load.events_a_second
    why = f"messages of {message:,.0f} bytes"
    yield Need("Pub/Sub, published", why, rate * message, limits["pubsub_publish_bytes"])
    yield Need("Pub/Sub, pulled", why, rate * message, limits["pubsub_pull_bytes"])
    yield Need("Dataflow workers", f"of {plan.machine.vcpus} vCPUs", plan.workers, limits["dataflow_workers"])
    why = f"each row {_PASSES} times, {plan.packed_bytes:,.0f} bytes"
    yield Need("Streaming Engine", why, plan.engine_bytes, limits["dataflow_engine_bytes"])
    yield Need("hot shard, busy", f"{plan.key_rate:,.0f} events/s", plan.key_busy, limits["assumed_busy"])
    yield Need("hot shard, rows", "one stream", plan.key_rate * load.row_bytes, limits["bigquery_stream_bytes"])
    why = f"in one of {BAGS} bags after {load.stall_seconds / 60:,.0f} min without BigQuery"
    yield Need("hot shard, a bag", why, plan.bag_bytes, limits["dataflow_commit_bytes"], stalled=True)
    head = min(plan.head_events, plan.key_rate * limits["assumed_cycle_seconds"].value) * plan.packed_bytes
    yield Need("hot shard, head", "one value in state", head, limits["dataflow_value_bytes"])
    yield Need("ids in memory", "of a worker", plan.ids_bytes / plan.workers, _worker_memory(plan))
    yield Need("Storage Write", "rows", rate * load.row_bytes, limits[f"bigquery_write_bytes_{where}"])
    connections = plan.keys + load.subjects
    why = f"{load.subjects} x {plan.shards}, and tallies"
    yield Need("connections", why, connections, limits[f"bigquery_connections_{where}"], fixed=True)
    yield Need("streams made", "when the job starts", connections, limits["bigquery_streams_made"], fixed=True)


def _worker_memory(plan: CapacityPlan) -> Limit:
    memory = plan.machine.memory_bytes * MEMORY_SHARE
    return Limit(value=memory, unit="B", looked_at=plan.calibration.measured_at, checked=True, source=plan.machine.name)

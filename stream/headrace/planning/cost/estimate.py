"""Estimate the monthly cost of a load, item by item. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, assert_never

from headrace.planning.cost import upkeep
from headrace.planning.cost.prices import Price, Prices
from headrace.schemas.data_reference import MAX_INLINE_BYTES
from headrace.schemas.envelope import Envelope, SchemaRef

MONTH_HOURS: Final = 730.5
MONTH_SECONDS: Final = MONTH_HOURS * 3600
GIB: Final = 2**30
TIB: Final = 2**40
LONG_TERM_DAYS: Final = 90  # a partition without changes for so long costs half
# Bytes that Pub/Sub counts in addition to payload and attributes: the timestamp, and a message id of 17 digits.
_MESSAGE_BYTES: Final = 20 + 17
REFERENCE_BYTES: Final = 256  # of the attributes that name an object
OBJECT_DAYS: Final = 60  # that the lifecycle rule of docs/wire.md keeps objects
_LETTER_BYTES: Final = 600  # attributes that describe a refusal
_WORKER_VCPUS: Final = 2  # n1-standard-2
_WORKER_GIB: Final = 7.5
_WORKER_DISK_GIB: Final = 30
_SHUFFLES: Final = 1  # the job groups once, by table and shard
_FREE: Final = "free"
_NOTHING: Final = Price(usd=0.0, unit="calls", source="https://cloud.google.com/bigquery/pricing#free")


class Engine(StrEnum):
    """The engine that runs the job."""

    DATAFLOW = "dataflow"
    EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class MonthlyLoad:
    """The load of a month.

    *event_bytes* are encoded, *row_bytes* logical. Users' queries read *queried_tib* in a month. One vCPU of Dataflow
    handles *events_a_vcpu* a second.
    """

    events_a_second: float
    event_bytes: int
    row_bytes: int
    kept_days: int
    queried_tib: float
    refused: float
    events_a_vcpu: float
    subjects: int = 1
    engine: Engine = Engine.DATAFLOW

    @property
    def month(self) -> float:
        """Events in a month."""
        return self.events_a_second * MONTH_SECONDS

    @property
    def workers(self) -> int:
        """Number of workers, at least one."""
        return max(1, math.ceil(self.events_a_second / self.events_a_vcpu / _WORKER_VCPUS))


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the estimate: a *quantity* in a month at *price*, and *why*."""

    what: str
    why: str
    quantity: float
    price: Price

    @property
    def usd(self) -> float:
        """Dollars in a month."""
        return self.price.of(self.quantity)


def estimate(load: MonthlyLoad, prices: Prices) -> list[Item]:
    """Return the items of *load*, in the order of an event's way; a price's free quantity is used once."""
    items, used = list[Item](), defaultdict[str, float](float)
    for what, why, name, quantity in _quantities(load):
        price = _NOTHING if name == _FREE else prices.by_name[name]
        items.append(Item(what, why, quantity, price.model_copy(update={"free": max(0.0, price.free - used[name])})))
        used[name] += quantity
    return items


def envelope_bytes() -> int:
    """Return the bytes of the attributes that every event has, with ids and names of usual length."""
    moment = datetime(2026, 1, 1, 12, 30, 15, 123456, UTC)
    attributes = Envelope("x" * 36, SchemaRef("a_subject_of_usual_length", 1), moment, "/a/source").to_attributes()
    return sum(len(name) + len(value) for name, value in attributes.items())


def message_bytes(event_bytes: float) -> float:
    """Return the bytes that Pub/Sub counts for a message whose event has *event_bytes* encoded."""
    return event_bytes + envelope_bytes() + _MESSAGE_BYTES


def _quantities(load: MonthlyLoad) -> Iterator[tuple[str, str, str, float]]:
    in_bucket = load.event_bytes > MAX_INLINE_BYTES
    message = message_bytes(REFERENCE_BYTES if in_bucket else load.event_bytes)
    letter = message + _LETTER_BYTES
    passed = load.month * message * 2 + load.month * load.refused * letter * 2
    yield "Pub/Sub", "each message published and delivered", "pubsub_throughput", passed / TIB
    if in_bucket:
        yield from _bucket(load)
    match load.engine:
        case Engine.DATAFLOW:
            yield from _dataflow(load, message_bytes(load.event_bytes))
        case Engine.EMBEDDED:
            pass  # the user's own machine has no list price
        case _:
            assert_never(load.engine)
    yield from _bigquery(load, letter)
    yield from _upkeep(load)


def _bucket(load: MonthlyLoad) -> Iterator[tuple[str, str, str, float]]:
    """Yield the items of events that no message can hold."""
    yield "Bucket, uploads", "one for each event", "storage_writes", load.month / 1000
    yield "Bucket, downloads", "one for each event", "storage_reads", load.month / 1000
    kept = load.month * load.event_bytes / GIB * OBJECT_DAYS / (MONTH_HOURS / 24)
    yield "Bucket, storage", f"{OBJECT_DAYS} days", "storage_kept", kept


def _dataflow(load: MonthlyLoad, message: float) -> Iterator[tuple[str, str, str, float]]:
    hours = load.workers * MONTH_HOURS
    plural = "s" if load.workers > 1 else ""
    yield "Dataflow vCPUs", f"{load.workers} worker{plural} of {_WORKER_VCPUS}", "dataflow_vcpu", hours * _WORKER_VCPUS
    yield "Dataflow memory", f"{_WORKER_GIB} GiB a worker", "dataflow_memory", hours * _WORKER_GIB
    grouped = load.month * message * _SHUFFLES
    yield "Dataflow streaming", "each message grouped once", "dataflow_streaming_data", grouped / GIB
    yield "Dataflow disks", f"{_WORKER_DISK_GIB} GiB a worker", "dataflow_disk", hours * _WORKER_DISK_GIB


def _bigquery(load: MonthlyLoad, letter: float) -> Iterator[tuple[str, str, str, float]]:
    written = load.month * ((1 - load.refused) * load.row_bytes + load.refused * letter)
    yield "BigQuery ingestion", f"rows of {load.row_bytes:,} bytes", "bigquery_ingestion", written / GIB
    a_day = written / GIB / (MONTH_HOURS / 24)
    young = min(load.kept_days, LONG_TERM_DAYS)
    yield "BigQuery storage", f"{young} days", "bigquery_active_storage", a_day * young
    old = load.kept_days - young
    if old:
        yield "BigQuery storage, old", f"{old} days more", "bigquery_long_term_storage", a_day * old
    if load.queried_tib:
        yield "BigQuery queries", "bytes that users read", "bigquery_queries", load.queried_tib


def _upkeep(load: MonthlyLoad) -> Iterator[tuple[str, str, str, float]]:
    """Yield the calls of the job that move no events."""
    match load.engine:
        case Engine.DATAFLOW:
            calls = upkeep.free_calls_of_workers(load.workers * _WORKER_VCPUS, load.subjects, MONTH_SECONDS)
            yield "Job's checks of tables", "every 10 s at most; free", _FREE, calls
        case Engine.EMBEDDED:
            rows = upkeep.row_queries_bytes(load.events_a_second, load.subjects, MONTH_SECONDS)
            yield "Engine's queries, rows", "every 10 minutes a table", "bigquery_queries", rows / TIB
            claims = upkeep.claim_queries_bytes(MONTH_SECONDS)
            yield "Engine's queries, claims", "every hour", "bigquery_queries", claims / TIB
            calls = upkeep.free_calls(load.subjects, MONTH_SECONDS)
            yield "Engine's checks", "every 10 to 30 s; free", _FREE, calls
        case _:
            assert_never(load.engine)

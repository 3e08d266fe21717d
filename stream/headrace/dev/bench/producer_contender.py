"""One contender of ``headrace bench --producer``, as a process: publishes events and prints its rate and cost.

``python -m headrace.dev.bench.producer_contender CONTENDER PROJECT SUBJECT COUNT EVENTS [RATE]``. With a rate, events
are published on schedule, and the line has the milliseconds from each publish to its confirmation instead.
"""

from __future__ import annotations

import io
import json
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final, NamedTuple, assert_never

import fastavro
from google.cloud import pubsub_v1

from headrace.core.resource_names import Names
from headrace.producers import EventProducer, PubSubPublisher
from headrace.producers.outbox import Outbox
from headrace.producers.testing import FakePublisher
from headrace.producers.transport.limits import (
    BATCH_BYTES,
    BATCH_MESSAGES,
    BATCH_SECONDS,
    MAX_OUTSTANDING_BYTES,
    MAX_OUTSTANDING_MESSAGES,
)
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

WARM: Final = 2_000
CALLERS: Final = 64
SOURCE: Final = "/bench"


class Contender(StrEnum):
    """A way to publish."""

    OURS = "ours"  # the SDK: validates, encodes, batches
    BARE = "bare"  # Google's client, with bytes that were encoded before, and the same limits
    NAIVE = "naive"  # fastavro, and the result of each publish before the next
    DURABLE = "durable"  # the SDK with an outbox that a power cut may shorten, and one caller
    DURABLE_FULL = "durable_full"  # the SDK with an outbox that survives a power cut, and many callers


class Event(NamedTuple):
    """An event as the contenders take it: *fields* for those that encode."""

    fields: Mapping[str, Any]
    data: bytes
    attributes: dict[str, str]


Publish = Callable[[Event], Any]


def run(contender: Contender, project: str, subject: str, count: int, events: Path) -> dict[str, float]:
    """Publish *count* events as fast as it goes; returns the events a second and the processor microseconds of each."""
    some = prepared(subject, events)
    _publish_all(contender, project, subject, islice(cycle(some), min(WARM, count)))
    began, used = time.monotonic(), time.process_time()
    _publish_all(contender, project, subject, islice(cycle(some), count))
    seconds, processor = time.monotonic() - began, time.process_time() - used
    return {"eps": count / seconds, "cpu_us": processor / count * 1e6}


def run_on_schedule(
    contender: Contender, project: str, subject: str, count: int, events: Path, rate: float
) -> list[float]:
    """Publish *rate* events a second; returns the milliseconds of each from its publish to its confirmation."""
    some, took = prepared(subject, events), []
    with publishing(contender, project, subject) as publish:
        for event in some[:100]:
            publish(event).result()
        start = time.monotonic()
        for number, event in enumerate(islice(cycle(some), count)):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            began = time.monotonic()
            publish(event).add_done_callback(lambda _, began=began: took.append((time.monotonic() - began) * 1e3))
    return took


def prepared(subject: str, events: Path) -> list[Event]:
    """Return the events of the file, encoded by the SDK."""
    fake = FakePublisher()
    some = pickle.loads(events.read_bytes())  # noqa: S301 by the process that started this one
    with EventProducer(fake, source=SOURCE, contracts=Registry.load(SAMPLES)) as producer:
        for fields in some:
            producer.publish(subject, fields)
    return [
        Event(fields, message.data, message.attributes) for fields, message in zip(some, fake.messages, strict=True)
    ]


def _publish_all(contender: Contender, project: str, subject: str, events: Iterator[Event]) -> None:
    with publishing(contender, project, subject) as publish:
        if contender is Contender.DURABLE_FULL:
            _call_from_threads(publish, list(events))
        else:
            for event in events:
                publish(event)


def _call_from_threads(publish: Publish, events: Sequence[Event]) -> None:
    def some(first: int) -> None:
        for event in events[first::CALLERS]:
            publish(event)

    with ThreadPoolExecutor(CALLERS) as threads:
        list(threads.map(some, range(CALLERS)))


@contextmanager
def publishing(contender: Contender, project: str, subject: str) -> Iterator[Publish]:
    """Yield the contender's function; afterwards wait until all that it published is confirmed."""
    match contender:
        case Contender.OURS:
            with EventProducer(PubSubPublisher(project), source=SOURCE, contracts=Registry.load(SAMPLES)) as producer:
                yield lambda event: producer.publish(subject, event.fields)
        case Contender.BARE:
            with _bare(Names(project).topic(subject)) as publish:
                yield publish
        case Contender.DURABLE | Contender.DURABLE_FULL:
            with _durable(project, "FULL" if contender is Contender.DURABLE_FULL else "NORMAL") as producer:
                yield lambda event: producer.publish(subject, event.fields)
        case Contender.NAIVE:
            yield _naive(Names(project).topic(subject), subject)
        case never:
            assert_never(never)


@contextmanager
def _durable(project: str, synchronous: str) -> Iterator[EventProducer]:
    """Yield a producer with an outbox in a temporary file; afterwards wait until all is delivered."""
    with tempfile.TemporaryDirectory(prefix="headrace-bench-outbox-") as folder:
        outbox = Outbox(Path(folder) / "events.outbox", synchronous=synchronous)
        with EventProducer(
            PubSubPublisher(project), source=SOURCE, contracts=Registry.load(SAMPLES), outbox=outbox
        ) as producer:
            yield producer
            producer.flush()


@contextmanager
def _bare(topic: str) -> Iterator[Publish]:
    types = pubsub_v1.types
    client: Any = pubsub_v1.PublisherClient(  # its stub has no attributes of any name
        types.BatchSettings(BATCH_BYTES, BATCH_SECONDS, BATCH_MESSAGES),
        types.PublisherOptions(
            flow_control=types.PublishFlowControl(
                MAX_OUTSTANDING_MESSAGES, MAX_OUTSTANDING_BYTES, types.LimitExceededBehavior.BLOCK
            )
        ),
    )
    futures: list[Any] = []

    def publish(event: Event) -> Any:
        futures.append(client.publish(topic, event.data, **event.attributes))
        return futures[-1]

    yield publish
    for future in futures:
        future.result()
    client.stop()


def _naive(topic: str, subject: str) -> Publish:
    client: Any = pubsub_v1.PublisherClient()
    schema = Registry.load(SAMPLES).latest(subject).avro

    def publish(event: Event) -> Any:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, event.fields)
        return client.publish(topic, out.getvalue(), **event.attributes).result()

    return publish


def main(name: str, project: str, subject: str, count: str, events: str, rate: str = "") -> None:
    """Run the contender and print its figures."""
    contender, file = Contender(name), Path(events)
    figures: Any = (
        run_on_schedule(contender, project, subject, int(count), file, float(rate))
        if rate
        else run(contender, project, subject, int(count), file)
    )
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The job in one process: pull, run the pipeline, and acknowledge what has been written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.core import RestrictionProvider

from stream.engine.puller import Pulled, Puller
from stream.engine.runner import SOURCE, StreamingFnApiRunner, flat_monitoring
from stream.message import Message
from stream.pipeline import Job, ingest

FOREVER: Final = 2**62
WAIT_SECONDS: Final = 0.2  # for the first message of a bundle; also how soon a stop is seen


@dataclass
class Progress:
    """How far the engine is: messages pulled, and messages whose fate is durable and acknowledged."""

    received: int = 0
    acknowledged: int = 0


@dataclass
class Embedded:
    """One run of the job. *stop* drains: what was pulled is finished and acknowledged, then ``run`` returns."""

    job: Job
    puller: Puller
    bundle_messages: int
    batch_messages: int
    stop: threading.Event = field(default_factory=threading.Event)
    on_progress: Callable[[Progress], None] = lambda progress: None
    progress: Progress = field(default_factory=Progress)
    _unsettled: list[Pulled] = field(default_factory=list, repr=False)

    def run(self) -> None:
        """Run until *stop* is set. Raises what a step raised; unacknowledged messages then come again."""
        name = _RUNNING.add(self)
        self.puller.start()
        try:
            with flat_monitoring():
                pipeline = beam.Pipeline(runner=StreamingFnApiRunner(), options=PipelineOptions([]))
                source = pipeline | "Start" >> beam.Create([name])
                ingest(source | SOURCE >> beam.ParDo(_PullFn()), self.job)
                pipeline.run().wait_until_finish()
            self.settle()
        finally:
            self.puller.stop()
            _RUNNING.remove(name)

    def settle(self) -> None:
        """Acknowledge the messages of the bundle before: every stage has finished with them."""
        self.puller.acknowledge(self._unsettled)
        self.progress.acknowledged += sum(len(pulled.messages) for pulled in self._unsettled)
        self._unsettled = []
        self.on_progress(self.progress)

    def next_bundle(self) -> Iterator[list[Message]]:
        """Take messages for one bundle, in lists of one subject each."""
        self._unsettled = self.puller.take(self.bundle_messages, WAIT_SECONDS)
        by_subject: dict[str, list[Message]] = {}
        for pulled in self._unsettled:
            by_subject.setdefault(pulled.messages[0].subject, []).extend(pulled.messages)
            self.progress.received += len(pulled.messages)
        for messages in by_subject.values():
            for start in range(0, len(messages), self.batch_messages):
                yield messages[start : start + self.batch_messages]


class _Running:
    """The engines of this process by name: Beam pickles its DoFns, so they find their engine here."""

    def __init__(self) -> None:
        self._engines: dict[str, Embedded] = {}
        self._count = 0

    def add(self, engine: Embedded) -> str:
        self._count += 1
        name = f"engine-{self._count}"
        self._engines[name] = engine
        return name

    def remove(self, name: str) -> None:
        del self._engines[name]

    def __getitem__(self, name: str) -> Embedded:
        return self._engines[name]


_RUNNING: Final = _Running()


class _Forever(RestrictionProvider):  # type: ignore[misc]
    def initial_restriction(self, element: str) -> OffsetRange:
        return OffsetRange(0, FOREVER)

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element: str, restriction: OffsetRange) -> int:
        return 1


_FOREVER_PARAM: Final = beam.DoFn.RestrictionParam(_Forever())


class _PullFn(beam.DoFn):  # type: ignore[misc]
    @beam.DoFn.unbounded_per_element()  # type: ignore[untyped-decorator]
    def process(self, name: str, tracker: Any = _FOREVER_PARAM) -> Iterator[list[Message]]:
        engine = _RUNNING[name]
        engine.settle()
        if engine.stop.is_set():
            tracker.try_claim(FOREVER - 1)
            return
        tracker.try_claim(tracker.current_restriction().start)
        yield from engine.next_bundle()
        tracker.defer_remainder()

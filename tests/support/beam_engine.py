"""The Beam job on the emulators: FnApiRunner made to stream, and a source that acknowledges what has been written.

FnApiRunner runs an unbounded splittable DoFn continuously, but holds back the input of every stage behind a
shuffle until the watermark reaches the end of time. After each bundle this runner

1. moves the pending data of such stages to the ready queue, and processing-time timers, at any time, and
2. holds the source's own continuation back until nothing else is ready. The runner would merge it with timers of the
   stage it is fused into, and so acknowledge before those have appended.

So when the source's next bundle begins, every stage has finished all that came from the bundles before it, every
timer has fired in bundles of its own, and what was queued has been appended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, fn_runner
from apache_beam.runners.portability.fn_api_runner.execution import ListBuffer, PartitionableBuffer
from apache_beam.runners.portability.fn_api_runner.fn_runner import DataInput
from apache_beam.transforms.core import RestrictionProvider

from headrace.config.secrets import Key
from headrace.core.message import Message
from headrace.engine.pulled import Pulled
from headrace.engine.puller import Puller
from headrace.engine.scheduler import Scheduler
from headrace.job import Job
from headrace.pipeline import ingest

SOURCE: Final = "Pull"  # part of the label of the reading step
FOREVER: Final = 2**62
WAIT_SECONDS: Final = 0.2


class StreamingFnApiRunner(FnApiRunner):
    """FnApiRunner that streams."""

    def __init__(self) -> None:
        super().__init__()
        self._source: list[Any] = []  # its continuation, while anything else is ready

    def _execute_bundle(self, context: Any, bundle_context_manager: Any, bundle_input: Any) -> Any:
        result = super()._execute_bundle(context, bundle_context_manager, bundle_input)
        ready, pending = context.queues.ready_inputs, context.queues.watermark_pending_inputs
        held = []
        while len(pending):
            (stage, watermark), waiting = pending.deque()
            if waiting.data and not waiting.timers:
                ready.enque((stage, waiting))
            else:
                held.append(((stage, watermark), waiting))
        for entry in held:
            pending.enque(entry)
        _order(context.queues, self._source)
        return result


def _order(queues: Any, held: list[Any]) -> None:
    """Put what the source would go on with behind everything else, timers of its own stage too."""
    ready = queues.ready_inputs
    entries = [ready.deque() for _ in range(len(ready))]
    timed = queues.time_pending_inputs  # looked at only when nothing is ready, and the source always is
    while len(timed):
        (stage, _), waiting = timed.deque()
        entries.append((stage, waiting))
    for stage, waiting in entries:
        if SOURCE not in stage:
            ready.enque((stage, waiting))
            continue
        if any(len(list(buffer)) for buffer in waiting.data.values()):
            held.append((stage, DataInput(waiting.data, {})))
        if waiting.timers:
            empty: dict[str, PartitionableBuffer] = {name: ListBuffer(None) for name in waiting.data}
            ready.enque((stage, DataInput(empty, waiting.timers)))
    while held and not len(ready):
        ready.enque(held.pop())


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key of which a graph holds the name alone, as it does of a version in Secret Manager."""

    name: str

    def read(self) -> bytes:
        return sha256(self.name.encode()).digest()


@contextmanager
def flat_monitoring() -> Iterator[None]:
    """Let the runner forget each bundle's monitoring infos: it nests them until it fails."""
    original = fn_runner.consolidate_monitoring_infos
    fn_runner.consolidate_monitoring_infos = _forget
    try:
        yield
    finally:
        fn_runner.consolidate_monitoring_infos = original


def _forget(*_: Iterable[Any], **__: Any) -> list[Any]:
    return []


@dataclass
class BeamEngine:
    """One run of the job, until so many messages are acknowledged, or *stop* is set."""

    job: Job
    sealing: Key
    pullers: Sequence[Puller]  # one a subject
    until: int
    bundle_messages: int = 500
    batch_messages: int = 100
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: int = 0
    on_acknowledged: Callable[[int], None] = lambda count: None
    unsettled: list[tuple[Puller, list[Pulled]]] = field(default_factory=list)

    def run(self, seconds: float = 120) -> None:
        """Run the pipeline; gives up after *seconds*."""
        giving_up = threading.Timer(seconds, self.stop.set)
        _RUNNING["engine"] = self
        giving_up.start()
        try:
            with self._pulling(), flat_monitoring():
                pipeline = beam.Pipeline(runner=StreamingFnApiRunner(), options=PipelineOptions([]))
                source = pipeline | "Start" >> beam.Create(["engine"])
                pull = _PullFn()  # type: ignore[no-untyped-call] # of DoFn
                ingest(source | SOURCE >> beam.ParDo(pull), self.job, self.sealing)
                pipeline.run().wait_until_finish()
                self.settle()
        finally:
            giving_up.cancel()
            del _RUNNING["engine"]

    @contextmanager
    def _pulling(self) -> Iterator[None]:
        with Scheduler("source", len(self.pullers)) as scheduler:
            for puller in self.pullers:
                puller.start(scheduler, lambda: None)
            try:
                yield
            finally:
                for puller in self.pullers:
                    puller.stop()

    def settle(self) -> None:
        """Acknowledge the messages of the bundle before: every stage has finished with them."""
        for puller, taken in self.unsettled:
            puller.acknowledge(taken)
            self.acknowledged += sum(len(pulled.messages) for pulled in taken)
        self.unsettled = []
        self.on_acknowledged(self.acknowledged)
        if self.acknowledged >= self.until:
            self.stop.set()

    def next_bundle(self) -> Iterator[list[Message]]:
        """Take messages for one bundle, in lists of one subject each."""
        self.unsettled = [(puller, puller.take(self.bundle_messages, WAIT_SECONDS)) for puller in self.pullers]
        for _, taken in self.unsettled:
            messages = [_picklable(message) for pulled in taken for message in pulled.messages]
            for start in range(0, len(messages), self.batch_messages):
                yield messages[start : start + self.batch_messages]


def _picklable(message: Message) -> Message:
    """Beam pickles messages; a puller's attributes are protobuf's own mapping."""
    return replace(message, attributes=dict(message.attributes))


_RUNNING: Final[dict[str, BeamEngine]] = {}  # Beam pickles its DoFns, so they find their engine here


class _Forever(RestrictionProvider):
    def initial_restriction(self, element: str) -> OffsetRange:
        return OffsetRange(0, FOREVER)

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element: str, restriction: OffsetRange) -> int:
        return 1


_FOREVER_PARAM: Final = beam.DoFn.RestrictionParam(_Forever())


class _PullFn(beam.DoFn):
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

"""Beam's FnApiRunner made to stream: later stages run as soon as they have data, and before the source goes on.

FnApiRunner runs an unbounded splittable DoFn continuously, but holds back the input of every stage behind a
shuffle until the watermark reaches the end of time. After each bundle this runner

1. moves the pending data of such stages to the ready queue, and processing-time timers, whatever their time, and
2. holds the source's own continuation back until nothing else is ready.

So when the source's next bundle begins, every stage has finished all that came from the bundles before it:
whatever the source acknowledges then has been written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from apache_beam.runners.portability.fn_api_runner import FnApiRunner, fn_runner
from apache_beam.runners.portability.fn_api_runner.execution import ListBuffer
from apache_beam.runners.portability.fn_api_runner.fn_runner import DataInput

SOURCE: Final = "Pull"  # part of the label of the reading step


class StreamingFnApiRunner(FnApiRunner):  # type: ignore[misc]
    """FnApiRunner that streams, with flat memory."""

    def __init__(self) -> None:
        super().__init__()
        self._source: list[Any] = []  # its continuation, while anything else is ready

    def _execute_bundle(self, context: Any, bundle_context_manager: Any, bundle_input: Any) -> Any:
        result = super()._execute_bundle(context, bundle_context_manager, bundle_input)
        _release_data(context.queues)
        _order(context.queues, self._source)
        return result


def _release_data(queues: Any) -> None:
    ready, pending = queues.ready_inputs, queues.watermark_pending_inputs
    held = []
    while len(pending):
        (stage, watermark), waiting = pending.deque()
        if waiting.data and not waiting.timers:
            ready.enque((stage, waiting))
        else:
            held.append(((stage, watermark), waiting))
    for entry in held:
        pending.enque(entry)


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
            empty = {name: ListBuffer(None) for name in waiting.data}
            ready.enque((stage, DataInput(empty, waiting.timers)))
    while held and not len(ready):
        ready.enque(held.pop())


@contextmanager
def flat_monitoring() -> Iterator[None]:
    """Let the runner forget each bundle's monitoring infos.

    It merges them by nesting: 47 KiB more with every bundle, and a RecursionError after 3,000. The engine has
    metrics of its own.
    """
    original = fn_runner.consolidate_monitoring_infos
    fn_runner.consolidate_monitoring_infos = _forget
    try:
        yield
    finally:
        fn_runner.consolidate_monitoring_infos = original


def _forget(*_: Iterable[Any], **__: Any) -> list[Any]:
    return []

"""Beam's FnApiRunner made to stream: later stages run as soon as they have data, and before the source goes on.

FnApiRunner runs an unbounded splittable DoFn continuously, but holds back the input of every stage behind a
shuffle until the watermark reaches the end of time. After each bundle this runner

1. moves the pending data of such stages (never their timers) to the ready queue, and
2. puts the source's own continuation behind everything else that is ready.

So when the source's next bundle begins, every stage has finished all that came from the bundles before it:
whatever the source acknowledges then has been written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from apache_beam.runners.portability.fn_api_runner import FnApiRunner, fn_runner

SOURCE: Final = "Pull"  # part of the label of the reading step


class StreamingFnApiRunner(FnApiRunner):  # type: ignore[misc]
    """FnApiRunner that streams, with flat memory."""

    def _execute_bundle(self, context: Any, bundle_context_manager: Any, bundle_input: Any) -> Any:
        result = super()._execute_bundle(context, bundle_context_manager, bundle_input)
        _release_data(context.queues)
        _put_source_last(context.queues.ready_inputs)
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


def _put_source_last(ready: Any) -> None:
    waiting = [ready.deque() for _ in range(len(ready))]
    for entry in sorted(waiting, key=lambda entry: SOURCE in entry[0]):
        ready.enque(entry)


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

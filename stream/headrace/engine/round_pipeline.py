"""One round is prepared while the one before it is written and the one before that is acknowledged.

Most of a round is waiting: for a sync of the disk, for BigQuery's answer, for Pub/Sub's. Meanwhile others compute. ::

    take         |2|                |3|                    |4|
    prepare        |-- 2 --|          |------ 3 ------|      |-- 4 --|
    write          |------- 1 -------||--------- 2 --------||--------- 3 ...
    acknowledge      |- 0 -|           |- 1 -|               |- 2 -|
    time         ------------------------------------------------------->

Rounds are written one at a time and in their order, and a round is acknowledged when it has been written. Each stage
holds one round at most, so three are in hand; a stage that is slow holds up the others. After each round others may go
first, and a pipeline with nothing in hand holds no thread until it is woken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from headrace.engine.scheduler import Steps

Taken = TypeVar("Taken")
Ready = TypeVar("Ready")


@dataclass(frozen=True, slots=True)
class Stages:
    """Threads in which stages run beside each other, for all pipelines. A stage waits for no other."""

    prepare: Executor
    acknowledge: Executor


@contextmanager
def open_stages(at_once: int) -> Iterator[Stages]:
    """Open threads for *at_once* pipelines that work at the same moment; each is started when it is needed."""
    with ThreadPoolExecutor(at_once, "prepare") as prepare, ThreadPoolExecutor(at_once, "acknowledge") as acknowledge:
        yield Stages(prepare, acknowledge)


class RoundPipeline(Generic[Taken, Ready]):
    """Carries rounds through their *stages*; *take* and *write* run in the thread that goes on with its steps.

    *take* receives the round that is written next, None when nothing is in hand; it returns None when there is nothing.
    Then *rest* returns for how many seconds to wait at most; None until woken.
    """

    def __init__(
        self,
        stages: Stages,
        *,
        take: Callable[[Ready | None], Taken | None],
        prepare: Callable[[Taken], Ready],
        write: Callable[[Ready], None],
        acknowledge: Callable[[Ready], None],
        rest: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._stages = stages
        self._take = take
        self._prepare = prepare
        self._write = write
        self._acknowledge = acknowledge
        self._rest = rest

    def run(self, is_stopped: Callable[[], bool]) -> Steps[None]:
        """Run until *is_stopped*; what was taken by then is finished.

        Raises what any stage raises, once the rounds before have their outcome; the rounds after it have none.
        """
        ahead: Future[Ready] | None = None
        behind: Future[None] | None = None
        try:
            while ahead is not None or not is_stopped():
                ready = None if ahead is None else ahead.result()
                try:
                    taken = None if is_stopped() else self._take(ready)
                    ahead = None if taken is None else self._stages.prepare.submit(self._prepare, taken)
                finally:  # what cannot be taken does no harm to what was
                    if ready is not None:
                        self._write(ready)
                        _finish(behind)
                        behind = self._stages.acknowledge.submit(self._acknowledge, ready)
                if ready is not None or taken is not None:
                    yield 0.0
                elif not is_stopped():
                    yield self._rest()
            _finish(behind)
        finally:
            open_: list[Future[Any]] = [each for each in (ahead, behind) if each is not None]
            wait(open_)


def _finish(acknowledged: Future[None] | None) -> None:
    if acknowledged is not None:
        acknowledged.result()

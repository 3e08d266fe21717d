"""The stages of rounds. While a round is written, the next one is prepared and the previous one is acknowledged.

A round spends most of its time waiting for the disk, BigQuery or Pub/Sub. Other rounds compute meanwhile. ::

    take         |2|                |3|                    |4|
    prepare        |-- 2 --|          |------ 3 ------|      |-- 4 --|
    write          |------- 1 -------||--------- 2 --------||--------- 3 ...
    acknowledge      |- 0 -|           |- 1 -|               |- 2 -|
    time         ------------------------------------------------------->

Rounds are written one at a time and in their order. A round is acknowledged after it is written. Each stage has at most
one round, so at most three rounds are in progress, and a slow stage delays the others. After each round, other
pipelines may run first. A pipeline without a round occupies no thread until somebody wakes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from headrace.engine.task_steps import Steps

Taken = TypeVar("Taken")
Ready = TypeVar("Ready")


@dataclass(frozen=True, slots=True)
class Stages:
    """The threads in which the stages of all pipelines run in parallel. A stage does not wait for another one."""

    prepare: Executor
    acknowledge: Executor


@contextmanager
def open_stages(at_once: int) -> Iterator[Stages]:
    """Open the threads for *at_once* pipelines that run at the same time; each starts when it is needed."""
    with ThreadPoolExecutor(at_once, "prepare") as prepare, ThreadPoolExecutor(at_once, "acknowledge") as acknowledge:
        yield Stages(prepare, acknowledge)


class RoundPipeline(Generic[Taken, Ready]):
    """A pipeline that passes rounds through the *stages*; *take* and *write* run in the thread that runs its steps.

    *take* receives the round that is written next, or None if there is no round. It returns None if it finds no
    messages. Then *rest* returns the most seconds to wait, or None to wait until somebody wakes the pipeline.
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
        """Run until *is_stopped*, and finish the rounds that were taken by then.

        Raise the error of any stage, after the earlier rounds have their outcome. Later rounds have none.
        """
        ahead: Future[Ready] | None = None
        behind: Future[None] | None = None
        try:
            while ahead is not None or not is_stopped():
                ready = None if ahead is None else ahead.result()
                try:
                    taken = None if is_stopped() else self._take(ready)
                    ahead = None if taken is None else self._stages.prepare.submit(self._prepare, taken)
                finally:  # finish the earlier rounds even if *take* raises an error
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

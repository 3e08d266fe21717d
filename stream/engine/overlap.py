"""One round is prepared while the one before it is written and the one before that is acknowledged.

Most of a round is waiting: for a sync of the disk, for BigQuery's answer, for Pub/Sub's. Meanwhile others compute. ::

    take         |2|                |3|                    |4|
    prepare        |-- 2 --|          |------ 3 ------|      |-- 4 --|
    write          |------- 1 -------||--------- 2 --------||--------- 3 ...
    acknowledge      |- 0 -|           |- 1 -|               |- 2 -|
    time         ------------------------------------------------------->

Rounds are written one at a time and in their order, and a round is acknowledged when it has been written. Each stage
holds one round at most, so three are in hand; a stage that is slow holds up the others.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Taken = TypeVar("Taken")
Ready = TypeVar("Ready")


class Overlap(Generic[Taken, Ready]):
    """Carries rounds through their stages; *prepare* and *acknowledge* run in threads of their own, *take* and *write*
    in the caller's.

    *take* is given the round that is written next, None when nothing is in hand and it may wait; it gives None when
    there is nothing.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[Ready | None], Taken | None],
        prepare: Callable[[Taken], Ready],
        write: Callable[[Ready], None],
        acknowledge: Callable[[Ready], None],
    ) -> None:
        self._name = name
        self._take = take
        self._prepare = prepare
        self._write = write
        self._acknowledge = acknowledge

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Go on until told to stop; what was taken by then is finished.

        Raises what any stage raises, once the rounds before have their fate; the rounds after it have none.
        """
        with self._worker("prepare") as preparing, self._worker("acknowledge") as acknowledging:
            ahead: Future[Ready] | None = None
            behind: Future[None] | None = None
            while ahead is not None or not is_stopped():
                ready = None if ahead is None else ahead.result()
                try:
                    taken = None if is_stopped() else self._take(ready)
                    ahead = None if taken is None else preparing.submit(self._prepare, taken)
                finally:  # what cannot be taken does no harm to what was
                    if ready is not None:
                        self._write(ready)
                        _finish(behind)
                        behind = acknowledging.submit(self._acknowledge, ready)
            _finish(behind)

    def _worker(self, stage: str) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix=f"{stage}-{self._name}")


def _finish(acknowledged: Future[None] | None) -> None:
    if acknowledged is not None:
        acknowledged.result()

"""The loops of a running engine: those of its subjects, of its tallies, and of the looks at tables and resources."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TypeAlias

from headrace.core.resource_names import Names
from headrace.engine.clients import EngineClients
from headrace.engine.journal import Journal
from headrace.engine.live_contracts import LiveContracts
from headrace.engine.pending_batch import Fence
from headrace.engine.resource_watch import Watch
from headrace.engine.sources import OpenSource
from headrace.engine.status import TALLIES, EngineStatus
from headrace.engine.subject_tasks import SubjectTasks
from headrace.engine.table_watch import TableWatch, watch_on
from headrace.engine.tally_loop import TallyLoop
from headrace.engine.workers import open_workers

WatchOn: TypeAlias = Callable[[threading.Event], None]


class Loops:
    """The loops of one engine, which holds the claim. *recording_failure* records an error and stops the engine.

    *watches* run beside them until the engine stops, each in a thread of its name.
    """

    def __init__(
        self,
        contracts: LiveContracts,
        *,
        names: Names,
        journal: Journal,
        clients: EngineClients,
        open_source: OpenSource,
        status: EngineStatus,
        stop: threading.Event,
        fence: Fence,
        recording_failure: Callable[[], AbstractContextManager[None]],
        round_messages: int,
        location: str,
        look_seconds: float,
        witness_seconds: float,
        once: bool,
        watches: Mapping[str, WatchOn],
    ) -> None:
        self._status = status
        self._watches = watches
        self._stop = stop
        self._recording_failure = recording_failure
        self._look_seconds = look_seconds
        self._tasks = SubjectTasks(
            contracts,
            names=names,
            journal=journal,
            clients=clients,
            open_source=open_source,
            status=status,
            stop=stop,
            fence=fence,
            recording_failure=recording_failure,
            round_messages=round_messages,
            look_seconds=look_seconds,
            witness_seconds=witness_seconds,
            once=once,
        )
        self._tallies = TallyLoop(
            contracts.job,
            names,
            journal=journal,
            clients=clients.for_subject(),
            status=status.subjects[TALLIES],
            stop=stop,
            fence=fence,
            complete_until=self._tasks.complete_until,
        )
        self._tallies.watch.look_seconds = look_seconds
        self._resources = Watch(
            self._tasks.watched,
            client=clients.bigquery,
            location=location,
            letters=clients.letters,
            journal=journal,
            stop=stop,
        )

    def run(self, on_progress: Callable[[], None]) -> None:
        """Run all loops until the engine stops, and append the last tallies; calls *on_progress* often."""
        looking = (self._table_watches, self._stop, self._look_seconds)
        threads = [
            threading.Thread(target=self._guarded, args=(self._run_tallies,), name=TALLIES),
            threading.Thread(target=self._guarded, args=(watch_on, *looking), name="tables"),
            threading.Thread(target=self._guarded, args=(self._resources.run,), name="resources"),
        ]
        for name, watch in self._watches.items():
            threads.append(threading.Thread(target=self._guarded, args=(watch, self._stop), name=name))
        for thread in threads:
            thread.start()
        with open_workers() as workers:
            self._tasks.run(workers, on_progress)
        for thread in threads:
            thread.join()
        if self._status.alive and self._status.subjects[TALLIES].ready:
            self._tallies.flush()

    def _table_watches(self) -> list[TableWatch]:
        return [*self._tasks.table_watches(), self._tallies.watch]

    def _run_tallies(self) -> None:
        self._tallies.recover()
        self._tallies.run()

    def _guarded(self, work: Callable[..., None], *arguments: object) -> None:
        with self._recording_failure():
            work(*arguments)

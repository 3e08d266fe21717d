"""The loops of all subjects, as tasks of a scheduler: a subject that has nothing to do holds no thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

import structlog

from headrace.core.resource_names import Names
from headrace.engine.check_intervals import BEGINNINGS_A_SECOND
from headrace.engine.clients import EngineClients
from headrace.engine.failures import ENDS_ALL, describe_error, innermost_calls
from headrace.engine.journal import Journal
from headrace.engine.live_contracts import LiveContracts
from headrace.engine.pending_batch import Fence
from headrace.engine.resource_watch import Watched
from headrace.engine.retry import RetryPolicy, StoppedError
from headrace.engine.scheduler import Scheduler
from headrace.engine.sources import OpenSource
from headrace.engine.status import CONTRACT, FAILED, EngineStatus, SubjectStatus
from headrace.engine.subject import SubjectLoop
from headrace.engine.table_watch import TableWatch
from headrace.engine.task_steps import Steps, Wake
from headrace.engine.workers import Workers
from headrace.job import Job

PROGRESS_SECONDS: Final = 0.1  # also how soon a stop is seen
_LOG = structlog.get_logger("headrace")


class SubjectTasks:
    """Runs the loop of each subject until *stop*. A subject that fails begins anew, and holds up no other.

    So does a subject whose *contracts* change. While its contract is refused, it pulls nothing.

    *once*: the sources are finite and somebody waits for the end, so any error ends all. *recording_failure* gives a
    context that records an error and stops the engine.
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
        look_seconds: float,
        witness_seconds: float,
        once: bool,
    ) -> None:
        self._contracts = contracts
        self._names = names
        self._journal = journal
        self._clients = clients
        self._open_source = open_source
        self._status = status
        self._stop = stop
        self._fence = fence
        self._recording_failure = recording_failure
        self._round_messages = round_messages
        self._look_seconds = look_seconds
        self._witness_seconds = witness_seconds
        self._once = once
        self._loops: dict[str, SubjectLoop | None] = dict.fromkeys(contracts.job.registry.subjects)
        self._ends = {subject: threading.Event() for subject in self._loops}  # set when its loop has to end
        self._wakes: dict[str, Wake] = {}
        self._watched: dict[str, Watched] = {}

    def watched(self) -> list[Watched]:
        """Return the subscriptions and tables to look at: those of the loops that were started so far."""
        return list(self._watched.values())

    def table_watches(self) -> list[TableWatch]:
        """Return the watches of tables at which their own loop has looked first."""
        return [loop.table.watch for loop in list(self._loops.values()) if loop and loop.has_begun]

    def complete_until(self) -> dict[str, int]:
        """Return up to which publish time each subject is complete, in microseconds, as far as that is known."""
        loops = [(name, loop) for name, loop in list(self._loops.items()) if loop]
        return {name: moment for name, loop in loops if (moment := loop.complete_until())}

    def run(self, workers: Workers, on_progress: Callable[[], None]) -> None:
        """Run all loops until each has ended; calls *on_progress* often."""
        begin, subjects = time.monotonic(), workers.subjects
        self._contracts.on_change = self._begin_anew
        for number, subject in enumerate(self._loops):
            begins_at = begin + number / BEGINNINGS_A_SECOND
            self._wakes[subject] = subjects.spawn(partial(self._begin, workers, subject, begins_at))
        try:
            are_over = False
            while not are_over:
                are_over = subjects.wait(PROGRESS_SECONDS)
                on_progress()
                if self._stop.is_set():
                    self._wind_down(subjects)
        finally:
            self._stop.set()
            while not subjects.wait(PROGRESS_SECONDS):
                self._wind_down(subjects)

    def _wind_down(self, subjects: Scheduler) -> None:
        for subject in self._loops:
            self._end(subject)
        subjects.wake_all()

    def _begin_anew(self, subject: str) -> None:
        """End the loop of a subject, which begins anew with the contracts of now. Thread-safe."""
        self._end(subject)
        if subject in self._wakes:
            self._wakes[subject]()

    def _end(self, subject: str) -> None:
        self._ends[subject].set()
        loop = self._loops[subject]
        if loop is not None:
            loop.source.wind_down()

    def _begin(self, workers: Workers, subject: str, begins_at: float, wake: Wake) -> Steps[None]:
        with self._recording_failure():
            yield from self._keep_running(workers, subject, begins_at, wake)

    def _keep_running(self, workers: Workers, subject: str, begins_at: float, wake: Wake) -> Steps[None]:
        """Run one subject until the engine stops.

        After an error of its contract or its data the subject begins anew, as after a restart of the process, with
        growing pauses. Raises errors that concern more than one subject, and any error when it runs *once*.
        """
        status = self._status.subjects[subject]
        retry = RetryPolicy(FAILED, status, self._stop)
        while not self._stop.is_set():
            ends = self._ends[subject] = self._stop if self._once else threading.Event()
            job = self._contracts.job  # read after the event is in its place: a later change sets it
            try:
                yield from self._run_subject(workers, job, subject, ends, begins_at, wake)
            except StoppedError:
                if self._stop.is_set():
                    raise
            except ENDS_ALL:
                raise
            except Exception as error:
                if self._once:
                    raise
                status.ready = False
                _LOG.error("subject_failed", subject=subject, error=type(error).__name__, at=innermost_calls(error))
                yield from retry.wait_as_steps(describe_error(error))
            else:
                if self._once or not ends.is_set():
                    return

    def _run_subject(
        self, workers: Workers, job: Job, subject: str, ends: threading.Event, begins_at: float, wake: Wake
    ) -> Steps[None]:
        """Run one subject with the contracts of *job*, until *ends* is set."""
        status = self._status.subjects[subject]
        refused = job.registry.blocked.get(subject)
        if refused is not None:
            self._loops[subject] = None
            self._watched.pop(subject, None)
            yield from _held(status, f"{refused}; its messages stay in Pub/Sub until its contract is accepted", ends)
            return
        if status.unblock(CONTRACT):
            _LOG.info("recovered", subject=subject)
        source, preparer = self._open_source(job, subject, status, ends)
        loop = SubjectLoop(
            job,
            subject,
            names=self._names,
            journal=self._journal,
            clients=self._clients.for_subject(workers.subjects.make_room),
            source=source,
            preparer=preparer,
            status=status,
            stop=ends,
            fence=self._fence,
            round_messages=self._round_messages,
            wake=wake,
            begins_at=begins_at,
        )
        self._loops[subject] = loop
        self._watch(job, subject, loop)

        def serve() -> Steps[None]:
            source.start(workers.sources, wake)
            try:
                yield from loop.run(workers.stages)
            finally:
                source.stop()

        loop.table.watch.look_seconds, loop.table.watch.witness_seconds = self._look_seconds, self._witness_seconds
        yield from loop.recover()
        yield from preparer.run(serve)

    def _watch(self, job: Job, subject: str, loop: SubjectLoop) -> None:
        contract = job.registry.latest(subject)
        self._watched[subject] = Watched(
            subject,
            loop.source,
            loop.table.described,
            loop.table.watch.seen,
            job.masking_key_version if contract.makes_tokens else None,
            self._status.subjects[subject],
        )


def _held(status: SubjectStatus, needs: str, ends: threading.Event) -> Steps[None]:
    """Report what a subject needs, and wait until *ends* is set."""
    if status.block(CONTRACT, needs):
        _LOG.error("blocked", subject=status.subject, needs=needs)
    while not ends.is_set():
        yield None

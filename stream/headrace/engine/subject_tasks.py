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
from headrace.engine.pending_batch import Fence
from headrace.engine.resource_watch import Watched
from headrace.engine.retry import RetryPolicy, StoppedError
from headrace.engine.scheduler import Scheduler
from headrace.engine.sources import OpenSource
from headrace.engine.status import FAILED, EngineStatus
from headrace.engine.subject import SubjectLoop
from headrace.engine.table_watch import TableWatch
from headrace.engine.task_steps import Steps, Wake
from headrace.engine.workers import Workers
from headrace.job import Job
from headrace.steps.mask.token_history import makes_tokens

PROGRESS_SECONDS: Final = 0.1  # also how soon a stop is seen
_LOG = structlog.get_logger("headrace")


class SubjectTasks:
    """Runs the loop of each subject until *stop*. A subject that fails begins anew, and holds up no other.

    *once*: the sources are finite and somebody waits for the end, so any error ends all. *recording_failure* gives a
    context that records an error and stops the engine.
    """

    def __init__(
        self,
        job: Job,
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
        self._job = job
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
        self._loops: dict[str, SubjectLoop | None] = dict.fromkeys(job.registry.subjects)
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
        for number, subject in enumerate(self._loops):
            subjects.spawn(partial(self._begin, workers, subject, begin + number / BEGINNINGS_A_SECOND))
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
        for loop in filter(None, list(self._loops.values())):
            loop.source.wind_down()
        subjects.wake_all()

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
            try:
                yield from self._run_subject(workers, subject, begins_at, wake)
            except (StoppedError, *ENDS_ALL):
                raise
            except Exception as error:
                if self._once:
                    raise
                status.ready = False
                _LOG.error("subject_failed", subject=subject, error=type(error).__name__, at=innermost_calls(error))
                yield from retry.wait_as_steps(describe_error(error))
            else:
                return

    def _run_subject(self, workers: Workers, subject: str, begins_at: float, wake: Wake) -> Steps[None]:
        status = self._status.subjects[subject]
        source, preparer = self._open_source(subject, status, self._stop)
        loop = SubjectLoop(
            self._job,
            subject,
            names=self._names,
            journal=self._journal,
            clients=self._clients.for_subject(workers.subjects.make_room),
            source=source,
            preparer=preparer,
            status=status,
            stop=self._stop,
            fence=self._fence,
            round_messages=self._round_messages,
            wake=wake,
            begins_at=begins_at,
        )
        self._loops[subject] = loop
        self._watch(subject, loop)

        def serve() -> Steps[None]:
            source.start(workers.sources, wake)
            try:
                yield from loop.run(workers.stages)
            finally:
                source.stop()

        loop.table.watch.look_seconds, loop.table.watch.witness_seconds = self._look_seconds, self._witness_seconds
        yield from loop.recover()
        yield from preparer.run(serve)

    def _watch(self, subject: str, loop: SubjectLoop) -> None:
        contract = self._job.registry.latest(subject)
        self._watched[subject] = Watched(
            subject,
            loop.source,
            loop.table.described,
            loop.table.watch.seen,
            self._job.masking_key_version if makes_tokens(contract) else None,
            self._status.subjects[subject],
        )

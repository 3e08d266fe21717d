"""The job in one process: a loop for each subject, one for tallies, and the claim that keeps other engines away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from google.cloud import bigquery
from google.pubsub_v1 import PublisherClient, SubscriberClient

from schemas.envelope import from_micros
from stream.engine.claim import Claimant, Claims
from stream.engine.journal import Journal
from stream.engine.ownership import FencedError, InUseError
from stream.engine.patience import TROUBLE, Patience, StoppedError
from stream.engine.puller import Puller
from stream.engine.status import EngineStatus, SubjectStatus
from stream.engine.subject import Clients, SubjectLoop
from stream.engine.tally_loop import TallyLoop
from stream.failpoints import reached
from stream.job import Job
from stream.names import ENGINES, Names
from stream.streams import WriteStreams

PROGRESS_SECONDS: Final = 0.1
_LOG = structlog.get_logger("headrace")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the engine is: messages pulled, and messages whose fate is durable and acknowledged."""

    received: int = 0
    acknowledged: int = 0


@dataclass(frozen=True, slots=True)
class EngineClients:
    """Everything the engine talks to."""

    subscriber: SubscriberClient
    publisher: PublisherClient
    bigquery: bigquery.Client
    streams: WriteStreams


@dataclass
class Embedded:
    """One run of the job. *stop* drains: what was pulled is finished and acknowledged, then ``run`` returns."""

    job: Job
    names: Names
    journal: Journal
    clients: EngineClients
    holder: str
    lease_seconds: float
    round_messages: int
    stop: threading.Event = field(default_factory=threading.Event)
    on_progress: Callable[[Progress], None] = lambda progress: None

    def __post_init__(self) -> None:
        subjects = self.job.registry.subjects
        self.status = EngineStatus({name: SubjectStatus(name) for name in [*subjects, _TALLIES]})
        self._guard_status = SubjectStatus(_ENGINE)
        self._patience = Patience("claim", self._guard_status, self.stop)
        subscriptions = [self.names.subscription(subject) for subject in subjects]
        self._claims = Claims(
            self.journal.id,
            self.holder,
            subscriptions,
            self.names.table(ENGINES),
            self.names.sql(ENGINES),
            self.clients.bigquery,
            self.clients.streams,
        )
        self._announced: set[str] = set()
        self._claim_lock = threading.Lock()
        self._finished = threading.Event()
        self._pause = threading.Event()

    @property
    def progress(self) -> Progress:
        """How far all subjects are together."""
        counts = [status.counts for status in self.status.subjects.values()]
        return Progress(*(sum(each[name] for each in counts) for name in ("received", "acknowledged")))

    def run(self) -> None:
        """Run until *stop* is set.

        Raises:
            InUseError: another engine owns the journal or reads the subscriptions.
            FencedError: another engine has taken over.
            HaltError, JournalBrokenError: what is stored is not what was committed; nothing more was acknowledged.
        """
        self.journal.ownership.claim(self.holder, self.job.clock(), self.lease_seconds)
        heartbeat = threading.Thread(target=self._guarded, args=(self._renew_on,), name="lease", daemon=True)
        try:
            self._claim()
            reached("claimed")
            heartbeat.start()
            self._run_loops()
        except StoppedError:
            _LOG.info("stopped_while_blocked")
        finally:
            self.stop.set()
            self._finished.set()
            self.clients.streams.close_all()
        if self.status.failure is not None:
            raise self.status.failure
        self._release()
        self.journal.close()
        reached("drained")

    # The guard of the tables' writers.

    def check(self) -> None:
        """FencedError when another engine has claimed what this one reads."""
        now = self._now()
        live = [each for each in self._patience.insist(_NEEDS, lambda: self._claims.others(now)) if each.is_live(now)]
        if live:
            raise FencedError(
                f"another engine ({live[0].holder}) has taken the subscriptions over; this one was stopped for longer "
                "than its lease and ends now"
            )

    def announce(self, stream: str) -> None:
        """State the claim again, with *stream*."""
        with self._claim_lock:
            self._announced.add(stream)
            self._state()

    def _claim(self) -> None:
        """Claim the subscriptions.

        Whether another journal's engine has read them since this one did is kept in the journal before the claim,
        which would hide it, is stated.
        """
        now = self._now()
        before = self._patience.insist(_NEEDS, lambda: self._claims.own(now))
        former = self._patience.insist(_NEEDS, lambda: self._claims.others(now))
        if any(before is None or each.at > before.at for each in former):
            with self.journal.transaction() as transaction:
                transaction.take_over()
        self._announced |= set(self.journal.streams())
        self._patience.insist(_NEEDS, self._state)
        others = self._patience.insist(_NEEDS, lambda: self._claims.others(now))
        live = [each for each in others if each.is_live(now)]
        if live:
            self._state(released=True)
            raise InUseError(
                f"another engine ({live[0].holder}) reads these subscriptions, and has said so until "
                f"{live[0].until:%Y-%m-%d %H:%M:%S} UTC; stop it, or wait until then if it is dead"
            )
        for other in others:
            self._fence_off(other)

    def _fence_off(self, other: Claimant) -> None:
        """Finalise the streams of an engine that has not ended in good order: it may only be stopped."""
        if other.released:
            return
        for stream in other.streams:
            finalise = partial(self.clients.streams.finalise, stream)
            self._patience.insist(f"{stream}: it cannot be finalised", finalise)
        _LOG.info("fenced_off", holder=other.holder, streams=len(other.streams))

    def _run_loops(self) -> None:
        loops = {subject: self._subject_loop(subject) for subject in self.job.registry.subjects}
        tallies = TallyLoop(
            self.job,
            self.names,
            self.journal,
            self._subject_clients(),
            self.status.subjects[_TALLIES],
            self.stop,
            self,
            lambda: {subject: loop.complete_until for subject, (loop, _) in loops.items() if loop.complete_until},
        )
        threads = [
            threading.Thread(target=self._guarded, args=(self._run_subject, *pair), name=subject)
            for subject, pair in loops.items()
        ]
        tally_thread = threading.Thread(target=self._guarded, args=(self._run_tallies, tallies), name=_TALLIES)
        for thread in [*threads, tally_thread]:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self._pause.wait(PROGRESS_SECONDS)
            self.on_progress(self.progress)
        for thread in [*threads, tally_thread]:
            thread.join()
        if self.status.alive and self.status.subjects[_TALLIES].ready:
            tallies.flush()

    def _subject_loop(self, subject: str) -> tuple[SubjectLoop, Puller]:
        status = self.status.subjects[subject]
        puller = Puller(
            self.clients.subscriber, subject, self.names.subscription(subject), Patience("pull", status, self.stop)
        )
        loop = SubjectLoop(
            self.job,
            subject,
            self.names,
            self.journal,
            self._subject_clients(),
            puller,
            status,
            self.stop,
            self,
            self.round_messages,
        )
        return loop, puller

    def _subject_clients(self) -> Clients:
        return Clients(self.clients.publisher, self.clients.bigquery, self.clients.streams)

    def _run_subject(self, loop: SubjectLoop, puller: Puller) -> None:
        loop.recover()
        puller.start()
        try:
            loop.run()
        finally:
            puller.stop()

    def _run_tallies(self, tallies: TallyLoop) -> None:
        tallies.recover()
        tallies.run()

    def _guarded(self, work: Callable[..., None], *arguments: object) -> None:
        try:
            work(*arguments)
        except StoppedError:
            return
        except BaseException as error:  # run() raises it in the main thread
            if self.status.failure is None:
                self.status.failure = error
            self.stop.set()

    def _renew_on(self) -> None:
        """Keep both leases until the engine has ended."""
        while not self._finished.wait(self.lease_seconds / 3):
            try:
                with self.journal.transaction():
                    self.journal.ownership.renew(self.job.clock(), self.lease_seconds)
                with self._claim_lock:
                    self._state()
            except TROUBLE as error:  # a full disk among them: it is for the loops to say, and to wait for
                _LOG.warning("claim_not_renewed", error=type(error).__name__)

    def _release(self) -> None:
        try:
            self._state(released=True)
        except TROUBLE as error:
            _LOG.warning("claim_not_released", error=type(error).__name__)

    def _state(self, released: bool = False) -> None:
        now = self._now()
        self._claims.state(now, now + timedelta(seconds=self.lease_seconds), sorted(self._announced), released)

    def _now(self) -> datetime:
        return from_micros(self.job.clock())


_ENGINE: Final = "engine"
_TALLIES: Final = "tallies"
_NEEDS: Final = (
    f"{ENGINES}: the job needs bigquery.jobs.create, bigquery.tables.getData and updateData on it; "
    "`headrace provision` makes it"
)

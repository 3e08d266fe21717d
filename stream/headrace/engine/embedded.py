"""The whole job in one process: the loops of subjects, the loop of tallies, and the claim against other engines."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from headrace.bigquery.append_result import HaltError
from headrace.core.resource_names import ENGINES, Names
from headrace.engine.claim_keeper import ClaimKeeper
from headrace.engine.clients import EngineClients
from headrace.engine.journal import Journal
from headrace.engine.journal_errors import JournalError
from headrace.engine.journal_lease import FencedError, InUseError
from headrace.engine.live_contracts import LiveContracts
from headrace.engine.retry import RetryPolicy, StoppedError
from headrace.engine.status import CONTRACT, CONTRACTS, TALLIES, EngineStatus, SubjectStatus
from headrace.engine.subscription_claims import SubscriptionClaims
from headrace.engine.table_watch import LOOK_SECONDS, WITNESS_SECONDS
from headrace.job import Job
from headrace.runtime.failpoints import reached
from headrace.runtime.retry_policy import RETRYABLE

if TYPE_CHECKING:  # imported while the claim is taken
    from headrace.engine.sources import OpenSource

_LOG = structlog.get_logger("headrace")


@dataclass(frozen=True, slots=True)
class Progress:
    """The numbers of messages that the engine has pulled, and of those that it has settled and acknowledged."""

    received: int = 0
    acknowledged: int = 0


@dataclass
class Embedded:
    """One run of the job. Setting *stop* drains it: pulled messages are settled, then ``run`` returns.

    *prepare* imports and opens what the loops need. It runs in a thread while the claim is taken, which mostly waits.
    *watches* run until *stop*; one of them may replace the :attr:`contracts`, which are those of *job* at first.
    """

    job: Job
    names: Names
    journal: Journal
    clients: EngineClients
    open_source: OpenSource
    holder: str
    lease_seconds: float
    round_messages: int
    location: str
    look_seconds: float = LOOK_SECONDS
    witness_seconds: float = WITNESS_SECONDS
    stop: threading.Event = field(default_factory=threading.Event)
    once: bool = False  # for finite sources: any error ends the run, because a command waits for its end
    prepare: Callable[[], object] = lambda: None
    on_progress: Callable[[Progress], None] = lambda progress: None
    watches: dict[str, Callable[[threading.Event], None]] = field(default_factory=dict)  # by the name of their thread

    def __post_init__(self) -> None:
        self.contracts = LiveContracts(self.job)
        subjects = self.job.registry.subjects
        shared = [each.subscription for each in self.names.routes.shared if {*subjects} & {*each.all_subjects}]
        names = [*subjects, *self.job.registry.blocked, TALLIES, _CLAIM, CONTRACTS, *shared]
        self.status = EngineStatus({name: SubjectStatus(name) for name in names})
        for name in (_CLAIM, CONTRACTS, *shared):
            self.status.subjects[name].ready = True
        run = uuid.uuid4().hex
        claims = SubscriptionClaims(
            self.journal.id,
            run,
            holder=self.holder,
            subscriptions=[*dict.fromkeys(name for each in subjects for name in self.names.subscriptions(each))],
            path=self.names.table(ENGINES),
            sql=self.names.sql(ENGINES),
            client=self.clients.bigquery,
            streams=self.clients.claim_streams,
        )
        self._claim_keeper = ClaimKeeper(
            claims,
            self.journal,
            run=run,
            tables={self.job.registry.latest(each).options.table: self.names.subscriptions(each) for each in subjects},
            streams=self.clients.claim_streams,
            retry=RetryPolicy("claim", self.status.subjects[_CLAIM], self.stop),
            clock=self.job.clock,
            lease_seconds=self.lease_seconds,
        )
        self._finished = threading.Event()

    @property
    def progress(self) -> Progress:
        """The progress of all subjects together."""
        counts = [status.counts for status in self.status.subjects.values()]
        return Progress(*(sum(each.get(name, 0) for each in counts) for name in ("received", "acknowledged")))

    def check_claim(self) -> None:
        """Raise FencedError if another engine has taken over since this one last stated its claim."""
        self._claim_keeper.check()

    def run(self) -> None:
        """Run until *stop* is set.

        Raises:
            InUseError: another engine owns the journal or reads the subscriptions.
            FencedError: another engine has taken over.
            ClockError: this machine's clock is wrong.
            HaltError, JournalBrokenError: what is stored is not what was committed; nothing more was acknowledged.
        """
        self._report_blocked_subjects()
        self._check_dataset()
        self.journal.claim(self.holder, self.job.clock(), self.lease_seconds)
        heartbeat = threading.Thread(target=self._guarded, args=(self._renew_on,), name="lease", daemon=True)
        heartbeat.start()
        preparing = threading.Thread(target=self._guarded, args=(self.prepare,), name="prepare", daemon=True)
        preparing.start()
        try:
            self._claim_keeper.take()
            reached("claimed")
            preparing.join()
            self._run_loops()
        except StoppedError:
            _LOG.info("stopped_while_blocked")
        except BaseException as error:
            self.status.failure = self.status.failure or error
        finally:
            self.stop.set()
            self._finished.set()
            heartbeat.join()
            self.clients.streams.close_all()
        failure = self.status.failure
        if isinstance(failure, _UNCLEAR):
            raise failure
        self._claim_keeper.release()
        self.clients.claim_streams.close_all()
        self.journal.close()
        if failure is not None:
            raise failure
        reached("drained")

    def _check_dataset(self) -> None:
        """Raise JournalError if the journal belongs to another dataset: its open rows must not be written here."""
        own = self.names.table("")
        names = [each.split(" ")[0].rsplit(".", 2) for each in self.journal.identities()]
        tables = [f"projects/{project}/datasets/{dataset}/tables/{table}" for project, dataset, table in names]
        for known in [*self.journal.streams(), *tables]:
            if not known.startswith(own):
                raise JournalError(
                    f"{self.journal.directory}: the journal of {known.rpartition('/tables/')[0]}, and the settings "
                    f"name {own.removesuffix('/tables/')}; name a journal of its own for each dataset"
                )

    def _report_blocked_subjects(self) -> None:
        for name, error in self.job.registry.blocked.items():
            needs = f"{error}; its messages stay in Pub/Sub until the job starts with a contract that is accepted"
            self.status.subjects[name].block(CONTRACT, needs)
            _LOG.error("blocked", subject=name, needs=needs)

    def _run_loops(self) -> None:
        from headrace.engine.loops import Loops  # imported before, by *prepare*

        self._loops = Loops(
            self.contracts,
            names=self.names,
            journal=self.journal,
            clients=self.clients,
            open_source=self.open_source,
            status=self.status,
            stop=self.stop,
            fence=self._claim_keeper,
            recording_failure=self._recording_failure,
            round_messages=self.round_messages,
            location=self.location,
            look_seconds=self.look_seconds,
            witness_seconds=self.witness_seconds,
            once=self.once,
            watches=self.watches,
        )
        self._loops.run(lambda: self.on_progress(self.progress))

    def _guarded(self, work: Callable[..., object], *arguments: object) -> None:
        with self._recording_failure():
            work(*arguments)

    @contextmanager
    def _recording_failure(self) -> Iterator[None]:
        try:
            yield
        except StoppedError:
            return
        except BaseException as error:  # run() raises it in the main thread
            if self.status.failure is None:
                self.status.failure = error
            self.stop.set()

    def _renew_on(self) -> None:
        """Renew both leases until the engine has ended, and close connections that are not in use."""
        while not self._finished.wait(self.lease_seconds / 3):
            self.clients.streams.close_idle()
            try:
                with self.journal.transaction():
                    self.journal.lease.renew(self.job.clock(), self.lease_seconds)
                self._claim_keeper.renew()
            except RETRYABLE as error:  # also a full disk: the loops report it and wait
                _LOG.warning("claim_not_renewed", error=type(error).__name__)


# After one of these the engine makes no more statements: it lost its claim, or its journal cannot be trusted.
_UNCLEAR: Final = (InUseError, FencedError, HaltError, JournalError)
_CLAIM: Final = "claim"

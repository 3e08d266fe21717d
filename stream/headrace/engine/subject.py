"""One subject from its source to its table, in rounds: take, prepare, settle, acknowledge."""

from __future__ import annotations

import threading
import time

from headrace.core.resource_names import Names
from headrace.engine.clients import Clients
from headrace.engine.journal import Journal
from headrace.engine.message_settler import MessageSettler
from headrace.engine.pending_batch import Fence
from headrace.engine.retry import RetryPolicy
from headrace.engine.round_pipeline import RoundPipeline, Stages
from headrace.engine.rounds import Round, next_round
from headrace.engine.sources import Preparer, Source
from headrace.engine.status import FAILED, SubjectStatus
from headrace.engine.subject_table import SubjectTable
from headrace.engine.table_watch import Change
from headrace.engine.task_steps import Steps, Wake
from headrace.job import Job
from headrace.runtime.failpoints import reached


class SubjectLoop:
    """Runs one subject until *stop*.

    Only its own steps use the table and the settler. Of the two stages beside them, one uses only the preparer and the
    other only the source.

    *begins_at*, in monotonic seconds, is the time at which an idle subject loads what it remembers of its table.
    """

    def __init__(
        self,
        job: Job,
        subject: str,
        *,
        names: Names,
        journal: Journal,
        clients: Clients,
        source: Source,
        preparer: Preparer,
        status: SubjectStatus,
        stop: threading.Event,
        fence: Fence,
        round_messages: int,
        wake: Wake,
        begins_at: float,
    ) -> None:
        self._job = job
        self._journal = journal
        self.source = source
        self._preparer = preparer
        self._status = status
        self._stop = stop
        self._round_messages = round_messages
        self._left: Round | None = None  # messages without room in the last prepared round; taken next
        retry = RetryPolicy("write", status, stop, clients.make_room)
        self.table = SubjectTable(
            job,
            subject,
            names=names,
            journal=journal,
            client=clients.bigquery,
            status=status,
            retry=retry,
            finite=source.finite,
            changed=wake,
        )
        self._settler = MessageSettler(
            job,
            subject,
            table=self.table,
            journal=journal,
            clients=clients,
            status=status,
            retry=retry,
            fence=fence,
        )
        self._complete_until = 0
        self._begins_at = begins_at
        self.has_begun = False

    def complete_until(self) -> int:
        """Return the publish time, in microseconds, up to which every message has its outcome; 0 if not known.

        Thread-safe.
        """
        if self._status.resources_right and self.has_begun:
            self._complete_until = max(self._complete_until, self.source.drained_at)
        if self._complete_until:  # the subject has recovered from an error: every message has its outcome
            self._status.unblock(FAILED)
        return self._complete_until

    def recover(self) -> Steps[None]:
        """Settle the batches that an earlier process left open.

        Without such a batch, only check that the table exists. Its memory is loaded later, when there is time or when
        the first messages come.
        """
        if not self.source.finite:
            yield from self.table.evolve_as_steps()
        table = self.table.name
        is_open = self.source.finite or self._journal.is_taken_over(table) or self._journal.pending(table)
        change = yield from self.table.look_as_steps(ask_for_rows=bool(is_open))
        if is_open:
            self._begin(change)
        self._status.ready = True
        yield 0.0

    def _begin_once(self) -> None:
        """Load the memory of the table before the first messages are taken."""
        if not self.has_begun:
            self._begin(self.table.look())

    def _begin(self, change: Change | None) -> None:
        """Load the memory of the table, and settle the batches that were left open."""
        taken_over = self._journal.is_taken_over(self.table.name)
        if change is None:
            self.table.seen.recall(taken_over)
        else:
            self.table.adopt(change)
        self._settler.writer.recover(taken_over, replaced=change in (Change.REPLACED, Change.EMPTIED))
        if taken_over:
            with self._journal.transaction() as transaction:
                transaction.settle_takeover(self.table.name)
        self.has_begun = True

    def _follow_table(self) -> None:
        """Continue with the new table if it was replaced; look at it again if the last look was long ago."""
        if self.table.watch.is_overdue:
            self.table.watch.watch()
        if self.table.watch.is_change_open and self.table.is_replaced():
            self._settler.writer.reopen()

    def run(self, stages: Stages) -> Steps[None]:
        """Run round after round until the engine stops.

        Raises CircuitOpenError, StoppedError, HaltError, FencedError, JournalError.
        """
        self._left = None
        pipeline = RoundPipeline(
            stages,
            take=self._take,
            prepare=self._prepare,
            write=self._write,
            acknowledge=self._acknowledge,
            rest=self._rest,
        )
        return pipeline.run(self._stop.is_set)

    def _take(self, in_hand: Round | None) -> Round | None:
        """Return the next round, if there is one."""
        if self._left is not None:
            left, self._left = self._left, None
            return left
        if in_hand is not None and self.source.finite:
            return None  # the end of the source may stop the engine, and a stopped engine does not retry
        pulled = self.source.take(self._round_messages, None if in_hand else 0.0)
        if not pulled:
            return None
        self._begin_once()
        if in_hand is None:
            self._follow_table()
        reached("pulled")
        return next_round(pulled, self.table.seen.unsettled, in_hand)

    def _rest(self) -> float | None:
        """Do the work of idle times; return the seconds until there is more, or None."""
        left = 0.0 if self.has_begun else self._begins_at - time.monotonic()
        if left > 0:
            return left
        self._begin_once()
        if self.table.watch.is_change_open:
            self._follow_table()
        return None

    def _prepare(self, taken: Round) -> Round:
        if not taken.messages:
            return taken
        prepared = self._preparer.prepare(list(taken.messages.values()), self._job.clock())
        reached("decoded")
        ready, self._left = taken.cut(prepared)
        return ready

    def _write(self, ready: Round) -> None:
        self._follow_table()
        if ready.prepared is not None:
            self._status.count("received", len(ready.messages))
            self._settler.settle(ready.messages, ready.prepared)
        self._status.count("redelivered", ready.redelivered)

    def _acknowledge(self, written: Round) -> None:
        self.source.acknowledge(written.pulled)
        self._status.count("acknowledged", written.received)
        self._status.unblock(FAILED)
        published = [message.published_at for each in written.pulled for message in each.messages]
        self._status.time(self._job.clock(), published)
        reached("acknowledged")

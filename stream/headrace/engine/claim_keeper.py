"""The claim of this engine on its subscriptions, from start to end.

An engine also renews a claim that has run out, and then reads the other claims. So of this engine and one that took
over, at least the later one sees the other. An engine ends when it sees another one that received messages after its
own last statement. It also ends when its clock is wrong by more than a lease: its times would mislead people and the
service.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from queue import SimpleQueue
from typing import Final

import structlog

from headrace.bigquery.append_result import HaltError
from headrace.bigquery.write_streams import WriteStreams
from headrace.core.resource_names import ENGINES
from headrace.engine.clock_check import boot_seconds, check_clock
from headrace.engine.journal import Journal
from headrace.engine.journal_lease import FencedError, InUseError
from headrace.engine.retry import RetryPolicy
from headrace.engine.subscription_claims import ClaimsSnapshot, EngineClaim, Statement, SubscriptionClaims
from headrace.runtime.retry_policy import RETRYABLE

FINALISED_AT_ONCE: Final = 10
KEPT: Final = timedelta(hours=2)  # age of statements that are deleted if the same engine has newer ones
_LOG = structlog.get_logger("headrace")
_NEEDS: Final = (
    f"{ENGINES}: the job needs bigquery.jobs.create, bigquery.tables.getData and updateData on it; "
    "`headrace provision` makes it"
)


class ClaimKeeper:
    """Keeps engines with other journals away. Thread-safe.

    *tables* maps each table of the journal to the subscriptions that fill it. *clock* is this machine's, in
    microseconds since 1970, and only ever compared with BigQuery's; *elapsed* is a clock that is never set.
    """

    def __init__(
        self,
        claims: SubscriptionClaims,
        journal: Journal,
        *,
        run: str,
        tables: Mapping[str, Sequence[str]],
        streams: WriteStreams,
        retry: RetryPolicy,
        clock: Callable[[], int],
        lease_seconds: float,
        elapsed: Callable[[], float] = boot_seconds,
    ) -> None:
        self._claims = claims
        self._journal = journal
        self._run = run
        self._tables = tables
        self._streams = streams
        self._retry = retry
        self._clock = clock
        self._elapsed = elapsed
        self._lease = timedelta(seconds=lease_seconds)
        self._lock = threading.Lock()
        self._announced: set[str] = set()
        self._stated: frozenset[str] = frozenset()  # the streams in the last statement
        self._to_announce: SimpleQueue[str] = SimpleQueue()
        self._others: set[str] = set()
        self._first = 0
        self._serving = False
        self._table = ""
        self._stated_at: datetime | None = None
        self._tidied_at: datetime | None = None

    def take(self) -> None:
        """Claim the subscriptions, and fence off the engines that claimed them before.

        If the engine of another journal has received messages since this one did, the journal records that. It looks
        once this claim is stated, so that no other engine serves unseen after the look, and records before this engine
        states that it serves, because that statement would hide it.

        Raises:
            InUseError: another engine holds them.
            HaltError: the journal is an old copy, or another process runs with a copy of it.
            ClockError: this machine's clock is wrong.
        """
        self._table = self._retry.call(_NEEDS, self._claims.identity)
        self._refuse_old_copy(self._retry.call(_NEEDS, self._look).own)
        with self._lock:
            self._first = self._journal.claims_stated() + 1
            self._announced |= set(self._journal.streams())
            self._retry.call(_NEEDS, self._state)
        look = self._retry.call(_NEEDS, self._look)
        self._refuse_other_run(look.own)
        live = [each for each in look.others if each.is_live(look.now)]
        if live:
            self._withdraw()
            raise InUseError(
                f"another engine ({live[0].holder}) reads these subscriptions, and has said so until "
                f"{live[0].until:%Y-%m-%d %H:%M:%S} UTC; stop it, or wait until then if it is dead"
            )
        if taken_over := self._taken_over(look):
            with self._journal.transaction() as transaction:
                transaction.take_over(taken_over)
        for other in look.others:
            self._fence_off(other)
        with self._lock:
            self._others = {each.engine for each in look.others}
            self._serving = True
            self._retry.call(_NEEDS, self._state)

    def check(self) -> None:
        """Raise FencedError when another engine has taken over since this one last stated its claim."""
        with self._lock:
            if self._stated_at is not None:
                self._check(self._stated_at)

    def announce(self, stream: str) -> None:
        """State the claim again, with *stream*; raise the error of the service if that fails.

        Calls that arrive while another thread states the claim wait for it, and are stated together.
        """
        self._to_announce.put(stream)
        with self._lock:
            while not self._to_announce.empty():  # only the holder of the lock takes from this queue
                self._announced.add(self._to_announce.get())
            if stream not in self._stated:
                self._state()

    def renew(self) -> None:
        """State the claim again if there is one; raise the error of the service if that fails."""
        with self._lock:
            if self._serving:
                self._state()
                self._look_again_in_another_table()
                self._tidy()

    def release(self) -> None:
        """Let other engines start at once. If rows are still open, they must finalise this engine's streams first."""
        with self._lock:
            if self._stated_at is None:
                return
            released = not self._journal.in_flight()
            try:
                now = self._claims.now()
                if self._serving and now <= self._stated_at + self._lease:
                    self._say(now, now, serving=True, released=released)
                else:  # another engine may have served meanwhile, so this does not claim to serve
                    self._say(now, now, serving=False, released=True)
            except RETRYABLE as error:
                _LOG.warning("claim_not_released", error=type(error).__name__)

    def _look(self) -> ClaimsSnapshot:
        before, look = self._clock(), self._claims.look()
        check_clock(before, self._clock(), look.now, self._lease)
        return look

    def _refuse_old_copy(self, own: EngineClaim | None) -> None:
        """Raise HaltError if the table has a statement of this engine that is not in the journal.

        The journal commits the number of each statement before it is made.
        """
        stated = max(own.numbers.values(), default=0) if own is not None else 0
        known = self._journal.claims_stated()
        if stated > known:
            raise HaltError(
                f"{self._journal.directory}: the journal is an old copy, or in use elsewhere too: its engine has made "
                f"{stated:,} statements in {ENGINES} and this journal knows of {known:,}; nothing was written; "
                "see docs/promises.md"
            )

    def _refuse_other_run(self, own: EngineClaim | None) -> None:
        numbers = own.numbers if own is not None else {}
        if any(number >= self._first for run, number in numbers.items() if run != self._run):
            raise HaltError(
                f"{self._journal.directory}: another process runs with a copy of this journal; each engine needs one "
                "of its own; see docs/promises.md"
            )

    def _look_again_in_another_table(self) -> None:
        """Raise FencedError if the table of claims was replaced and another engine started before this one stated its
        claim in the new table: that engine found no claim."""
        table = self._claims.identity()
        if table != self._table and self._stated_at is not None:
            self._check(self._stated_at)
            self._table = table

    def _taken_over(self, look: ClaimsSnapshot) -> list[str]:
        """Return the tables whose messages an engine of another journal has received since this one last served them,
        and those last served so long ago that no statement is left."""
        last = look.own.served if look.own is not None else {}
        return [
            table
            for table, names in self._tables.items()
            if any(
                name not in last or any(each.served_since({name: last[name]}) for each in look.others) for name in names
            )
        ]

    def _check(self, since: datetime) -> None:
        look = self._retry.call(_NEEDS, self._claims.look)
        ours = [name for names in self._tables.values() for name in names]
        for other in look.others:
            if other.is_live(look.now) or other.served_since(dict.fromkeys(ours, since)):
                raise FencedError(
                    f"another engine ({other.holder}) has taken the subscriptions over; this one was stopped for "
                    "longer than its lease and ends now"
                )
        self._refuse_other_run(look.own)

    def _state(self) -> None:
        """State the claim again. If it had run out, look for other engines first, and only then state that this one
        serves: otherwise the next process would not see that another one served."""
        last, began = self._stated_at, self._elapsed()
        now = self._right_time()
        if self._serving and last is not None and now > last + self._lease:
            self._say(now, now + self._lease, serving=False)
            self._check(last)
            last, began = now, self._elapsed()
            now = self._right_time()
        self._say(now, now + self._lease, serving=self._serving)
        at_most = now + timedelta(seconds=self._elapsed() - began)
        if self._serving and last is not None and at_most > last + self._lease:
            self._check(last)
        self._stated_at, self._stated = now, frozenset(self._announced)

    def _right_time(self) -> datetime:
        before, now = self._clock(), self._claims.now()
        check_clock(before, self._clock(), now, self._lease)
        return now

    def _say(self, now: datetime, until: datetime, *, serving: bool, released: bool = False) -> None:
        with self._journal.transaction() as transaction:
            number = transaction.count_claim()
        streams = self._announced if serving or not released else ()
        self._claims.state(Statement(number, now, until, streams, serving, released))

    def _withdraw(self) -> None:
        with self._lock:
            now = self._retry.call(_NEEDS, self._claims.now)
            self._retry.call(_NEEDS, lambda: self._say(now, now, serving=False, released=True))

    def _fence_off(self, other: EngineClaim) -> None:
        """Finalise the streams of an engine that did not release its claim: it may only be suspended."""
        if other.released:
            return
        with ThreadPoolExecutor(FINALISED_AT_ONCE, "fence") as threads:
            list(threads.map(self._finalise, other.streams))
        _LOG.info("fenced_off", holder=other.holder, streams=len(other.streams))

    def _finalise(self, stream: str) -> None:
        self._retry.call(f"{stream}: it cannot be finalised", partial(self._streams.finalise, stream))

    def _tidy(self) -> None:
        """Now and then delete old statements that newer ones replace: those of this engine, which has settled its open
        rows by then, and those of engines that it has fenced off."""
        now = self._stated_at
        if now is None or (self._tidied_at is not None and now < self._tidied_at + KEPT / 2):
            return
        self._tidied_at = now
        self._claims.forget({self._journal.id, *self._others}, now - KEPT)

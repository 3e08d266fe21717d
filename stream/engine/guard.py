"""This engine's claim on its subscriptions: taken, kept, lost or given back.

A claim that has run out is stated again all the same, and then looked around: of this engine and one that took over,
at least the later sees the other. Whoever sees another that was given messages since its own last word ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from schemas.envelope import from_micros
from stream.engine.claim import Claimant, Claims
from stream.engine.journal import Journal
from stream.engine.ownership import FencedError, InUseError
from stream.engine.patience import TROUBLE, Patience
from stream.names import ENGINES
from stream.streams import WriteStreams

_LOG = structlog.get_logger("headrace")
_NEEDS: Final = (
    f"{ENGINES}: the job needs bigquery.jobs.create, bigquery.tables.getData and updateData on it; "
    "`headrace provision` makes it"
)


class Guard:
    """Keeps engines with other journals away; *clock* is in microseconds since 1970. Thread-safe."""

    def __init__(
        self,
        claims: Claims,
        journal: Journal,
        streams: WriteStreams,
        patience: Patience,
        clock: Callable[[], int],
        lease_seconds: float,
    ) -> None:
        self._claims = claims
        self._journal = journal
        self._streams = streams
        self._patience = patience
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)
        self._lock = threading.Lock()
        self._announced: set[str] = set()
        self._serving = False
        self._stated_at: datetime | None = None

    def take(self) -> None:
        """Claim the subscriptions, and fence off who claimed them before.

        That another journal's engine has been given messages since this one was is noted in the journal first: the
        claim would hide it.

        Raises:
            InUseError: another engine holds them.
        """
        before = self._patience.insist(_NEEDS, lambda: self._claims.own(self._now()))
        if self._was_taken_over(before):
            with self._journal.transaction() as transaction:
                transaction.take_over()
        with self._lock:
            self._announced |= set(self._journal.streams())
            self._patience.insist(_NEEDS, self._state)
        others = self._others()
        live = [each for each in others if each.is_live(self._now())]
        if live:
            self._withdraw()
            raise InUseError(
                f"another engine ({live[0].holder}) reads these subscriptions, and has said so until "
                f"{live[0].until:%Y-%m-%d %H:%M:%S} UTC; stop it, or wait until then if it is dead"
            )
        for other in others:
            self._fence_off(other)
        with self._lock:
            self._serving = True
            self._patience.insist(_NEEDS, self._state)

    def check(self) -> None:
        """FencedError when another engine has taken over since this one last stated its claim."""
        self._check(self._stated_at)

    def announce(self, stream: str) -> None:
        """State the claim again, with *stream*; raises the service's error when that does not succeed."""
        with self._lock:
            self._announced.add(stream)
            self._state()

    def renew(self) -> None:
        """State the claim again, once there is one; raises the service's error when that does not succeed."""
        with self._lock:
            if self._serving:
                self._state()

    def release(self) -> None:
        """Let others come at once; where rows are still open, they must close this engine's streams first."""
        with self._lock:
            now, open_rows = self._now(), self._journal.in_flight()
            try:
                self._claims.state(now, now, sorted(self._announced), serving=True, released=not open_rows)
            except TROUBLE as error:
                _LOG.warning("claim_not_released", error=type(error).__name__)

    def _was_taken_over(self, before: Claimant | None) -> bool:
        if before is None and self._journal.streams():
            return True  # so long ago that nobody knows
        since = before.served_at if before is not None else None
        return any(each.served_since(since) for each in self._others())

    def _others(self) -> list[Claimant]:
        return self._patience.insist(_NEEDS, lambda: self._claims.others(self._now()))

    def _check(self, since: datetime | None) -> None:
        now = self._now()
        for other in self._others():
            if other.is_live(now) or other.served_since(since):
                raise FencedError(
                    f"another engine ({other.holder}) has taken the subscriptions over; this one was stopped for "
                    "longer than its lease and ends now"
                )

    def _state(self) -> None:
        now, last = self._now(), self._stated_at
        self._claims.state(now, now + self._lease, sorted(self._announced), serving=self._serving)
        self._stated_at = now
        if self._serving and last is not None and now > last + self._lease:
            self._check(last)

    def _withdraw(self) -> None:
        now = self._now()
        with self._lock:
            self._claims.state(now, now, [], serving=False, released=True)

    def _fence_off(self, other: Claimant) -> None:
        """Finalise the streams of an engine that has not ended in good order: it may only be stopped."""
        if other.released:
            return
        for stream in other.streams:
            self._patience.insist(f"{stream}: it cannot be finalised", partial(self._streams.finalise, stream))
        _LOG.info("fenced_off", holder=other.holder, streams=len(other.streams))

    def _now(self) -> datetime:
        return from_micros(self._clock())

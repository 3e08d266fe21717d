"""A subject that waits because too much of it is unreadable: nothing is pulled, samples are looked at, others go on.

The journal remembers that it waits, so that a job that is started again and again looks at a sample first each time.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.engine.journal import LET_THROUGH, PAUSED, Journal
from headrace.engine.prepare import Preparation, Prepared
from headrace.engine.puller import Puller
from headrace.engine.retry import NEEDS_ROOM, RetryPolicy
from headrace.engine.scheduler import Steps, pausing
from headrace.engine.status import FLOOD, SubjectStatus
from headrace.job import Job
from headrace.steps.circuit_breaker import COUNTED, WINDOW, FloodError, FloodGuard, describe

SAMPLE_MESSAGES: Final = 100
POLL_SECONDS: Final = 0.5  # how soon a stop, or the operator's command, is seen
FIRST_SAMPLE_SECONDS: Final = 2.0
LONGEST_SAMPLE_SECONDS: Final = 60.0
_LOG = structlog.get_logger("headrace")


class Gate:
    """Prepares one subject's messages, and closes when too many are refused; its loop alone uses it."""

    def __init__(
        self, job: Job, subject: str, journal: Journal, puller: Puller, status: SubjectStatus, stop: threading.Event
    ) -> None:
        self._job = job
        self._subject = subject
        self._journal = journal
        self._puller = puller
        self._status = status
        self._stop = stop
        self._retry = RetryPolicy("sample", status, stop)
        self._preparation = Preparation(job.registry, subject, job.window, job.token_key())
        self._percent = job.registry.latest(subject).options.refuse_at_most
        self._guard = FloodGuard(self._percent)
        self._between = FIRST_SAMPLE_SECONDS

    def prepare(self, messages: Sequence[Message], now: int) -> Prepared:
        """Decode, mask and window *messages*; *now* is in microseconds since 1970.

        Raises:
            FloodError: too much is refused; the journal says so already.
        """
        prepared = self._preparation.prepare(messages, now)
        messages = messages[: len(messages) - prepared.left]
        refused = _reasons(prepared)
        let_through = self._guard.lets_all_through
        if self._guard.judge(now, len(messages), refused):
            self._note(PAUSED)
            raise FloodError(self._seen(messages, prepared))
        if let_through and not self._guard.lets_all_through:
            self._note(None)
            _LOG.info("guarded_again", subject=self._subject)
        return prepared

    def run(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        """Serve whenever the subject need not wait, until told to stop."""
        if self._state() == PAUSED:
            self._say("it was paused before this start, and waits for a sample that can be read")
        next_sample = 0.0
        while (yield from self._wait(next_sample)):
            opened_at = time.monotonic()
            try:
                yield from serve()
            except FloodError as error:
                self._say(str(error))
                if time.monotonic() - opened_at > WINDOW.total_seconds():  # not let go by a sample just now
                    self._between = FIRST_SAMPLE_SECONDS
                next_sample = self._next_sample()

    def _wait(self, next_sample: float) -> Steps[bool]:
        """Wait as long as the subject is paused; False when told to stop."""
        while not self._stop.is_set():
            state = self._state()
            if state != PAUSED:
                self._open(by_command=state == LET_THROUGH)
                return True
            if time.monotonic() >= next_sample:
                if (yield from self._sample_passes()):
                    self._note(None)
                    continue
                next_sample = self._next_sample()
            yield from pausing(POLL_SECONDS, self._stop)
        return False

    def _sample_passes(self) -> Steps[bool]:
        sample = self._retry.call_as_steps(self._puller.needs, lambda: self._puller.sample(SAMPLE_MESSAGES))
        messages = yield from sample
        if not messages:
            return False
        prepared = self._preparation.prepare(messages, self._job.clock())
        messages = messages[: len(messages) - prepared.left]
        if self._guard.passes(len(messages), _reasons(prepared)):
            return True
        self._say(f"a sample: {self._seen(messages, prepared)}")
        return False

    def _seen(self, messages: Sequence[Message], prepared: Prepared) -> str:
        example = next((letter.detail for letter in prepared.letters if letter.reason in COUNTED), "none")
        return f"{describe(len(messages), _reasons(prepared), self._percent)}; for example: {example}"

    def _next_sample(self) -> float:
        """When to look again, ever later."""
        between, self._between = self._between, min(self._between * 2, LONGEST_SAMPLE_SECONDS)
        return time.monotonic() + between

    def _say(self, seen: str) -> None:
        needs = (
            f"{seen}; deploy a job and contracts that can read it, and it goes on by itself, "
            f"or let it all become dead letters: `headrace resume {self._subject}`"
        )
        if self._status.block(FLOOD, needs):
            _LOG.warning("paused", subject=self._subject, needs=needs)

    def _open(self, by_command: bool) -> None:
        if by_command:
            self._guard.let_through(self._job.clock())
        if self._status.unblock(FLOOD):
            _LOG.info("resumed", subject=self._subject, by="command" if by_command else "sample")

    def _state(self) -> str | None:
        return self._journal.floods().get(self._subject)

    def _note(self, state: str | None) -> None:
        def commit() -> None:
            with self._journal.transaction() as transaction:
                transaction.note_flood(self._subject, state)

        self._retry.call(NEEDS_ROOM, commit)


def _reasons(prepared: Prepared) -> Counter[Reason]:
    return Counter(letter.reason for letter in prepared.letters)

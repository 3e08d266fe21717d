"""The circuit breaker of one subject. While the circuit is open, the subject pulls nothing; other subjects continue.

The journal records that the circuit is open, so that a job that is restarted often checks a sample first each time.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.engine.journal import Journal
from headrace.engine.prepare import Preparation, Prepared
from headrace.engine.retry import NEEDS_ROOM, RetryPolicy
from headrace.engine.status import CIRCUIT, SubjectStatus
from headrace.engine.task_steps import Steps, pausing
from headrace.job import Job
from headrace.runtime.retry_policy import RetryableError
from headrace.schema_registry.registry_errors import PinBrokenError, PinFileError
from headrace.steps.circuit_breaker import COUNTED, WINDOW, CircuitBreaker, CircuitOpenError, CircuitState, describe
from headrace.steps.decode.decode_messages import Decoder

SAMPLE_MESSAGES: Final = 100
POLL_SECONDS: Final = 0.5  # how often a stop and the operator's command are checked
FIRST_SAMPLE_SECONDS: Final = 2.0
LONGEST_SAMPLE_SECONDS: Final = 60.0
_LOG = structlog.get_logger("headrace")


class Sampled(Protocol):
    """A source of samples of a subject's messages, for the time in which the subject pulls nothing."""

    @property
    def needs(self) -> str:
        """The permission that a sample needs, and its remedy."""

    def sample(self, at_most: int) -> list[Message]:
        """Return a few messages; they are delivered again."""


class SubjectCircuit:
    """The preparation and the circuit of one subject. Only the subject's loop uses it, so it is not thread-safe."""

    def __init__(
        self,
        job: Job,
        subject: str,
        *,
        journal: Journal,
        source: Sampled,
        status: SubjectStatus,
        stop: threading.Event,
        decoder: Decoder | None = None,
    ) -> None:
        """Compile the preparation; without a *decoder*, no registry is asked for schema ids."""
        self._job = job
        self._subject = subject
        self._journal = journal
        self._source = source
        self._status = status
        self._stop = stop
        self._retry = RetryPolicy("sample", status, stop)
        self._preparation = Preparation(job.registry, subject, job.window, job.token_key(), decoder)
        self._percent = job.registry.latest(subject).options.refuse_at_most
        self._breaker = CircuitBreaker(self._percent)
        self._between = FIRST_SAMPLE_SECONDS

    def prepare(self, messages: Sequence[Message], now: int) -> Prepared:
        """Decode, mask and window *messages*; *now* is in microseconds since 1970.

        Raises:
            CircuitOpenError: too many messages are refused; the journal already records that the circuit is open.
        """
        prepared = self._preparation.prepare(messages, now)
        messages = messages[: len(messages) - prepared.left]
        refused = _reasons(prepared)
        was_forced = self._breaker.is_forced_closed
        if self._breaker.opens_on(now, len(messages), refused):
            self._note(CircuitState.OPEN)
            raise CircuitOpenError(self._description(messages, prepared))
        if was_forced and not self._breaker.is_forced_closed:
            self._note(CircuitState.CLOSED)
            _LOG.info("circuit_breaker_restored", subject=self._subject)
        return prepared

    def run(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        """Serve while the circuit is closed, until the engine stops."""
        if self._state() is CircuitState.OPEN:
            self._report("its circuit was open before this start, and waits for a sample that can be read")
        next_sample = 0.0
        while (yield from self._wait(next_sample)):
            served_since = time.monotonic()
            try:
                yield from serve()
            except CircuitOpenError as error:
                self._report(str(error))
                if time.monotonic() - served_since > WINDOW.total_seconds():  # a sample did not just close it
                    self._between = FIRST_SAMPLE_SECONDS
                next_sample = self._next_sample()

    def _wait(self, next_sample: float) -> Steps[bool]:
        """Wait while the circuit is open; return False when the engine stops."""
        while not self._stop.is_set():
            state = self._state()
            if state is not CircuitState.OPEN:
                self._close(by_command=state is CircuitState.FORCED_CLOSED)
                return True
            if time.monotonic() >= next_sample:
                if (yield from self._sample_passes()):
                    self._note(CircuitState.CLOSED)
                    continue
                next_sample = self._next_sample()
            yield from pausing(POLL_SECONDS, self._stop)
        return False

    def _sample_passes(self) -> Steps[bool]:
        """Pull a sample while the circuit is half-open; return whether the sample closes the circuit."""
        sample = self._retry.call_as_steps(self._source.needs, lambda: self._source.sample(SAMPLE_MESSAGES))
        messages = yield from sample
        if not messages:
            return False
        try:
            prepared = self._preparation.prepare(messages, self._job.clock())
        except (RetryableError, PinBrokenError, PinFileError) as error:  # what its bucket or its registry raises
            self._report(f"a sample: {error}")
            return False
        messages = messages[: len(messages) - prepared.left]
        if self._breaker.passes(len(messages), _reasons(prepared)):
            return True
        self._report(f"a sample: {self._description(messages, prepared)}")
        return False

    def _description(self, messages: Sequence[Message], prepared: Prepared) -> str:
        example = next((letter.detail for letter in prepared.letters if letter.reason in COUNTED), "none")
        return f"{describe(len(messages), _reasons(prepared), self._percent)}; for example: {example}"

    def _next_sample(self) -> float:
        """Return the time of the next sample, and double the interval to the one after it."""
        between, self._between = self._between, min(self._between * 2, LONGEST_SAMPLE_SECONDS)
        return time.monotonic() + between

    def _report(self, seen: str) -> None:
        needs = (
            f"{seen}; deploy a job and contracts that can read it, and it goes on by itself, "
            f"or let it all become dead letters: `headrace resume {self._subject}`"
        )
        if self._status.block(CIRCUIT, needs):
            _LOG.warning("circuit_opened", subject=self._subject, needs=needs)

    def _close(self, by_command: bool) -> None:
        if by_command:
            self._breaker.force_closed(self._job.clock())
        if self._status.unblock(CIRCUIT):
            _LOG.info("circuit_closed", subject=self._subject, by="command" if by_command else "sample")

    def _state(self) -> CircuitState:
        return self._journal.circuits().get(self._subject, CircuitState.CLOSED)

    def _note(self, state: CircuitState) -> None:
        def commit() -> None:
            with self._journal.transaction() as transaction:
                transaction.note_circuit(self._subject, state)

        self._retry.call(NEEDS_ROOM, commit)


def _reasons(prepared: Prepared) -> Counter[Reason]:
    return Counter(letter.reason for letter in prepared.letters)

"""Preparer of lines as messages. With too many lines that are not events, the run ends before writing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.line_events import BadLine
from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.engine.prepare import Preparation, Prepared
from headrace.engine.task_steps import Steps
from headrace.job import Job
from headrace.schemas.registry import Registry
from headrace.steps.circuit_breaker import COUNTED, CircuitBreaker, describe
from headrace.steps.decode.decode_messages import Decoder
from headrace.steps.decode.native_messages import NativeMessages
from headrace.steps.decode.opened_messages import OpenedMessage, RefusedError


class LineMessages(NativeMessages):
    """Reader of the envelopes of lines that became messages; it refuses the others."""

    def check(self, message: Message, ahead: Iterable[Message] = ()) -> OpenedMessage:
        """Read one envelope; raises RefusedError with the reason if it is invalid."""
        if isinstance(message, BadLine):
            raise RefusedError(Reason.INVALID_LINE, message.problem)
        return super().check(message, ahead)


def line_decoder(registry: Registry, subject: str) -> Decoder:
    """Return a decoder of lines that became messages."""
    return Decoder(registry, subject, LineMessages(registry, subject))


class LinePreparer:
    """Preparer of one subject's lines; it never waits."""

    def __init__(self, job: Job, subject: str) -> None:
        decoder = line_decoder(job.registry, subject)
        self._preparation = Preparation(job.registry, subject, job.window, job.token_key(), decoder)
        self._percent = job.registry.latest(subject).options.refuse_at_most
        self._breaker = CircuitBreaker(self._percent)

    def prepare(self, messages: Sequence[Message], now: int) -> Prepared:
        """Decode, mask and window *messages*; *now* is in microseconds since 1970.

        Raises:
            BackfillError: more of them are not events than the contract's refuse_at_most allows; none of them is
                written.
        """
        prepared = self._preparation.prepare(messages, now)
        messages = messages[: len(messages) - prepared.left]
        refused = Counter(letter.reason for letter in prepared.letters)
        if self._breaker.opens_on(now, len(messages), refused):
            example = next((letter.detail for letter in prepared.letters if letter.reason in COUNTED), "none")
            seen = describe(len(messages), refused, self._percent)
            raise BackfillError(f"{seen}; for example: {example}; correct the file or the mapping, and run it again")
        return prepared

    def run(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        """Run *serve* until the engine stops."""
        yield from serve()

"""Send letters again, page by page: publish them to their subject's topic, and mark each letter after confirmation.

An interrupted replay can be run again. It does not send marked letters again. A letter that was sent but not marked is
sent twice. It still becomes one row, because its event has one id, or one letter, because the message names the letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final

from google.api_core.exceptions import GoogleAPICallError, InvalidArgument, NotFound, PermissionDenied

from headrace.core.dead_letter import publish_request
from headrace.dead_letters.archived_letter import ArchivedLetter
from headrace.dead_letters.facts import Action, Fact, TrailEntry
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.prefetch import prefetch
from headrace.dead_letters.replay_context import DONE, INTERRUPTED, OperationInfo, ReplayContext, ReplayResult
from headrace.dead_letters.replay_forecast import Forecaster
from headrace.dead_letters.replay_plan import PAGE_LETTERS, PlannedLetter, ReplayPlan, fingerprint, pages
from headrace.dead_letters.replay_rate import Progress, RateLimit
from headrace.dead_letters.replay_requests import Request, requests
from headrace.errors import Exit, HeadraceError
from headrace.runtime.failpoints import reached
from headrace.runtime.retry_policy import UNAVAILABLE, Backoff

ACTION: Final = "replay"
MOST_NAMED: Final = 10
_RETRIES: Final = 8  # of one request; their pauses take half a minute


class ReplayError(HeadraceError, RuntimeError, error_code="HR-706", exit_code=Exit.CONFIGURATION):
    """Letters cannot be published. The message names the topic and the remedy; a second run continues."""


class _StoppedError(HeadraceError, error_code="HR-707", exit_code=Exit.BUG):
    """The caller asked the replay to stop."""


def replay(
    made: ReplayPlan,
    context: ReplayContext,
    operation: OperationInfo,
    limit: RateLimit,
    progress: Callable[[Progress], None] = lambda done: None,
) -> ReplayResult:
    """Send each letter of a plan once, and mark it when Pub/Sub has confirmed it.

    Stop when a wait of *limit* is interrupted. Every letter that was sent is marked by then.

    Raises:
        ReplayError: a topic is missing, or unreachable for half a minute.
        PermissionDenied: a topic may not be published to.
        ArchiveError: letters that were sent cannot be marked.
    """
    run = _Run(made, context, operation, limit, progress)
    if not made.chosen:
        return run.result
    with run.recorded():
        run.send_all()
        reached("replay_ended")
    return run.result


class _Run:
    """A replay while it runs."""

    def __init__(
        self,
        made: ReplayPlan,
        context: ReplayContext,
        operation: OperationInfo,
        limit: RateLimit,
        progress: Callable[[Progress], None],
    ) -> None:
        self.result = ReplayResult()
        self._plan = made
        self._context = context
        self._operation = operation
        self._limit = limit
        self._progress = progress
        self._forecaster = Forecaster(context.registry, context.names.routes, context.ask_for)
        self._began = context.seconds()

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record the beginning and the end in the trail. After ``kill -9`` the trail has a beginning and no end."""
        self._record("")
        reached("replay_began")
        try:
            yield
        except _StoppedError:
            self._end(INTERRUPTED)
        except KeyboardInterrupt:
            self._end(INTERRUPTED)
            raise
        except (ReplayError, GoogleAPICallError) as error:
            self._end(f"failed: {type(error).__name__}")
            raise
        else:
            self._end(DONE)

    def send_all(self) -> None:
        """Send the pages one after another, and read the next page meanwhile."""
        for page, letters in prefetch(pages(self._plan.chosen), self._read):
            self._send(page, letters)

    def _read(self, page: Sequence[PlannedLetter]) -> Sequence[ArchivedLetter]:
        letters = list(self._context.reader.read([each.letter_id for each in page]))
        reached("replay_read")
        return letters

    def _send(self, page: Sequence[PlannedLetter], letters: Sequence[ArchivedLetter]) -> None:
        """Send those letters of a page that are still chosen, in batches that the rate limit allows."""
        chosen = [self._forecaster.routed(each.current) for each in letters if self._is_still_chosen(each)]
        left = self._as_planned(page, chosen)
        self.result.skipped += len(page) - len(left)
        most = self._limit.batch_size(PAGE_LETTERS)
        for start in range(0, len(left), most):
            batch = left[start : start + most]
            if not self._limit.take(len(batch)):
                raise _StoppedError
            self._send_and_mark(batch)

    def _as_planned(self, page: Sequence[PlannedLetter], letters: Sequence[Letter]) -> list[Letter]:
        """Return the letters to send: unchanged ones, and changed ones whose new forecast is chosen, too."""
        known = {each.letter_id: each.fingerprint for each in page}
        changed = [each for each in letters if fingerprint(each) != known[each.id]]
        found = self._forecaster.forecast(changed)
        unwanted = {each.letter.id for each in found if each.forecast not in self._plan.forecasts}
        return [each for each in letters if each.id not in unwanted]

    def _is_still_chosen(self, letter: ArchivedLetter) -> bool:
        """Return whether the letter still has a chosen state and was not refused again since the plan."""
        return letter.state in self._plan.wanted.states and letter.refused.refused_at < self._plan.began

    def _send_and_mark(self, letters: Sequence[Letter]) -> None:
        sent: list[Letter] = []
        try:
            for request in requests(letters):
                sent += self._publish(request)
                reached("replay_sent")
        finally:  # mark confirmed letters even if others failed
            reached("replay_published")
            if sent:
                self._mark(sent)
            reached("replay_noted")
            self.result.sent += len(sent)
        self.result.seconds = self._context.seconds() - self._began
        done = self.result.sent + self.result.skipped + self.result.refused
        self._progress(Progress(done, len(self._plan.chosen), self.result.seconds))

    def _mark(self, letters: Sequence[Letter]) -> None:
        now, operation = self._context.clock(), self._operation
        self._context.archive.append_facts(
            [
                Fact(each.id, each.attempt, Action.REPLAYED, now, operation.actor, operation.id, operation.why)
                for each in letters
            ]
        )

    def _publish(self, request: Request) -> Sequence[Letter]:
        """Publish a request and return the confirmed letters. Halve an invalid request to find the invalid letters."""
        try:
            self._publish_with_retry(request)
        except InvalidArgument:
            if len(request.letters) == 1:
                self.result.refused += 1
                self.result.examples += [request.letters[0].id] if len(self.result.examples) < MOST_NAMED else []
                return []
            first, second = request.halves()
            return [*self._publish(first), *self._publish(second)]
        return request.letters

    def _publish_with_retry(self, request: Request) -> None:
        topic = self._context.names.topic(request.subject)
        for pause in (*islice(Backoff(), _RETRIES), None):
            try:
                publish_request(self._context.publisher, topic, request.messages)
            except UNAVAILABLE as error:
                if pause is None:
                    raise ReplayError(f"{topic}: cannot be reached; run the replay again, it continues") from error
                if self._limit.pause(pause):
                    raise _StoppedError from error
            except NotFound as error:
                own = self._context.names.has_own_topic(request.subject)
                remedy = "create it with `headrace provision`" if own else "correct its name in `topics`"
                raise ReplayError(f"{topic}: not found; {remedy}") from error
            except PermissionDenied as error:
                raise PermissionDenied(
                    f"{topic}: permission denied; a replay needs roles/pubsub.publisher on it"
                ) from error
            else:
                return

    def _record(self, outcome: str) -> None:
        now, operation, wanted = self._context.clock(), self._operation, self._plan.wanted.to_json()
        entry = TrailEntry(operation.id, ACTION, now, operation.actor, wanted, operation.why, self.result.sent, outcome)
        self._context.archive.append_entry(entry)

    def _end(self, outcome: str) -> None:
        self.result.outcome = outcome
        self.result.seconds = self._context.seconds() - self._began
        self._record(outcome)

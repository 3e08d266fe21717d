"""Sending letters again: through the front door, confirmed before it is marked, page by page.

Whoever is interrupted runs it again: what is marked is not sent again; what was sent and not yet marked is sent twice,
and ends as one row, since its event has one id, or as one letter, since the message says which it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from google.api_core.exceptions import (
    Aborted,
    DeadlineExceeded,
    GoogleAPICallError,
    InternalServerError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ServiceUnavailable,
    TooManyRequests,
)
from google.pubsub_v1 import PublisherClient

from headrace.core.dead_letter import publish_request
from headrace.core.resource_names import Names
from headrace.dead_letters.archive_reader import Kept, Reader
from headrace.dead_letters.archive_writer import Archive
from headrace.dead_letters.facts import Action, Fact, Step
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.outgoing import Request, requests
from headrace.dead_letters.prefetch import one_ahead
from headrace.dead_letters.replay_forecast import Judge
from headrace.dead_letters.replay_pace import Pace, Progress
from headrace.dead_letters.replay_plan import PAGE_LETTERS, Entry, Plan, fingerprint, pages
from headrace.errors import Exit, HeadraceError
from headrace.runtime.failpoints import reached
from headrace.schemas.registry import Registry

ACTION: Final = "replay"
DONE: Final = "done"
INTERRUPTED: Final = "interrupted"
MOST_NAMED: Final = 10
PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # seconds between tries to publish one request
_PASSING: Final = (Aborted, DeadlineExceeded, InternalServerError, ServiceUnavailable, TooManyRequests)


class ReplayError(HeadraceError, RuntimeError, error_code="HR-706", exit_code=Exit.CONFIGURATION):
    """Dead letters cannot be published. The text says where and the remedy. Run the replay again: it goes on."""


@dataclass(frozen=True, slots=True)
class Errand:
    """On whose behalf: *operation* names this run in the trail."""

    operation: str
    who: str
    why: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a replay works with. *clock* gives aware times in UTC, *seconds* a monotonic clock's."""

    reader: Reader
    archive: Archive
    publisher: PublisherClient
    registry: Registry = field(repr=False)
    names: Names
    clock: Callable[[], datetime]
    seconds: Callable[[], float]


@dataclass(slots=True)
class Result:
    """What was done: letters *sent* and marked; *passed_over* since somebody else took them or they would fail by now;
    *refused* by Pub/Sub, of which some are named."""

    sent: int = 0
    passed_over: int = 0
    refused: int = 0
    examples: list[str] = field(default_factory=list)
    seconds: float = 0.0
    outcome: str = DONE


class _StoppedError(HeadraceError, error_code="HR-707", exit_code=Exit.BUG):
    """The replay was asked to stop."""


def replay(
    made: Plan, desk: Desk, errand: Errand, pace: Pace, progress: Callable[[Progress], None] = lambda done: None
) -> Result:
    """Send the letters of a plan, each once, and mark each when Pub/Sub has confirmed it.

    Stops where *pace* says so, with everything that was sent marked.

    Raises:
        ReplayError: a topic is missing, forbidden, or out of reach for half a minute.
        ArchiveError: what was sent cannot be marked.
    """
    run = _Run(made, desk, errand, pace, progress)
    if not made.chosen:
        return run.result
    with run.on_the_trail():
        run.send_all()
        reached("replay_ended")
    return run.result


class _Run:
    """One replay, under way."""

    def __init__(
        self, made: Plan, desk: Desk, errand: Errand, pace: Pace, progress: Callable[[Progress], None]
    ) -> None:
        self.result = Result()
        self._plan = made
        self._desk = desk
        self._errand = errand
        self._pace = pace
        self._progress = progress
        self._judge = Judge(desk.registry)
        self._began = desk.seconds()

    @contextmanager
    def on_the_trail(self) -> Iterator[None]:
        """Note that it begins, and how it ended, but for a ``kill -9``: then it began and never ended."""
        self._step("")
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
        """Send page after page; the next is read meanwhile."""
        for page, kept in one_ahead(pages(self._plan.chosen), self._read):
            self._send(page, kept)

    def _read(self, page: Sequence[Entry]) -> Sequence[Kept]:
        kept = list(self._desk.reader.read([each.letter_id for each in page]))
        reached("replay_read")
        return kept

    def _send(self, page: Sequence[Entry], kept: Sequence[Kept]) -> None:
        """Send what is still to be sent of a page, some at once as the pace allows."""
        meant = self._as_planned(page, [each.now for each in kept if self._is_still_meant(each)])
        self.result.passed_over += len(page) - len(meant)
        most = self._pace.at_once(PAGE_LETTERS)
        for start in range(0, len(meant), most):
            together = meant[start : start + most]
            if not self._pace.take(len(together)):
                raise _StoppedError
            self._send_and_mark(together)

    def _as_planned(self, page: Sequence[Entry], letters: Sequence[Letter]) -> list[Letter]:
        """Those that are as they were when they were judged; what was edited meanwhile is judged again."""
        known = {each.letter_id: each.fingerprint for each in page}
        changed = [each for each in letters if fingerprint(each) != known[each.id]]
        judged = self._judge.judge(changed)
        others = {each.letter.id for each in judged if each.prospect not in self._plan.prospects}
        return [each for each in letters if each.id not in others]

    def _is_still_meant(self, kept: Kept) -> bool:
        """Whether nobody else took it meanwhile, and it is not back already."""
        return kept.state in self._plan.wanted.states and kept.refused.refused_at < self._plan.began

    def _send_and_mark(self, letters: Sequence[Letter]) -> None:
        sent: list[Letter] = []
        try:
            for request in requests(letters):
                sent += self._publish(request)
                reached("replay_sent")
        finally:  # what was confirmed is marked, whatever happened to the others
            reached("replay_published")
            if sent:
                self._mark(sent)
            reached("replay_noted")
            self.result.sent += len(sent)
        self.result.seconds = self._desk.seconds() - self._began
        done = self.result.sent + self.result.passed_over + self.result.refused
        self._progress(Progress(done, len(self._plan.chosen), self.result.seconds))

    def _mark(self, letters: Sequence[Letter]) -> None:
        now, errand = self._desk.clock(), self._errand
        self._desk.archive.note(
            [
                Fact(each.id, each.attempt, Action.REPLAYED, now, errand.who, errand.operation, errand.why)
                for each in letters
            ]
        )

    def _publish(self, request: Request) -> Sequence[Letter]:
        """Publish, and give what is confirmed; what Pub/Sub finds invalid takes no neighbour down."""
        try:
            self._insist(request)
        except InvalidArgument:
            if len(request.letters) == 1:
                self.result.refused += 1
                self.result.examples += [request.letters[0].id] if len(self.result.examples) < MOST_NAMED else []
                return []
            first, second = request.halves()
            return [*self._publish(first), *self._publish(second)]
        return request.letters

    def _insist(self, request: Request) -> None:
        topic = self._desk.names.topic(request.subject)
        for pause in (*PAUSES, None):
            try:
                publish_request(self._desk.publisher, topic, request.messages)
            except _PASSING as error:
                if pause is None:
                    raise ReplayError(f"{topic}: cannot be reached; run it again, and it goes on") from error
                if self._pace.pause(pause):
                    raise _StoppedError from error
            except NotFound as error:
                raise ReplayError(f"{topic}: there is no such topic; `headrace provision` makes it") from error
            except PermissionDenied as error:
                raise PermissionDenied(f"{topic}: a replay needs roles/pubsub.publisher on it") from error
            else:
                return

    def _step(self, outcome: str) -> None:
        now, errand, said = self._desk.clock(), self._errand, self._plan.wanted.said()
        step = Step(errand.operation, ACTION, now, errand.who, said, errand.why, self.result.sent, outcome)
        self._desk.archive.step(step)

    def _end(self, outcome: str) -> None:
        self.result.outcome = outcome
        self.result.seconds = self._desk.seconds() - self._began
        self._step(outcome)

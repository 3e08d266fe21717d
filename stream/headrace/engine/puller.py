"""Messages out of one subscription, their leases kept while they are held, and acknowledgements back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from google.api_core.exceptions import Cancelled, DeadlineExceeded, GoogleAPICallError, NotFound

from headrace.core.message import Message
from headrace.engine.continuity import Continuity, Gap
from headrace.engine.drained import Drained
from headrace.engine.leases import Leases
from headrace.engine.pubsub_calls import Pull, Subscription
from headrace.engine.pull_buffer import WAITING_MESSAGES, PullBuffer
from headrace.engine.pulled import Pulled, read_pulled
from headrace.engine.pulls_under_way import Asking, UnderWay
from headrace.engine.retry import RetryPolicy, StoppedError
from headrace.engine.scheduler import Scheduler
from headrace.engine.status import SubjectStatus
from headrace.engine.task_steps import Steps, Wake
from headrace.runtime.retry_policy import RETRYABLE

PULL_MESSAGES: Final = 1000
PULLS: Final = 6  # under way at a time while each brings MANY: one is waited for, another is read
MANY: Final = 100  # messages of one Pull that say there are more; the emulator never gives more
# An empty Pull would block for minutes, and delay a stop. The emulator answers an empty one a second earlier.
PULL_SECONDS: Final = 2.0


class Puller:
    """Pulls one subject ahead of its loop. Its buffer is bounded, so a slow table leaves the backlog in Pub/Sub.

    It uses unary Pull, because StreamingPull reaches an eighth of its rate in Python and has stopped without an error.
    One pull is always under way, and additional ones while there are many messages. No pull occupies a thread: threads
    of gRPC receive the messages, and tasks of the scheduler renew leases and handle errors. After an empty pull, the
    next ones may last *idle_seconds*. *along* limits the additional pulls of all pullers that share it.
    *subscription* is the full name of an existing one; it is empty for the one that Headrace creates for the subject.
    """

    finite = False

    def __init__(
        self,
        calls: Subscription,
        subject: str,
        *,
        status: SubjectStatus,
        continuity: Continuity,
        idle_seconds: float = PULL_SECONDS,
        along: threading.Semaphore | None = None,
        subscription: str = "",
    ) -> None:
        self._calls = calls
        self._subject = subject
        self._subscription = subscription
        self._idle_seconds = idle_seconds
        self._along = along or threading.Semaphore(PULLS - 1)
        self._stop = threading.Event()
        self._retry = RetryPolicy(f"pull {subscription}".rstrip(), status, self._stop)
        self._drained = Drained(calls, continuity)
        self._buffer = PullBuffer()
        self._changed = threading.Condition(threading.RLock())
        self.leases = Leases(calls, subject, self._changed)
        self._under_way: set[UnderWay] = set()
        self._asking = Asking.ENDED
        self._ended: tuple[int, GoogleAPICallError | None] | None = None  # when that pull began, and its error
        self._many = False
        self._tasks = 0  # that are not over
        self._is_winding_down = False
        self._wake: Wake = _nobody
        self._wake_leases: Wake = _nobody
        self._wake_loop: Wake = _nobody
        self.failure: BaseException | None = None

    @property
    def needs(self) -> str:
        """The permission that pulling needs, and its remedy."""
        if self._subscription:
            permissions, remedy = "pubsub.subscriptions.consume and .get", "correct its name in `subscriptions`"
        else:
            permissions, remedy = "pubsub.subscriptions.consume", "`headrace provision` makes it"
        return f"{self._calls.name}: the job needs {permissions} on it; {remedy}"

    def start(self, scheduler: Scheduler, wake: Wake) -> None:
        """Begin to pull and to renew leases, with two tasks of *scheduler*; also after a stop.

        *wake* is called when there is something to take.
        """
        self._stop.clear()
        self._drained.note_messages()  # what was handed back is waiting again
        self._many = self._is_winding_down = False
        self._asking, self._ended, self._wake_loop = Asking.ENDED, None, wake
        self._tasks = 2
        self._wake_leases = scheduler.spawn(lambda _: self._guarded(self._keep_leases()))
        self._wake = scheduler.spawn(lambda _: self._guarded(self._pull_on()))

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        """Take arrived messages, up to about *at_most*; wait up to *wait_seconds* for the first.

        The faster messages come, the more are taken together: the first waits a short time for others. With None
        this does not wait, and returns nothing while there are few. Raises the error that made pulling impossible.
        """
        with self._changed:
            taken = self._buffer.take_enough(at_most, wait_seconds, self._changed, lambda: self.failure)
            if taken:
                self._ask()
            return taken

    def take_arrived(self) -> list[Pulled]:
        """Take everything that has arrived, without a wait. Raises the error that made pulling impossible."""
        with self._changed:
            if self.failure is not None:
                raise self.failure
            taken = self._buffer.take(WAITING_MESSAGES)
            if taken:
                self._ask()
            return taken

    @property
    def drained_at(self) -> int:
        """The publish time, in microseconds, before which every message is settled; 0 if it is not known."""
        with self._changed:
            return 0 if self.leases.held else self._drained.until

    @property
    def delivered_until(self) -> int:
        """The publish time, in microseconds, before which every message was delivered; 0 if it is not known."""
        with self._changed:
            return self._drained.until

    def look(self) -> list[str]:
        """Look at the subscription, and return its problems with their remedies."""
        return self._drained.look()

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        """Pass each interval in which messages may be missing to *commit*, which stores it."""
        self._drained.settle_gaps(commit)

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Acknowledge messages whose outcome is committed. A lost acknowledgement leads to redelivery."""
        self.leases.acknowledge(pulled)

    def hand_back(self, pulled: Iterable[Pulled]) -> None:
        """Make Pub/Sub deliver these again at once."""
        self.leases.hand_back(pulled)

    def sample(self, at_most: int) -> list[Message]:
        """Return a few messages, and hand them back, while pulling is stopped."""
        try:
            pulled = read_pulled(self._subject, self._calls.pull(at_most, PULL_SECONDS), 0.0, self._subscription)
        except DeadlineExceeded:
            return []
        self.leases.hand_back([pulled])
        return pulled.messages

    def wind_down(self) -> None:
        """Begin no more pulls, and cancel those that last, because a stop follows soon."""
        with self._changed:
            self._is_winding_down = True
            lasting = [each.pull for each in self._under_way if each.lasts and each.pull is not None]
        for pull in lasting:
            pull.cancel()

    def stop(self) -> None:
        """Stop pulling, and hand back every message that is held."""
        self._stop.set()
        self.wind_down()
        self._wake()
        self._wake_leases()
        with self._changed:
            self._changed.wait_for(lambda: not self._tasks and not self._under_way)
        self._buffer.clear()
        self.hand_back(list(self.leases.held))

    def _guarded(self, steps: Steps[None]) -> Steps[None]:
        failure: BaseException | None = None
        try:
            yield from steps
        except StoppedError:
            pass
        except BaseException as error:  # take() raises it in the thread of the loop
            failure = error
        with self._changed:
            self._tasks -= 1
            self._fail(failure)

    def _pull_on(self) -> Steps[None]:
        """Handle the end of pulls: report errors, and note when the subscription is drained."""
        self.leases.seconds = yield from self._retry.call_as_steps(self.needs, self._ack_seconds)
        while not self._stop.is_set():
            try:
                self._look_at_what_ended()
            except RETRYABLE as error:
                yield from self._retry.wait_after_as_steps(error, self.needs)
            with self._changed:
                if self._asking is Asking.ENDED:
                    self._asking = Asking.WANTED
                self._ask()
            yield None

    def _keep_leases(self) -> Steps[None]:
        while not self._stop.is_set():
            yield self.leases.renew()

    def _fail(self, failure: BaseException | None) -> None:
        """Pass the error that made pulling impossible, if any, to the loop. The caller holds the lock."""
        self.failure = self.failure or failure
        self._changed.notify_all()
        self._wake_loop()

    def _ack_seconds(self) -> float:
        """Return the ack deadline of the subscription, in seconds."""
        return float(self._drained.describe()[0].ack_deadline_seconds or 10)

    def _ask(self) -> None:
        """Begin the pulls that are wanted and have room. The caller holds the lock."""
        if self._is_winding_down or self.failure or self._asking is Asking.ENDED or not self._buffer.has_room:
            return
        if self._asking is Asking.WANTED:
            self._asking = Asking.UNDER_WAY
            self._begin(self._idle_seconds if self._drained.is_empty else PULL_SECONDS, along=False)
        while self._asks_for_more() and self._along.acquire(blocking=False):
            self._begin(PULL_SECONDS, along=True)

    def _asks_for_more(self) -> bool:
        return self._many and self.failure is None and len(self._under_way) < PULLS

    def _begin(self, seconds: float, along: bool) -> None:
        leased_until = time.monotonic() + self.leases.seconds
        each = UnderWay(along, time.time_ns() // 1000, leased_until, lasts=seconds > PULL_SECONDS)
        self._under_way.add(each)
        try:
            each.pull = self._calls.begin_pull(PULL_MESSAGES, seconds, lambda pull: self._answered(each, pull))
        except ValueError as error:  # of gRPC, for a closed channel: no answer will come, so nothing may wait for it
            self._under_way.discard(each)
            if along:
                self._along.release()
            self._fail(error)

    def _answered(self, each: UnderWay, pull: Pull) -> None:
        """Hold the messages of a pull. This runs in a thread of gRPC, which must not wait."""
        failure: BaseException | None = None
        pulled, error = Pulled([], [], 0.0), None
        try:
            pulled = read_pulled(self._subject, pull.received(), each.leased_until, self._subscription)
        except DeadlineExceeded:  # nothing came
            pass
        except GoogleAPICallError as found:
            error = found
        except BaseException as found:  # take() raises it in the loop's thread
            failure = found
        if each.along:
            self._along.release()
        with self._changed:
            self._under_way.discard(each)
            self._many = error is None and len(pulled.messages) >= MANY
            if pulled.messages:
                self._hold(pulled)
            if failure is not None:
                self._fail(failure)
            elif not each.along:
                self._note_end(each, error, bool(pulled.messages))
            self._ask()
            if self._stop.is_set():
                self._changed.notify_all()

    def _note_end(self, each: UnderWay, error: GoogleAPICallError | None, is_any: bool) -> None:
        """Note the end of the pull that is always under way, so that its error or its emptiness is handled.

        While additional pulls are under way, an empty pull proves nothing: they may have taken the messages.
        """
        if error is None and (is_any or self._under_way):
            self._retry.recovered()
            self._asking = Asking.WANTED
        else:
            self._asking, self._ended = Asking.ENDED, (each.began, error)
            self._wake()

    def _hold(self, pulled: Pulled) -> None:
        self._drained.note_messages()
        if not self.leases.held:
            self._wake_leases()
        self.leases.hold(pulled)
        self._buffer.add(pulled)
        self._changed.notify_all()
        self._wake_loop()

    def _look_at_what_ended(self) -> None:
        """Raise the error of the pull that ended, if it had one; otherwise note that it was empty."""
        with self._changed:
            ended, self._ended = self._ended, None
        if ended is None:
            return
        began, error = ended
        if isinstance(error, Cancelled) and self._is_winding_down:
            return
        if isinstance(error, NotFound):
            self._drained.note_missing()
        if error is not None:
            raise error
        self._retry.recovered()
        self._drained.note_empty(began, self.leases.seconds)


def _nobody() -> None:
    """Wake nobody: no task was started yet."""

"""Messages out of one subscription, their leases kept while they are held, and acknowledgements back."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError, NotFound
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1 import types as pubsub

from stream.engine.continuity import Continuity, Gap
from stream.engine.pace import LINGER_SECONDS, Pace, batch_size
from stream.engine.patience import TROUBLE, Patience, StoppedError
from stream.engine.status import SubjectStatus
from stream.engine.subscription import ACK_IDS, Subscription
from stream.message import Message
from stream.subscriptions import Difference

PULL_MESSAGES: Final = 1000
PULLS: Final = 6  # under way at a time while each brings MANY: one is waited for, another is read
MANY: Final = 100  # messages of one Pull that say there are more; the emulator never gives more
# An empty Pull would block for minutes, and SIGTERM with it. The emulator answers an empty one a second before it must.
PULL_SECONDS: Final = 2.0
WAITING_MESSAGES: Final = 5_000  # a round, while the one before it is in hand
WAITING_BYTES: Final = 32 * 1024 * 1024
_LOG = structlog.get_logger("headrace")


@dataclass(eq=False, slots=True)
class Pulled:
    """The messages of one Pull, what acknowledges them, and until when they are leased (monotonic seconds)."""

    messages: list[Message] = field(repr=False)
    ack_ids: list[str] = field(repr=False)
    leased_until: float
    bytes: int = 0


class Puller:
    """Pulls one subject ahead of its loop. What waits is bounded, so a slow sink leaves the backlog in Pub/Sub.

    Unary Pull: StreamingPull manages an eighth of its rate in Python and has stopped silently before. One thread pulls
    always; others pull as well while there is much.
    """

    finite = False

    def __init__(
        self,
        subscriber: SubscriberClient,
        subject: str,
        subscription: str,
        status: SubjectStatus,
        continuity: Continuity,
    ) -> None:
        self._calls = Subscription(subscriber, subscription)
        self._subject = subject
        self._subscription = subscription
        self._stop = threading.Event()
        self._patience = Patience("pull", status, self._stop)
        self._continuity = continuity
        self._waiting: deque[Pulled] = deque()
        self._waiting_since = 0.0
        self._pace = Pace()
        self._held: set[Pulled] = set()
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._more = threading.Condition(lock)  # for those that pull along: a message alone would wake all in vain
        self._deadline = 10.0
        self._under_way = 0
        self._many = False
        self._empty_since = 0
        self._drained_at = 0
        self._threads: list[threading.Thread] = []
        self.failure: BaseException | None = None

    @property
    def needs(self) -> str:
        """Whom to ask for what when pulling fails."""
        return f"{self._subscription}: the job needs pubsub.subscriptions.consume on it; `headrace provision` makes it"

    def start(self) -> None:
        """Begin to pull and to keep leases; again, after a stop."""
        self._stop.clear()
        self._threads.clear()
        self._empty_since = 0  # what was handed back is waiting again
        self._many = False
        for work in (self._pull_on, *[self._pull_along] * (PULLS - 1), self._keep_leases):
            name = f"{work.__name__.strip('_')}-{self._subject}"
            thread = threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def take(self, at_most: int, wait_seconds: float) -> list[Pulled]:
        """Take what has arrived, up to about *at_most* messages; waits up to *wait_seconds* for the first.

        The faster messages come, the more are taken together: the first waits for others, but not for long. Who would
        not wait at all gets none of too few. Raises what made pulling impossible.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.failure, wait_seconds)
            enough = batch_size(self._pace.rate(time.monotonic()), at_most)
            left = self._waiting_since + LINGER_SECONDS - time.monotonic()
            if wait_seconds and self._waiting:
                self._changed.wait_for(lambda: self._count() >= enough or self.failure, left)
            if self.failure is not None:
                raise self.failure
            too_few = not wait_seconds and left > 0 and self._count() < enough
            return [] if too_few or not self._waiting else self._taken(at_most)

    def _taken(self, at_most: int) -> list[Pulled]:
        taken: list[Pulled] = []
        count = 0
        while self._waiting and (not taken or count + len(self._waiting[0].messages) <= at_most):
            taken.append(self._waiting.popleft())
            count += len(taken[-1].messages)
        self._waiting_since = time.monotonic()
        self._pace.note(self._waiting_since, count)
        self._wake()
        return taken

    def _count(self) -> int:
        return sum(len(pulled.messages) for pulled in self._waiting)

    @property
    def drained_at(self) -> int:
        """All that was published before then has been settled, as far as pulling shows; microseconds, or 0.

        Pulls must have found nothing for as long as somebody who died may still hold messages.
        """
        with self._changed:
            return 0 if self._held or not self._continuity.unbroken else self._drained_at

    def look(self) -> list[str]:
        """Look at the subscription; return what is wrong with it, and the remedies."""
        try:
            _, wrong = self._describe()
        except NotFound:
            wrong = self._continuity.saw_none()
        return [f"{self._subscription}: {each.found}; {each.remedy}" for each in wrong]

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        """Give each time from which messages may be missing to *commit*, which makes it durable."""
        self._continuity.settle_gaps(commit)

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Acknowledge messages whose fate is durable. An acknowledgement that gets lost means redelivery."""
        pulled = list(pulled)
        self._let_go(pulled)
        for ids in _requests(pulled):
            try:
                self._calls.acknowledge(ids)
            except (GoogleAPICallError, *TROUBLE) as error:
                _LOG.warning("acknowledgements_lost", subject=self._subject, count=len(ids), error=type(error).__name__)

    def hand_back(self, pulled: Iterable[Pulled]) -> None:
        """Let Pub/Sub deliver these again at once."""
        pulled = list(pulled)
        self._let_go(pulled)
        self._modify(pulled, 0)

    def sample(self, at_most: int) -> list[Message]:
        """Pull a few messages to look at while pulling is stopped, and hand them back; none when none is there."""
        try:
            pulled = self._receive(at_most)
        except DeadlineExceeded:
            return []
        self._modify([pulled], 0)
        return pulled.messages

    def stop(self) -> None:
        """Stop pulling and hand back all that is held."""
        self._stop.set()
        with self._changed:
            self._wake()
        for thread in self._threads:
            thread.join()
        self._waiting.clear()
        self.hand_back(list(self._held))

    def _guarded(self, work: Any) -> None:
        try:
            work()
        except StoppedError:
            return
        except BaseException as error:  # take() raises it in the loop's thread
            with self._changed:
                self.failure = error
                self._changed.notify_all()

    def _pull_on(self) -> None:
        """Pull as long as there is room, and find out when there is nothing."""
        self._deadline = self._patience.insist(self.needs, self._ack_seconds)
        while self._has_room(self._changed):
            self._patience.insist(self.needs, self._pull_or_note_empty)

    def _pull_along(self) -> None:
        """Pull as well, while pulls bring many. What is in the way is for the thread that always pulls to say."""
        while self._has_room(self._more, lambda: self._many):
            try:
                self._pull()
            except (GoogleAPICallError, *TROUBLE):
                self._many = False

    def _ack_seconds(self) -> float:
        """How long a message is held when nobody says otherwise."""
        return float(self._describe()[0].ack_deadline_seconds or 10)

    def _describe(self) -> tuple[pubsub.Subscription, list[Difference]]:
        """The subscription as it is, and what is wrong with it."""
        asked_at = time.time_ns() // 1000
        found = self._calls.describe()
        return found, self._continuity.saw(found, asked_at)

    def _has_room(self, changed: threading.Condition, also: Callable[[], bool] = lambda: True) -> bool:
        """Wait for room, and for what is wanted *also*; False when told to stop."""
        with changed:
            changed.wait_for(lambda: self._stop.is_set() or (also() and self._room()))
        return not self._stop.is_set()

    def _wake(self) -> None:
        self._changed.notify_all()
        if self._many or self._stop.is_set():
            self._more.notify_all()

    def _room(self) -> bool:
        return self._count() < WAITING_MESSAGES and sum(pulled.bytes for pulled in self._waiting) < WAITING_BYTES

    def _pull_or_note_empty(self) -> None:
        began = time.time_ns() // 1000
        if self._pull():
            self._note_empty(began)

    def _pull(self) -> bool:
        """Pull once, and hold what comes; whether nothing did, and nothing can be on its way to another thread."""
        pulled = Pulled([], [], 0)
        with self._changed:
            self._under_way += 1
        try:
            pulled = self._receive(PULL_MESSAGES)
        except DeadlineExceeded:
            pass
        except NotFound:
            self._continuity.saw_none()
            raise
        finally:
            with self._changed:
                self._under_way -= 1
                self._hold(pulled)
                empty = not pulled.messages and not self._under_way
        return empty

    def _hold(self, pulled: Pulled) -> None:
        self._many = len(pulled.messages) >= MANY
        if pulled.messages:
            self._empty_since = 0
            self._held.add(pulled)
            self._waiting_since = self._waiting_since if self._waiting else time.monotonic()
            self._waiting.append(pulled)
            self._wake()

    def _receive(self, at_most: int) -> Pulled:
        leased_until = time.monotonic() + self._deadline
        received = self._calls.pull(at_most, PULL_SECONDS)
        messages = [_message(self._subject, one.message) for one in received]
        return Pulled(messages, [one.ack_id for one in received], leased_until, sum(len(m.data) for m in messages))

    def _note_empty(self, began: int) -> None:
        """A pull found nothing, or Pub/Sub did not answer: asked now and then, it says which."""
        wait = int(self._deadline * 1_000_000)
        self._empty_since = self._empty_since or began
        if began - max(self._empty_since, self._drained_at + wait) > wait:
            _, wrong = self._describe()
            if not wrong:
                self._drained_at = began - wait

    def _keep_leases(self) -> None:
        while not self._stop.wait(min(self._deadline / 4, 5.0)):
            with self._changed:
                due = [p for p in self._held if p.leased_until - time.monotonic() < self._deadline / 2]
            self._modify(due, int(self._deadline))
            for pulled in due:
                pulled.leased_until = time.monotonic() + self._deadline

    def _let_go(self, pulled: Iterable[Pulled]) -> None:
        with self._changed:
            self._held.difference_update(pulled)

    def _modify(self, pulled: Iterable[Pulled], seconds: int) -> None:
        for ids in _requests(pulled):
            try:
                self._calls.lease(ids, seconds)
            except (GoogleAPICallError, *TROUBLE) as error:
                _LOG.warning("leases_not_changed", subject=self._subject, count=len(ids), error=type(error).__name__)


def _requests(pulled: Iterable[Pulled]) -> Iterable[list[str]]:
    ids = [ack_id for one in pulled for ack_id in one.ack_ids]
    return [ids[start : start + ACK_IDS] for start in range(0, len(ids), ACK_IDS)]


def _message(subject: str, message: Any) -> Message:
    published = message.publish_time
    return Message(
        subject=subject,
        data=message.data,
        attributes=message.attributes,  # a mapping already: a copy would take longer than the rest
        message_id=message.message_id,
        published_at=published.seconds * 1_000_000 + published.nanos // 1000,
        ordering_key=message.ordering_key,
    )

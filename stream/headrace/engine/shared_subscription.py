"""One subscription with messages of several subjects: it is pulled once, and each message goes to its subject's share.

A subject that takes nothing does not hold up the others. Its messages are not kept: Pub/Sub delivers them again after a
pause. A message that belongs to no subject becomes a dead letter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from headrace.core.message import Message
from headrace.core.routes import Route
from headrace.engine.continuity import Gap
from headrace.engine.pulled import Pulled
from headrace.engine.puller import Puller
from headrace.engine.retry import StoppedError
from headrace.engine.scheduler import Scheduler
from headrace.engine.share import Share
from headrace.engine.strays import StrayLetters
from headrace.engine.task_steps import Steps, Wake
from headrace.steps.decode.subject_routers import Router

ROOM_SECONDS: Final = 0.1  # how often a full share is looked at again


class SharedSubscription:
    """The subscription of *route*, and the shares of its subjects, which *router* tells apart. Thread-safe.

    *open_puller* opens it anew after every stop. *strays* makes dead letters of messages that belong to no subject.
    """

    def __init__(self, route: Route, router: Router, open_puller: Callable[[], Puller], strays: StrayLetters) -> None:
        self._route = route
        self._router = router
        self._open_puller = open_puller
        self._strays = strays
        self._lifecycle = threading.Lock()  # held while pulling begins or ends
        self._changed = threading.Condition(threading.RLock())
        self._shares = {each: Share(self, each, self._changed) for each in route.all_subjects}
        self._stray_share = Share(self, route.subscription, self._changed)
        self._puller = open_puller()
        self._gaps: dict[str, list[Gap]] = {each: [] for each in route.all_subjects}
        self._tasks = 0
        self._stop = threading.Event()  # set unless it is pulled
        self._stop.set()
        self._wake: Wake = _nobody
        self.failure: BaseException | None = None

    def share(self, subject: str) -> Share:
        """Return the share of *subject*, which is the same each time that the subject starts."""
        return self._shares[subject]

    @property
    def needs(self) -> str:
        """The permission that pulling needs, and its remedy."""
        return self._puller.needs

    @property
    def is_running(self) -> bool:
        """Whether the subscription is pulled for any share."""
        return not self._stop.is_set()

    def open(self, share: Share, scheduler: Scheduler) -> None:
        """Open a share. With the first one, begin to pull. Raises the error of a puller that has not ended yet."""
        with self._lifecycle:
            if self.failure is not None:
                raise self.failure
            share.is_open = True
            if self._stop.is_set():
                self._begin(scheduler)
        self.has_room()

    def close(self, share: Share) -> None:
        """Close a share, and hand back what it holds. With the last one, stop to pull."""
        with self._lifecycle:
            if any(each.is_open for each in self._shares.values()):
                self._puller.hand_back(self._puller.leases.held_of(share.subject))
            elif not self._stop.is_set():
                self._end()

    def has_room(self) -> None:
        """Go on to hand out messages."""
        self._wake()

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        """Acknowledge messages whose outcome is durable."""
        self._puller.acknowledge(pulled)

    def drained_at(self, subject: str) -> int:
        """Return the publish time before which all messages of *subject* are settled; 0 if it is not known."""
        leases = self._puller.leases
        if self._gaps[subject] or leases.held_of(subject) or leases.held_of(self._route.subscription):
            return 0
        return self._puller.delivered_until

    def wind_down(self) -> None:
        """Begin no more pulls, because a stop follows soon."""
        self._puller.wind_down()

    def look(self) -> list[str]:
        """Look at the subscription, and return its problems with their remedies."""
        return self._puller.look()

    def settle_gaps(self, subject: str, commit: Callable[[Gap], None]) -> None:
        """Pass each interval in which messages may be missing to *commit*, for every subject once."""
        with self._changed:
            self._puller.settle_gaps(self._note_gap)
            gaps = list(self._gaps[subject])
        for gap in gaps:
            commit(gap)
            with self._changed:
                self._gaps[subject].remove(gap)

    def sample(self, subject: str, at_most: int) -> list[Message]:
        """Return a few messages of *subject*, and hand them back, while nothing is pulled."""
        messages = map(self._routed, self._puller.sample(at_most))
        return [each for each in messages if each.subject == subject]

    def _note_gap(self, gap: Gap) -> None:
        for gaps in self._gaps.values():
            gaps.append(gap)

    def _begin(self, scheduler: Scheduler) -> None:
        self._puller, self._stop = self._open_puller(), threading.Event()
        self._tasks = 2
        refuse = partial(self._strays.refuse_on, self._stray_share, self._stop)
        wake_strays = scheduler.spawn(lambda _: self._guarded(refuse()))
        wake_handing_out = scheduler.spawn(lambda _: self._guarded(self._hand_out_on()))
        self._stray_share.begin(wake_strays)
        self._wake = wake_handing_out
        self._puller.start(scheduler, wake_handing_out)

    def _end(self) -> None:
        self._stop.set()
        self._stray_share.clear()
        self._wake()
        self._stray_share.wake()
        with self._changed:
            self._changed.wait_for(lambda: not self._tasks)
        self._puller.stop()
        self.failure = None

    def _guarded(self, steps: Steps[None]) -> Steps[None]:
        try:
            yield from steps
        except StoppedError:
            pass
        except BaseException as error:  # take() raises it in the loops of the subjects
            self.failure = self.failure or error
        with self._changed:
            self._tasks -= 1
            self._changed.notify_all()
        for each in self._shares.values():
            each.wake()

    def _hand_out_on(self) -> Steps[None]:
        while not self._stop.is_set():
            with self._changed:
                is_full = any(each.holds_up for each in (*self._shares.values(), self._stray_share))
            if is_full:
                yield ROOM_SECONDS
                continue
            arrived = self._puller.take_arrived()
            for pulled in arrived:
                self._hand_out(pulled)
            yield 0.0 if arrived else None

    def _hand_out(self, pulled: Pulled) -> None:
        parts = self._divided(pulled)
        self._puller.leases.divide(pulled, parts.values())
        for subject, part in parts.items():
            share = self._shares.get(subject, self._stray_share)
            with self._changed:
                is_added = share.accepts
                if is_added:
                    share.add(part)
                else:
                    pause = share.note_let_go(part)
            if not is_added:
                self._puller.leases.hand_back([part], pause)

    def _divided(self, pulled: Pulled) -> dict[str, Pulled]:
        """Return *pulled* in parts of one subject each."""
        parts: dict[str, Pulled] = {}
        for given, ack_id in zip(pulled.messages, pulled.ack_ids, strict=True):
            message = self._routed(given)
            part = parts.setdefault(message.subject, Pulled([], [], pulled.leased_until))
            part.messages.append(message)
            part.ack_ids.append(ack_id)
            part.bytes += len(message.data)
        return parts

    def _routed(self, message: Message) -> Message:
        return replace(message, subject=self._router.subject_of(message.attributes, message.data))


def _nobody() -> None:
    """Wake nobody: nothing was pulled yet."""

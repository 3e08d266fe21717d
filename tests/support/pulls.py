"""Stand-ins around a puller: a subscription that answers when the test says so, and turns by a clock of the test's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.api_core.exceptions import Cancelled
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage
from google.pubsub_v1.types import Subscription as Described

from headrace.engine.task_steps import Steps, Wake
from headrace.pubsub.job_subscription import subscription_for

TOPIC = "projects/p/topics/flight"
Answer = int | Exception | Sequence[ReceivedMessage]


class Asked:
    """One pull that waits for the test to answer it."""

    def __init__(self, seconds: float, done: Callable[[Any], None]) -> None:
        self.seconds = seconds
        self._done = done
        self._answer: Answer = 0
        self.is_cancelled = False

    def answer(self, answer: Answer) -> None:
        """So many messages, or these, or an error; as gRPC does, in a thread of its own."""
        self._answer = answer
        thread = threading.Thread(target=self._done, args=(self,))
        thread.start()
        thread.join()

    def received(self) -> list[Any]:
        if isinstance(self._answer, Exception):
            raise self._answer
        if isinstance(self._answer, int):
            return [_numbered(number) for number in range(self._answer)]
        return [ReceivedMessage.pb(each) for each in self._answer]

    def cancel(self) -> None:
        self.is_cancelled = True
        self.answer(Cancelled("told to"))


class Scripted:
    """A subscription whose pulls wait until the test answers them."""

    name = "subscription"

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.leased: list[tuple[list[str], int]] = []
        self.acknowledged: list[list[str]] = []
        self.failing: list[Exception] = []  # what the next calls beside pulls fail with
        self.sampled: Answer = 0
        self.described = 0
        self.is_closed = False
        self.ack_seconds = 60
        self.filter = ""
        self.expires_after = 0  # seconds; 0 for never

    def begin_pull(self, at_most: int, seconds: float, done: Callable[[Any], None]) -> Asked:
        if self.is_closed:
            raise ValueError("Cannot invoke RPC on closed channel!")
        self.asked.append(Asked(seconds, done))
        return self.asked[-1]

    def pull(self, at_most: int, seconds: float) -> list[Any]:
        asked = Asked(seconds, lambda _: None)
        asked.answer(self.sampled)
        return asked.received()[:at_most]

    def acknowledge(self, ack_ids: list[str]) -> None:
        self._fail()
        self.acknowledged.append(list(ack_ids))

    def lease(self, ack_ids: list[str], seconds: int) -> None:
        self._fail()
        self.leased.append((list(ack_ids), seconds))

    def describe(self) -> Described:
        self._fail()
        self.described += 1
        described = subscription_for("subscription", TOPIC, 1)
        described.ack_deadline_seconds = self.ack_seconds
        described.filter = self.filter
        described.expiration_policy.ttl = Duration(seconds=self.expires_after)
        return described

    def answer(self, answer: Answer, which: int = 0) -> None:
        """Answer one of the running pulls."""
        self.asked.pop(which).answer(answer)

    def _fail(self) -> None:
        if self.failing:
            raise self.failing.pop(0)


def received(number: int, data: bytes = b"x") -> ReceivedMessage:
    """A message as a pull brings it."""
    return ReceivedMessage(ack_id=f"ack-{number}", message=PubsubMessage(data=data, message_id=str(number)))


@cache
def _numbered(number: int) -> Any:
    return ReceivedMessage.pb(received(number))


class Clock:
    """Time that passes when the test says so, for a module that asks ``time``; in binary fractions of a second."""

    def __init__(self, now: float = 1024.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return int(self.now * 1_000_000) * 1000

    @property
    def micros(self) -> int:
        """Microseconds since 1970."""
        return self.time_ns() // 1000


@dataclass(eq=False)
class _Task:
    steps: Steps[None]
    due: float | None = 0.0  # None: only when it is woken
    is_over: bool = False


class ByHand:
    """A scheduler whose tasks take their turns in the test's thread, when the test says that time passes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: list[_Task] = []

    def spawn(self, steps: Callable[[Wake], Steps[None]]) -> Wake:
        def wake() -> None:
            task.due = 0.0

        task = _Task(steps(wake))
        self._tasks.append(task)
        return wake

    def run(self) -> None:
        """Give turns to those that are woken, or whose time has come, until there are none."""
        while ready := [each for each in self._tasks if each.due is not None and each.due <= self._clock.now]:
            for task in ready:
                task.due = None
                wait = next(task.steps, -1.0)
                if wait == -1.0:
                    self._tasks.remove(task)
                elif wait is not None and task.due is None:
                    task.due = self._clock.now + wait

    def after(self, seconds: float) -> None:
        """Let time pass, with every turn that falls due meanwhile."""
        end = self._clock.now + seconds
        self.run()
        while due := [each.due for each in self._tasks if each.due is not None and each.due <= end]:
            self._clock.now = max(self._clock.now, min(due))
            self.run()
        self._clock.now = end
        self.run()

    @property
    def are_over(self) -> bool:
        """Whether every task is."""
        return not self._tasks

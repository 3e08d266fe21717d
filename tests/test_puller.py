"""How many pulls are under way at a time, and what an empty one says while others are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage, Subscription

from stream.engine import puller as pulling
from stream.engine.continuity import Continuity
from stream.engine.puller import MANY, PULLS, Pulled, Puller
from stream.engine.status import SubjectStatus
from stream.message import Message
from stream.subscriptions import subscription_for
from tests.jobs import wait_for

TOPIC = "projects/p/topics/flight"


class Scripted:
    """A subscription whose pulls wait until the test answers them; an error is raised."""

    def __init__(self, *arguments: object) -> None:
        self.answers: SimpleQueue[int | Exception] = SimpleQueue()
        self.acknowledged: list[str] = []
        self.under_way = 0
        self._lock = threading.Lock()

    def pull(self, at_most: int, seconds: float) -> list[Any]:
        self._count(1)
        answer = self.answers.get()
        self._count(-1)
        if isinstance(answer, Exception):
            raise answer
        return [ReceivedMessage.pb(_received(number)) for number in range(answer)]

    def lease(self, ack_ids: object, seconds: int) -> None:
        pass

    def describe(self) -> Subscription:
        return subscription_for("subscription", TOPIC, 1)

    def _count(self, more: int) -> None:
        with self._lock:
            self.under_way += more


def _received(number: int) -> ReceivedMessage:
    return ReceivedMessage(ack_id=f"ack-{number}", message=PubsubMessage(data=b"x", message_id=str(number)))


@pytest.fixture
def status() -> SubjectStatus:
    return SubjectStatus("flight")


@pytest.fixture
def puller(monkeypatch: pytest.MonkeyPatch, status: SubjectStatus) -> Puller:
    monkeypatch.setattr(pulling, "Subscription", Scripted)
    return Puller(object(), "flight", "subscription", status, Continuity(TOPIC, lambda: 0))  # type: ignore[arg-type]


@pytest.fixture
def started(puller: Puller) -> Iterator[Scripted]:
    calls = _calls(puller)
    puller.start()
    wait_for(lambda: calls.under_way == 1)
    yield calls
    puller._stop.set()
    for _ in range(PULLS):
        calls.answers.put(0)
    puller.stop()


def _calls(puller: Puller) -> Scripted:
    calls = puller._calls
    assert isinstance(calls, Scripted)
    return calls


def test_while_pulls_bring_many_several_are_under_way_and_one_when_they_do_not(started: Scripted) -> None:
    #  1 asks|it brings many: 3 ask|they find few: 1 asks
    started.answers.put(MANY)
    wait_for(lambda: started.under_way == PULLS)

    alone = 0

    def stay_alone() -> bool:
        nonlocal alone
        alone = alone + 1 if started.under_way == 1 else 0
        if started.answers.empty() and not alone:
            started.answers.put(1)
        return alone > 2

    wait_for(stay_alone, seconds=20)


def test_what_every_pull_brought_is_given_once(started: Scripted, puller: Puller) -> None:
    started.answers.put(MANY)
    wait_for(lambda: started.under_way == PULLS)
    for count in (MANY, 1, 2):
        started.answers.put(count)
    taken = 0

    def all_taken() -> bool:
        nonlocal taken
        taken += sum(len(each.messages) for each in puller.take(5000, 0.1))
        return taken == 2 * MANY + 3

    wait_for(all_taken)


def test_what_fails_beside_the_thread_that_always_pulls_blocks_nothing(puller: Puller, status: SubjectStatus) -> None:
    #  many|beside: unavailable|nobody asks beside any more, and nothing is said to be in the way
    calls = _calls(puller)
    puller._many = True
    beside = threading.Thread(target=puller._pull_along)
    beside.start()
    calls.answers.put(ServiceUnavailable("no"))
    wait_for(lambda: not puller._many)
    assert calls.under_way == 0
    assert status.in_the_way == {}
    puller._stop.set()
    with puller._changed:
        puller._wake()
    beside.join()


def test_an_empty_pull_says_that_nothing_is_there_unless_another_may_be_bringing_it(puller: Puller) -> None:
    calls = _calls(puller)
    with ThreadPoolExecutor(1) as other:
        bringing = other.submit(puller._pull)
        wait_for(lambda: calls.under_way == 1)
        calls.pull = lambda at_most, seconds: []  # type: ignore[method-assign]
        assert not puller._pull()
        calls.answers.put(1)
        assert not bringing.result()
    assert puller._pull()


def test_a_take_that_finds_nothing_wakes_nobody(puller: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(puller._changed, "notify_all", lambda: woken.append("all that wait for room"))
    assert (puller.take(10, 0.001), woken) == ([], [])
    puller._hold(Pulled([Message("flight", b"", {}, "1", 0)], ["ack-1"], 0.0))
    woken.clear()
    puller.take(10, 0.001)
    assert woken == ["all that wait for room"]


@pytest.mark.parametrize(("count", "wakes"), [(1, False), (MANY, True)])
def test_those_that_pull_along_are_woken_when_there_is_much(
    puller: Puller, monkeypatch: pytest.MonkeyPatch, count: int, wakes: bool
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(puller._more, "notify_all", lambda: woken.append("those that pull along"))
    messages = [Message("flight", b"", {}, str(number), 0) for number in range(count)]
    with puller._changed:
        puller._hold(Pulled(messages, [message.message_id for message in messages], 0.0))
    puller.take(10, 0.001)
    assert bool(woken) == wakes


def test_a_pull_that_fails_is_not_under_way_any_more(puller: Puller) -> None:
    calls = _calls(puller)
    calls.answers.put(ServiceUnavailable("no"))
    with pytest.raises(ServiceUnavailable):
        puller._pull()
    calls.answers.put(0)
    assert puller._pull()

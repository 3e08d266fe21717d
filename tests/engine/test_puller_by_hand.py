"""What a puller takes together, holds, renews and settles, by a clock and by turns that the test gives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import pytest
from google.api_core.exceptions import Cancelled, DeadlineExceeded, Forbidden, NotFound, ServiceUnavailable
from google.protobuf.timestamp_pb2 import Timestamp
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage

from headrace.core.message import Message
from headrace.engine import drained, leases, pull_buffer, task_steps
from headrace.engine import puller as module
from headrace.engine.batch_sizing import LINGER_SECONDS
from headrace.engine.continuity import Continuity, Gap
from headrace.engine.pubsub_calls import ACK_IDS
from headrace.engine.pull_buffer import WAITING_BYTES
from headrace.engine.puller import MANY, PULL_SECONDS, PULLS, Puller
from headrace.engine.scheduler import Scheduler
from headrace.engine.status import SubjectStatus
from headrace.pubsub.job_subscription import MISSING
from tests.support.jobs import wait_for
from tests.support.pulls import TOPIC, Answer, ByHand, Clock, Scripted, received

SECONDS: Final = 1_000_000
IDLE_SECONDS: Final = 40.0
WAIT: Final = 10.0
FILTER: Final = "it has a filter, so some events never arrive"
T = TypeVar("T")


class Pulling:
    """A puller that has asked for the first time, and what is around it."""

    def __init__(self, clock: Clock, along: threading.Semaphore | None = None, ack_seconds: int = 60) -> None:
        self.clock = clock
        self.calls = Scripted()
        self.calls.ack_seconds = ack_seconds
        self.status = SubjectStatus("flight")
        self.turns = ByHand(clock)
        self.woken = 0
        continuity = Continuity(TOPIC, lambda: 0)
        self.puller = Puller(
            self.calls,  # type: ignore[arg-type]
            "flight",
            status=self.status,
            continuity=continuity,
            idle_seconds=IDLE_SECONDS,
            along=along,
        )

    def start(self) -> Pulling:
        self.puller.start(self.turns, self._wake)  # type: ignore[arg-type]
        self.turns.run()
        return self

    def stop(self) -> None:
        """Stop it as the engine does: what it waits for happens meanwhile."""
        with meanwhile(self.puller.stop) as stopped:
            assert self.puller._stop.wait(WAIT)
            while not stopped.done():
                self.turns.run()
                for asked in [each for each in self.calls.asked if not each.is_cancelled]:
                    self.calls.asked.remove(asked)
                    asked.answer(0)
        self.calls.asked.clear()

    def answer(self, answer: Answer, which: int = 0) -> None:
        """Answer a running pull, and give the turns that are wanted then."""
        self.calls.answer(answer, which)
        self.turns.run()

    def finds_nothing(self, seconds: float) -> None:
        """Pulls find nothing for so long: one ends every second."""
        for _ in range(int(seconds)):
            self.turns.after(1.0)
            self.answer(DeadlineExceeded("nothing"))

    def counts(self, at_most: int, wait_seconds: float | None) -> list[int]:
        """How many messages each pull brought that is taken."""
        return [len(each.messages) for each in self.puller.take(at_most, wait_seconds)]

    def gaps(self) -> list[Gap]:
        found: list[Gap] = []
        self.puller.settle_gaps(found.append)
        return found

    def _wake(self) -> None:
        self.woken += 1


class meanwhile:  # noqa: N801 reads as a word
    """Does something in a thread, which has ended when the block has; its result is a Future's."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._done: Future[T] = Future()
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._done.set_result(self._work())
        except BaseException as error:  # the test asks for it
            self._done.set_exception(error)

    def __enter__(self) -> Future[Any]:
        self._thread.start()
        return self._done

    def __exit__(self, *_: object) -> None:
        self._thread.join(WAIT)
        assert not self._thread.is_alive(), "it waits for something that does not come"


def at_once(work: Callable[[], T]) -> T:
    """What *work* gives, which waits for nothing."""
    with meanwhile(work) as done:
        pass
    return done.result()  # type: ignore[no-any-return]


def is_waiting(puller: Puller) -> bool:
    """Whether a thread waits for something of the puller's to change."""
    with puller._changed:
        return bool(puller._changed._waiters)  # type: ignore[attr-defined]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for each in (module, drained, leases, pull_buffer, task_steps):
        monkeypatch.setattr(each, "time", clock)
    return clock


@pytest.fixture
def pulling(clock: Clock) -> Iterator[Pulling]:
    pulling = Pulling(clock).start()
    yield pulling
    pulling.stop()


@pytest.fixture
def many_come(pulling: Pulling) -> Pulling:
    """A thousand messages a second were taken of late, so fifty are worth a round."""
    pulling.answer(1000)
    assert pulling.counts(5000, 0.0) == [1000]
    while len(pulling.calls.asked) > 1:
        pulling.answer(0, which=1)
    return pulling


@pytest.fixture
def long_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for more than he has waits for longer than any test."""
    monkeypatch.setattr(pull_buffer, "LINGER_SECONDS", 3600.0)


def test_taking_before_any_message_arrives_returns_nothing(pulling: Pulling) -> None:
    assert [pulling.counts(10, wait) for wait in (None, 0.0)] == [[], []]


def test_waiting_for_the_first_message_returns_it_when_it_arrives(pulling: Pulling) -> None:
    with meanwhile(lambda: pulling.counts(10, 3600.0)) as taken:
        wait_for(lambda: is_waiting(pulling.puller))
        pulling.answer(2)
    assert taken.result() == [2]


def test_waiting_for_the_first_message_raises_the_error_that_makes_pulling_impossible(pulling: Pulling) -> None:
    with meanwhile(lambda: pulling.counts(10, 3600.0)) as taken:
        wait_for(lambda: is_waiting(pulling.puller))
        pulling.calls.answer(ValueError("not readable"))
    assert isinstance(taken.exception(), ValueError)


def test_a_busy_caller_gets_no_small_batch_until_the_first_message_has_waited_long_enough(many_come: Pulling) -> None:
    #  0 ms: one comes|30 ms: another|just before 50 ms: too few|50 ms: the first has waited long enough
    many_come.clock.now += 0.5
    came = many_come.clock.now
    many_come.answer(1)
    assert many_come.counts(5000, None) == []
    many_come.clock.now = came + 0.03125
    many_come.answer(1)
    assert many_come.counts(5000, None) == []
    many_come.clock.now = came + LINGER_SECONDS
    assert many_come.counts(5000, None) == [1, 1]


def test_a_busy_caller_gets_a_large_enough_batch_at_once(many_come: Pulling) -> None:
    many_come.answer(49)
    assert many_come.counts(5000, None) == []
    many_come.answer(1)
    assert many_come.counts(5000, None) == [49, 1]


@pytest.mark.usefixtures("long_linger")
def test_a_busy_caller_never_waits(many_come: Pulling) -> None:
    many_come.answer(1)
    assert at_once(lambda: many_come.counts(5000, None)) == []
    many_come.answer(49)
    assert many_come.counts(5000, None) == [1, 49]


@pytest.mark.usefixtures("long_linger")
def test_an_idle_caller_does_not_wait_for_others_without_a_first_message(many_come: Pulling) -> None:
    assert at_once(lambda: many_come.counts(5000, 0.0)) == []


@pytest.mark.usefixtures("long_linger")
def test_the_first_waits_for_others_until_they_are_enough(many_come: Pulling) -> None:
    many_come.answer(1)
    with meanwhile(lambda: many_come.counts(5000, 0.0)) as taken:
        wait_for(lambda: is_waiting(many_come.puller))
        many_come.answer(1)
        wait_for(lambda: is_waiting(many_come.puller))
        many_come.answer(48)
    assert taken.result() == [1, 1, 48]


@pytest.mark.usefixtures("long_linger")
def test_an_error_that_makes_pulling_impossible_is_raised_while_the_first_waits_for_others(many_come: Pulling) -> None:
    many_come.answer(1)
    with meanwhile(lambda: many_come.counts(5000, 0.0)) as taken:
        wait_for(lambda: is_waiting(many_come.puller))
        many_come.calls.answer(ValueError("not readable"))
    assert isinstance(taken.exception(), ValueError)


def test_an_idle_caller_gets_fewer_messages_when_no_others_arrive(many_come: Pulling) -> None:
    many_come.answer(1)
    assert at_once(lambda: many_come.counts(5000, 0.0)) == [1]


def test_messages_left_by_a_small_take_wait_for_others_again(many_come: Pulling) -> None:
    #  0 ms: two pulls of ten come|31 ms: one of them is taken|62 ms: the other one has waited 31 ms since
    many_come.answer(10)
    many_come.answer(10)
    many_come.clock.now += 0.03125
    assert many_come.counts(10, None) == [10]
    many_come.clock.now += 0.03125
    assert many_come.counts(5000, None) == []
    many_come.clock.now += 0.03125
    assert many_come.counts(5000, None) == [10]


def test_no_more_are_taken_than_were_asked_for_and_no_pull_is_divided(pulling: Pulling) -> None:
    for count in (3, 4, 1, 9, 2):
        pulling.answer(count)
    assert [pulling.counts(7, 0.0) for _ in range(4)] == [[3, 4], [1], [9], [2]]


def test_messages_are_leased_from_when_their_pull_began(pulling: Pulling) -> None:
    began = pulling.clock.now
    pulling.clock.now += 1.5
    pulling.answer(1)
    (pulled,) = pulling.puller.take(10, 0.0)
    assert pulled.leased_until == began + 60


def test_messages_of_a_subscription_that_does_not_say_for_how_long_are_leased_as_pub_sub_does(clock: Clock) -> None:
    pulling = Pulling(clock, ack_seconds=0).start()
    pulling.answer(1)
    (pulled,) = pulling.puller.take(10, 0.0)
    assert pulled.leased_until == clock.now + 10
    pulling.stop()


@pytest.mark.parametrize(("ack_seconds", "every"), [(60, 5.0), (12, 3.0)])
def test_leases_are_renewed_before_they_end_and_not_before_half_of_them_is_over(
    clock: Clock, ack_seconds: int, every: float
) -> None:
    #  renewed when less than half is left, which is looked at every five seconds, and four times in a lease
    pulling = Pulling(clock, ack_seconds=ack_seconds).start()
    end = clock.now + ack_seconds
    pulling.answer(2)
    for _ in range(5):
        renewed = len(pulling.calls.leased)
        while len(pulling.calls.leased) == renewed:
            pulling.turns.after(0.25)
            assert clock.now < end, "delivered again, to somebody else"
        assert pulling.calls.leased[-1] == (["ack-0", "ack-1"], ack_seconds)
        left = end - clock.now
        assert ack_seconds / 2 - every <= left < ack_seconds / 2
        end = clock.now + ack_seconds
    pulling.stop()


def test_leases_of_what_comes_after_a_while_with_nothing_are_renewed_too(pulling: Pulling) -> None:
    pulling.answer(1)
    pulling.puller.acknowledge(pulling.puller.take(10, 0.0))
    pulling.finds_nothing(100)
    assert pulling.calls.leased == []
    pulling.answer(1)
    pulling.turns.after(50)
    assert pulling.calls.leased == [(["ack-0"], 60)]


def test_nothing_more_is_asked_for_while_what_waits_is_large(pulling: Pulling) -> None:
    quarter = WAITING_BYTES // 4
    large = [received(number, bytes(quarter)) for number in range(3)]
    pulling.answer([*large, received(3, bytes(quarter - 1))])
    assert len(pulling.calls.asked) == 1, "there is room for one byte"
    pulling.answer([received(4)])
    assert pulling.calls.asked == []
    pulling.puller.take(4, 0.0)
    assert len(pulling.calls.asked) == 1


def test_no_subject_has_more_pulls_in_flight_than_its_own_bound(clock: Clock) -> None:
    pulling = Pulling(clock, along=threading.Semaphore(40)).start()
    pulling.answer(MANY)
    assert len(pulling.calls.asked) == PULLS
    pulling.answer(MANY, which=1)
    assert len(pulling.calls.asked) == PULLS
    pulling.stop()


def test_one_that_ends_beside_the_first_is_followed_by_another_as_long_as_there_is_much(pulling: Pulling) -> None:
    pulling.answer(MANY)
    for _ in range(2 * PULLS):
        pulling.answer(MANY, which=1)
        assert len(pulling.calls.asked) == PULLS


def test_no_other_is_begun_before_the_one_that_failed_is_tried_again(pulling: Pulling) -> None:
    pulling.answer(MANY)
    pulling.answer(ServiceUnavailable("no"))
    assert "pull" in pulling.status.in_the_way, "even while others are under way"
    pulling.answer(MANY)
    assert len(pulling.calls.asked) == PULLS - 2
    pulling.turns.after(1.0)
    assert len(pulling.calls.asked) == PULLS


def test_a_denied_pull_names_the_missing_permission(pulling: Pulling) -> None:
    pulling.answer(Forbidden("no"))
    message = "subscription: permission denied; the job needs pubsub.subscriptions.consume on it (docs/permissions.md)"
    assert pulling.status.in_the_way == {"pull": message}


def test_a_pull_that_finds_nothing_after_one_that_failed_says_that_all_is_well(pulling: Pulling) -> None:
    pulling.answer(ServiceUnavailable("no"))
    pulling.turns.after(1.0)
    pulling.answer(0)
    assert pulling.status.in_the_way == {}


def test_a_pull_that_pub_sub_cancels_is_reported_like_any_other_failure(pulling: Pulling) -> None:
    pulling.answer(Cancelled("by the service"))
    assert "pull" in pulling.status.in_the_way


def test_what_makes_it_impossible_first_is_what_is_raised(pulling: Pulling) -> None:
    pulling.answer(MANY)
    pulling.calls.answer(ValueError("the first"), which=1)
    pulling.calls.answer(ValueError("the second"), which=1)
    with pytest.raises(ValueError, match="the first"):
        pulling.puller.take(10, 0.0)


def test_no_pull_begins_once_pulling_is_impossible(pulling: Pulling) -> None:
    pulling.answer(MANY)
    under_way = len(pulling.calls.asked)
    pulling.calls.answer(ValueError("not readable"), which=1)
    pulling.calls.answer(1)
    assert len(pulling.calls.asked) == under_way - 2


@pytest.mark.parametrize("which", [0, 1], ids=["the first pull", "one beside it"])
def test_a_pull_that_cannot_begin_takes_the_place_of_no_other(clock: Clock, which: int) -> None:
    along = threading.Semaphore(2)
    pulling = Pulling(clock, along).start()
    pulling.answer(MANY)
    assert len(pulling.calls.asked) == 3
    pulling.calls.is_closed = True
    pulling.calls.answer(MANY, which)
    pulling.stop()
    assert [along.acquire(blocking=False) for _ in range(3)] == [True, True, False]


def test_what_makes_it_impossible_to_begin_is_raised_where_messages_are_taken(clock: Clock) -> None:
    pulling = Pulling(clock)
    pulling.calls.failing = [ValueError("cannot be described")]
    pulling.start()
    assert pulling.woken == 1
    with pytest.raises(ValueError, match="cannot be described"):
        pulling.puller.take(10, None)
    pulling.stop()


def test_a_subscription_that_is_missing_is_waited_for(clock: Clock) -> None:
    pulling = Pulling(clock)
    pulling.calls.failing = [NotFound("no")]
    pulling.start()
    assert pulling.status.in_the_way == {
        "pull": "subscription: the resource does not exist; `headrace provision` creates it"
    }
    pulling.turns.after(1.0)
    assert pulling.status.in_the_way == {}
    assert len(pulling.calls.asked) == 1
    pulling.stop()


def test_a_puller_that_is_stopped_while_it_waits_has_not_failed(clock: Clock) -> None:
    pulling = Pulling(clock)
    pulling.calls.failing = [ServiceUnavailable("no")]
    pulling.start()
    pulling.stop()
    assert pulling.turns.are_over
    assert pulling.puller.failure is None


def test_messages_older_than_the_longest_hold_are_settled(pulling: Pulling) -> None:
    #  pulls find nothing for 60 s: a dead engine may hold a message until then|one begins later, and finds nothing
    since = pulling.clock.micros
    pulling.finds_nothing(61)
    assert pulling.puller.drained_at == 0, "of the last of them nobody knows more than that it began after 60 s"
    pulling.finds_nothing(1)
    assert pulling.puller.drained_at == since + 1 * SECONDS


def test_while_nothing_comes_the_subscription_is_looked_at_now_and_then_and_not_after_each_pull(
    pulling: Pulling,
) -> None:
    pulling.finds_nothing(62)
    described, settled = pulling.calls.described, pulling.puller.drained_at
    pulling.finds_nothing(60)
    assert (pulling.calls.described, pulling.puller.drained_at) == (described, settled)
    pulling.finds_nothing(1)
    assert (pulling.calls.described, pulling.puller.drained_at) == (described + 1, settled + 61 * SECONDS)


def test_a_message_in_between_restarts_the_wait(pulling: Pulling) -> None:
    pulling.finds_nothing(40)
    pulling.answer(1)
    pulling.puller.acknowledge(pulling.puller.take(10, 0.0))
    pulling.finds_nothing(61)
    assert pulling.puller.drained_at == 0


def test_a_pull_that_says_the_subscription_is_gone_leaves_a_gap_until_it_is_seen_again(pulling: Pulling) -> None:
    since = pulling.clock.micros
    pulling.turns.after(2.0)
    pulling.answer(NotFound("no"))
    pulling.turns.after(3.0)
    assert pulling.puller.look() == []
    assert pulling.gaps() == [Gap(since, since + 5 * SECONDS, MISSING.found)]
    assert pulling.gaps() == []


def test_a_pull_that_fails_otherwise_leaves_no_gap(pulling: Pulling) -> None:
    pulling.answer(ServiceUnavailable("no"))
    pulling.turns.after(3.0)
    assert pulling.puller.look() == []
    assert pulling.gaps() == []


def test_a_problem_of_the_subscription_is_reported_with_its_remedy(pulling: Pulling) -> None:
    pulling.calls.filter = "attributes.a"
    (message,) = pulling.puller.look()
    assert message.startswith(f"subscription: {FILTER}; pull what it still holds")
    pulling.calls.failing = [NotFound("no")]
    assert pulling.puller.look() == ["subscription: the subscription does not exist; `headrace provision` creates it"]


def test_a_time_with_a_filter_is_a_gap_to_the_microsecond(pulling: Pulling) -> None:
    since = pulling.clock.micros
    pulling.calls.filter = "attributes.a"
    pulling.turns.after(1.0)
    pulling.puller.look()
    pulling.calls.filter = ""
    pulling.turns.after(1.5)
    pulling.puller.look()
    assert pulling.gaps() == [Gap(since, since + 2_500_000, FILTER)]


def many(count: int, first: int = 0) -> list[ReceivedMessage]:
    return [received(number) for number in range(first, first + count)]


def ids(first: int, end: int) -> list[str]:
    return [f"ack-{number}" for number in range(first, end)]


def test_each_message_is_acknowledged_once_and_no_more_in_a_request_than_it_may_have(pulling: Pulling) -> None:
    pulling.answer(many(ACK_IDS - 1))
    pulling.answer(many(3, ACK_IDS - 1), which=0)
    pulling.puller.acknowledge(iter(pulling.puller.take(5000, 0.0)))
    assert pulling.calls.acknowledged == [ids(0, ACK_IDS), ids(ACK_IDS, ACK_IDS + 2)]


def test_an_acknowledgement_that_is_lost_keeps_no_other_back(pulling: Pulling) -> None:
    pulling.answer(many(ACK_IDS + 1))
    pulling.calls.failing = [ServiceUnavailable("no")]
    pulling.puller.acknowledge(pulling.puller.take(5000, 0.0))
    assert pulling.calls.acknowledged == [ids(ACK_IDS, ACK_IDS + 1)]


def test_what_is_acknowledged_is_not_held_any_longer(pulling: Pulling) -> None:
    pulling.answer(1)
    pulling.puller.acknowledge(pulling.puller.take(10, 0.0))
    pulling.turns.after(300)
    pulling.stop()
    assert pulling.calls.leased == []


def test_what_is_handed_back_is_delivered_again_at_once_and_held_no_longer(pulling: Pulling) -> None:
    pulling.answer(many(ACK_IDS + 1))
    pulling.puller.hand_back(iter(pulling.puller.take(5000, 0.0)))
    handed_back = [(ids(0, ACK_IDS), 0), (ids(ACK_IDS, ACK_IDS + 1), 0)]
    assert pulling.calls.leased == handed_back
    pulling.turns.after(300)
    pulling.stop()
    assert pulling.calls.leased == handed_back


def test_what_cannot_be_handed_back_keeps_no_other_from_it(pulling: Pulling) -> None:
    pulling.answer(many(ACK_IDS + 1))
    pulling.calls.failing = [ServiceUnavailable("no")]
    pulling.puller.hand_back(pulling.puller.take(5000, 0.0))
    assert pulling.calls.leased == [(ids(ACK_IDS, ACK_IDS + 1), 0)]


def test_a_sample_is_looked_at_and_handed_back(clock: Clock) -> None:
    pulling = Pulling(clock)
    pulling.calls.sampled = many(3)
    assert [each.message_id for each in pulling.puller.sample(2)] == ["0", "1"]
    assert pulling.calls.leased == [(["ack-0", "ack-1"], 0)]


@pytest.mark.parametrize("nothing", [0, DeadlineExceeded("nothing")], ids=["an empty answer", "none in time"])
def test_a_sample_without_messages_is_empty(clock: Clock, nothing: Answer) -> None:
    pulling = Pulling(clock)
    pulling.calls.sampled = nothing
    assert pulling.puller.sample(2) == []
    assert pulling.calls.leased == []


def test_a_message_keeps_all_that_pub_sub_says_of_it(pulling: Pulling) -> None:
    published = Timestamp(seconds=1_700_000_000, nanos=987_654_000)
    sent = PubsubMessage(
        data=b"payload", attributes={"a": "b"}, message_id="77", publish_time=published, ordering_key="key"
    )
    pulling.answer([ReceivedMessage(ack_id="ack", message=sent)])
    (pulled,) = pulling.puller.take(10, 0.0)
    (message,) = pulled.messages
    assert isinstance(message, Message)
    assert (message.subject, message.data, dict(message.attributes)) == ("flight", b"payload", {"a": "b"})
    assert (message.message_id, message.ordering_key) == ("77", "key")
    assert message.published_at == 1_700_000_000_987_654


def test_one_that_winds_down_asks_for_nothing_more_and_waits_for_what_it_asked(pulling: Pulling) -> None:
    pulling.puller.wind_down()
    (asked,) = pulling.calls.asked
    assert not asked.is_cancelled, "it ends soon, and what it brings is handed back"
    pulling.answer(1)
    assert pulling.calls.asked == []
    assert pulling.counts(10, 0.0) == [1]


def test_one_that_winds_down_ends_a_pull_that_may_last(pulling: Pulling) -> None:
    pulling.answer(0)
    (asked,) = pulling.calls.asked
    assert asked.seconds == IDLE_SECONDS
    pulling.puller.wind_down()
    assert asked.is_cancelled
    assert pulling.calls.asked == [asked]
    assert pulling.status.in_the_way == {}


def test_one_that_winds_down_still_says_what_is_in_the_way(pulling: Pulling) -> None:
    pulling.puller.wind_down()
    pulling.answer(ServiceUnavailable("no"))
    assert "pull" in pulling.status.in_the_way


def test_one_that_was_never_started_is_stopped_at_once(clock: Clock) -> None:
    pulling = Pulling(clock)
    at_once(pulling.puller.stop)
    assert pulling.calls.leased == []


def test_what_waits_when_it_is_stopped_is_handed_back_and_not_given_again(pulling: Pulling) -> None:
    pulling.answer(2)
    pulling.stop()
    assert pulling.calls.leased == [(["ack-0", "ack-1"], 0)]
    pulling.start()
    assert pulling.counts(10, 0.0) == []
    pulling.stop()
    assert len(pulling.calls.leased) == 1


def test_one_that_is_started_again_begins_with_one_short_pull(pulling: Pulling) -> None:
    pulling.answer(MANY)
    pulling.stop()
    pulling.start()
    assert [each.seconds for each in pulling.calls.asked] == [PULL_SECONDS]
    pulling.answer(0)
    assert [each.seconds for each in pulling.calls.asked] == [IDLE_SECONDS]
    pulling.stop()
    pulling.start()
    assert [each.seconds for each in pulling.calls.asked] == [PULL_SECONDS], "what was handed back comes again"
    pulling.answer(2)
    assert pulling.counts(10, 0.0) == [2]


def test_stop_waits_for_a_pull_that_finds_nothing(pulling: Pulling) -> None:
    with meanwhile(pulling.puller.stop) as stopped:
        assert pulling.puller._stop.wait(WAIT)
        while not pulling.turns.are_over:
            pulling.turns.run()
        wait_for(lambda: is_waiting(pulling.puller))
        assert not stopped.done(), "a pull is under way"
        pulling.calls.answer(0)


def test_stop_waits_for_the_current_call(clock: Clock) -> None:
    #  the subscription is being described|stopped|described
    pulling, may_go_on = Pulling(clock), threading.Event()
    describe, asked = pulling.calls.describe, threading.Event()

    def slow() -> Any:
        asked.set()
        assert may_go_on.wait(WAIT)
        return describe()

    pulling.calls.describe = slow  # type: ignore[method-assign]
    with Scheduler("source", 2) as real:
        pulling.puller.start(real, lambda: None)
        assert asked.wait(WAIT)
        with meanwhile(pulling.puller.stop) as stopped:
            wait_for(lambda: pulling.puller._tasks == 1)
            wait_for(lambda: is_waiting(pulling.puller))
            assert not stopped.done(), "the call is under way"
            may_go_on.set()
        assert pulling.calls.asked == []
        assert real.wait(WAIT)

"""One subscription with messages of several subjects, by a clock and by turns that the test gives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from google.api_core.exceptions import DeadlineExceeded, ServiceUnavailable
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage

from headrace.core.routes import Route
from headrace.engine import drained, leases, pull_buffer, share, task_steps
from headrace.engine import puller as module
from headrace.engine.continuity import Continuity, Gap
from headrace.engine.journal import Journal
from headrace.engine.puller import Puller
from headrace.engine.share import LONGEST_PAUSE, SHORTEST_PAUSE, STUCK_SECONDS, Share
from headrace.engine.shared_subscription import ROOM_SECONDS, SharedSubscription
from headrace.engine.status import SubjectStatus
from headrace.engine.strays import StrayLetters
from headrace.schemas.registry import Registry
from headrace.steps.decode.subject_routers import AttributeRouter
from tests.engine.test_puller_by_hand import meanwhile
from tests.support.one_subject import Publisher, a_job, things
from tests.support.pulls import ByHand, Clock, Scripted

NAME: Final = "projects/shop/subscriptions/events-to-bq"
ROUTE: Final = Route(NAME, attribute="kind", subjects={"A": "a_happened", "B": "b_happened"})
SECONDS: Final = 1_000_000


def of(kind: str, *numbers: int, data: bytes = b"x") -> list[ReceivedMessage]:
    """Messages whose attribute names their kind; of none, if it is empty."""
    attributes = {"kind": kind} if kind else {}
    return [
        ReceivedMessage(ack_id=f"{kind}{n}", message=PubsubMessage(data=data, message_id=f"{n}", attributes=attributes))
        for n in numbers
    ]


class Shared:
    """A shared subscription, and what is around it."""

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self.clock, self.calls, self.turns = clock, Scripted(), ByHand(clock)
        self.status, self.publisher = SubjectStatus(NAME), Publisher()
        self.unusable, self.continuity = "", Continuity(None, lambda: 0)
        contract = things()
        job, publisher = a_job(Registry({contract.ref: contract})), self.publisher
        strays = StrayLetters(
            job,
            ROUTE,
            journal=journal,
            open_publisher=lambda: publisher,  # type: ignore[arg-type, return-value]
            status=self.status,
            unusable=lambda: self.unusable,
        )
        self.shared = SharedSubscription(ROUTE, AttributeRouter(ROUTE), self.open_puller, strays)
        self.woken = {"a_happened": 0, "b_happened": 0}

    def open_puller(self) -> Puller:
        calls: Any = self.calls
        return Puller(calls, NAME, status=self.status, continuity=self.continuity, subscription=NAME)

    @property
    def a(self) -> Share:
        return self.shared.share("a_happened")

    @property
    def b(self) -> Share:
        return self.shared.share("b_happened")

    def open(self, *shares: Share) -> Shared:
        for each in shares:
            each.start(self.turns, self._wake(each.subject))  # type: ignore[arg-type]
        self.turns.run()
        return self

    def close(self, *shares: Share) -> None:
        """Stop shares as the engine does: what they wait for happens meanwhile."""
        for each in shares:
            with meanwhile(each.stop) as stopped:
                while not stopped.done():
                    self.turns.run()
                    for asked in [one for one in self.calls.asked if not one.is_cancelled]:
                        if self.shared._puller._stop.is_set():
                            self.calls.asked.remove(asked)
                            asked.answer(0)

    def answer(self, *messages: ReceivedMessage) -> None:
        self.calls.answer(messages)
        self.turns.run()

    def finds_nothing(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.turns.after(1.0)
            self.calls.answer(DeadlineExceeded("nothing"))
            self.turns.run()

    def let_go(self) -> list[tuple[list[str], int]]:
        return [each for each in self.calls.leased if each[1]]

    def _wake(self, subject: str) -> Any:
        def wake() -> None:
            self.woken[subject] += 1

        return wake


def taken(each: Share) -> list[str]:
    """Take what waits; return the ids, after a check that all messages have the subject."""
    messages = [message for pulled in each.take(5000, 0.0) for message in pulled.messages]
    assert {message.subject for message in messages} <= {each.subject}
    return [message.message_id for message in messages]


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    clock, journal = Clock(), Journal.open(tmp_path / "journal")
    journal.claim("a test", 0, 3600)
    for each in (module, drained, leases, pull_buffer, task_steps, share):
        monkeypatch.setattr(each, "time", clock)
    monkeypatch.setattr(pull_buffer, "LINGER_SECONDS", 0.0)
    made = Shared(clock, journal)
    yield made
    made.close(*[each for each in (made.a, made.b) if each.is_open])
    journal.close()


def test_each_message_goes_to_its_subject(shared: Shared) -> None:
    shared.open(shared.a, shared.b)
    shared.answer(*of("A", 1), *of("B", 2), *of("A", 3))
    assert shared.woken == {"a_happened": 1, "b_happened": 1}
    assert (taken(shared.a), taken(shared.b)) == (["1", "3"], ["2"])


def test_a_part_of_a_pull_is_acknowledged_alone(shared: Shared) -> None:
    shared.open(shared.a, shared.b)
    shared.answer(*of("A", 1), *of("B", 2))
    shared.a.acknowledge(shared.a.take(10, 0.0))
    assert shared.calls.acknowledged == [["A1"]]


def test_leases_of_every_part_are_renewed(shared: Shared) -> None:
    shared.open(shared.a, shared.b)
    shared.answer(*of("A", 1), *of("B", 2))
    shared.a.acknowledge(shared.a.take(10, 0.0))
    shared.turns.after(40.0)
    assert ["B2"] in [ids for ids, _ in shared.calls.leased]
    assert all("A1" not in ids for ids, _ in shared.calls.leased)


def test_a_message_of_no_subject_becomes_a_letter_and_is_counted_and_acknowledged(shared: Shared) -> None:
    shared.open(shared.a)
    shared.answer(*of("C", 7), *of("", 8))
    assert sorted(shared.publisher.letters) == [("7", "unknown_schema"), ("8", "unknown_schema")]
    assert {each["headrace-dl-source-subscription"] for each in shared.publisher.published} == {NAME}
    assert sorted(shared.calls.acknowledged[0]) == ["8", "C7"]
    assert shared.status.dead_letters == {"unknown_schema": 2}


def test_a_message_of_no_subject_waits_while_letters_cannot_be_kept(shared: Shared) -> None:
    shared.unusable = "the subscription of dead letters does not exist"
    shared.open(shared.a)
    shared.answer(*of("C", 7), *of("A", 1))
    assert shared.publisher.letters == []
    assert shared.status.in_the_way == {"dead letters": shared.unusable}
    assert taken(shared.a) == ["1"], "others go on"
    shared.unusable = ""
    shared.turns.after(20.0)
    assert shared.publisher.letters == [("7", "unknown_schema")]
    assert shared.status.in_the_way == {}


def test_a_letter_that_is_not_confirmed_is_sent_again_before_anything_is_acknowledged(shared: Shared) -> None:
    def fails() -> None:
        assert shared.calls.acknowledged == []
        raise ServiceUnavailable("no")

    shared.publisher.rules.extend([fails, fails])
    shared.open(shared.a)
    shared.answer(*of("C", 7))
    shared.turns.after(10.0)
    assert shared.publisher.letters == [("7", "unknown_schema")]
    assert shared.calls.acknowledged == [["C7"]]


def test_messages_of_a_closed_subject_are_let_go_and_the_others_go_on(shared: Shared) -> None:
    shared.open(shared.a)
    shared.answer(*of("A", 1), *of("B", 2))
    assert shared.let_go() == [(["B2"], SHORTEST_PAUSE)]
    assert shared.calls.acknowledged == []
    assert taken(shared.a) == ["1"]


def test_the_pause_grows_with_the_time_that_a_subject_waits(shared: Shared) -> None:
    shared.open(shared.a)
    pauses = []
    for seconds in (5, 95, 400, 1000):
        shared.turns.after(seconds)
        shared.answer(*of("B", 2))
        pauses.append(shared.let_go()[-1][1])
    assert pauses == [SHORTEST_PAUSE, 100, 500, LONGEST_PAUSE]


def test_a_closed_subject_is_sampled_from_what_was_let_go(shared: Shared) -> None:
    shared.open(shared.a)
    assert shared.b.sample(100) == []
    shared.answer(*of("B", 2), *of("A", 1), *of("B", 3))
    assert [each.message_id for each in shared.b.sample(100)] == ["2", "3"]
    assert shared.b.sample(100) == [], "the next sample needs new messages"


def test_a_sample_is_pulled_while_all_subjects_are_closed(shared: Shared) -> None:
    shared.calls.sampled = [*of("A", 1), *of("B", 2)]
    assert [(each.subject, each.message_id) for each in shared.b.sample(100)] == [("b_happened", "2")]
    assert shared.calls.leased == [(["A1", "B2"], 0)], "all are handed back"


def test_what_a_closing_subject_holds_is_handed_back_and_the_others_keep_theirs(shared: Shared) -> None:
    shared.open(shared.a, shared.b)
    shared.answer(*of("A", 1), *of("B", 2))
    shared.close(shared.b)
    assert shared.calls.leased == [(["B2"], 0)]
    assert taken(shared.a) == ["1"]


def test_a_subject_opens_again(shared: Shared) -> None:
    shared.open(shared.a, shared.b)
    shared.close(shared.b)
    shared.open(shared.b)
    shared.answer(*of("B", 2))
    assert taken(shared.b) == ["2"]


def test_the_last_one_that_closes_ends_the_pulls_and_the_first_that_opens_begins_them(shared: Shared) -> None:
    shared.open(shared.a, shared.b)
    shared.close(shared.a, shared.b)
    assert not shared.shared.is_running
    shared.calls.asked.clear()
    shared.open(shared.b)
    shared.answer(*of("B", 2))
    assert taken(shared.b) == ["2"]


def test_a_full_subject_holds_up_the_others_only_while_it_takes(shared: Shared, monkeypatch: Any) -> None:
    monkeypatch.setattr(pull_buffer, "WAITING_MESSAGES", 2)
    shared.open(shared.a, shared.b)
    shared.answer(*of("B", 1, 2))
    shared.answer(*of("A", 3), *of("B", 4))
    assert taken(shared.a) == [], "it waits for room"
    shared.turns.after(STUCK_SECONDS + ROOM_SECONDS)
    assert taken(shared.a) == ["3"]
    assert shared.let_go() == [(["B4"], SHORTEST_PAUSE)]
    assert taken(shared.b) == ["1", "2"], "these are still held"


def test_a_subject_that_takes_gets_the_next_messages_at_once(shared: Shared, monkeypatch: Any) -> None:
    monkeypatch.setattr(pull_buffer, "WAITING_MESSAGES", 2)
    shared.open(shared.a, shared.b)
    shared.answer(*of("B", 1, 2))
    shared.answer(*of("A", 3), *of("B", 4))
    assert taken(shared.b) == ["1", "2"]
    shared.turns.after(ROOM_SECONDS)
    assert (taken(shared.a), taken(shared.b), shared.let_go()) == (["3"], ["4"], [])


def drained_for(shared: Shared, seconds: float) -> None:
    """Pulls find nothing for so long, beyond the lease of a dead process."""
    shared.finds_nothing(seconds + 61)


def test_a_subject_is_drained_once_nothing_that_was_let_go_can_come_again(shared: Shared) -> None:
    shared.open(shared.a, shared.b)
    began = shared.clock.micros
    drained_for(shared, 120)
    assert shared.a.drained_at == 0, "a process before this one may have let messages go"
    drained_for(shared, LONGEST_PAUSE)
    assert shared.a.drained_at >= began + LONGEST_PAUSE * SECONDS


def test_one_that_holds_messages_is_not_drained_and_another_is(shared: Shared) -> None:
    shared.open(shared.a, shared.b)
    drained_for(shared, LONGEST_PAUSE)
    shared.answer(*of("B", 2))
    drained_for(shared, 120)
    assert shared.b.drained_at == 0
    assert shared.a.drained_at > 0


def test_one_whose_messages_were_let_go_is_not_drained_before_they_could_come(shared: Shared) -> None:
    shared.open(shared.a)
    drained_for(shared, LONGEST_PAUSE)
    shared.answer(*of("B", 2))
    let_go_at = shared.clock.micros
    drained_for(shared, 100)
    assert shared.a.drained_at >= let_go_at
    assert shared.b.drained_at == 0


def test_a_gap_is_a_gap_of_every_subject(shared: Shared) -> None:
    shared.open(shared.a, shared.b)
    shared.continuity._gaps.append(Gap(1, 2, "it was deleted"))
    found: list[tuple[str, Gap]] = []
    for each in (shared.a, shared.b, shared.a):
        each.settle_gaps(lambda gap, subject=each.subject: found.append((subject, gap)))  # type: ignore[misc]
    assert [(subject, gap.why) for subject, gap in found] == [
        ("a_happened", "it was deleted"),
        ("b_happened", "it was deleted"),
    ]


def test_a_gap_that_cannot_be_stored_is_passed_again(shared: Shared) -> None:
    shared.continuity._gaps.append(Gap(1, 2, "it was deleted"))

    def fails(gap: Gap) -> None:
        raise ServiceUnavailable("no")

    for each in (shared.a, shared.b):
        with pytest.raises(ServiceUnavailable):
            each.settle_gaps(fails)
    found: list[Gap] = []
    shared.b.settle_gaps(found.append)
    assert len(found) == 1


def test_an_error_of_pulling_reaches_every_subject(shared: Shared) -> None:
    shared.open(shared.a, shared.b)
    shared.calls.answer(ValueError("not readable"))
    shared.turns.run()
    for each in (shared.a, shared.b):
        with pytest.raises(ValueError, match="not readable"):
            each.take(10, 0.0)
    with pytest.raises(ValueError, match="not readable"):
        shared.open(shared.a)
    shared.close(shared.a, shared.b)
    shared.open(shared.a)
    shared.answer(*of("A", 1))
    assert taken(shared.a) == ["1"], "after all have stopped it begins anew"


def test_subjects_that_open_and_close_in_many_threads_end_with_nothing_held(shared: Shared) -> None:
    done = threading.Event()

    def turns() -> None:
        while not done.is_set():
            shared.turns.run()
            for asked in list(shared.calls.asked):
                if shared.shared._puller._stop.is_set() and not asked.is_cancelled:
                    shared.calls.asked.remove(asked)
                    asked.answer(0)

    giving = threading.Thread(target=turns)
    giving.start()
    try:
        for each in (shared.a, shared.b):
            for _ in range(20):
                each.start(shared.turns, lambda: None)  # type: ignore[arg-type]
                each.stop()
    finally:
        done.set()
        giving.join()
    assert not shared.shared.is_running
    assert not shared.shared._puller.leases.held

"""Replays thought through without Pub/Sub and BigQuery: what is judged, what fits, how fast, and what is in the way."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument, NotFound, ServiceUnavailable

from headrace.cli.commands.replay_request import ReplayRequest
from headrace.console.progress_line import ProgressLine
from headrace.core.dead_letter import DeadLetter, Reason, Sender
from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.core.routes import Route, Routes
from headrace.dead_letters.archived_letter import ArchivedLetter
from headrace.dead_letters.facts import Fact, State, TrailEntry
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.outgoing import attributes_to_send, unsendable_reason
from headrace.dead_letters.replay_context import OperationInfo, ReplayContext, ReplayResult
from headrace.dead_letters.replay_forecast import Forecast, Forecaster
from headrace.dead_letters.replay_letters import ReplayError, replay
from headrace.dead_letters.replay_plan import SENT_BY_DEFAULT, PlannedLetter, ReplayPlan, pages, plan_replay
from headrace.dead_letters.replay_rate import Progress, RateLimit
from headrace.dead_letters.replay_requests import requests, to_message
from headrace.dead_letters.service import ChoiceError
from headrace.schemas.registry import Registry
from tests.support.builders import BOOKING, MOMENT, PACKAGE
from tests.support.letters import a_letter

LATER = MOMENT + timedelta(days=1)
OPERATION = OperationInfo("op", "ada", "because")


def a_good_letter(name: str = "m1", **changes: Any) -> Letter:
    """A letter that passes today."""
    return a_letter(name, **{"first_published_at": MOMENT, "refused_at": MOMENT} | changes)


# What is judged.


@pytest.mark.parametrize(
    ("letter", "forecast", "reason"),
    [
        pytest.param(a_good_letter(), Forecast.PASSES, "", id="nothing is wrong any more"),
        pytest.param(a_good_letter(data=b""), Forecast.FAILS, "undecodable_payload", id="no payload"),
        pytest.param(a_good_letter(attributes={}), Forecast.FAILS, "malformed_envelope", id="no envelope"),
        pytest.param(
            a_good_letter(first_published_at=MOMENT + timedelta(days=4000)), Forecast.FAILS, "too_late", id="late"
        ),
        pytest.param(a_good_letter(reason=Reason.ID_CONFLICT), Forecast.UNKNOWN, "id_conflict", id="the table decides"),
        pytest.param(
            a_good_letter(reason=Reason.TRANSFORM_FAILED),
            Forecast.PASSES,
            "",
            id="the contract transforms nothing any more",
        ),
        pytest.param(
            a_good_letter(reason=Reason.ID_CONFLICT, data=b""),
            Forecast.FAILS,
            "undecodable_payload",
            id="not even read",
        ),
        pytest.param(a_good_letter(subject="no_such"), Forecast.UNSENDABLE, "too_late", id="no contract"),
    ],
)
def test_a_letter_is_judged_by_the_jobs_own_steps(letter: Letter, forecast: Forecast, reason: str) -> None:
    neighbour = a_good_letter("m2")
    first, judged, last = Forecaster(PACKAGE).forecast([neighbour, letter, neighbour])
    assert (first.forecast, last.forecast) == (Forecast.PASSES, Forecast.PASSES)
    assert (judged.forecast, judged.reason, judged.letter) == (forecast, reason, letter)


def test_an_unknown_version_passes_once_its_contract_is_there() -> None:
    before = Registry({each.ref: each for each in PACKAGE if each.ref != BOOKING.ref})
    assert Forecaster(before).forecast([a_good_letter()])[0].reason == "unknown_schema"
    assert Forecaster(PACKAGE).forecast([a_good_letter()])[0].forecast is Forecast.PASSES


def test_a_letter_of_no_subject_is_judged_as_one_of_the_subject_that_it_has_by_now() -> None:
    existing = "projects/shop/subscriptions/all"
    letter = a_good_letter(subject=existing, reason=Reason.UNKNOWN_SCHEMA)
    letter = replace(letter, attributes={**letter.attributes, "kind": "B"})
    before = Routes({}, (Route(existing, attribute="kind", subjects={"F": "flight_departed"}),))
    after = Routes({}, (Route(existing, attribute="kind", subjects={"F": "flight_departed", "B": letter_subject()}),))
    (judged,) = Forecaster(PACKAGE, before).forecast([letter])
    assert judged.forecast is Forecast.UNSENDABLE
    assert judged.why == "no subject: name one for it in `subjects` of all in the settings, or discard it"
    (judged,) = Forecaster(PACKAGE, after).forecast([letter])
    assert (judged.forecast, judged.letter.subject) == (Forecast.PASSES, letter_subject())


def letter_subject() -> str:
    return a_good_letter().subject


# What is sent.


def test_what_is_sent_are_the_letters_bytes_and_attributes_and_which_it_is() -> None:
    letter = a_good_letter(attributes={"ce-id": "1", "googclient_x": "y", "own": "z"}, ordering_key="k", attempt=3)
    message = to_message(letter)
    assert (message.data, message.ordering_key) == (letter.data, "k")
    assert dict(message.attributes) == {
        "ce-id": "1",
        "own": "z",
        "headrace-replay-id": letter.id,
        "headrace-replay-count": "3",
        "headrace-replay-first-published": "2026-03-14T15:09:26.535000Z",
        "headrace-replay-first-message-id": "m1",
    }


@pytest.mark.parametrize("first", ["", "m0"])
def test_a_replay_carries_the_id_of_the_message_that_was_published_first(first: str) -> None:
    sent = to_message(a_good_letter(first_message_id=first))
    received = Message("booking_created", sent.data, dict(sent.attributes), "m2", 0)
    assert received.first_message_id == (first or "m1")

    refused = DeadLetter(received, Reason.TOO_LATE, "window", "").attributes(MOMENT, Sender("p", "headrace"))
    assert (refused["headrace-dl-message-id"], refused["headrace-dl-first-message-id"]) == ("m2", first or "m1")


def test_a_name_of_a_line_that_is_too_long_for_an_attribute_is_not_carried() -> None:
    letter = a_good_letter(message_id="x" * 1025)
    assert unsendable_reason(letter) == ""
    assert "headrace-replay-first-message-id" not in attributes_to_send(letter)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"attributes": {f"n{number}": "x" for number in range(96)}}, ""),
        ({"attributes": {f"n{number}": "x" for number in range(97)}}, "too many attributes"),
        ({"attributes": {"n" * 257: "x"}}, "name"),
        ({"attributes": {"n": "ü" * 513}}, "1024 bytes"),
        ({"ordering_key": "k" * 1025}, "ordering key"),
        ({"data": bytes(9_990_000)}, ""),
        ({"data": bytes(9_999_990)}, "too large"),
        ({"id": "somebody else's"}, "invalid letter id"),
    ],
)
def test_an_unsendable_letter_is_reported_with_the_reason(changes: dict[str, Any], expected: str) -> None:
    found = unsendable_reason(a_good_letter(**changes))
    assert expected in found
    assert bool(found) == bool(expected)


def test_a_request_has_one_subject_and_one_key_and_is_within_limits() -> None:
    letters = [a_good_letter(f"m{number}", ordering_key=f"{number % 2 or ''}", data=b"x") for number in range(2100)]
    large = [a_good_letter(f"l{number}", data=bytes(4_000_000), subject="flight_departed") for number in range(3)]
    made = list(requests([*letters, *large]))
    assert [len(each.letters) for each in made] == [1000, 50, 1000, 50, 2, 1]
    for each in made:
        assert len({letter.ordering_key for letter in each.letters}) == 1
        assert {letter.subject for letter in each.letters} == {each.subject}
        assert [dict(message.attributes) for message in each.messages] == [
            attributes_to_send(letter) for letter in each.letters
        ]


def test_a_page_is_no_more_than_memory_holds() -> None:
    sized = [PlannedLetter(str(number), 10_000_000) for number in range(5)] + [PlannedLetter("large", 90_000_000)]
    assert [len(page) for page in pages(sized)] == [3, 2, 1]
    assert [len(page) for page in pages([PlannedLetter(str(number), 1) for number in range(2500)])] == [1000, 1000, 500]


# How fast.


@dataclass
class Clock:
    """Time passes only during waits."""

    now: float = 0.0
    waited: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.now += seconds
        return False


def test_a_pace_is_kept_over_any_number_of_letters() -> None:
    clock = Clock()
    limit = RateLimit(50, clock, clock.wait)
    assert limit.batch_size(1000) == 50
    for _ in range(10):
        limit.take(50)
        clock.now += 0.25  # sending takes time as well
    assert 9.0 <= clock.now <= 9.5


def test_a_rate_limit_does_not_catch_up_after_a_slow_stretch() -> None:
    clock = Clock()
    limit = RateLimit(10, clock, clock.wait)
    limit.take(10)
    clock.now += 60
    limit.take(10)
    limit.take(10)
    assert clock.now == 61


def test_less_than_one_a_second_goes_one_by_one() -> None:
    clock = Clock()
    limit = RateLimit(0.5, clock, clock.wait)
    assert limit.batch_size(1000) == 1
    limit.take(1)
    limit.take(1)
    assert clock.now == 2


def test_sending_without_a_rate_never_waits() -> None:
    clock = Clock()
    limit = RateLimit(None, clock, clock.wait)
    assert limit.batch_size(1000) == 1000
    limit.take(1000)
    assert clock.now == 0


def test_progress_is_a_line_with_rate_and_time_left() -> None:
    assert str(Progress(500, 2000, 10)) == "500 of 2,000 letters, 50 a second, 30 s left"
    assert str(Progress(0, 2000, 0)) == "0 of 2,000 letters, 0 a second"
    assert str(Progress(2000, 2000, 10)) == "2,000 of 2,000 letters, 200 a second"


def test_elsewhere_than_on_a_terminal_progress_is_a_line_every_few_seconds() -> None:
    clock, out = Clock(), io.StringIO()
    line = ProgressLine("replayed", clock, out)
    for second in range(1, 13):
        clock.now = second
        line(second * 100, 2000)
    line.end()
    assert out.getvalue().splitlines() == [
        "replayed 500 of 2,000 letters, 100 a second, 15 s left",
        "replayed 1,000 of 2,000 letters, 100 a second, 10 s left",
    ]


# What is in the way.


class Shelf:
    """Letters and what was done with them, in place of an archive."""

    def __init__(self, letters: Iterable[Letter]) -> None:
        self.letters = {letter.id: letter for letter in letters}
        self.replayed: list[str] = []
        self.entries: list[TrailEntry] = []

    def sizes(self, wanted: Filter) -> list[tuple[str, int]]:
        assert wanted.states == (State.OPEN,)
        return [(each.id, len(each.data)) for each in self.letters.values() if each.id not in self.replayed]

    def read(self, ids: Sequence[str]) -> Iterator[ArchivedLetter]:
        for each in ids:
            state = State.REPLAYED if each in self.replayed else State.OPEN
            yield ArchivedLetter(self.letters[each], None, state)

    def append_facts(self, facts: Sequence[Fact]) -> None:
        self.replayed += [fact.letter_id for fact in facts]

    def append_entry(self, entry: TrailEntry) -> None:
        self.entries.append(entry)


class Topic:
    """What is published to it; answers with *errors* first."""

    def __init__(self, *errors: Exception, refuses: Sequence[str] = (), name: str = "p/topics/booking_created") -> None:
        self.errors, self.refuses, self.name = list(errors), refuses, name
        self.published: list[str] = []

    def publish(self, *, topic: str, messages: Sequence[Any], **options: Any) -> None:
        assert topic == f"projects/{self.name}"
        if self.errors:
            raise self.errors.pop(0)
        ids = [each.attributes["headrace-replay-id"] for each in messages]
        if set(ids) & set(self.refuses):
            raise InvalidArgument("no")
        self.published += ids


def a_plan(shelf: Shelf, **more: Any) -> ReplayPlan:
    return plan_replay(shelf, PACKAGE, Filter(), LATER, **more)  # type: ignore[arg-type]


def send(
    made: ReplayPlan, shelf: Shelf, topic: Topic, limit: RateLimit | None = None, routes: Routes | None = None
) -> ReplayResult:
    clock, names = Clock(), Names("p", routes=routes or Routes())
    context = ReplayContext(shelf, shelf, topic, PACKAGE, names, lambda: datetime.now(UTC), clock)  # type: ignore[arg-type]
    return replay(made, context, OPERATION, limit or RateLimit(None, clock, clock.wait))


def some(count: int) -> list[Letter]:
    return [a_good_letter(f"m{number}") for number in range(count)]


def test_only_so_many_are_sent_and_no_more_are_looked_at_than_needed() -> None:
    shelf = Shelf(some(2500))
    made = a_plan(shelf, most=700)
    assert (made.matching, made.checked, len(made.chosen)) == (2500, 1000, 700)


EXISTING = "projects/acme-shop/subscriptions/all"
BY_KIND = Route(EXISTING, attribute="kind", subjects={"B": "booking_created"})
TOPICS = {"booking_created": "projects/acme-shop/topics/bookings"}


def a_stray(name: str, kind: str) -> Letter:
    letter = a_good_letter(name, subject=EXISTING, reason=Reason.UNKNOWN_SCHEMA)
    return replace(letter, attributes={**letter.attributes, "kind": kind})


@pytest.mark.parametrize(
    ("routes", "topic"),
    [
        pytest.param(Routes({}, (BY_KIND,)), "p/topics/booking_created", id="to a topic of Headrace"),
        pytest.param(Routes(TOPICS, (BY_KIND,)), "acme-shop/topics/bookings", id="to the topic that the settings name"),
    ],
)
def test_a_letter_of_no_subject_is_sent_to_that_which_it_has_by_now(routes: Routes, topic: str) -> None:
    letters = [a_stray("m1", "B"), a_stray("m2", "X"), a_good_letter("m3")]
    shelf, sent = Shelf(letters), Topic(name=topic)
    assert send(a_plan(shelf, routes=routes), shelf, sent, routes=routes).sent == 2
    assert sorted(sent.published) == sorted([letters[0].id, letters[2].id])


def test_what_pubsub_finds_invalid_takes_no_neighbour_down() -> None:
    letters = some(9)
    shelf, topic = Shelf(letters), Topic(refuses=[letters[4].id])
    result = send(a_plan(shelf), shelf, topic)
    assert (result.sent, result.refused, result.examples) == (8, 1, [letters[4].id])
    assert sorted(topic.published) == sorted(shelf.replayed) == sorted({each.id for each in letters} - {letters[4].id})


def test_pubsub_may_be_away_for_a_while() -> None:
    shelf, topic = Shelf(some(3)), Topic(ServiceUnavailable("a"), ServiceUnavailable("b"))
    assert send(a_plan(shelf), shelf, topic).sent == 3


def test_away_for_longer_it_says_so_and_nothing_is_marked() -> None:
    shelf, topic = Shelf(some(3)), Topic(*[ServiceUnavailable("a")] * 20)
    with pytest.raises(ReplayError, match="run the replay again"):
        send(a_plan(shelf), shelf, topic)
    assert shelf.replayed == []
    assert [entry.outcome for entry in shelf.entries] == ["", "failed: ReplayError"]


def test_what_was_confirmed_before_something_went_wrong_is_marked() -> None:
    first, second = some(2)
    shelf = Shelf([first, replace(second, ordering_key="another")])
    topic = Topic()
    publish, calls = topic.publish, Counter[str]()

    def fails_later(**given: Any) -> None:
        calls["all"] += 1
        if calls["all"] > 1:
            raise NotFound("gone")
        publish(**given)

    topic.publish = fails_later  # type: ignore[method-assign]
    with pytest.raises(ReplayError, match="provision"):
        send(a_plan(shelf), shelf, topic)
    assert shelf.replayed == [first.id]


def test_a_stopped_replay_ends_between_two_pages_and_reports_it() -> None:
    shelf, topic = Shelf(some(30)), Topic()
    clock = Clock()

    def wait(seconds: float) -> bool:
        clock.now += seconds
        return clock.now >= 1

    result = send(a_plan(shelf), shelf, topic, RateLimit(10, clock, wait))
    assert (result.sent, result.outcome) == (10, "interrupted")
    assert len(shelf.replayed) == 10
    assert [(entry.outcome, entry.letters, entry.actor) for entry in shelf.entries] == [
        ("", 0, "ada"),
        ("interrupted", 10, "ada"),
    ]
    assert send(a_plan(shelf), shelf, topic).sent == 20


def test_what_others_did_meanwhile_is_passed_over() -> None:
    letters = some(4)
    shelf, topic = Shelf(letters), Topic()
    made = a_plan(shelf)
    shelf.replayed.append(letters[0].id)
    shelf.letters[letters[1].id] = replace(letters[1], attempt=2, refused_at=LATER)
    shelf.letters[letters[2].id] = replace(letters[2], data=b"worse")
    result = send(made, shelf, topic)
    assert (result.sent, result.skipped) == (1, 3)
    assert topic.published == [letters[3].id]


def test_options_select_the_letters_that_are_sent() -> None:
    def forecasts(only_passing: bool = False, also_failing: bool = False) -> frozenset[Forecast]:
        return ReplayRequest(only_passing, also_failing, **others).forecasts

    others: dict[str, Any] = {"rate": None, "most": None, "dry_run": False, "sure": True, "why": ""}
    assert forecasts() == SENT_BY_DEFAULT == {Forecast.PASSES, Forecast.UNKNOWN}
    assert forecasts(only_passing=True) == {Forecast.PASSES}
    assert Forecast.FAILS in forecasts(also_failing=True)
    assert Forecast.UNSENDABLE not in forecasts(also_failing=True)
    with pytest.raises(ChoiceError):
        forecasts(only_passing=True, also_failing=True)

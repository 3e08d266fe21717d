"""What is known of a subscription that was not always there, or not always as it should be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.pubsub_v1.types import (
    BigQueryConfig,
    CloudStorageConfig,
    DeadLetterPolicy,
    MessageTransform,
    PushConfig,
    Subscription,
)

from headrace.engine.continuity import Continuity, Gap
from headrace.pubsub.job_subscription import MISSING, differences, subscription_for

NAME, TOPIC = "projects/p/subscriptions/s", "projects/p/topics/t"
SECOND = 1_000_000


def right(created: int = 1) -> Subscription:
    return subscription_for(NAME, TOPIC, created * SECOND)


def unlabelled() -> Subscription:
    found = right()
    found.labels = {}
    return found


def orphaned() -> Subscription:
    return subscription_for(NAME, "_deleted-topic_", 1)


def gaps(continuity: Continuity) -> list[Gap]:
    found: list[Gap] = []
    continuity.settle_gaps(found.append)
    return found


def is_unbroken(continuity: Continuity) -> bool:
    return continuity.unbroken


@pytest.mark.parametrize("wrong", [orphaned, None], ids=["its topic was deleted", "it was deleted"])
def test_a_time_in_which_it_received_nothing_is_a_gap(wrong: Callable[[], Subscription] | None) -> None:
    #  10 s: right|20 s: wrong|30 s: wrong|40 s: right again: what was published between 10 s and 40 s may be missing
    continuity = Continuity(TOPIC, lambda: 0)
    continuity.record(right(), 10 * SECOND)
    assert is_unbroken(continuity)
    for moment in (20, 30):
        found = continuity.record_missing() if wrong is None else continuity.record(wrong(), moment * SECOND)
        assert found
        assert not is_unbroken(continuity)
    assert continuity.record(right(35), 40 * SECOND) == []
    assert not is_unbroken(continuity), "before the gap is durable"

    (gap,) = gaps(continuity)

    assert (gap.since, gap.until) == (10 * SECOND, 40 * SECOND)
    assert gap.reason.startswith("1970-01-01T00:00:10Z/1970-01-01T00:00:40Z ")
    assert is_unbroken(continuity)
    assert gaps(continuity) == []


def test_a_gap_that_could_not_be_settled_stays() -> None:
    continuity = Continuity(TOPIC, lambda: 0)
    continuity.record(right(1), 10 * SECOND)
    continuity.record(right(2), 20 * SECOND)

    def full(gap: Gap) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        continuity.settle_gaps(full)
    assert not continuity.unbroken
    assert len(gaps(continuity)) == 1


@pytest.mark.parametrize(
    ("known", "created", "replaced"),
    [
        pytest.param(0, 100, False, id="the first start"),
        pytest.param(200, 100, False, id="the one that was read"),
        pytest.param(100, 100, False, id="no younger than what was complete"),
        pytest.param(100, 200, True, id="younger than what was complete"),
    ],
)
def test_one_created_after_an_earlier_process_was_complete_is_another(known: int, created: int, replaced: bool) -> None:
    continuity = Continuity(TOPIC, lambda: known * SECOND)
    continuity.record(right(created), 300 * SECOND)

    assert [(gap.since, gap.until) for gap in gaps(continuity)] == [(known * SECOND, 300 * SECOND)] * replaced


@pytest.mark.parametrize("other", [lambda: right(2), unlabelled], ids=["created again", "created by other means"])
def test_another_label_is_another_subscription(other: Callable[[], Subscription]) -> None:
    continuity = Continuity(TOPIC, lambda: 0)
    continuity.record(right(1), 10 * SECOND)
    continuity.record(other(), 20 * SECOND)

    assert [gap.why for gap in gaps(continuity)] == ["the subscription was created anew"]


def test_one_that_never_was_there_has_no_gap() -> None:
    #  the engine is started before anything is provisioned
    continuity = Continuity(TOPIC, lambda: 0)
    continuity.record_missing()
    continuity.record(right(), 10 * SECOND)

    assert gaps(continuity) == []


def filtered() -> Subscription:
    found = right()
    found.filter = "attributes.a"
    return found


def test_one_that_lost_events_for_a_while_and_is_the_same_says_by_what() -> None:
    #  10 s: right|20 s: it has a filter|30 s: right again, and never recreated
    continuity = Continuity(TOPIC, lambda: 0)
    continuity.record(right(), 10 * SECOND)
    continuity.record(filtered(), 20 * SECOND)
    continuity.record(right(), 30 * SECOND)

    assert gaps(continuity) == [Gap(10 * SECOND, 30 * SECOND, "it has a filter, so some events never arrive")]


def test_a_subscription_that_was_away_leaves_a_gap_even_if_it_cannot_be_distinguished() -> None:
    continuity = Continuity(TOPIC, lambda: 0)
    continuity.record(unlabelled(), 10 * SECOND)
    continuity.record_missing()
    continuity.record(unlabelled(), 30 * SECOND)

    assert gaps(continuity) == [Gap(10 * SECOND, 30 * SECOND, MISSING.found)]


def test_what_was_wrong_first_is_why_messages_may_be_missing() -> None:
    #  10 s: right|20 s: it has a filter|it is deleted|30 s: created again
    continuity = Continuity(TOPIC, lambda: 0)
    continuity.record(right(), 10 * SECOND)
    continuity.record(filtered(), 20 * SECOND)
    continuity.record_missing()
    continuity.record(right(25), 30 * SECOND)

    assert [gap.why for gap in gaps(continuity)] == ["it has a filter, so some events never arrive"]


def test_one_that_is_not_there_when_a_later_process_looks_first_has_a_gap_since_the_earlier_one() -> None:
    #  5 s: an earlier process has seen everything until then|it is not there|30 s: it is, by the label of before
    continuity = Continuity(TOPIC, lambda: 5 * SECOND)
    continuity.record_missing()
    continuity.record(right(), 30 * SECOND)

    assert gaps(continuity) == [Gap(5 * SECOND, 30 * SECOND, MISSING.found)]


def test_a_subscription_of_unknown_creation_time_counts_as_the_one_that_was_read() -> None:
    continuity = Continuity(TOPIC, lambda: 5 * SECOND)
    continuity.record(unlabelled(), 30 * SECOND)

    assert continuity.unbroken
    assert gaps(continuity) == []


def test_what_loses_no_event_breaks_nothing() -> None:
    found = unlabelled()
    found.ack_deadline_seconds = 10
    found.enable_message_ordering = found.enable_exactly_once_delivery = found.retain_acked_messages = True
    found.dead_letter_policy = DeadLetterPolicy(dead_letter_topic="projects/p/topics/headrace-dead-letters")
    continuity = Continuity(TOPIC, lambda: 0)

    assert continuity.record(found, 10 * SECOND) == []
    assert continuity.unbroken


LOSING = {
    "topic": "projects/p/topics/another",
    "detached": True,
    "filter": "attributes.a",
    "push_config": PushConfig(push_endpoint="https://example.com/"),
    "bigquery_config": BigQueryConfig(table="p.d.t"),
    "cloud_storage_config": CloudStorageConfig(bucket="b"),
    "message_transforms": [MessageTransform()],
    "dead_letter_policy": DeadLetterPolicy(dead_letter_topic="projects/p/topics/another"),
}


@pytest.mark.parametrize("name", LOSING)
def test_each_property_that_takes_events_away_is_named(name: str) -> None:
    found = right()
    setattr(found, name, LOSING[name])

    (difference,) = differences(found, TOPIC)

    assert difference.loses
    assert "headrace provision" in difference.remedy

"""What keeps messages of an existing subscription from the job, and what its owner's choices mean."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import (
    BigQueryConfig,
    DeadLetterPolicy,
    ExpirationPolicy,
    JavaScriptUDF,
    MessageTransform,
    PushConfig,
    Subscription,
)

from headrace.pubsub.existing_subscription import existing_notes, existing_problems

WEEK = Duration(seconds=7 * 86_400)


def a_subscription(**properties: Any) -> Subscription:
    return Subscription(**{"topic": "projects/shop/topics/orders", "message_retention_duration": WEEK} | properties)


def test_one_that_keeps_its_messages_for_a_week_has_nothing_to_note() -> None:
    assert existing_problems(a_subscription()) == []
    assert existing_notes(a_subscription()) == []


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"topic": "_deleted-topic_"}, "its topic was deleted"),
        ({"detached": True}, "it is detached"),
        ({"push_config": PushConfig(push_endpoint="https://example.com/")}, "it pushes messages"),
        ({"bigquery_config": BigQueryConfig(table="p.d.t")}, "it exports messages to BigQuery"),
    ],
)
def test_one_that_cannot_be_pulled_is_a_problem_for_its_owner(properties: dict[str, Any], found: str) -> None:
    (problem,) = existing_problems(a_subscription(**properties))
    assert problem.found.startswith(found)
    assert problem.loses
    assert "provision" not in problem.remedy


@pytest.mark.parametrize(
    ("properties", "found", "loses"),
    [
        (
            {"dead_letter_policy": DeadLetterPolicy(dead_letter_topic="projects/shop/topics/dead")},
            "after 5 deliveries a message goes to projects/shop/topics/dead",
            True,
        ),
        ({"message_retention_duration": Duration(seconds=7200)}, "it keeps messages for 2 hours", True),
        ({"expiration_policy": ExpirationPolicy(ttl=Duration(seconds=86_400))}, "it is deleted with", True),
        ({"filter": 'attributes.kind = "a"'}, "it has a filter", False),
        ({"enable_exactly_once_delivery": True}, "its exactly-once delivery is not needed", False),
        ({"enable_message_ordering": True}, "it keeps the order of each key", False),
        (
            {"message_transforms": [MessageTransform(javascript_udf=JavaScriptUDF(function_name="f", code="c"))]},
            "it transforms messages",
            False,
        ),
    ],
)
def test_a_choice_of_its_owner_is_noted(properties: dict[str, Any], found: str, loses: bool) -> None:
    (note,) = existing_notes(a_subscription(**properties))
    assert note.found.startswith(found)
    assert (note.loses, bool(note.remedy)) == (loses, loses)

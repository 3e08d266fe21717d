"""To which subject a message of an existing subscription belongs, and what names resources have."""

from __future__ import annotations

import pytest

from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.core.routes import Route, Routes, is_subject
from headrace.core.sealed_messages import seal, sealing_key, unseal

EXISTING = "projects/shop/subscriptions/orders-to-bq"
ALL_OF_IT = Route(EXISTING, "order_placed")
BY_TYPE = Route(EXISTING, attribute="ce-type", subjects={"Placed": "order_placed", "Paid": "order_paid"})


@pytest.mark.parametrize(
    ("route", "attributes", "subject"),
    [
        (ALL_OF_IT, {}, "order_placed"),
        (ALL_OF_IT, {"ce-type": "Paid"}, "order_placed"),
        (BY_TYPE, {"ce-type": "Placed"}, "order_placed"),
        (BY_TYPE, {"ce-type": "Paid", "other": "Placed"}, "order_paid"),
        (BY_TYPE, {"ce-type": "placed"}, EXISTING),
        (BY_TYPE, {"ce-type": ""}, EXISTING),
        (BY_TYPE, {}, EXISTING),
    ],
)
def test_the_subject_of_a_message(route: Route, attributes: dict[str, str], subject: str) -> None:
    assert route.subject_of(attributes) == subject
    assert is_subject(subject) == (subject != EXISTING)


def test_a_refusal_names_attribute_and_subscription_and_no_value() -> None:
    missing, unknown = BY_TYPE.refusal_of({}), BY_TYPE.refusal_of({"ce-type": "a secret"})
    assert missing.startswith("ce-type is missing; ")
    assert unknown.startswith("ce-type is of no subject; add its value to `subjects` of orders-to-bq")
    assert "secret" not in unknown


OWN = ("projects/p/topics/order_placed", "projects/p/subscriptions/headrace-order_placed")
TOPICS = {"order_placed": "projects/shop/topics/orders"}


@pytest.mark.parametrize(
    ("routes", "topic", "subscriptions"),
    [
        pytest.param(Routes(), OWN[0], [OWN[1]], id="nothing exists"),
        pytest.param(Routes(TOPICS), TOPICS["order_placed"], [OWN[1]], id="the topic exists"),
        pytest.param(Routes({}, (ALL_OF_IT,)), OWN[0], [OWN[1], EXISTING], id="a subscription exists"),
        pytest.param(Routes(TOPICS, (ALL_OF_IT,)), TOPICS["order_placed"], [EXISTING], id="both exist"),
        pytest.param(Routes(TOPICS, (BY_TYPE,)), TOPICS["order_placed"], [EXISTING], id="both exist, shared"),
        pytest.param(Routes({"other": "t"}, (ALL_OF_IT,)), OWN[0], [OWN[1], EXISTING], id="another's topic exists"),
    ],
)
def test_a_subject_keeps_its_own_topic_and_subscription_unless_both_exist(
    routes: Routes, topic: str, subscriptions: list[str]
) -> None:
    names = Names("p", routes=routes)
    assert (names.topic("order_placed"), [*names.subscriptions("order_placed")]) == (topic, subscriptions)


def test_a_sealed_message_keeps_the_subscription_it_came_from() -> None:
    key = sealing_key(b"k" * 32)
    messages = [Message("s", b"1", {}, "1", 0), Message("s", b"2", {}, "2", 0, "key", EXISTING)]
    assert unseal(seal(messages, key), key) == messages

"""Google's client for Node: publishers, and subscribers that stream, with what they do at their start and end."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pytest
from google.pubsub_v1.types import DeadLetterPolicy

from tests.conformance.conftest import Pubsub
from tests.conformance.node_client import NEEDS_NODE, NodeClient, installed

pytestmark = [pytest.mark.emulators, NEEDS_NODE, pytest.mark.timeout(240)]
EMULATOR = "google-emulator"
INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION = 3, 5, 6, 9
KEPT_ALIVE: Final = 31_000  # milliseconds; after 30 s the client sends an empty request to keep its streams alive
FLOW: Final = {"flowControl": {"maxMessages": 10, "allowExcessMessages": False}}


@pytest.fixture(scope="session")
def node() -> NodeClient:
    return NodeClient(installed())


def texts(deliveries: list[dict[str, Any]]) -> list[str]:
    return [each["data"] for each in deliveries]


def test_published_batches_arrive_with_their_attributes(pubsub: Pubsub, node: NodeClient) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    ids = node.run(pubsub, "publish", topic=topic, count=500, batch=100)["ids"]
    received = pubsub.pull_all(name, 500)
    assert {each.message.message_id: each.message.data.decode() for each in received} == dict(
        zip(ids, map(str, range(500)), strict=True)
    )
    for each in received:
        assert dict(each.message.attributes) == {"number": each.message.data.decode(), "kind": "ä"}


def test_keys_are_published_and_received_in_order(pubsub: Pubsub, node: NodeClient) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, enable_message_ordering=True)
    keys = ["a", "b", "c"]
    node.run(pubsub, "publishOrdered", topic=topic, count=40, keys=keys)
    deliveries = node.run(pubsub, "receive", subscription=name, count=120)["deliveries"]
    for key in keys:
        assert texts([each for each in deliveries if each["key"] == key]) == [str(number) for number in range(40)]


def test_a_subscriber_gets_everything_once_and_holds_no_more_than_it_allows(pubsub: Pubsub, node: NodeClient) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    wanted = [str(number) for number in range(300)]
    pubsub.publish(topic, *wanted)
    found = node.run(pubsub, "receive", subscription=name, count=300, options=FLOW, work=20)
    assert sorted(texts(found["deliveries"])) == sorted(wanted)
    assert 1 < found["most"] <= 10
    assert pubsub.pull(name, seconds=2.0) == []


def test_a_refused_message_comes_again(pubsub: Pubsub, node: NodeClient) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, *map(str, range(20)))
    found = node.run(pubsub, "receive", subscription=name, count=20, refusals=2)
    assert Counter(texts(found["deliveries"])) == Counter({str(number): 3 for number in range(20)})
    assert pubsub.pull(name, seconds=2.0) == []


def test_the_client_extends_deadlines_while_it_works(pubsub: Pubsub, node: NodeClient) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, ack_deadline_seconds=10)
    pubsub.publish(topic, "a", "b")
    found = node.run(pubsub, "receive", subscription=name, count=2, work=KEPT_ALIVE)
    assert sorted(texts(found["deliveries"])) == ["a", "b"]
    assert pubsub.pull(name, seconds=2.0) == []


def test_acknowledgements_of_exactly_once_delivery_are_confirmed(pubsub: Pubsub, node: NodeClient) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, enable_exactly_once_delivery=True)
    pubsub.publish(topic, *map(str, range(30)))
    found = node.run(pubsub, "receive", subscription=name, count=30, confirmed=True)
    assert sorted(texts(found["deliveries"])) == sorted(map(str, range(30)))
    assert pubsub.pull(name, seconds=2.0) == []


def test_attempts_are_counted_until_a_message_is_a_dead_letter(pubsub: Pubsub, node: NodeClient) -> None:
    topic, dead = pubsub.topic(), pubsub.topic("dead")
    letters = pubsub.subscription(dead, "letters")
    policy = DeadLetterPolicy(dead_letter_topic=dead, max_delivery_attempts=5)
    name = pubsub.subscription(topic, dead_letter_policy=policy)
    pubsub.publish(topic, "a")
    deliveries = node.run(pubsub, "refuse", subscription=name, quiet=3_000)["deliveries"]
    assert [each["attempt"] for each in deliveries] == [1, 2, 3, 4, 5]
    (letter,) = node.run(pubsub, "receive", subscription=letters, count=1)["deliveries"]
    source = "CloudPubSubDeadLetterSource"
    assert letter["data"] == "a"
    assert letter["attributes"][f"{source}DeliveryCount"] == "5"
    assert letter["attributes"][f"{source}Subscription"] == name.rpartition("/")[2]


def test_a_close_waits_for_what_was_acknowledged_and_gives_the_rest_back(pubsub: Pubsub, node: NodeClient) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, ack_deadline_seconds=60)
    wanted = [str(number) for number in range(40)]
    pubsub.publish(topic, *wanted)
    found = node.run(
        pubsub, "close", subscription=name, after=15, options={"flowControl": {"maxMessages": 20}}, work=500
    )
    rest = pubsub.take(name, len(wanted) - len(found["acknowledged"]))
    assert sorted(rest + found["acknowledged"]) == sorted(wanted)


def test_a_close_that_waits_acknowledges_all_that_was_delivered(pubsub: Pubsub, node: NodeClient) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, ack_deadline_seconds=60)
    wanted = [str(number) for number in range(40)]
    pubsub.publish(topic, *wanted)
    options = {"flowControl": {"maxMessages": 20}, "closeOptions": {"behavior": "WAIT"}}
    found = node.run(pubsub, "close", subscription=name, after=15, options=options, work=500)
    assert sorted(found["acknowledged"]) == sorted(found["delivered"])
    assert len(found["acknowledged"]) >= 15
    rest = pubsub.take(name, len(wanted) - len(found["acknowledged"]))
    assert sorted(rest + found["acknowledged"]) == sorted(wanted)


def test_errors_have_their_codes(pubsub: Pubsub, node: NodeClient) -> None:
    topic = pubsub.topic()
    found = node.run(
        pubsub,
        "errors",
        topic=topic,
        subscription=pubsub.subscription(topic),
        missing=f"{pubsub.test}-missing",
    )
    assert found["codes"] == {
        "publish": NOT_FOUND,
        "empty": INVALID_ARGUMENT,
        "createTopic": ALREADY_EXISTS,
        "invalidName": INVALID_ARGUMENT,
        "createSubscription": NOT_FOUND,
        "duplicateSubscription": ALREADY_EXISTS,
        "deleteTopic": NOT_FOUND,
        "getSubscription": NOT_FOUND,
        "stream": NOT_FOUND,
    }


@pytest.mark.deviates(EMULATOR, "does not implement DetachSubscription")
def test_the_stream_of_a_detached_subscription_fails(pubsub: Pubsub, node: NodeClient) -> None:
    name = pubsub.subscription(pubsub.topic())
    pubsub.publisher.detach_subscription(request={"subscription": name})
    assert node.run(pubsub, "streamError", subscription=name)["code"] == FAILED_PRECONDITION

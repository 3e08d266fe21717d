"""What a publish accepts, and what it answers."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument
from google.pubsub_v1.types import PubsubMessage

from tests.conformance.conftest import Pubsub, texts

pytestmark = pytest.mark.emulators
EMULATOR = "google-emulator"
UNLIMITED = pytest.mark.deviates(EMULATOR, "takes keys, values, attributes and requests of any size")


def test_ids_come_in_the_order_of_the_messages_and_differ(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    ids = pubsub.publish(topic, "a", "b") + pubsub.publish(topic, "c")
    received = pubsub.pull_all(name, 3)
    assert {each.message.message_id: each.message.data for each in received} == dict(
        zip(ids, [b"a", b"b", b"c"], strict=True)
    )


def test_a_message_comes_as_it_was_published_with_a_publish_time(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publisher.publish(topic=topic, messages=[PubsubMessage(data=b"\x00\xff", attributes={"a": "ä", "b": ""})])
    (received,) = pubsub.pull_all(name, 1)
    assert (received.message.data, dict(received.message.attributes)) == (b"\x00\xff", {"a": "ä", "b": ""})
    assert PubsubMessage.pb(received.message).publish_time.seconds > 0
    assert received.delivery_attempt == 0, "there is no dead-letter policy"


def test_every_subscription_gets_every_message_published_after_it_was_created(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    pubsub.publish(topic, "too early")
    names = [pubsub.subscription(topic, each) for each in ("one", "two")]
    pubsub.publish(topic, "a", "b")
    assert [sorted(texts(pubsub.pull_all(name, 2))) for name in names] == [["a", "b"], ["a", "b"]]


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([], id="none"),
        pytest.param([{"data": b""}], id="empty"),
        pytest.param([{"data": b"a"}, {"data": b""}], id="one-empty"),
        pytest.param(
            [{"data": b"x", "attributes": {str(n): "" for n in range(101)}}], id="attributes", marks=UNLIMITED
        ),
        pytest.param([{"data": b"x", "attributes": {"k" * 257: ""}}], id="key", marks=UNLIMITED),
        pytest.param([{"data": b"x", "attributes": {"k": "v" * 1025}}], id="value", marks=UNLIMITED),
        pytest.param([{"data": b"x", "attributes": {"": "v"}}], id="empty-key", marks=UNLIMITED),
        pytest.param(
            [{"data": b"x", "attributes": {"googthing": ""}}],
            id="reserved-key",
            marks=pytest.mark.deviates(EMULATOR, "takes attributes whose keys begin with goog"),
        ),
        pytest.param([{"data": b"x", "ordering_key": "k" * 1025}], id="ordering-key", marks=UNLIMITED),
        pytest.param(
            [{"data": b"x", "ordering_key": "a"}, {"data": b"x", "ordering_key": "b"}],
            id="two-keys",
            marks=pytest.mark.deviates(EMULATOR, "takes several ordering keys in one request"),
        ),
        pytest.param([{"data": b"x"}] * 1001, id="messages"),
        pytest.param([{"data": b"x" * 10_000_001}], id="bytes", marks=UNLIMITED),
        pytest.param([{"data": b"x" * 6_000_000}] * 2, id="bytes-of-several", marks=UNLIMITED),
    ],
)
def test_an_invalid_request_is_refused_as_a_whole(pubsub: Pubsub, messages: list[dict[str, Any]]) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    with pytest.raises(InvalidArgument):
        pubsub.publisher.publish(
            topic=topic, messages=[PubsubMessage(each) for each in messages], timeout=5, retry=None
        )
    assert pubsub.pull(name, seconds=1.0) == []


def test_the_largest_message_and_the_largest_request_are_taken(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publisher.publish(topic=topic, messages=[PubsubMessage(data=b"x" * 9_990_000)])
    (received,) = pubsub.pull_all(name, 1)
    assert len(received.message.data) == 9_990_000
    pubsub.acknowledge(name, [received])
    longest = {"k" * 256: "v" * 1024}
    pubsub.publisher.publish(topic=topic, messages=[PubsubMessage(data=b"x", attributes=longest)] * 1000)
    assert len(pubsub.take(name, 1000)) == 1000

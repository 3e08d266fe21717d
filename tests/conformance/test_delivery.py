"""What a pull delivers, and when messages come again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core.exceptions import GoogleAPICallError, InvalidArgument
from google.cloud import pubsub_v1
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import DeadLetterPolicy, RetryPolicy

from tests.conformance.conftest import Pubsub, Target, texts

pytestmark = pytest.mark.emulators
EMULATOR = "google-emulator"


def test_an_acknowledged_message_does_not_come_again(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a", "b", "c")
    received = pubsub.pull_all(name, 3)
    pubsub.acknowledge(name, [each for each in received if each.message.data != b"b"])
    pubsub.refuse(name, [each for each in received if each.message.data == b"b"])
    assert pubsub.take(name, 1) == ["b"]
    assert pubsub.pull(name, seconds=2.0) == []


def test_a_message_comes_again_after_its_deadline_and_not_before(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, ack_deadline_seconds=10)
    pubsub.publish(topic, "a")
    began = time.monotonic()
    assert texts(pubsub.pull_all(name, 1)) == ["a"]
    while not (again := pubsub.pull(name, seconds=5.0)):
        assert time.monotonic() < began + 60
    assert texts(again) == ["a"]
    assert time.monotonic() - began > 9.0


def test_a_longer_deadline_keeps_a_message_away(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, ack_deadline_seconds=10)
    pubsub.publish(topic, "a")
    (received,) = pubsub.pull_all(name, 1)
    pubsub.subscriber.modify_ack_deadline(subscription=name, ack_ids=[received.ack_id], ack_deadline_seconds=60)
    began = time.monotonic()
    while time.monotonic() < began + 13.0:
        assert pubsub.pull(name, seconds=2.0) == []
    pubsub.acknowledge(name, [received])


def test_an_acknowledgement_after_the_deadline_still_counts(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a")
    (received,) = pubsub.pull_all(name, 1)
    pubsub.refuse(name, [received])
    pubsub.acknowledge(name, [received])
    assert texts(pubsub.pull(name, seconds=2.0)) in ([], ["a"]), "the service promises neither"


def test_a_pull_waits_for_a_message(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(pubsub.pull, name, seconds=20.0)
        pubsub.publish(topic, "a")
        assert texts(waiting.result()) == ["a"]


def test_a_pull_that_shall_not_wait_is_answered_at_once(pubsub: Pubsub) -> None:
    name = pubsub.subscription(pubsub.topic())
    answer = pubsub.subscriber.pull(
        request={"subscription": name, "max_messages": 1, "return_immediately": True}, timeout=15
    )
    assert list(answer.received_messages) == []


def test_a_pull_returns_no_more_than_asked_for(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, *map(str, range(10)))
    assert len(pubsub.pull(name, at_most=3)) <= 3
    with pytest.raises(InvalidArgument):
        pubsub.pull(name, at_most=0)


def test_invalid_ack_ids_are_refused(pubsub: Pubsub) -> None:
    name = pubsub.subscription(pubsub.topic())
    for ids in ([], ["no such id"]):
        with pytest.raises(InvalidArgument):
            pubsub.subscriber.acknowledge(subscription=name, ack_ids=ids)
    with pytest.raises(InvalidArgument):
        pubsub.subscriber.modify_ack_deadline(subscription=name, ack_ids=["no such id"], ack_deadline_seconds=601)


@pytest.mark.deviates(EMULATOR, "delivers messages that do not match the filter")
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("attributes:region", ["eu", "us"]),
        ("NOT attributes:region", ["none"]),
        ('attributes.region = "eu"', ["eu"]),
        ('attributes.region != "eu"', ["none", "us"]),
        ('hasPrefix(attributes.region, "u")', ["us"]),
        ('attributes.region = "eu" OR (attributes.region = "us" AND -attributes:test)', ["eu", "us"]),
    ],
)
def test_a_filter_chooses_messages(pubsub: Pubsub, text: str, wanted: list[str]) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, filter=text)
    for region in ("eu", "us"):
        pubsub.publish(topic, region, region=region)
    pubsub.publish(topic, "none")
    assert sorted(pubsub.take(name, len(wanted))) == wanted
    assert pubsub.pull(name, seconds=1.0) == []


@pytest.mark.deviates(EMULATOR, "delivers later messages of a key before a refused one")
def test_messages_of_a_key_come_in_order_and_a_refused_one_before_its_followers(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, enable_message_ordering=True)
    for each in "abc":
        pubsub.publish(topic, each, key="k")
    received = pubsub.pull(name)
    assert texts(received) == ["a", "b", "c"][: len(received)]
    pubsub.refuse(name, received[:1])
    assert pubsub.take(name, 3) == ["a", "b", "c"]


def test_after_five_deliveries_a_message_goes_to_the_dead_letter_topic(pubsub: Pubsub) -> None:
    topic, dead = pubsub.topic(), pubsub.topic("dead")
    letters = pubsub.subscription(dead, "letters")
    policy = DeadLetterPolicy(dead_letter_topic=dead, max_delivery_attempts=5)
    name = pubsub.subscription(topic, dead_letter_policy=policy)
    pubsub.publish(topic, "a", cause="test")
    attempts = []
    for _ in range(5):
        (received,) = pubsub.pull_all(name, 1)
        attempts.append(received.delivery_attempt)
        pubsub.refuse(name, [received])
    assert pubsub.pull(name, seconds=2.0) == []
    (letter,) = pubsub.pull_all(letters, 1)
    assert attempts == [1, 2, 3, 4, 5]
    assert (letter.message.data, letter.message.attributes["cause"]) == (b"a", "test")
    source = "CloudPubSubDeadLetterSource"
    assert letter.message.attributes[f"{source}DeliveryCount"] == "5"
    assert letter.message.attributes[f"{source}Subscription"] == name.rpartition("/")[2]
    assert letter.message.attributes[f"{source}SubscriptionProject"] == pubsub.project
    assert letter.message.attributes[f"{source}TopicPublishTime"]


@pytest.mark.deviates(EMULATOR, "ignores the retry policy")
def test_a_refused_message_waits_for_the_backoff(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    backoff = Duration(seconds=5)
    name = pubsub.subscription(topic, retry_policy=RetryPolicy(minimum_backoff=backoff, maximum_backoff=backoff))
    pubsub.publish(topic, "a")
    pubsub.refuse(name, pubsub.pull_all(name, 1))
    began = time.monotonic()
    while not pubsub.pull(name, seconds=2.0):
        assert time.monotonic() < began + 60
    assert time.monotonic() - began > 3.0


def test_exactly_once_delivery_refuses_an_ack_id_that_has_expired(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, enable_exactly_once_delivery=True)
    pubsub.publish(topic, "a")
    (first,) = pubsub.pull_all(name, 1)
    pubsub.refuse(name, [first])
    (second,) = pubsub.pull_all(name, 1)
    with pytest.raises(GoogleAPICallError):
        pubsub.subscriber.acknowledge(subscription=name, ack_ids=[first.ack_id], retry=None)
    pubsub.acknowledge(name, [second])
    assert pubsub.pull(name, seconds=2.0) == []


@pytest.mark.parametrize("exactly_once", [False, True])
def test_googles_client_streams_all_messages_once(
    pubsub: Pubsub, exactly_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pubsub.target is not Target.GOOGLE:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.address)
    topic = pubsub.topic()
    name = pubsub.subscription(topic, enable_exactly_once_delivery=exactly_once)
    wanted = {str(each) for each in range(500)}
    found: list[str] = []
    everything = threading.Event()
    publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()

    def take(message: pubsub_v1.subscriber.message.Message) -> None:
        found.append(message.data.decode())
        if exactly_once:
            message.ack_with_response().result(30)
        else:
            message.ack()
        if len(found) >= len(wanted):
            everything.set()

    with subscriber:
        stream = subscriber.subscribe(name, take, flow_control=pubsub_v1.types.FlowControl(max_messages=50))
        for sent in [publisher.publish(topic, each.encode()) for each in wanted]:
            sent.result(30)
        everything.wait(60)
        stream.cancel()
        stream.result(30)
    assert sorted(found) == sorted(wanted)

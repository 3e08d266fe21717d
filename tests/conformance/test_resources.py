"""Topics, subscriptions and their settings."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core.exceptions import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import (
    BigQueryConfig,
    ExpirationPolicy,
    PushConfig,
    Subscription,
    Topic,
)

from tests.conformance.conftest import Pubsub, texts

pytestmark = pytest.mark.emulators
EMULATOR = "google-emulator"


def test_a_topic_is_created_once(pubsub: Pubsub) -> None:
    topic = pubsub.topic(labels={"team": "flights"})
    assert dict(pubsub.publisher.get_topic(topic=topic).labels) == {"team": "flights"}
    with pytest.raises(AlreadyExists):
        pubsub.topic()


def test_a_deleted_topic_is_gone(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    pubsub.publisher.delete_topic(topic=topic)
    for call in (
        lambda: pubsub.publisher.get_topic(topic=topic),
        lambda: pubsub.publisher.delete_topic(topic=topic),
        lambda: pubsub.publish(topic, "a"),
        lambda: pubsub.subscription(topic),
    ):
        with pytest.raises(NotFound):
            call()


@pytest.mark.parametrize("name", ["ab", "1abc", "a/b/c", "googlething", "sp ace"])
def test_a_topics_name_follows_the_rules(pubsub: Pubsub, name: str) -> None:
    with pytest.raises(InvalidArgument):
        pubsub.publisher.create_topic(name=f"projects/{pubsub.project}/topics/{name}")


def test_topics_are_listed_in_pages(pubsub: Pubsub) -> None:
    made = {pubsub.topic(each) for each in ("one", "two", "three")}
    pages = pubsub.publisher.list_topics(request={"project": f"projects/{pubsub.project}", "page_size": 2})
    assert made <= {each.name for each in pages}


@pytest.mark.deviates(EMULATOR, "refuses to update a topic's labels")
def test_a_topic_changes_in_the_fields_of_the_mask_alone(pubsub: Pubsub) -> None:
    topic = pubsub.topic(labels={"team": "flights"}, message_retention_duration=Duration(seconds=3600))
    changed = pubsub.publisher.update_topic(
        topic=Topic(name=topic, labels={"team": "hotels"}), update_mask=FieldMask(paths=["labels"])
    )
    assert (dict(changed.labels), changed.message_retention_duration.seconds) == ({"team": "hotels"}, 3600)


def test_a_subscription_has_the_documented_defaults(pubsub: Pubsub) -> None:
    made = pubsub.subscriber.get_subscription(subscription=pubsub.subscription(pubsub.topic()))
    retained = Subscription.pb(made).message_retention_duration.seconds
    assert (made.ack_deadline_seconds, retained) == (10, 7 * 86_400)


@pytest.mark.deviates(EMULATOR, "leaves the state of a subscription unset")
def test_a_subscription_is_active(pubsub: Pubsub) -> None:
    made = pubsub.subscriber.get_subscription(subscription=pubsub.subscription(pubsub.topic()))
    assert made.state == Subscription.State.ACTIVE


@pytest.mark.parametrize(
    "settings",
    [
        {"ack_deadline_seconds": 601},
        {"message_retention_duration": Duration(seconds=60)},
        pytest.param(
            {"expiration_policy": ExpirationPolicy(ttl=Duration(seconds=3600))},
            marks=pytest.mark.deviates(EMULATOR, "takes any expiration and any label"),
            id="expiration",
        ),
        pytest.param(
            {"labels": {"Team": "flights"}},
            marks=pytest.mark.deviates(EMULATOR, "takes any expiration and any label"),
            id="label",
        ),
        pytest.param(
            {
                "push_config": PushConfig(push_endpoint="https://example.com/"),
                "bigquery_config": BigQueryConfig(table="p.d.t"),
            },
            marks=pytest.mark.deviates(EMULATOR, "takes two ways of delivery for one subscription"),
            id="two-deliveries",
        ),
        pytest.param(
            {"filter": "attributes.a ="}, marks=pytest.mark.deviates(EMULATOR, "takes any filter"), id="filter"
        ),
        pytest.param(
            {"filter": f'attributes.a = "{"x" * 256}"'},
            marks=pytest.mark.deviates(EMULATOR, "takes any filter"),
            id="long-filter",
        ),
    ],
)
def test_a_subscriptions_settings_are_checked(pubsub: Pubsub, settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        pubsub.subscription(pubsub.topic(), **settings)


def test_a_subscription_is_created_once_and_can_be_deleted(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    with pytest.raises(AlreadyExists):
        pubsub.subscription(topic)
    assert list(pubsub.publisher.list_topic_subscriptions(topic=topic)) == [name]
    pubsub.subscriber.delete_subscription(subscription=name)
    with pytest.raises(NotFound):
        pubsub.pull(name)


def test_a_subscription_changes_in_the_fields_of_the_mask_alone(pubsub: Pubsub) -> None:
    name = pubsub.subscription(pubsub.topic(), labels={"team": "flights"})
    changed = pubsub.subscriber.update_subscription(
        subscription=Subscription(name=name, ack_deadline_seconds=60),
        update_mask=FieldMask(paths=["ack_deadline_seconds"]),
    )
    assert (changed.ack_deadline_seconds, dict(changed.labels)) == (60, {"team": "flights"})


@pytest.mark.deviates(EMULATOR, "does not show the topic's retention in its subscriptions")
def test_a_subscription_says_how_long_its_topic_retains_messages(pubsub: Pubsub) -> None:
    topic = pubsub.topic(message_retention_duration=Duration(seconds=3600))
    found = pubsub.subscriber.get_subscription(subscription=pubsub.subscription(topic))
    assert Subscription.pb(found).topic_message_retention_duration.seconds == 3600


def test_a_subscription_without_a_name_gets_one(pubsub: Pubsub) -> None:
    made = pubsub.subscriber.create_subscription(request={"topic": pubsub.topic()})
    assert made.name.startswith(f"projects/{pubsub.project}/subscriptions/")
    pubsub.subscriber.delete_subscription(subscription=made.name)


@pytest.mark.deviates(EMULATOR, "refuses a snapshot without a name")
def test_a_snapshot_without_a_name_gets_one(pubsub: Pubsub) -> None:
    name = pubsub.subscription(pubsub.topic())
    made = pubsub.subscriber.create_snapshot(request={"subscription": name})
    assert made.name.startswith(f"projects/{pubsub.project}/snapshots/")
    pubsub.subscriber.delete_snapshot(snapshot=made.name)


@pytest.mark.parametrize("path", ["topic", "filter", "nothing"])
def test_a_subscriptions_topic_and_filter_cannot_be_changed(pubsub: Pubsub, path: str) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    with pytest.raises(InvalidArgument):
        pubsub.subscriber.update_subscription(
            subscription=Subscription(name=name, topic=topic, filter="attributes:a"),
            update_mask=FieldMask(paths=[path]),
        )


def test_the_subscription_of_a_deleted_topic_says_so_and_keeps_its_messages(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a")
    pubsub.publisher.delete_topic(topic=topic)
    assert pubsub.subscriber.get_subscription(subscription=name).topic == "_deleted-topic_"
    assert pubsub.take(name, 1) == ["a"]


def test_a_topic_with_the_same_name_is_another_topic(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publisher.delete_topic(topic=topic)
    pubsub.publish(pubsub.topic(), "of the second topic")
    assert texts(pubsub.pull(name, seconds=2.0)) == []


@pytest.mark.deviates(EMULATOR, "does not implement DetachSubscription")
def test_a_detached_subscription_drops_its_messages_and_refuses_pulls(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a")
    pubsub.publisher.detach_subscription(request={"subscription": name})
    assert pubsub.subscriber.get_subscription(subscription=name).detached
    with pytest.raises(FailedPrecondition):
        pubsub.pull(name)

"""Seeks and snapshots: acknowledgements taken back, or given for everything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.api_core.exceptions import GoogleAPICallError, NotFound

from tests.conformance.conftest import Pubsub, texts

pytestmark = pytest.mark.emulators


def test_a_seek_to_a_time_brings_back_what_was_acknowledged_since(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, retain_acked_messages=True)
    pubsub.publish(topic, "before")
    before = pubsub.pull_all(name, 1)
    pubsub.acknowledge(name, before)
    pubsub.publish(topic, "since")
    since = pubsub.pull_all(name, 1)
    pubsub.acknowledge(name, since)
    pubsub.subscriber.seek(request={"subscription": name, "time": since[0].message.publish_time})
    assert pubsub.take(name, 1) == ["since"]
    assert pubsub.pull(name, seconds=2.0) == []


def test_a_seek_to_the_future_acknowledges_everything(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a", "b")
    pubsub.subscriber.seek(request={"subscription": name, "time": datetime.now(UTC) + timedelta(hours=1)})
    assert pubsub.pull(name, seconds=2.0) == []
    pubsub.publish(topic, "c")
    assert pubsub.take(name, 1) == ["c"]


def test_a_seek_to_a_snapshot_brings_back_its_messages_and_later_ones(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "acknowledged", "kept")
    received = pubsub.pull_all(name, 2)
    pubsub.acknowledge(name, [each for each in received if each.message.data == b"acknowledged"])
    snapshot = pubsub.subscriber.create_snapshot(name=pubsub.name("snapshots"), subscription=name)
    pubsub.acknowledge(name, [each for each in received if each.message.data == b"kept"])
    pubsub.publish(topic, "later")
    pubsub.take(name, 1)
    pubsub.subscriber.seek(request={"subscription": name, "snapshot": snapshot.name})
    assert sorted(pubsub.take(name, 2)) == ["kept", "later"]
    assert pubsub.pull(name, seconds=2.0) == []


def test_another_subscription_of_the_topic_can_seek_to_the_snapshot(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    one, two = pubsub.subscription(topic, "one"), pubsub.subscription(topic, "two")
    pubsub.publish(topic, "a")
    snapshot = pubsub.subscriber.create_snapshot(name=pubsub.name("snapshots"), subscription=one)
    assert pubsub.take(two, 1) == ["a"]
    pubsub.subscriber.seek(request={"subscription": two, "snapshot": snapshot.name})
    assert pubsub.take(two, 1) == ["a"]


def test_a_snapshot_of_another_topic_is_refused(pubsub: Pubsub) -> None:
    one = pubsub.subscription(pubsub.topic(), "one")
    two = pubsub.subscription(pubsub.topic("other"), "two")
    snapshot = pubsub.subscriber.create_snapshot(name=pubsub.name("snapshots"), subscription=one)
    with pytest.raises(GoogleAPICallError):
        pubsub.subscriber.seek(request={"subscription": two, "snapshot": snapshot.name}, timeout=10)


def test_a_snapshot_can_be_listed_and_deleted(pubsub: Pubsub) -> None:
    name = pubsub.subscription(pubsub.topic())
    snapshot = pubsub.subscriber.create_snapshot(name=pubsub.name("snapshots"), subscription=name).name
    listed = pubsub.subscriber.list_snapshots(project=f"projects/{pubsub.project}")
    assert snapshot in {each.name for each in listed}
    pubsub.subscriber.delete_snapshot(snapshot=snapshot)
    with pytest.raises(NotFound):
        pubsub.subscriber.seek(request={"subscription": name, "snapshot": snapshot})


def test_a_seek_ends_what_was_leased(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic, retain_acked_messages=True)
    pubsub.publish(topic, "a")
    (received,) = pubsub.pull_all(name, 1)
    pubsub.subscriber.seek(request={"subscription": name, "time": received.message.publish_time})
    assert texts(pubsub.pull_all(name, 1)) == ["a"]
